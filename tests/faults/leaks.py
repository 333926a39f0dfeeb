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
    for i in range(max(1000, count // 10)):
        agent(i)
    gc.collect()
    before = resident()
    for i in range(count):
        agent(i)
    gc.collect()
    return {"grown": resident() - before, "open": len(RECORDER.traces.all())}


if __name__ == "__main__":
    RECORDER.traces = OpenTraces()
    run = {f.__name__: f for f in (abandoned, live_stream, timers, soak)}[sys.argv[1]]
    print(json.dumps(run(int(sys.argv[2]))))
