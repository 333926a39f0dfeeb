"""How spans and traces begin, fail and end."""

from __future__ import annotations

import asyncio
import functools
import sys
import traceback
from contextvars import copy_context
from pathlib import Path

import pytest

import spantree
from spantree import TraceClient, set_trace_tag
from spantree.entities import TraceState
from spantree.recording import (
    RECORDER,
    get_active_trace_id,
    get_current_active_span,
    internal_errors,
    reset_internal_errors,
    start_span,
    start_span_no_context,
    trace,
    update_current_trace,
)
from spantree.testing import outline


@trace
def leaf():
    return "leaf"


class Listener:
    """Notes what it hears."""

    def __init__(self):
        self.heard = []

    def trace_started(self, trace):
        self.heard.append("started")

    def trace_ended(self, trace):
        self.heard.append("ended")

    def trace_changed(self, trace):
        self.heard.append("changed")


@pytest.fixture
def listener(traces):
    made = Listener()
    RECORDER.traces.add_listener(made)
    return made


# Traces


def test_a_running_trace_shows_its_open_spans(traces):
    with start_span("root"), start_span("child"):
        assert traces[0].info.state == TraceState.IN_PROGRESS
        assert traces[0].info.execution_duration is None
        assert [s.end_time_ns for s in traces[0].data.spans] == [None, None]
        assert traces[0].data.root.status.status_code == "UNSET"


def test_an_ended_trace_has_the_duration_of_its_root(traces):
    with start_span("root"):
        pass

    root = traces[0].data.root
    expected = (root.end_time_ns - root.start_time_ns) // 1_000_000
    assert traces[0].info.execution_duration == expected
    assert traces[0].info.state == TraceState.OK


def test_the_end_is_announced_once(traces, listener):
    with start_span("root"):
        leaf()

    assert listener.heard == ["started", "ended"]


def test_open_children_stay_open_when_the_root_ends(traces):
    with start_span("root") as root:
        late = start_span_no_context("late", parent_span=root)

    assert outline(traces[0]) == "root UNKNOWN\n  late UNKNOWN (open)"
    assert traces[0].info.state == TraceState.OK
    late.end()


def test_a_late_child_updates_the_trace(traces, listener):
    with start_span("root") as root:
        late = start_span_no_context("late", parent_span=root)
    late.end(outputs="done")

    assert listener.heard == ["started", "ended", "changed"]
    assert traces[0].data.spans[1].outputs == "done"
    assert not RECORDER.traces.all()


def test_a_finished_trace_is_not_joined_but_linked(traces):
    with start_span("first") as first:
        context = copy_context()
    context.run(leaf)

    orphan = traces[1].data.root
    assert orphan.parent_id is None
    assert [(x.trace_id, x.span_id) for x in orphan.links] == [
        (first.trace_id, first.span_id)
    ]
    assert orphan.get_attribute("spantree.orphan_of") == first.span_id


def test_the_nearest_live_ancestor_is_joined(traces):
    with start_span("root"):
        with start_span("gone"):
            context = copy_context()
        context.run(leaf)

    assert outline(traces[0]) == "root UNKNOWN\n  gone UNKNOWN\n  leaf UNKNOWN"


def test_an_explicit_parent_extends_a_finished_trace(traces):
    with start_span("root") as root:
        pass
    start_span_no_context("late", parent_span=root).end()

    assert outline(traces[0]) == "root UNKNOWN\n  late UNKNOWN"


def test_a_detached_root_in_a_finished_context_is_no_orphan(traces):
    with start_span("first"):
        context = copy_context()
    context.run(lambda: start_span_no_context("second").end())

    assert traces[1].data.root.links == []


def test_a_listener_that_fails_disturbs_nobody(traces, listener, monkeypatch):
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("broken")

    monkeypatch.delenv("SPANTREE_RAISE_INTERNAL_ERRORS")
    RECORDER.traces.add_listener(Broken(), first=True)

    assert leaf() == "leaf"
    assert listener.heard == ["started", "ended"]
    assert internal_errors() == {"trace_started": 1, "trace_ended": 1}
    reset_internal_errors()


# Blocks


def test_a_block_is_ok_without_an_exception(traces, root):
    with start_span("block") as span:
        assert span.status.status_code == "UNSET"

    assert root().status.status_code == "OK"


def test_a_status_set_by_the_user_stays(traces, root):
    with start_span("block") as span:
        span.set_status("error")

    assert root().status.status_code == "ERROR"


def test_an_exception_outweighs_a_status_set_by_the_user(traces, root):
    with pytest.raises(ValueError):
        with start_span("block") as span:
            span.set_status("OK")
            raise ValueError("v")

    assert root().status.status_code == "ERROR"
    assert root().status.description == "ValueError: v"


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit]
)
def test_whatever_leaves_a_function_is_an_error(traces, root, error):
    @trace
    def f():
        raise error("e")

    with pytest.raises(error):
        f()

    assert root().status.status_code == "ERROR"
    assert root().exception[0] == error.__name__
    assert get_current_active_span() is None


def test_generator_exit_through_a_block_is_an_early_close(traces, root):
    def consumer():
        with start_span("block"):
            yield 1

    made = consumer()
    next(made)
    made.close()

    assert root().status.status_code == "OK"
    assert root().get_attribute("spantree.stream.end") == "closed"


def test_a_cancelled_coroutine_is_an_error(traces):
    @trace
    async def inner():
        with start_span("block"):
            await asyncio.sleep(60)

    @trace
    async def outer():
        await inner()

    async def main():
        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())

    spans = traces[0].data.spans
    assert [s.name for s in spans] == ["outer", "inner", "block"]
    for span in spans:
        assert span.status.status_code == "ERROR"
        assert span.exception[0] == "CancelledError"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="has no TaskGroup")
def test_tasks_of_a_group_nest_and_their_failures_are_theirs(traces):
    @trace
    async def leaf_task(n):
        await asyncio.sleep(0)
        if n == 1:
            raise ValueError(n)
        await asyncio.sleep(60)

    @trace
    async def group():
        async with asyncio.TaskGroup() as tasks:
            for n in range(3):
                tasks.create_task(leaf_task(n))

    with pytest.raises(Exception) as caught:
        asyncio.run(group())

    assert type(caught.value).__name__ == "ExceptionGroup"
    root, *leaves = traces[0].data.spans
    assert [s.parent_id for s in leaves] == [root.span_id] * 3
    assert sorted(s.exception[0] for s in leaves) == [
        "CancelledError",
        "CancelledError",
        "ValueError",
    ]
    assert root.exception[0] == "ExceptionGroup"
    assert "ValueError: 1" in root.exception[2]


def test_every_span_that_an_exception_crosses_has_its_event(traces):
    @trace
    def inner():
        raise ValueError("v")

    with pytest.raises(ValueError):
        with start_span("outer"):
            inner()

    assert [s.exception[:2] for s in traces[0].data.spans] == [("ValueError", "v")] * 2


def test_a_failed_child_leaves_the_trace_ok(traces):
    with start_span("root"):
        with pytest.raises(ValueError):
            with start_span("child"):
                raise ValueError

    assert traces[0].info.state == TraceState.OK


def test_an_exception_without_a_text_is_described_by_its_type(traces, root):
    with pytest.raises(ValueError):
        with start_span("block"):
            raise ValueError

    assert root().status.description == "ValueError"


@pytest.mark.parametrize("raised", [SystemExit, RuntimeError, GeneratorExit])
def test_an_unprintable_exception_is_recorded_as_such(traces, root, raised):
    class Silent(Exception):
        def __str__(self):
            raise raised

    with pytest.raises(Silent):
        with start_span("block"):
            raise Silent

    assert root().exception[1] == "<unprintable Silent>"


def test_causes_are_in_the_stack(traces, root):
    with pytest.raises(ValueError):
        with start_span("block"):
            try:
                raise KeyError("the cause")
            except KeyError as error:
                raise ValueError("the effect") from error

    stack = root().exception[2]
    assert "the cause" in stack
    assert "the effect" in stack
    assert "<spantree>" not in stack


def test_a_block_never_swallows(traces):
    class Silencer:
        def __exit__(self, *_):
            return True

    with pytest.raises(KeyError):
        with start_span("block"):
            raise KeyError


def test_a_recorded_text_is_an_exception(traces, root):
    with start_span("block") as span:
        span.record_exception("oops")

    assert root().exception[:2] == ("Exception", "oops")
    assert root().status.status_code == "ERROR"


def frames_of_ours(call):
    """Call, and give how many frames between us and what was raised are spantree's."""
    try:
        call()
    except ValueError as error:
        walked = traceback.walk_tb(error.__traceback__)
        files = [frame.f_code.co_filename for frame, _ in walked]
    ours = str(Path(spantree.__file__).parent)
    return sum(f == "<spantree>" or f.startswith(ours) for f in files)


def plain():
    raise ValueError


def items():
    yield 1
    raise ValueError


async def awaited():
    raise ValueError


async def awaited_items():
    yield 1
    raise ValueError


async def each(made):
    async for _ in made:
        pass


@pytest.mark.parametrize(
    "call",
    [
        lambda: trace(plain)(),
        lambda: trace(functools.partial(plain))(),
        lambda: list(trace(items)()),
        lambda: asyncio.run(trace(awaited)()),
        lambda: asyncio.run(trace(lambda: awaited())()),
        lambda: asyncio.run(each(trace(awaited_items)())),
        lambda: trace(int)("no number"),
        lambda: trace(float.fromhex)("no number"),
    ],
)
def test_at_most_two_frames_of_ours_stand_in_a_traceback(traces, call):
    assert frames_of_ours(call) <= 2
    assert all("<spantree>" not in t.data.root.exception[2] for t in traces)


def test_blocks_may_end_out_of_order(traces):
    outer, inner = start_span("outer"), start_span("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert get_current_active_span().name == "inner"
    inner.__exit__(None, None, None)

    assert get_current_active_span() is None
    assert outline(traces[0]) == "outer UNKNOWN\n  inner UNKNOWN"


def test_a_block_ended_in_another_context_leaves_that_alone(traces):
    block = start_span("block")
    copy_context().run(block.__enter__)
    with start_span("here"):
        block.__exit__(None, None, None)
        assert get_current_active_span().name == "here"

    assert [t.info.state for t in traces] == [TraceState.OK] * 2


def test_a_block_that_is_dropped_ends(traces, root):
    start_span("block").__enter__()

    assert root().end_time_ns
    assert get_current_active_span() is None


def test_a_span_ended_inside_its_block_keeps_its_first_end(traces, root):
    with start_span("block") as span:
        span.end(outputs="first")
        leaf()

    assert root().outputs == "first"
    assert outline(traces[1]) == "leaf UNKNOWN"


def test_ending_twice_is_ignored_with_a_warning(traces, root, caplog):
    span = start_span_no_context("s")
    span.end(outputs=1)
    span.end(outputs=2)

    assert root().outputs == 1
    assert "has already ended" in caplog.text


def test_explicit_times_are_kept(traces, root):
    start_span_no_context("s", start_time_ns=1000).end(end_time_ns=3000)

    assert (root().start_time_ns, root().end_time_ns) == (1000, 3000)


def test_a_detached_span_is_never_current_and_a_root_without_a_parent(traces):
    with start_span("active"):
        detached = start_span_no_context("detached")
        assert get_current_active_span().name == "active"
        detached.end()

    assert [outline(t) for t in traces] == ["active UNKNOWN", "detached UNKNOWN"]


@pytest.mark.parametrize("parent", ["nonsense", 5, object()])
def test_a_parent_that_is_no_span_gives_a_root(traces, parent, caplog):
    start_span_no_context("s", parent_span=parent).end()

    assert outline(traces[0]) == "s UNKNOWN"
    assert "the span is a root" in caplog.text


def test_infinite_recursion_leaves_nothing_behind(traces):
    @trace
    def down():
        down()

    with pytest.raises(RecursionError):
        down()

    assert get_current_active_span() is None
    assert not RECORDER.traces.all()
    assert traces[0].info.state == TraceState.ERROR
    assert "(open)" not in outline(traces[0])


def test_a_call_close_to_the_recursion_limit_leaves_nothing_behind(traces):
    def down(n):
        return leaf() if n == 0 else down(n - 1)

    limit = sys.getrecursionlimit()
    for n in range(limit - 200, limit):
        try:
            down(n)
        except RecursionError:
            pass
        assert get_current_active_span() is None, n


# update_current_trace


def test_the_state_of_a_trace_may_be_set(traces, root):
    with start_span("root"):
        update_current_trace(state="ERROR")

    assert traces[0].info.state == TraceState.ERROR
    assert root().status.status_code == "OK"


def test_updating_outside_a_trace_is_a_warning(traces, caplog):
    update_current_trace(tags={"k": "v"})

    assert "outside a traced function" in caplog.text


def test_the_active_trace_id(traces):
    assert get_active_trace_id() is None
    with start_span("root") as span:
        assert get_active_trace_id() == span.trace_id


# Interrupts in our own code


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["started", "ended"])
def test_an_interrupt_in_our_code_ends_what_it_began_and_goes_on(traces, error, where):
    class Interrupted:
        def trace_started(self, trace):
            if where == "started":
                raise error

        def trace_ended(self, trace):
            if where == "ended":
                raise error

        def trace_changed(self, trace):
            """Never called here."""

    interrupting = Interrupted()
    RECORDER.traces.add_listener(interrupting)

    with pytest.raises(error):
        leaf()

    RECORDER.traces.remove_listener(interrupting)
    assert get_current_active_span() is None
    assert not RECORDER.traces.all()
    assert "(open)" not in outline(traces[0])
    leaf()
    assert len(traces) == 2


def test_a_processor_that_is_interrupted_interrupts(traces):
    def processor(span):
        raise KeyboardInterrupt

    RECORDER.processors = (processor,)

    with pytest.raises(KeyboardInterrupt):
        leaf()

    RECORDER.processors = ()
    assert get_current_active_span() is None
    assert "(open)" not in outline(traces[0])


def test_blocks_ended_out_of_order_leave_no_orphans_behind(traces):
    outer, inner = start_span("outer"), start_span("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    leaf()

    assert traces[1].data.root.links == []


def test_a_trace_set_aside_goes_on_for_whoever_holds_it(traces):
    RECORDER.traces.max_open = 20
    roots = [start_span_no_context(f"root {n}") for n in range(40)]
    first = roots[0]
    held = [trace.key for trace in RECORDER.traces.all()]
    client = TraceClient()

    set_trace_tag(first.trace_id, "a", "b")
    child = client.start_span("child", first.trace_id, first.span_id)
    client.end_span(first.trace_id, child.span_id, outputs=1)
    client.end_trace(first.trace_id, outputs=2)
    for root in roots[1:]:
        root.end()

    assert first.trace_key not in held
    trace = traces[0]
    assert [s.name for s in trace.data.spans] == ["root 0", "child"]
    assert (trace.data.root.outputs, trace.info.state) == (2, TraceState.OK)
    assert trace.info.tags["a"] == "b"
    assert RECORDER.traces.get(first.trace_key) is None
