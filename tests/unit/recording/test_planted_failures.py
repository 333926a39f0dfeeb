"""With a bug in our own code the program goes on as if it were not traced."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

from spantree.recording import (
    RECORDER,
    get_current_active_span,
    internal_errors,
    reset_internal_errors,
    start_span,
    start_span_no_context,
    trace,
    update_current_trace,
)

MODULES = {name: f"spantree.recording.{name}" for name in (
    "recorder", "span_edits", "streams", "live_trace", "site", "open_traces",
)}  # fmt: skip
# What is broken; each is a function that one of the programs comes by.
PLANTED = [
    ("recorder", "capture_arguments"),
    ("recorder", "capture"),
    ("recorder", "new_span_key"),
    ("recorder", "new_trace_key"),
    ("recorder", "perf_counter_ns"),
    ("recorder", "LiveTrace"),
    ("span_edits", "exception_attributes"),
    ("span_edits", "capture"),
    ("streams", "capture"),
    ("streams", "StreamLog"),
    ("streams", "perf_counter_ns"),
    ("live_trace", "perf_counter_ns"),
    ("live_trace", "Finished"),
    ("site", "capture"),
    ("open_traces", "_latest_start_ns"),
]


@trace
def plain(x):
    return [x]


@trace
def failing(x):
    raise ValueError(x)


@trace
async def coroutine(x):
    await asyncio.sleep(0)
    return plain(x)


@trace
def items(x):
    for n in range(3):
        plain(n)
        yield [x, n]


@trace(output_reducer=len)
async def flow(x):
    yield x
    yield [x]


@trace
def returns_a_coroutine(x):
    return coroutine(x)


async def collected():
    made = flow(1)
    async for found in made:
        if found == [1]:
            break
    await made.aclose()
    return found


def blocks():
    with start_span("outer", attributes={"a": [1]}) as outer:
        outer.set_inputs([1])
        update_current_trace(tags={"k": "v"})
        with contextlib.suppress(KeyError), start_span("inner"):
            raise KeyError("k")
    span = start_span_no_context("detached", inputs=[1])
    span.record_exception("odd")
    span.end(outputs=[2])
    return "left"


PROGRAMS = {
    "plain": (lambda: plain(1), [1]),
    "nested": (lambda: trace(lambda x: plain(plain(x)))(1), [[1]]),
    "coroutine": (lambda: asyncio.run(coroutine(2)), [2]),
    "returned coroutine": (lambda: asyncio.run(awaited()), [3]),
    "items": (lambda: list(items(1)), [[1, 0], [1, 1], [1, 2]]),
    "left items": (lambda: next(items(1)), [1, 0]),
    "flow": (lambda: asyncio.run(collected()), [1]),
    "blocks": (blocks, "left"),
}


async def awaited():
    return await returns_a_coroutine(3)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, RecursionError, OSError])
@pytest.mark.parametrize(("module", "name"), PLANTED)
def test_a_failure_of_ours_changes_nothing_and_is_counted(
    traces, monkeypatch, module, name, error
):
    monkeypatch.delenv("SPANTREE_RAISE_INTERNAL_ERRORS")
    struck = []

    def broken(*_arguments, **_options):
        struck.append(1)
        raise error("planted")

    reset_internal_errors()
    for what, (program, expected) in PROGRAMS.items():
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules[MODULES[module]], name, broken)
            before = len(struck)
            assert program() == expected, what
            with pytest.raises(ValueError, match="planned") as caught:
                failing("planned")
        assert caught.value.args == ("planned",)
        assert get_current_active_span() is None, what
        if len(struck) > before:
            assert internal_errors(), what
        # The next trace is whole.
        RECORDER.traces._by_key.clear()  # noqa: SLF001 - what the failure left open
        count = len(traces)
        plain(1)
        assert len(traces) == count + 1
        assert traces[count].data.root.outputs == [1]
    reset_internal_errors()

    assert struck
