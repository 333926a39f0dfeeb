"""Frames, sessions, runs: the ways to find traces besides `search_traces`."""

from __future__ import annotations

import pytest

import spantree
from spantree.exceptions import MissingExtraError, SpantreeException


def record(name, *, start_s=0, children=(), **said):
    start = (1_700_000_000 + start_s) * 1_000_000_000
    root = spantree.start_span_no_context(name, start_time_ns=start, **said)
    for begin_ms, end_ms in children:
        child = spantree.start_span_no_context(
            "child",
            "CHAT_MODEL",
            parent_span=root,
            start_time_ns=start + begin_ms * 1_000_000,
            attributes={
                "mlflow.llm.model": "m",
                "mlflow.chat.tokenUsage": {"input_tokens": 2, "output_tokens": 3},
            },
        )
        child.end(end_time_ns=start + end_ms * 1_000_000)
    root.end(end_time_ns=start + 10_000_000)
    return root.trace_id


def in_session(name, session, start_s):
    return record(name, start_s=start_s, metadata={"mlflow.trace.session": session})


def test_spans_have_their_place_and_their_own_time():
    record("root", children=[(1, 4), (3, 6)])

    frame = spantree.spans()

    assert list(frame["path"]) == ["root", "root/child", "root/child"]
    assert list(frame["depth"]) == [0, 1, 1]
    assert list(frame["self_ms"]) == [5, 3, 3]
    assert list(frame["total_tokens"].isna()) == [True, False, False]
    assert frame["total_tokens"].sum() == 10
    assert set(frame["model"].dropna()) == {"m"}


def test_empty_frames_have_the_same_columns_and_types():
    record("root", children=[(1, 4)])

    for give in (spantree.spans, spantree.traces):
        full, empty = give(), give("name = 'nothing'")

        assert list(empty.columns) == list(full.columns)
        assert len(empty) == 0
        categories = full.dtypes == "category"
        assert (empty.dtypes[~categories] == full.dtypes[~categories]).all()


def test_values_are_there_when_they_are_named():
    record("root", inputs={"q": 1})

    assert "inputs" not in spantree.spans().columns
    assert list(spantree.spans(columns=["name", "inputs"])["inputs"]) == [{"q": 1}]


def test_unknown_columns_and_forms_get_a_suggestion():
    with pytest.raises(SpantreeException, match="Did you mean 'duration_ms'"):
        spantree.traces(columns=["duration"])
    with pytest.raises(SpantreeException, match="Did you mean 'pandas'"):
        spantree.traces(as_="panda")


def test_records_have_none_for_what_is_unknown():
    record("root")

    (row,) = spantree.traces(columns=["name", "total_tokens"], as_="records")

    assert row == {"name": "root", "total_tokens": None}


def test_a_form_whose_library_is_missing_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match="pip install polars"):
        spantree.traces(as_="polars")


def test_a_frame_leads_back_to_its_traces():
    ids = [record("a"), record("b", start_s=1)]
    frame = spantree.traces(order_by=["timestamp ASC"])

    assert [t.trace_id for t in spantree.get(frame)] == ids
    assert [t.trace_id for t in spantree.get(frame["trace_id"])] == ids
    assert [t.trace_id for t in spantree.get(frame.iloc[0])] == ids[:1]
    assert [t.trace_id for t in spantree.get(ids[1])] == ids[1:]
    with pytest.raises(SpantreeException, match="no column 'trace_id'"):
        spantree.get(frame[["name"]])


def test_showing_outside_a_notebook_does_nothing(capsys):
    spantree.show(record("a"))

    assert capsys.readouterr().out == ""


def test_sessions_are_newest_first_and_hold_their_traces_in_order():
    in_session("a1", "a", 0)
    in_session("b1", "b", 1)
    in_session("a2", "a", 2)
    record("without", start_s=3)

    first, second = spantree.search_sessions()

    assert (first.id, [t.name for t in first]) == ("a", ["a1", "a2"])
    assert (second.id, len(second), second[0].name) == ("b", 1, "b1")
    assert [s.id for s in spantree.search_sessions(max_results=1)] == ["a"]
    assert spantree.search_sessions(include_spans=False)[0][0].data.spans == []


def test_sessions_whose_id_has_a_quote():
    in_session("a", "it's", 0)

    assert [s.id for s in spantree.search_sessions()] == ["it's"]


def test_links_to_runs():
    client = spantree.TraceClient()
    ids = [record("a", children=[(1, 2)]), record("b")]

    client.link_traces_to_run(ids, "run-1")
    linked = spantree.search_traces(run_id="run-1", return_type="list")
    client.unlink_traces_from_run(ids[:1], "run-1")

    assert len(linked) == 2
    assert len(spantree.get_trace(ids[0]).data.spans) == 2
    left = spantree.search_traces(run_id="run-1", return_type="list")
    assert [t.trace_id for t in left] == ids[1:]
    with pytest.raises(SpantreeException, match="At most 100"):
        client.link_traces_to_run(ids * 51, "run-1")


def test_links_of_a_running_trace():
    client = spantree.TraceClient()
    with spantree.start_span("s") as span:
        client.link_traces_to_run([span.trace_id], "run-1")

    metadata = spantree.get_trace(span.trace_id).info.trace_metadata
    assert metadata["mlflow.sourceRun"] == "run-1"


def test_links_to_prompts_are_kept_once():
    class Prompt:
        name, version = "greeting", 3

    trace_id = record("a")
    for _ in range(2):
        spantree.TraceClient().link_prompt_versions_to_trace([Prompt], trace_id)

    tags = spantree.get_trace(trace_id).info.tags
    assert tags["mlflow.linkedPrompts"] == '[{"name": "greeting", "version": "3"}]'


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"experiment_names": "one"}, "a list of texts"),
        ({"where": "there"}, "where is 'local'"),
        ({"layout": "tall"}, "layout is 'mlflow' or 'wide'"),
        ({"extract_fields": ["a"]}, "A field is a span's name"),
        ({"extract_fields": ["a.input.q"]}, "Did you mean 'inputs'"),
        ({"extract_fields": ["a.inputs.q"], "return_type": "list"}, "makes columns"),
    ],
)
def test_arguments_that_can_not_be(options, said):
    with pytest.raises(SpantreeException, match=said):
        spantree.search_traces(**options)


def test_the_wide_layout_begins_with_the_twelve_columns():
    record("a", children=[(1, 2)])

    wide = spantree.search_traces(layout="wide")

    assert list(wide.columns[:12]) == list(spantree.search_traces().columns)
    assert wide["span_count"].iloc[0] == 2


def test_a_filter_for_a_run_points_at_its_own_column():
    with pytest.raises(SpantreeException) as caught:
        spantree.search_traces("stauts = 'OK'", run_id="r")

    assert caught.value.position == 0


def test_experiments_come_in_pages_and_none_is_left_out():
    names = [f"page {n}" for n in range(5)]
    for name in names:
        spantree.create_experiment(name)

    found, token = [], None
    while True:
        page = spantree.search_experiments(
            max_results=2, filter_string="name LIKE 'page%'", page_token=token
        )
        found += [e.name for e in page]
        token = page.token
        if token is None:
            break

    # Newest first; those of one millisecond in the order they were made.
    assert sorted(found) == names
    assert not spantree.search_experiments(view_type=2)
    for wrong in ("x", "-1", "٣", "9" * 5000):
        with pytest.raises(SpantreeException, match="is no page_token"):
            spantree.search_experiments(page_token=wrong)
