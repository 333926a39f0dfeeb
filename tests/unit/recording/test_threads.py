"""Spans across threads: bare, propagated, and in an executor."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import subprocess
import sys
import threading
import time
from contextvars import ContextVar, copy_context

import pytest

from spantree.recording import (
    get_current_active_span,
    start_span,
    start_span_no_context,
    trace,
)
from spantree.recording.threads import ThreadPoolExecutor, propagate
from spantree.testing import outline

VARIABLE = ContextVar("threads_variable", default="unset")


@trace
def leaf(n=0):
    return n


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def test_a_bare_thread_begins_a_trace_of_its_own(traces):
    with start_span("root"):
        in_thread(leaf)

    assert [outline(t) for t in traces] == ["root UNKNOWN", "leaf UNKNOWN"]


def test_a_propagated_function_runs_below_the_span(traces):
    with start_span("root"):
        in_thread(propagate(leaf), 1)

    assert outline(traces[0]) == "root UNKNOWN\n  leaf UNKNOWN"


def test_a_propagated_function_keeps_its_name_and_result():
    assert propagate(leaf).__name__ == "leaf"
    assert propagate(leaf)(3) == 3


def test_the_span_is_that_of_the_propagate_call(traces):
    with start_span("first"):
        run = propagate(leaf)
        with start_span("second"):
            run()

    assert outline(traces[0]) == ("first UNKNOWN\n  second UNKNOWN\n  leaf UNKNOWN")


def test_sixteen_overlapping_calls_join_one_trace(traces):
    barrier = threading.Barrier(16)

    @trace
    def task(n):
        barrier.wait(60)
        return leaf(n)

    with start_span("root"):
        run = propagate(task)
        threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(traces) == 1
    assert len(traces[0].data.spans) == 33


def test_sixteen_overlapping_tasks_of_the_executor_join_one_trace(traces):
    barrier = threading.Barrier(16)

    @trace
    def task(n):
        barrier.wait(60)
        return leaf(n)

    with start_span("root"), ThreadPoolExecutor(16) as pool:
        assert list(pool.map(task, range(16))) == list(range(16))

    assert len(traces) == 1
    assert len(traces[0].data.spans) == 33


def test_the_executor_submits_below_the_submitters_span(traces):
    with ThreadPoolExecutor(1) as pool, start_span("root"):
        assert pool.submit(leaf, n=4).result() == 4

    assert outline(traces[0]) == "root UNKNOWN\n  leaf UNKNOWN"


def test_the_executor_is_the_standard_class():
    assert issubclass(ThreadPoolExecutor, concurrent.futures.ThreadPoolExecutor)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="p") as pool:
        assert pool.submit(lambda: threading.current_thread().name[0]).result() == "p"
        with pytest.raises(TypeError):
            pool.submit()


def test_the_executor_passes_exceptions_on(traces):
    def fail():
        raise ValueError("v")

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError):
        pool.submit(fail).result()


def test_tasks_do_not_see_each_others_variables(traces):
    def task(n):
        before = VARIABLE.get()
        VARIABLE.set(n)
        return before

    with ThreadPoolExecutor(1) as pool:
        assert list(pool.map(task, range(3))) == ["unset"] * 3
    assert VARIABLE.get() == "unset"


def test_run_in_executor_with_propagate(traces):
    async def main():
        with start_span("root"):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, propagate(leaf))

    asyncio.run(main())

    assert outline(traces[0]) == "root UNKNOWN\n  leaf UNKNOWN"


def test_one_context_per_task_works_by_hand(traces):
    with start_span("root"), concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(copy_context().run, leaf, n) for n in range(4)]
        [f.result() for f in futures]

    assert len(traces) == 1
    assert len(traces[0].data.spans) == 5


def test_one_context_for_overlapping_tasks_gives_a_hint(traces):
    entered = threading.Event()
    leave = threading.Event()

    def hold():
        entered.set()
        leave.wait(60)

    with pytest.raises(RuntimeError):
        with start_span("root"), concurrent.futures.ThreadPoolExecutor(2) as pool:
            context = copy_context()
            pool.submit(context.run, hold)
            entered.wait(60)
            try:
                pool.submit(context.run, leaf).result()
            finally:
                leave.set()

    event = traces[0].data.root.events[0]
    assert event.attributes["spantree.hint"] == (
        "each task needs its own copy: spantree.propagate(fn) or "
        "spantree.ThreadPoolExecutor"
    )


def test_other_runtime_errors_get_no_hint(traces, root):
    with pytest.raises(RuntimeError), start_span("root"):
        raise RuntimeError("something else")

    assert "spantree.hint" not in root().events[0].attributes


def test_a_span_may_end_in_another_thread(traces, root):
    span = start_span_no_context("s")
    in_thread(lambda: span.end(outputs="there"))

    assert root().outputs == "there"


def test_setters_from_several_threads_leave_a_consistent_record(traces, root):
    span = start_span_no_context("s")

    def work(n):
        for i in range(200):
            span.set_attribute(f"{n}.{i}", i)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    span.end()

    ours = [k for k in root().attributes if k[0].isdigit()]
    assert len(ours) == 800


def test_a_generator_resumed_in_other_threads_keeps_its_span(traces):
    @trace
    def body():
        for n in range(3):
            leaf(n)
            yield n

    made = body()
    for _ in range(4):
        in_thread(lambda: next(made, None))

    assert outline(traces[0]) == "body UNKNOWN" + "\n  leaf UNKNOWN" * 3


def test_a_generator_collected_in_another_thread_ends_its_span(traces, root):
    @trace
    def body():
        yield 1
        yield 2

    knot = [body()]
    next(knot[0])
    knot.append(knot)
    del knot
    while root().end_time_ns is None:
        # Does nothing while another thread collects.
        in_thread(gc.collect)

    assert root().outputs == [1]
    assert get_current_active_span() is None


def test_reading_a_trace_while_another_thread_writes_it(traces):
    stop = threading.Event()

    def read():
        while not stop.is_set():
            for t in traces:
                outline(t)
            time.sleep(0)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        with start_span("root"):
            for n in range(500):
                leaf(n)
    finally:
        stop.set()
        thread.join()

    assert len(traces[0].data.spans) == 501


NESTED_LOOPS = """
import asyncio, nest_asyncio2
from spantree import get_current_active_span, start_span, trace
from spantree.testing import outline, recorded_traces

nest_asyncio2.apply()

@trace
async def inner(n):
    await asyncio.sleep(0)
    return n

@trace
def blocking(n):
    return asyncio.get_event_loop().run_until_complete(inner(n))

@trace
async def outer():
    await asyncio.sleep(0)
    return blocking(1) + await inner(2) + blocking(3)

with recorded_traces() as traces:
    assert asyncio.run(outer()) == 6
    assert get_current_active_span() is None
print(len(traces), outline(traces[0]), sep="\\n")
"""


def test_a_loop_run_inside_a_loop_nests():
    done = subprocess.run(
        [sys.executable, "-c", NESTED_LOOPS], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == [
        "1",
        "outer UNKNOWN",
        "  blocking UNKNOWN",
        "    inner UNKNOWN",
        "  inner UNKNOWN",
        "  blocking UNKNOWN",
        "    inner UNKNOWN",
    ]
