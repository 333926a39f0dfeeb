"""Packs the spans of a trace into chunks: narrow rows here, what they carry there.

The rows of a chunk are one JSON object, so that lists and trees never read payloads::

    {"t": 1700000000000000000,                 the start of the first, ns since 1970
     "k": [["chat", "LLM", "gpt", 1], …],      classes: name, type, model, status
     "p": [1234567890],                        parents that stand in another chunk
     "s": [[id, parent, class, start - t, duration], …]}

A parent is a place in ``s``, or -1, -2, … for the first, second … of ``p``; null for a
root. The body is a JSON array of the same length, see :mod:`spantree.store.payload`.
Of several rows of one span the latest counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from spantree.entities.span import Span
from spantree.store.classes import STATUSES, class_of
from spantree.store.messages import MessageList, find_lists
from spantree.store.payload import PayloadEncoder, read_payloads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES = 64 * 1024
_LARGEST = 2**63 - 1


class Chunk(NamedTuple):
    """Some spans of a trace, ready to be stored.

    Args:
        keys: The ids of the spans.
        has_ended: All of them have; else none has.
        rows: Their rows, JSON text.
        body: What they carry, JSON text, every conversation in full.
        lists: The conversations in it, to be stored once.
    """

    keys: list[int]
    has_ended: bool
    rows: str
    body: bytes
    lists: list[MessageList]


class StoredRow(NamedTuple):
    """What a chunk's rows say of a span."""

    span_key: int
    has_ended: bool


def pack(spans: Iterable[Span]) -> Iterator[Chunk]:
    """Encode spans in chunks of about 64 kB.

    Args:
        spans: All of them have ended, or all are open.
    """
    packer = _Packer()
    for span in spans:
        packer.add(span)
        if packer.payloads.size >= CHUNK_BYTES:
            yield packer.chunk()
            packer = _Packer()
    if packer.rows:
        yield packer.chunk()


def unpack(trace_key: int, rows: str, body: bytes) -> Iterator[Span]:
    """Read the spans of a chunk, conversations expanded."""
    said = orjson.loads(rows)
    base, classes, outside = said["t"], said["k"], said["p"]
    keys = [row[0] for row in said["s"]]
    payloads = read_payloads(body)
    for (key, above, number, start, duration), payload in zip(
        said["s"], payloads, strict=True
    ):
        name, span_type, _, status = classes[number]
        parent = above
        if above is not None:
            parent = keys[above] if above >= 0 else outside[-1 - above]
        yield Span(
            trace_key=trace_key,
            span_key=key,
            parent_key=parent,
            name=name,
            span_type=span_type,
            start_time_ns=base + start,
            end_time_ns=None if duration is None else base + start + duration,
            status_code=STATUSES[status],
            status_message=payload.status_message,
            raw_inputs=payload.inputs,
            raw_outputs=payload.outputs,
            raw_attributes=payload.attributes,
            raw_events=payload.events,
            links=payload.links,
        )


def read_rows(rows: str) -> list[StoredRow]:
    """Read what the rows of a chunk say without their payloads."""
    return [StoredRow(row[0], row[4] is not None) for row in orjson.loads(rows)["s"]]


class _Packer:
    """A chunk in the making."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int | None, int, int, int | None]] = []
        self.payloads = PayloadEncoder()
        self._base: int | None = None
        self._classes: dict[tuple[str, str, str, int], int] = {}
        # By span id: where its row is, or which of the parents outside it is.
        self._places: dict[int, int] = {}
        self._outside: list[int] = []

    def add(self, span: Span) -> None:
        start, end, parent = span.start_time_ns, span.end_time_ns, span.parent_key
        base = self._base
        if base is None:
            base = self._base = start
        number = self._classes.setdefault(class_of(span), len(self._classes))
        places = self._places
        if parent is not None:
            place = places.get(parent)
            if place is None:
                self._outside.append(parent)
                place = places[parent] = -len(self._outside)
            parent = place
        places[span.span_key] = len(self.rows)
        duration = None if end is None else end - start
        self.rows.append((span.span_key, parent, number, start - base, duration))
        self.payloads.add(span)

    def chunk(self) -> Chunk:
        said = {
            "t": self._base,
            "k": list(self._classes),
            "p": self._outside,
            "s": self.rows,
        }
        body = self.payloads.body()
        keys = [row[0] for row in self.rows]
        rows = orjson.dumps(said).decode()
        return Chunk(keys, self.rows[0][4] is not None, rows, body, find_lists(body))
