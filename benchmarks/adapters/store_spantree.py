"""spantree's default store, filled as its writer thread does."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import spantree
from spantree.entities import (
    Span,
    SpanStatusCode,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.store import open_store, parse_tracking_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from adapters.store_shape import BATCH, described

_LOCATION = TraceLocation.from_experiment_id("0")


class Store:
    """A file in a folder."""

    library: Any = spantree
    search = staticmethod(spantree.search_traces)
    get = staticmethod(spantree.get_trace)
    flush = staticmethod(spantree.flush)

    def __init__(self, folder: Path) -> None:
        self._target: Path | str = folder / "traces.db"
        spantree.set_tracking_uri(f"sqlite:///{self._target}")

    def fill(self, first: int, last: int) -> None:
        """Write traces by the store's own method, 64 at a time."""
        store = open_store(parse_tracking_uri(self._target))
        for start in range(first, last, BATCH):
            end = min(last, start + BATCH)
            store.write([_trace(number) for number in range(start, end)])
        store.close()

    def ids(self, count: int) -> Iterator[str]:
        """Give the ids of some stored traces."""
        total = self.count()
        for n in range(count):
            yield f"tr-{_key(n * total // count):032x}"

    def count(self) -> int:
        """Count the traces that another process would see."""
        connection = sqlite3.connect(f"file:{self._target}?mode=ro", uri=True)
        with connection:
            (count,) = connection.execute("SELECT count(*) FROM trace").fetchone()
        connection.close()
        return int(count)

    def size(self) -> int:
        """Give the bytes on disk."""
        store = open_store(parse_tracking_uri(self._target))
        size = store.shrink()
        store.close()
        return size


def _key(number: int) -> int:
    # Spread like random ids, and known again.
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 1) % 2**128


def _trace(number: int) -> Trace:
    shape = described(number)
    spans = [
        Span(
            trace_key=_key(number),
            span_key=(number * 8 + at + 1) * 0x9E3779B97F4A7C15 % 2**64,
            parent_key=None
            if parent is None
            else (number * 8 + parent + 1) * 0x9E3779B97F4A7C15 % 2**64,
            name=name,
            span_type=span_type,
            start_time_ns=shape.start_ns + at * 1000,
            end_time_ns=shape.start_ns + shape.dur_ns - at * 1000,
            status_code=SpanStatusCode.OK,
            raw_inputs=inputs.encode(),
            raw_outputs=outputs.encode(),
            raw_attributes={"mlflow.spanFunctionName": name},
        )
        for at, (name, span_type, parent, inputs, outputs) in enumerate(shape.spans)
    ]
    info = TraceInfo(
        trace_id=f"tr-{_key(number):032x}",
        trace_location=_LOCATION,
        request_time=shape.start_ns // 10**6,
        state=TraceState.OK,
        request_preview=shape.spans[0][3],
        response_preview=shape.spans[0][4],
        execution_duration=shape.dur_ns // 10**6,
        trace_metadata={
            "mlflow.trace_schema.version": "3",
            "mlflow.traceInputs": shape.spans[0][3],
            "mlflow.traceOutputs": shape.spans[0][4],
            "mlflow.trace.session": shape.session,
        },
        tags={"mlflow.traceName": "agent", **shape.tags},
    )
    return Trace(info, TraceData(spans))
