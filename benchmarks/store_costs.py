"""What the store and the filter language cost by themselves: ``store_costs.py``.

No library is compared here. Times on a shared machine mean little alone, so each is
also given in units of a fixed loop, timed next to it.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import orjson
from store_worker import traced_agent

import spantree
from spantree.entities import (
    Span,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.search import parse_filter
from spantree.store import Writer, open_store, parse_tracking_uri, sql
from spantree.store.jobs import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

_START_NS = 1_700_000_000_000_000_000
_TRACES = 10_000
_OPEN_SPANS = 20_000
_TURNS = 200
_BATCH = 64
_PARTS = ("recorded", "published", "encoded", "inserted and committed")
_FILTER = "status = 'OK' AND duration > 2s AND tag.env = 'prod' AND span.type = 'TOOL'"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for measure in (ingest, writing, open_trace, conversation, parsing):
            loop_ms = _loop_ms()
            for name, value, unit in measure(Path(folder)):
                loops = f"{value / loop_ms:8.2f} loops" if unit == "ms" else ""
                sys.stdout.write(f"{name:<52}{value:>12,.3f} {unit:<8}{loops}\n")


def ingest(folder: Path):
    """Tell the parts of recording and storing the traces of store_vs_mlflow.py.

    One thread does it all, batch after batch, so that parts can be told apart; what is
    given is the least of each part.
    """
    agent = traced_agent(spantree)
    store = open_store(parse_tracking_uri(folder / "ingest.db"))
    finished: list[Callable[[], Trace]] = []
    caught = mock.patch.multiple(
        Writer,
        submit=lambda _, __, supplier, ___=0: finished.append(supplier),
        watch=lambda _: None,
    )
    drafts_of, drafted, least = sql.drafts_of, [0], [math.inf] * 4

    def timed_drafts_of(*given):
        began = time.thread_time_ns()
        found = drafts_of(*given)
        drafted[0] = time.thread_time_ns() - began
        return found

    with caught, mock.patch.object(sql, "drafts_of", timed_drafts_of):
        for start in range(0, _TRACES, MAX_BATCH):
            finished.clear()
            at = [time.thread_time_ns()]
            for number in range(start, start + MAX_BATCH):
                agent(number)
            at.append(time.thread_time_ns())
            traces = [supplier() for supplier in finished]
            at.append(time.thread_time_ns())
            store.write(traces)
            wrote = time.thread_time_ns() - at[2]
            parts = (at[1] - at[0], at[2] - at[1], drafted[0], wrote - drafted[0])
            least = [min(pair) for pair in zip(least, parts, strict=True)]
    store.close()
    for name, took in zip(_PARTS, least, strict=True):
        yield f"CPU of a trace: {name}", took / MAX_BATCH / 1e6, "ms"


def writing(folder: Path):
    """Store traces of five spans, as the writer thread does."""
    store = open_store(parse_tracking_uri(folder / "writing.db"))
    traces = [_trace(n, 4, tags={"env": "prod"}) for n in range(1, _TRACES + 1)]
    began = time.process_time()
    for start in range(0, _TRACES, _BATCH):
        store.write(traces[start : start + _BATCH])
    took = time.process_time() - began
    size = store.shrink()
    store.close()
    yield "CPU of a trace of 5 spans until committed", took / _TRACES * 1000, "ms"
    yield "disk of a span", size / _TRACES / 5, "bytes"


def open_trace(folder: Path):
    """Store an open trace again and again while it grows."""
    store = open_store(parse_tracking_uri(folder / "open.db"))
    whole = _trace(1, _OPEN_SPANS, is_open=True)

    def write(count: int) -> float:
        trace = Trace(whole.info, TraceData(whole.data.spans[: count + 1]))
        began = time.process_time()
        store.write([trace])
        return (time.process_time() - began) * 1000

    first = write(_OPEN_SPANS - 100)
    yield f"CPU of an open trace of {_OPEN_SPANS:,} spans, first", first, "ms"
    yield "the same with nothing new", write(_OPEN_SPANS - 100), "ms"
    yield "the same with 100 new spans", write(_OPEN_SPANS), "ms"
    store.close()


def conversation(folder: Path):
    """Store the turns of a chat, each with all turns before it."""
    store = open_store(parse_tracking_uri(folder / "chat.db"))
    roles = ("user", "assistant")
    messages = [
        {"role": roles[n % 2], "content": f"message {n} " * 30}
        for n in range(2 * _TURNS)
    ]
    store.write([_trace(10**6, 0)])
    empty, written = store.shrink(), 0
    for turn in range(_TURNS):
        inputs = orjson.dumps({"model": "m", "messages": messages[: 2 * turn + 1]})
        written += len(inputs)
        store.write([_trace(turn + 1, 0, raw_inputs=inputs)])
    yield (
        f"JSON of {_TURNS} turns / disk",
        written / (store.shrink() - empty),
        "times",
    )
    store.close()


def parsing(_: Path):
    """Parse a filter of four clauses."""
    times = []
    for _ in range(200):
        began = time.process_time_ns()
        for _ in range(10):
            parse_filter(_FILTER, now_ns=_START_NS)
        times.append(time.process_time_ns() - began)
    yield "parse of a 4-clause filter", min(times) / 10 / 1e6, "ms"


def _trace(key: int, children: int, *, is_open=False, raw_inputs="hi", **info):
    end = None if is_open else _START_NS + 10**6
    root = Span(
        trace_key=key,
        span_key=key,
        parent_key=None,
        name="agent",
        start_time_ns=_START_NS + key,
        end_time_ns=end,
        raw_inputs=raw_inputs,
    )
    below = [
        Span(
            trace_key=key,
            span_key=2**40 + number,
            parent_key=key,
            name="step",
            span_type="TOOL",
            start_time_ns=_START_NS + number,
            end_time_ns=_START_NS + number + 5,
            raw_inputs={"x": number},
            raw_outputs=number,
        )
        for number in range(children)
    ]
    state = TraceState.IN_PROGRESS if is_open else TraceState.OK
    location = TraceLocation.from_experiment_id("0")
    info = TraceInfo(f"tr-{key:032x}", location, 0, state, **info)
    return Trace(info, TraceData([root, *below]))


def _loop_ms() -> float:
    times = []
    for _ in range(20):
        began = time.process_time_ns()
        sum(range(10_000))
        times.append(time.process_time_ns() - began)
    return min(times) / 1e6


if __name__ == "__main__":
    main()
