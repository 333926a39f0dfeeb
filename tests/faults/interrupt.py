"""Interrupts traced calls at random points; run as a script, in a process of its own.

Usage: ``python interrupt.py SEED POINTS``. Prints a line of JSON with what went wrong.
"""

from __future__ import annotations

import gc
import itertools
import json
import random
import signal
import sys
import time
import traceback
import types

from spantree.recording import (
    RECORDER,
    context,
    get_current_active_span,
    internal_error_tracebacks,
    start_span,
    trace,
)
from spantree.recording.open_traces import OpenTraces
from spantree.testing import outline, recorded_traces

# Interrupts that CPython loses, traced or not: while it closes a dropped generator or
# runs a `__del__`, and in `traceback`, which swallows what a `__str__` raises.
unraisable = []
LOSING_FUNCTIONS = ("_safe_string", "_some_str")


class Alarm:
    """A timer whose signal raises KeyboardInterrupt, once, and remembers that."""

    def __init__(self):
        self.rang = False
        signal.signal(signal.SIGALRM, self._ring)

    def _ring(self, _number, frame):
        self.rang = True
        self.where = [f.f_code.co_name for f, _ in traceback.walk_stack(frame)]
        raise KeyboardInterrupt

    def set(self, seconds):
        self.rang = False
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self):
        signal.setitimer(signal.ITIMER_REAL, 0)


@types.coroutine
def pause():
    """Suspend a coroutine that is driven by hand."""
    yield


@trace
def leaf(n, text="x"):
    return [n, {"text": text}]


@trace
def failing(n):
    raise ValueError(f"planned {n}")


@trace
def stream(n):
    for i in range(n):
        leaf(i)
        yield {"i": i}


@trace(output_reducer=len)
def reduced(n):
    yield from stream(n)


@trace
async def work(n):
    await pause()
    leaf(n)
    return n


@trace
async def flow(n):
    for i in range(n):
        await pause()
        yield i


def drive(coroutine):
    """Run a coroutine without a loop, which would handle the signal itself."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


async def asynchronously():
    for i in range(2):
        await work(i)
    made = flow(4)
    async for i in made:
        if i == 2:
            break
    await made.aclose()


@trace
def program():
    """A bit of everything."""
    for i in range(3):
        leaf(i)
        try:
            failing(i)
        except ValueError:
            pass
    with start_span("block") as span:
        span.set_inputs({"a": [1, 2]})
        leaf(4)
        with start_span("inner"):
            span.set_attribute("k", "v")
    sum(1 for _ in stream(4))
    list(itertools.islice(stream(4), 2))
    for _ in reduced(3):
        break
    drive(asynchronously())
    with context(tags={"k": "v"}, session_id="s"):
        leaf(5)


def roots():
    """The same without a root above all."""
    with context(user="u"), context(enabled=True):
        leaf(1)
        for _ in stream(2):
            leaf(2)
        drive(work(1))
    with start_span("block"):
        leaf(3)


def strike(alarm, run, seconds):
    """Run a program, interrupt it after a time, and tell what is wrong afterwards."""
    came_out = None
    with recorded_traces() as traces:
        try:
            try:
                alarm.set(seconds)
                run()
            finally:
                alarm.stop()
        except KeyboardInterrupt:
            came_out = "KeyboardInterrupt"
        except BaseException:
            came_out = traceback.format_exc()
        rang = alarm.rang
        gc.collect(0)
        wrong = []
        lost = KeyboardInterrupt in unraisable or (
            rang and alarm.where[0] in LOSING_FUNCTIONS
        )
        unraisable.clear()
        if rang and came_out is None and not lost:
            wrong.append(f"the interrupt was swallowed in {alarm.where}")
        if came_out not in (None, "KeyboardInterrupt"):
            wrong.append(f"came out: {came_out}")
        if get_current_active_span() is not None:
            wrong.append(f"current: {get_current_active_span()!r}")
        if RECORDER.traces.all():
            wrong.append(
                f"left open: {[outline(t.to_trace()) for t in RECORDER.traces.all()]}"
            )
        for found in traces:
            if "(open)" in outline(found):
                wrong.append(f"open spans:\n{outline(found)}")
        before = len(traces)
        leaf(0)
        if len(traces) != before + 1:
            wrong.append("the next trace is no root")
        else:
            last = traces[before]
            if last.info.tags.keys() - {"mlflow.traceName"}:
                wrong.append(f"the next trace has tags: {last.info.tags}")
    return rang, lost, wrong


def main(seed, points):
    """Interrupt so many times; returns the count and what went wrong."""
    rng = random.Random(seed)
    RECORDER.traces = OpenTraces()
    alarm = Alarm()
    lengths = {}
    for run in (program, roots):
        run()
        started = time.perf_counter()
        for _ in range(5):
            run()
        lengths[run] = (time.perf_counter() - started) / 5
    struck, lost, failures = 0, 0, []
    while struck < points:
        run = rng.choice((program, program, roots))
        rang, was_lost, wrong = strike(
            alarm, run, max(2e-6, rng.random() * lengths[run])
        )
        struck += rang
        lost += was_lost
        if wrong:
            failures.append(wrong)
            RECORDER.traces = OpenTraces()
            from spantree.recording.context import CURRENT
            from spantree.recording.scope import SCOPE

            CURRENT.set(None)
            SCOPE.set(None)
    return {
        "struck": struck,
        "lost": lost,
        "failures": failures,
        "internal_errors": internal_error_tracebacks(),
    }


if __name__ == "__main__":
    gc.disable()
    sys.unraisablehook = lambda args: unraisable.append(args.exc_type)
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
