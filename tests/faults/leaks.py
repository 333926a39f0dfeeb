"""Measures memory in a process of its own: ``python leaks.py NAME [COUNT]``.

Prints a line of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tracemalloc
from pathlib import Path

import spantree
from spantree.recording import RECORDER, start_span, start_span_no_context, trace
from spantree.recording.open_traces import OpenTraces

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident():
    """Give the bytes of memory this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@trace
def leaf(n):
    return {"n": n, "text": "x" * 100}


@trace
def agent(n):
    with start_span("block") as span:
        span.set_inputs({"n": n})
        leaf(n)
    try:
        failing(n)
    except ValueError:
        pass
    return sum(len(x) for x in stream(3))


@trace
def failing(n):
    raise ValueError(n)


@trace
def stream(n):
    for i in range(n):
        yield "chunk" * i


@trace
def long_stream(n):
    for i in range(n):
        yield f"{i:01000d}"


def abandoned(count):
    """Begin roots and never end them."""
    kept = []
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(count):
        kept.append(start_span_no_context("abandoned", inputs={"n": i}))
        with start_span("child of nobody"):
            leaf(i)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    return {"bytes": grown, "open": len(RECORDER.traces.all())}


def live_stream(count):
    """Hold a stream that has yielded so many items of 1 kB."""
    before = resident()
    made = long_stream(count)
    for _ in range(count):
        next(made)
    return {"grown": resident() - before, "over": next(made, "over") == "over"}


def timers(count):
    """Let each call be made in the context of the one before, as timers do."""
    from contextvars import copy_context

    context = copy_context()
    tracemalloc.start()
    for i in range(count):
        if i == count // 10:
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
        following = []

        def tick(n=i, following=following):
            with start_span("tick"):
                leaf(n)
                following.append(copy_context())

        context.run(tick)
        context = following[0]
    gc.collect()
    return {"bytes": tracemalloc.get_traced_memory()[0] - before}


def soak(count):
    """Record so many traces, and see how memory grows after a warm-up."""
    grown = growth(count, max(1000, count // 10))
    return {"grown": grown, "open": len(RECORDER.traces.all())}


def soak_stored(count):
    """Record so many traces into a database, and see how memory grows after a warm-up.

    Each thousand is waited for, as what lies in the queue is no leak. The warm-up is
    longer: SQLite's cache is of 64 MB, and takes 30,000 of these traces to fill.
    """
    warm_up = max(10_000, count // 10)
    grown = growth(count, warm_up, spantree.flush)
    return {
        "grown": grown,
        "open": len(RECORDER.traces.all()),
        "missing": warm_up + count - spantree.stats()["saved"],
        "database": Path(os.environ["SPANTREE_DATA_DIR"], "traces.db").stat().st_size,
    }


def growth(count, warm_up, pause=lambda: True):
    """Give the bytes that so many traces add, after some to warm up."""
    before = 0
    for i in range(warm_up + count):
        agent(i)
        if i % 1000 == 999:
            assert pause()
        if i == warm_up - 1:
            gc.collect()
            before = resident()
    assert pause()
    gc.collect()
    return resident() - before


def main(name, count):
    if name != "soak_stored":
        RECORDER.traces = OpenTraces()
    runs = (abandoned, live_stream, timers, soak, soak_stored)
    run = {f.__name__: f for f in runs}[name]
    print(json.dumps(run(count)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
