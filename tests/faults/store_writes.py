"""Writes traces and says which of them are acknowledged, until it is killed.

As a program: ``store_writes.py FILE_OR_URI FIRST COUNT``, which says it on its output.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spantree.entities import (
    Span,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.store import Writer, open_store, parse_tracking_uri

_SPANS = 4
_FLUSH_EVERY = 7


def made(key, *, is_open=False):
    """Make a trace whose payload says its key."""
    spans = [
        Span(
            trace_key=key,
            span_key=number,
            parent_key=1 if number > 1 else None,
            name="work",
            start_time_ns=key,
            end_time_ns=None if is_open and number == 1 else key + number,
            raw_inputs={"key": str(key), "text": "x" * 300},
        )
        for number in range(1, _SPANS + 1)
    ]
    state = TraceState.IN_PROGRESS if is_open else TraceState.OK
    info = TraceInfo(f"tr-{key:032x}", TraceLocation.from_experiment_id("0"), 0, state)
    return Trace(info, TraceData(spans))


def main(file, first, count, said):
    """Write; after each flush, note in a file how many traces it acknowledged."""
    store = open_store(parse_tracking_uri(file if "://" in file else Path(file)))
    running = [made(10**9 + first, is_open=True)]
    writer = Writer(lambda: store, lambda: running)
    writer.watch()
    with Path(said).open("ab", buffering=0) as acknowledged:
        for number in range(count):
            key = first + number
            writer.submit(key, lambda key=key: made(key))
            if number % _FLUSH_EVERY == 0 and writer.flush(30):
                acknowledged.write(b"%d\n" % (number + 1))
        if writer.flush(30):
            acknowledged.write(b"%d\n" % count)
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "/dev/stdout")
