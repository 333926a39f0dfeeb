"""Every form in which ``search_traces`` is called, and the frames it gives."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import spantree
from spantree.entities import Trace, TraceLocation
from spantree.exceptions import SpantreeException

COLUMNS = (
    "trace_id trace client_request_id state request_time execution_duration request "
    "response trace_metadata tags spans assessments"
).split()
WIDE = {
    "name": "category",
    "status": "category",
    "start_time": "datetime64[ns, UTC]",
    "duration_ms": "float64",
    "span_count": "Int64",
    "errors": "Int64",
    "error": None,
    "models": "category",
    "llm_calls": "Int64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "total_tokens": "Int64",
    "cached_tokens": "Int64",
    "cost_usd": "Float64",
    "session": "category",
    "user": "category",
    "feedback": "object",
    "cell": None,
}


@pytest.fixture
def other():
    """Record a, b and c in the active experiment, and d in another one: its id."""
    for name in "abc":
        with spantree.start_span(name):
            pass
    made = spantree.create_experiment("other")
    with spantree.start_span("d", trace_destination=made):
        pass
    return made


def names(*given, **options):
    found = spantree.search_traces(*given, return_type="list", **options)
    return "".join(t.data.root.name for t in found)


def test_a_text_in_first_place_is_the_filter(other):
    assert names("name = 'a'") == "a"


def test_a_list_in_first_place_names_experiments(other):
    assert names(["0"], "name != 'x'", 2) == "cb"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "cba"),
        ({"max_results": None}, "cba"),
        ({"max_results": 2}, "cb"),
        ({"max_results": 0}, ""),
        ({"filter_string": "name = 'b'", "max_results": 5}, "b"),
        ({"experiment_ids": ["0"]}, "cba"),
        ({"experiment_names": ["Default"]}, "cba"),
        ({"locations": ["0"]}, "cba"),
        ({"locations": [TraceLocation.from_experiment_id("0")]}, "cba"),
        ({"experiment_names": ["other"]}, "d"),
        ({"experiment_names": ["other"], "experiment_ids": ["0"]}, "dcba"),
        ({"experiment_names": ["other"], "locations": ["0", "77"]}, "dcba"),
        ({"experiment_ids": ["77"], "experiment_names": ["unknown"]}, ""),
        ({"experiment_ids": []}, ""),
        ({"where": "local", "flush": True}, "cba"),
        ({"order_by": ["timestamp ASC"]}, "abc"),
    ],
)
def test_experiments_are_united_and_unknown_ones_add_nothing(other, options, expected):
    assert names(**options) == expected


def test_the_client_gives_pages(other):
    page = spantree.TraceClient().search_traces(
        experiment_ids=["0"], filter_string="name != 'x'", max_results=2
    )

    assert isinstance(page, list)
    assert [t.data.root.name for t in page.to_list()] == ["c", "b"]
    assert page.token
    (rest,) = spantree.TraceClient().search_traces(
        experiment_ids=["0"],
        filter_string="name != 'x'",
        max_results=2,
        page_token=page.token,
    )
    assert rest.data.root.name == "a"


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ((), {"where": "moon"}),
        ((), {"layout": "moon"}),
        ((), {"return_type": "moon"}),
        ((), {"max_results": -1}),
        ((), {"experiment_ids": None, "locations": "0"}),
        (("name = 'a'",), {"filter_string": "name = 'b'"}),
        ((), {"extract_fields": ["span.inputs.q"], "return_type": "list"}),
        ((), {"extract_fields": ["span.moon.q"]}),
    ],
)
def test_what_is_not_allowed_is_refused(given, options):
    with pytest.raises(SpantreeException):
        spantree.search_traces(*given, **options)


def test_nothing_found_has_the_twelve_columns_as_objects():
    frame = spantree.search_traces()

    assert list(frame.columns) == COLUMNS == Trace.pandas_dataframe_columns()
    assert set(frame.dtypes.astype(str)) == {"object"}


def test_a_row_holds_python_values():
    with spantree.start_span("root") as root:
        root.set_inputs({"q": 1})
        root.set_outputs([1])

    frame = spantree.search_traces()

    assert type(frame) is pd.DataFrame
    assert list(frame.columns) == COLUMNS
    assert frame.dtypes["request_time"] == frame.dtypes["execution_duration"] == "int64"
    row = frame.iloc[0]
    assert (row.trace_id, row.state) == (root.trace_id, "OK")
    assert json.loads(row.trace)["info"]["trace_id"] == root.trace_id
    assert (row.request, row.response, row.assessments) == ({"q": 1}, [1], [])
    assert pd.isna(row.client_request_id)
    assert row.tags["mlflow.traceName"] == "root"
    assert row.trace_metadata["mlflow.trace_schema.version"] == "3"
    assert row.spans == [spantree.get_trace(root.trace_id).data.root.to_dict()]


def test_without_spans_their_column_holds_empty_lists(other):
    assert list(spantree.search_traces(include_spans=False).spans) == [[], [], []]


def test_a_running_trace_has_no_duration_yet(other):
    with spantree.start_span("running"):
        frame = spantree.search_traces()

    assert list(frame.columns) == COLUMNS
    assert frame.dtypes["execution_duration"] == "Int64"
    assert list(frame.execution_duration.isna()) == [True, False, False, False]


@pytest.mark.parametrize("filter_string", ["name = 'none'", "name = 'a'"])
def test_the_wide_layout_adds_typed_columns(other, filter_string):
    frame = spantree.search_traces(filter_string, layout="wide")

    assert list(frame.columns) == COLUMNS + list(WIDE)
    typed = {name: kind for name, kind in WIDE.items() if kind}
    assert {name: str(frame.dtypes[name]) for name in typed} == typed
    assert frame.total_tokens.isna().all()
    assert frame.cost_usd.isna().all()
