"""The decorator and the block: what is recorded, and that nothing else changes."""

from __future__ import annotations

import asyncio
import inspect
import math
import pickle
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

import spantree
from spantree.entities import Link, SpanType, TraceState
from spantree.testing import outline, recorded_traces


@pytest.fixture
def traces():
    with recorded_traces() as found:
        yield found


@spantree.trace(span_type="TOOL", attributes={"unit": "m"})
def add(a, b=1, *rest, scale=1, **more):
    """Adds."""
    return (a + b) * scale


@spantree.trace
async def fetch(name: str) -> str:
    await asyncio.sleep(0)
    add(1)
    return name.upper()


def test_arguments_become_inputs_and_the_result_outputs(traces):
    assert add(1, 2, 3, scale=2, k="v") == 6

    span = traces[0].data.root
    assert span.name == "add"
    assert span.span_type == SpanType.TOOL
    assert span.inputs == {"a": 1, "b": 2, "rest": [3], "scale": 2, "more": {"k": "v"}}
    assert span.outputs == 6
    assert span.get_attribute("unit") == "m"
    assert span.get_attribute("mlflow.spanFunctionName") == "add"
    assert span.end_time_ns >= span.start_time_ns


def test_calls_inside_calls_nest(traces):
    @spantree.trace
    def root():
        add(1)
        with spantree.start_span("block", span_type="CHAIN"):
            add(2)

    root()

    assert outline(traces[0]) == "root UNKNOWN\n  add TOOL\n  block CHAIN\n    add TOOL"


def test_coroutines_nest_and_stay_coroutines(traces):
    @spantree.trace
    async def gather():
        return await asyncio.gather(fetch("a"), fetch("b"))

    assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(gather()) == ["A", "B"]
    assert outline(traces[0]) == (
        "gather UNKNOWN\n  fetch UNKNOWN\n    add TOOL\n  fetch UNKNOWN\n    add TOOL"
    )


def test_an_exception_is_recorded_and_goes_on_unchanged(traces):
    raised = ValueError("no such city")

    @spantree.trace
    def fail():
        raise raised

    with pytest.raises(ValueError) as caught:
        fail()

    assert caught.value is raised
    ours = [
        f
        for f in traceback.extract_tb(raised.__traceback__)
        if f.filename == "<spantree>"
    ]
    assert len(ours) == 1
    trace = traces[0]
    assert trace.info.state == TraceState.ERROR
    event = trace.data.root.events[0]
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "no such city"
    assert "in fail" in event.attributes["exception.stacktrace"]
    assert "<spantree>" not in event.attributes["exception.stacktrace"]
    assert trace.data.root.status.description == "ValueError: no such city"


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError]
)
def test_interrupts_and_exits_are_errors(traces, error):
    @spantree.trace
    def stop():
        raise error

    with pytest.raises(error):
        stop()

    assert traces[0].info.state == TraceState.ERROR
    assert spantree.get_current_active_span() is None


def test_the_signature_stays(traces):
    def plain(a, b=1, *rest, scale=1, **more):
        """Adds."""

    assert str(inspect.signature(add)) == str(inspect.signature(plain))
    assert add.__name__ == "add"
    assert add.__doc__ == "Adds."
    assert pickle.loads(pickle.dumps(add)) is add


def test_a_wrong_argument_raises_the_same_error_and_makes_no_trace(traces):
    with pytest.raises(
        TypeError, match=r"add\(\) missing 1 required positional argument: 'a'"
    ):
        add()

    assert len(traces) == 0


def test_positional_only_keyword_only_and_defaults_are_kept(traces):
    marker = object()

    @spantree.trace
    def shaped(a, /, b, *, c=marker, d):
        return a, b, c, d

    assert shaped(1, b=2, d=4) == (1, 2, marker, 4)
    with pytest.raises(TypeError):
        shaped(a=1, b=2, d=4)


def test_methods_drop_self_and_cls(traces):
    class Tool:
        @spantree.trace
        def use(self, q):
            return q

        @classmethod
        @spantree.trace
        def make(cls, q):
            return q

        @staticmethod
        @spantree.trace
        def pure(q):
            return q

    Tool().use(1)
    Tool.make(2)
    Tool.pure(3)

    assert [t.data.root.inputs for t in traces] == [{"q": 1}, {"q": 2}, {"q": 3}]


def test_a_builtin_without_a_signature_is_wrapped(traces):
    assert spantree.trace(math.pow)(2, 3) == 8.0

    assert traces[0].data.root.inputs == {"args": [2, 3], "kwargs": {}}


def test_later_changes_do_not_reach_the_record(traces):
    @spantree.trace
    def grow(items):
        items.append(2)
        return items

    given = [1]
    grow(given).append(3)

    assert given == [1, 2, 3]
    assert traces[0].data.root.inputs == {"items": [1]}
    assert traces[0].data.root.outputs == [1, 2]


def test_a_block_sets_inputs_outputs_attributes_and_status(traces):
    with spantree.start_span(
        "retrieve", span_type="RETRIEVER", attributes={"k": 2}
    ) as span:
        span.set_inputs({"query": "q"})
        span.set_outputs(["d"])
        span.set_attributes({"nested": {"a": [1]}})
        span.set_status("ERROR")
        assert spantree.get_current_active_span() is span

    root = traces[0].data.root
    assert (root.inputs, root.outputs) == ({"query": "q"}, ["d"])
    assert root.get_attribute("nested") == {"a": [1]}
    assert root.status.status_code.value == "ERROR"
    assert spantree.get_current_active_span() is None


def test_outputs_set_in_the_body_win(traces):
    @spantree.trace
    def answer():
        spantree.get_current_active_span().set_outputs("shown")
        return "returned"

    assert answer() == "returned"
    assert traces[0].data.root.outputs == "shown"


def test_tags_session_and_user_describe_the_trace(traces):
    with spantree.start_span("chat"):
        spantree.update_current_trace(
            tags={"k": "v", "absent": None}, session_id="s-1", user="ann"
        )

    info = traces[0].info
    assert info.tags["k"] == "v"
    assert "absent" not in info.tags
    assert (info.session, info.user) == ("s-1", "ann")
    assert info.tags["mlflow.trace.session"] == "s-1"


def test_threads_begin_their_own_traces_unless_given_a_context(traces):
    @spantree.trace
    def root():
        alone = threading.Thread(target=add, args=(1,))
        alone.start()
        alone.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda c: c.run(add, 2), [copy_context(), copy_context()]))

    root()

    assert outline(traces[0]) == "root UNKNOWN\n  add TOOL\n  add TOOL"
    assert outline(traces[1]) == "add TOOL"


def test_the_same_seed_gives_new_ids_and_the_same_numbers(traces):
    import random

    numbers = []
    for _ in range(1_000):
        random.seed(42)
        add(1)
        numbers.append(random.random())

    assert len({s.span_id for t in traces for s in t.data.spans}) == 1_000
    assert len({t.trace_id for t in traces}) == 1_000
    assert set(numbers) == {random.Random(42).random()}


def test_switched_off_nothing_is_recorded_and_code_runs_on(traces):
    spantree.tracing.disable()
    try:
        assert add(1) == 2
        with spantree.start_span("block") as span:
            span.set_inputs({"a": 1})
        spantree.get_current_active_span().set_attributes({"a": 1})
        spantree.update_current_trace(tags={"a": "b"})
        assert asyncio.run(fetch("a")) == "A"
    finally:
        spantree.tracing.enable()

    assert len(traces) == 0


def test_a_span_that_outlives_its_root_is_added(traces):
    with spantree.start_span("root") as root:
        late = spantree.start_span_no_context("late", parent_span=root, inputs={"a": 1})
    assert outline(traces[0]) == "root UNKNOWN\n  late UNKNOWN (open)"

    late.end(outputs="done")

    assert outline(traces[0]) == "root UNKNOWN\n  late UNKNOWN"
    assert traces[0].data.spans[1].outputs == "done"


def test_a_finished_trace_is_not_joined(traces):
    with spantree.start_span("first"):
        context = copy_context()
    context.run(add, 1)

    assert outline(traces[1]) == "add TOOL"
    assert traces[1].data.root.links[0].trace_id == traces[0].trace_id


def test_misuse_of_setters_never_raises(traces, caplog):
    with spantree.start_span(5) as span:
        span.set_status("nonsense")
        span.set_attributes("nonsense")
        span.add_event("nonsense")
    span.set_outputs(1)
    span.end()

    assert traces[0].data.root.name == "span"
    assert traces[0].data.root.outputs is None


def test_a_class_is_left_as_it_is(caplog):
    class Tool:
        pass

    assert spantree.trace(Tool) is Tool
    assert "decorate its methods" in caplog.text


def test_repeated_names_are_numbered_for_the_eye_only(traces):
    with spantree.start_span("root"):
        add(1)
        add(2)

    spans = traces[0].data.spans
    assert [s.name for s in spans] == ["root", "add", "add"]
    assert [s.display_name for s in spans] == ["root", "add_1", "add_2"]


def test_secrets_of_a_link_are_masked(traces):
    link = Link("ab" * 16, "cd" * 8, {"password": "hunter2", "n": 1})

    with spantree.start_span("block", links=[link]):
        pass

    (found,) = traces[0].data.root.links
    assert found.attributes == {"password": "<masked: password>", "n": 1}
    assert link.attributes == {"password": "hunter2", "n": 1}


@pytest.mark.parametrize("is_added_later", [True, False])
def test_a_link_is_kept_as_it_was(traces, is_added_later):
    attributes = {"k": [1]}
    link = Link("ab" * 16, "cd" * 8, attributes)

    with spantree.start_span("block", links=None if is_added_later else [link]) as span:
        if is_added_later:
            span.add_link(link)
        attributes["k"].append(2)
        attributes["l"] = 3

    (found,) = traces[0].data.root.links
    assert found.attributes == {"k": [1]}


def test_a_replaced_clock_does_not_reach_the_record(traces, monkeypatch):
    for name in ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic"):
        monkeypatch.setattr(time, name, lambda: 0)

    with spantree.start_span("block"):
        pass

    root = traces[0].data.root
    assert root.start_time_ns > 1_700_000_000 * 10**9
    assert root.end_time_ns > root.start_time_ns
