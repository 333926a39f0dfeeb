from __future__ import annotations

import pytest

from spantree.entities import Feedback, TraceState
from spantree.entities.errors import SpantreeException
from spantree.search import parse_query
from spantree.search.aggregate import aggregate

EVERYTHING = parse_query()
Q = b'{"q":1}'


def called(model, tokens):
    usage = b'{"input_tokens":%d,"output_tokens":1}' % tokens
    attributes = {"mlflow.llm.model": model, "mlflow.chat.tokenUsage": usage}
    return {"name": "chat", "span_type": "CHAT_MODEL", "raw_attributes": attributes}


@pytest.fixture
def full(store, make_trace):
    store.write(
        [
            make_trace(1, spans=[called("a", 9)], tags={"env": "prod"}),
            make_trace(2, spans=[called("a", 19)], state=TraceState.ERROR),
            make_trace(3, spans=[called("b", 4)], tags={"env": "prod"}),
            make_trace(4),
        ]
    )
    return store


def test_groups_are_measured(full):
    found = full.aggregate(EVERYTHING, ["model"], ["count", "tokens", "errors"])

    assert found == [
        {"model": "a", "count": 2, "tokens": 30, "errors": 1},
        {"model": "b", "count": 1, "tokens": 5, "errors": 0},
        {"model": None, "count": 1, "tokens": None, "errors": 0},
    ]


def test_filter_and_several_fields(full):
    query = parse_query("model = 'a'")

    found = full.aggregate(query, ["model", "tag.env"], ["count", "duration"])

    assert {(g["tag.env"], g["count"], g["duration"]) for g in found} == {
        ("prod", 1, 1500.0),
        (None, 1, 1500.0),
    }


def test_no_field_is_one_group(full):
    (found,) = full.aggregate(EVERYTHING, [], ["count", "cost"])

    assert found == {"count": 4, "cost": None}


MEASURES = ["count", "errors", "tokens", "cost", "duration", "p50", "p99"]
KEYS = [
    [],
    ["name"],
    ["status"],
    ["model"],
    ["session"],
    ["user"],
    ["tag.env"],
    ["metadata.m"],
    ["day"],
    ["hour", "model"],
    ["state", "tag.env", "span_count"],
    ["feedback.good"],
    ["duration", "trace_id"],
]


@pytest.mark.parametrize("by", KEYS, ids=str)
@pytest.mark.parametrize("text", [None, "tokens > 1", "inputs.q = 1", "model = 'a'"])
def test_groups_are_those_of_the_summaries(full, make_trace, by, text):
    judged = [Feedback(name="good", value=True)]
    full.write(
        [
            make_trace(5, assessments=judged, trace_metadata={"m": "1"}),
            make_trace(6, tags={"mlflow.trace.session": "s"}, root={"raw_inputs": Q}),
        ]
    )
    query = parse_query(text)

    found = full.aggregate(query, by, MEASURES)

    expected = aggregate(full.summaries(query), by, MEASURES)
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    sizes = [group["count"] for group in found]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("by", "measures", "problem"),
    [
        (["span.type"], ["count"], "can't be grouped by 'span.type'"),
        (["nonsense"], ["count"], "can't be grouped by"),
        (["model"], ["tokns"], "Did you mean 'tokens'"),
    ],
)
def test_unknown_names_are_refused(full, by, measures, problem):
    with pytest.raises(SpantreeException, match=problem):
        full.aggregate(EVERYTHING, by, measures)


def test_scan_that_runs_out_of_time_says_how_far_it_came(sqlite_store, make_trace):
    traces = [
        make_trace(n, root={"start_time_ns": n, "end_time_ns": n + 1, "raw_inputs": n})
        for n in range(1, 251)
    ]
    sqlite_store.write(traces)
    query = parse_query("inputs = 7")

    page = sqlite_store.search(query, limit=10, timeout_s=0)

    assert page.traces == []
    assert not page.complete
    assert page.scanned_until_ns == 151
    following = sqlite_store.search(query, limit=10, cursor=page.cursor)
    assert [trace.key for trace in following.traces] == [7]
    assert following.complete
    assert following.cursor is None


def test_indexed_search_needs_no_time(sqlite_store, make_trace):
    sqlite_store.write([make_trace(n) for n in range(1, 251)])

    page = sqlite_store.search(parse_query("name = 'agent'"), timeout_s=0)

    assert page.complete
    assert len(page.traces) == 250
