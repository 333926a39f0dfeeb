"""What the calls that make spans and traces promise, seen from outside."""

from __future__ import annotations

import gc
import json
import logging
import re
import threading
import uuid

import pytest

import spantree
from spantree import TraceClient
from spantree._runtime import RUNTIME
from spantree.entities import (
    Document,
    Link,
    SpanEvent,
    SpanLogLevel,
    SpanStatus,
    SpanStatusCode,
    Trace,
    TraceState,
)
from spantree.entities.ids import parse_trace_id
from spantree.exceptions import SpantreeException
from spantree.recording import RECORDER
from spantree.testing import outline


def last():
    return spantree.get_trace(spantree.get_last_active_trace_id())


def test_a_detached_span_takes_everything_at_once():
    with spantree.start_span("active") as active:
        span = spantree.start_span_no_context(
            "detached",
            span_type="TOOL",
            inputs={"a": 1},
            attributes={"k": 1},
            tags={"t": "v"},
            metadata={"m": "v"},
            experiment_id="0",
            start_time_ns=5_000_000_000,
            log_level="info",
            description="about",
        )
        assert spantree.get_current_active_span() is active
        span.end(2, {"x": 1}, "error", 6_000_000_000)

    trace = spantree.get_trace(span.trace_id)
    root, info = trace.data.root, trace.info
    assert root.parent_id is None
    assert (root.start_time_ns, root.end_time_ns) == (5_000_000_000, 6_000_000_000)
    assert (root.span_type, root.inputs, root.outputs) == ("TOOL", {"a": 1}, 2)
    assert (root.get_attribute("k"), root.get_attribute("x")) == (1, 1)
    assert (root.log_level, root.description) == (20, "about")
    assert (info.request_time, info.execution_duration) == (5_000, 1_000)
    assert (info.state, info.tags["t"], info.trace_metadata["m"]) == ("ERROR", "v", "v")


@pytest.mark.parametrize("level", ["error", "ERROR", 40, SpanLogLevel.ERROR])
@pytest.mark.parametrize("is_set_later", [True, False])
def test_a_log_level_has_three_forms(level, is_set_later):
    with spantree.start_span("a", log_level=None if is_set_later else level) as span:
        if is_set_later:
            span.set_log_level(level)

    assert last().data.root.log_level == SpanLogLevel.ERROR


def test_whatever_is_set_after_the_end_is_ignored_with_a_warning(caplog):
    with spantree.start_span("a") as span:
        span.set_outputs(1)
        span.set_outputs(2)
    before = last().data.root.to_dict()

    span.set_inputs(3)
    span.set_outputs(3)
    span.set_attribute("a", 1)
    span.set_attributes({"b": 1})
    span.set_status("ERROR")
    span.set_span_type("TOOL")
    span.set_description("late")
    span.set_log_level("INFO")
    span.add_event(SpanEvent("late"))
    span.add_link(Link("1" * 32, "2" * 16))
    span.record_exception("late")
    span.end(outputs=4)

    assert last().data.root.to_dict() == before
    assert last().data.root.outputs == 2
    said = {(r.levelno, r.name.split(".")[0]) for r in caplog.records}
    assert said == {(logging.WARNING, "spantree")}


def test_spans_come_parents_first_and_then_by_start():
    def begin(name, parent, start):
        return spantree.start_span_no_context(
            name, parent_span=parent, start_time_ns=10**18 + start
        )

    root = begin("root", None, 0)
    late = begin("late", root, 20)
    spans = [root, late, begin("early", root, 10), begin("inner", late, -5)]
    for span in spans:
        span.end(end_time_ns=10**18 + 100)

    names = [s.name for s in spantree.get_trace(root.trace_id).data.spans]
    assert names == ["root", "early", "late", "inner"]


def test_the_last_trace_of_the_process_and_of_the_thread():
    with spantree.start_span("here") as here:
        pass
    found = []

    def work():
        found.append(spantree.get_last_active_trace_id(thread_local=True))
        with spantree.start_span("there") as there:
            found.append(there.trace_id)
        found.append(spantree.get_last_active_trace_id(thread_local=True))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found[0] is None
    assert found[1] == found[2] == spantree.get_last_active_trace_id()
    assert spantree.get_last_active_trace_id(thread_local=True) == here.trace_id


def test_a_trace_is_asked_for_by_either_form_of_its_id(caplog):
    with spantree.start_span("a") as span:
        pass

    assert spantree.get_trace(span.trace_id[3:]).trace_id == span.trace_id
    assert spantree.get_trace("tr-" + "9" * 32, silent=True) is None
    assert not caplog.records
    assert spantree.get_trace("tr-" + "9" * 32) is None
    assert "9" * 32 in caplog.text


@pytest.mark.parametrize(
    "given", ["tr-" + "a" * 32, "a" * 32, int("a" * 32, 16), uuid.UUID("a" * 32)]
)
def test_a_trace_may_have_an_id_of_ones_own(given, caplog):
    client = TraceClient()
    root = client.start_trace("root", trace_id=given)
    client.end_trace(root.trace_id)

    assert root.trace_id == "tr-" + "a" * 32
    assert client.get_trace(root.trace_id, display=False).data.root.name == "root"
    assert not caplog.records


def test_what_the_first_end_of_a_trace_set_stays(caplog):
    client = TraceClient()
    root = client.start_trace("root")
    client.end_trace(root.trace_id, outputs=1, attributes={"a": 1})
    client.end_trace(root.trace_id, outputs=2, attributes={"a": 2}, status="ERROR")

    found = client.get_trace(root.trace_id, display=False)
    assert (found.data.root.outputs, found.data.root.get_attribute("a")) == (1, 1)
    assert found.info.state == "OK"
    assert caplog.records


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trace_ids": ["tr-" + "1" * 32], "max_timestamp_millis": 1},
        {"trace_ids": ["tr-" + "1" * 32], "max_traces": 1},
        {"trace_ids": ["no id"]},
    ],
)
def test_deleting_needs_one_way_to_say_which(options):
    with pytest.raises(SpantreeException):
        TraceClient().delete_traces("0", **options)


@pytest.mark.parametrize("uri", ["memory:", "traces.db"])
def test_a_running_trace_can_be_deleted(uri, tmp_path):
    spantree.set_tracking_uri(tmp_path / uri if uri == "traces.db" else uri)
    with spantree.start_span("kept"):
        pass
    with spantree.start_span("deleted") as span:
        late = spantree.start_span_no_context("late", parent_span=span)
        assert spantree.delete_traces([span.trace_id]) == 1
        assert spantree.get_trace(span.trace_id, silent=True) is None
        with spantree.start_span("child"):
            spantree.update_current_trace(tags={"a": "b"})
    late.end()
    spantree.start_span_no_context("later still", parent_span=span).end()
    spantree.flush()

    assert spantree.get_trace(span.trace_id, silent=True) is None
    assert [t.name for t in spantree.search_traces(return_type="list")] == ["kept"]
    assert not RECORDER.traces.all()


def test_at_most_100_traces_are_linked_at_once():
    with pytest.raises(SpantreeException):
        TraceClient().link_traces_to_run(["tr-" + "1" * 32] * 101, "run")


def test_runs_and_models_are_found():
    with spantree.start_span("a", run_id="run"):
        spantree.update_current_trace(model_id="model")

    metadata = last().info.trace_metadata
    assert metadata["mlflow.sourceRun"] == "run"
    assert metadata["mlflow.modelId"] == "model"
    assert len(spantree.search_traces(run_id="run", model_id="model")) == 1
    assert len(spantree.search_traces(run_id="other")) == 0
    assert len(spantree.search_traces(model_id="other")) == 0


def test_spans_are_found_by_type_name_pattern_and_id():
    with spantree.start_span("root"), spantree.start_span("kid", "TOOL") as kid:
        pass
    trace = last()

    for options in (
        {"span_type": "TOOL"},
        {"name": "kid"},
        {"name": re.compile("k.d")},
        {"span_id": kid.span_id},
        {"span_type": "TOOL", "name": "kid"},
    ):
        assert [s.name for s in trace.search_spans(**options)] == ["kid"]
    assert trace.search_spans(span_type="LLM") == []


def test_a_document_is_recorded_by_its_fields():
    with spantree.start_span("a") as span:
        span.set_outputs([Document("text", {"a": 1}, "id")])

    assert last().data.root.outputs == [
        {"page_content": "text", "metadata": {"a": 1}, "id": "id"}
    ]


def test_a_note_of_the_users_own_comes_back_unchanged():
    own = {"$spantree": "float", "value": "nan", "$$spantree": [1]}
    with spantree.start_span("a") as span:
        span.set_inputs(own)
        span.set_attribute("own", own)

    trace = last()
    for found in (trace, Trace.from_json(trace.to_json())):
        assert found.data.root.inputs == own
        assert found.data.root.get_attribute("own") == own


def test_cuts_are_listed_with_their_place_and_counted():
    spantree.configure(max_value_bytes=100, max_items=3, max_depth=3)
    before = spantree.stats()["truncated"]
    with spantree.start_span("a") as span:
        span.set_inputs({"text": "x" * 1_000})
        span.set_outputs(list(range(10)))
        span.set_attribute("deep", [[[[[1]]]]])

    root = last().data.root
    cuts = {
        c["path"]: (c["total"], c["unit"])
        for c in root.get_attribute("spantree.truncated")
    }
    assert cuts["inputs.text"] == (1_000, "bytes")
    assert cuts["outputs"] == (10, "items")
    assert {unit for _, unit in cuts.values()} == {"bytes", "items", "depth"}
    assert root.outputs[-1] == {
        "$spantree": "truncated",
        "type": "list",
        "items": 10,
        "kept": 3,
    }
    assert int(last().info.trace_metadata["mlflow.trace.sizeBytes"]) >= 1_000
    assert spantree.stats()["truncated"] >= before + 3


def test_a_state_of_ones_own_wins_over_the_roots_status():
    with pytest.raises(ValueError, match="x"), spantree.start_span("a"):
        spantree.update_current_trace(state="ok")
        raise ValueError("x")

    assert last().info.state == "OK"
    assert last().data.root.status.status_code == "ERROR"


@pytest.mark.parametrize(
    "status", ["error", "ERROR", SpanStatusCode.ERROR, SpanStatus("error", "said")]
)
@pytest.mark.parametrize("is_the_end", [True, False])
def test_a_status_has_three_forms(status, is_the_end):
    span = spantree.start_span_no_context("s")
    if not is_the_end:
        span.set_status(status)
    span.end(status=status if is_the_end else None)

    found = spantree.get_trace(span.trace_id).data.root.status
    assert found.status_code is SpanStatusCode.ERROR
    assert found.description == getattr(status, "description", "")


@pytest.mark.parametrize("state", [TraceState.ERROR, "error", "ERROR"])
def test_a_state_has_two_forms(state):
    with spantree.start_span("s"):
        spantree.update_current_trace(state=state)

    assert last().info.state is TraceState.ERROR


def test_the_client_begins_roots_only():
    client = TraceClient()
    with spantree.start_span("active") as active:
        root = client.start_trace("root")
        assert spantree.get_current_active_span() is active
        client.end_trace(root.trace_id)

    assert root.parent_id is None
    assert root.trace_id != active.trace_id


def test_there_is_no_active_trace_where_nothing_is_recorded():
    with spantree.tracing.context(enabled=False):
        assert spantree.get_active_trace_id() is None
    spantree.tracing.disable()
    with spantree.start_span("s"):
        assert spantree.get_active_trace_id() is None


def test_outputs_of_repeated_names_are_numbered():
    with spantree.start_span("root"):
        for n in range(2):
            with spantree.start_span("step") as step:
                step.set_outputs(n)
        with spantree.start_span("once"):
            pass

    assert last().data.intermediate_outputs == {"step_1": 0, "step_2": 1, "once": None}


def test_a_merged_trace_keeps_ids_and_points_to_where_it_came_from():
    with spantree.start_span("far", "TOOL") as far:
        far.set_inputs({"a": 1})
        with spantree.start_span("inner"):
            pass
    finished = last()

    spantree.add_trace(finished)
    alone = last()
    with spantree.start_span("root") as root:
        spantree.add_trace(finished.to_dict())
    below = last()

    assert outline(alone).splitlines()[0] == "Remote Trace <far> UNKNOWN"
    for merged in (alone, below):
        copy = merged.data.spans[1]
        assert (copy.span_id, copy.inputs) == (far.span_id, {"a": 1})
        assert copy.trace_id == merged.trace_id != far.trace_id
        links = [(x.trace_id, x.span_id) for x in copy.links]
        assert links == [(far.trace_id, far.span_id)]
    assert below.data.spans[1].parent_id == root.span_id


def test_an_exception_happens_within_its_span():
    def fail():
        raise ValueError

    with pytest.raises(ValueError), spantree.start_span("outer"):
        spantree.trace(fail)()

    for span in last().data.spans:
        (event,) = span.events
        assert span.start_time_ns <= event.timestamp <= span.end_time_ns


def test_a_huge_message_is_cut_and_says_so():
    error = ValueError("x" * 5_000_000)
    with pytest.raises(ValueError) as caught, spantree.start_span("s") as span:
        span.set_span_type("t" * 2_000_000)
        span.add_event(SpanEvent("e" * 2_000_000))
        span.set_status(SpanStatus("ERROR", "d" * 2_000_000))
        raise error

    assert caught.value is error
    root = last().data.root
    cuts = {c["path"]: c["total"] for c in root.get_attribute("spantree.truncated")}
    assert cuts == {
        "span_type": 2_000_000,
        "events.0": 2_000_000,
        "status": 2_000_000,
        "events.1.exception.message": 5_000_000,
    }
    assert root.status.description.startswith("ValueError: xxx")
    assert root.status.description.endswith("… [truncated, 4,000,000 more bytes]")
    assert root.exception[1].endswith("… [truncated, 4,000,000 more bytes]")
    assert len(json.dumps(root.to_dict())) < 5_000_000


def test_stop_iteration_leaves_a_block_as_it_is():
    stop = StopIteration(3)
    with pytest.raises(StopIteration) as caught, spantree.start_span("s"):
        raise stop

    assert caught.value is stop


def test_what_is_cut_of_attributes_and_events_is_listed_too():
    spantree.configure(max_items=2)
    with spantree.start_span("s", attributes={"given": [1, 2, 3]}) as span:
        span.add_event(SpanEvent("e", attributes={"told": [1, 2, 3]}))
        span.set_attribute("set", [1, 2, 3])

    cuts = last().data.root.get_attribute("spantree.truncated")
    assert [(c["path"], c["kept"], c["total"]) for c in cuts] == [
        ("given", 2, 3),
        ("events.0.told", 2, 3),
        ("set", 2, 3),
    ]


def test_a_trace_of_1200_levels_is_saved_read_and_drawn(tmp_path):
    spantree.set_tracking_uri(tmp_path / "traces.db")
    path = [spantree.start_span_no_context("level 0")]
    for n in range(1, 1_200):
        path.append(spantree.start_span_no_context(f"level {n}", parent_span=path[-1]))
    for span in reversed(path):
        span.end()
    spantree.flush()

    (stored,) = spantree.search_traces(return_type="list")
    assert [s.name for s in stored.data.spans] == [f"level {n}" for n in range(1_200)]
    assert Trace.from_json(stored.to_json()).to_dict() == stored.to_dict()
    assert "1,200 spans" in str(stored)
    assert "level 0" in stored.to_html()
    assert stored._repr_mimebundle_()  # noqa: SLF001 - what a notebook calls
    assert spantree.spans()["depth"].max() == 1_199


def test_json_beyond_100_mb_is_refused_unread():
    with pytest.raises(SpantreeException, match="at most 100,000,000 characters"):
        Trace.from_json("[" * 100_000_001)


def test_nothing_recorded_shows_in_a_repr():
    with spantree.start_span("a") as span:
        span.set_inputs("content")

    for shown in (span, last().data.root, last()):
        assert "content" not in repr(shown)


@pytest.mark.parametrize("spelled", ["0x", "+0", " 0", "0_", "٠٠"])
def test_an_id_is_hex_digits_and_nothing_else(spelled):
    given = spelled + "0" * (31 - len(spelled)) + "5"

    assert parse_trace_id(given) is None
    assert parse_trace_id("tr-" + given) is None
    assert parse_trace_id("0" * 31 + "5") == 5


@pytest.mark.parametrize("uri", ["memory:", "traces.db"])
def test_a_trace_that_was_set_aside_is_ended_by_its_id(uri, tmp_path, monkeypatch):
    spantree.set_tracking_uri(tmp_path / uri if uri == "traces.db" else uri)
    monkeypatch.setattr(RECORDER.traces, "max_open", 5)
    client = spantree.TraceClient()
    begun = []
    for n in range(12):
        root = client.start_trace(
            f"root {n}", inputs=n, tags={"n": n, "mlflow.traceName": "own"}
        )
        root.owner.update(request_preview="asked", session_id=f"s-{n}")
        child = client.start_span("child", root.trace_id, root.span_id, inputs=[n])
        begun.append((root.trace_id, child.span_id))
    del root, child
    spantree.flush()
    gc.collect()
    held = [RECORDER.traces.get(parse_trace_id(trace_id)) for trace_id, _ in begun]
    assert held.count(None) >= 7

    for n, (trace_id, child_id) in enumerate(begun):
        late = client.start_span("late", trace_id, child_id)
        late.end()
        client.end_span(trace_id, child_id, outputs={"n": n})
        client.end_trace(trace_id, outputs=f"out {n}", status="ERROR")
    spantree.flush()

    assert not RECORDER.traces.all()
    for n, (trace_id, _) in enumerate(begun):
        trace = spantree.get_trace(trace_id)
        info = trace.info
        assert outline(trace) == (
            f"root {n} UNKNOWN ERROR\n  child UNKNOWN\n    late UNKNOWN"
        )
        assert (info.state, info.session, info.tags["n"]) == ("ERROR", f"s-{n}", str(n))
        assert (info.request_preview, info.response_preview) == ("asked", f'"out {n}"')
        assert info.tags["mlflow.traceName"] == "own"
        assert [s.outputs for s in trace.data.spans] == [f"out {n}", {"n": n}, None]
        assert (
            json.loads(info.trace_metadata["mlflow.trace.sizeStats"])["num_spans"] == 3
        )


def test_a_trace_that_waits_to_be_saved_holds_two_objects():
    function = spantree.trace(lambda number: number)
    function(0)
    spantree.flush()
    gc.disable()
    try:
        before = len(gc.get_objects())
        release, is_held = threading.Event(), threading.Event()

        def hold(_store):
            is_held.set()
            release.wait(60)

        holder = threading.Thread(target=RUNTIME.write, args=(hold,))
        holder.start()
        is_held.wait(60)
        for number in range(1_000):
            function(number)
        waiting = spantree.stats()["waiting"]
        grown = len(gc.get_objects()) - before
    finally:
        release.set()
        gc.enable()
    holder.join()

    assert waiting == 1_000
    # The packed trace and its place in the queue.
    assert grown < 2.2 * waiting
