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

from spantree.entities.span import Span, SpanStatusCode
from spantree.store.breath import breathe
from spantree.store.classes import STATUSES, Groups, SpanClass
from spantree.store.messages import MessageList, find_lists
from spantree.store.payload import (
    NO_REST,
    PayloadEncoder,
    all_captured,
    captured,
    links_of,
    read_payloads,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES = 64 * 1024
# Encoding so many takes a tenth of a millisecond.
_SPANS_BETWEEN_BREATHS = 16
# Of what stands around the values of a span.
_BYTES_AROUND = 32
_UNSET, _OK = SpanStatusCode.UNSET, SpanStatusCode.OK
_IS_UNSET, _IS_OK = STATUSES.index(_UNSET), STATUSES.index(_OK)
_IS_ERROR = STATUSES.index(SpanStatusCode.ERROR)


class Chunk(NamedTuple):
    """Some spans of a trace, ready to be stored.

    Args:
        has_ended: All of them have; else none has.
        groups: The spans by class.
        rows: Their rows, JSON text.
        body: What they carry, JSON text, every conversation in full.
        lists: The conversations in it, to be stored once.
    """

    has_ended: bool
    groups: Groups
    rows: str
    body: bytes
    lists: list[MessageList]


def pack(spans: Iterable[Span]) -> Iterator[Chunk]:
    """Encode spans in chunks of about 64 kB.

    Args:
        spans: All of them have ended, or all are open.
    """
    waiting = iter(spans)
    for first in waiting:
        yield _pack_one(first, waiting)


def _pack_one(span: Span, following: Iterator[Span]) -> Chunk:
    """Encode a span and as many of those that follow as fit into its chunk."""
    # The inner loop of all writing: a call of ours takes as long as a fifth of it.
    base, has_ended = span.start_time_ns, span.end_time_ns is not None
    rows: list[tuple[int, int | None, int, int, int | None]] = []
    # By span id: where its row is, or which of the parents outside it is.
    places: dict[int, int] = {}
    outside: list[int] = []
    # By class: its number here, the spans and the longest duration.
    classes: dict[SpanClass, list[int]] = {}
    texts: list[bytes] = []
    encode, size = PayloadEncoder().encode, 0
    while True:
        place = len(rows)
        if place % _SPANS_BETWEEN_BREATHS == _SPANS_BETWEEN_BREATHS - 1:
            breathe()
        text, model = encode(span, place)
        texts.append(text)
        size += len(text) + _BYTES_AROUND

        code = span.status_code
        # An Enum's own hash is slow, comparing identities is not.
        status = _IS_OK if code is _OK else _IS_UNSET if code is _UNSET else _IS_ERROR
        which = (span.name, span.span_type, model, status)
        group = classes.get(which)
        if group is None:
            group = classes[which] = [len(classes), 0, -1]
        group[1] += 1
        start, end = span.start_time_ns, span.end_time_ns
        duration = None if end is None else end - start
        if duration is not None and duration > group[2]:
            group[2] = duration

        above = parent = span.parent_key
        if parent is not None:
            above = places.get(parent)
            if above is None:
                outside.append(parent)
                above = places[parent] = -len(outside)
        places[span.span_key] = place
        rows.append((span.span_key, above, group[0], start - base, duration))
        if size >= CHUNK_BYTES or (after := next(following, None)) is None:
            break
        span = after
    said = {"t": base, "k": list(classes), "p": outside, "s": rows}
    body = b"[{\n" + b"}\n,{\n".join(texts) + b"}\n]"
    groups: Groups = {
        which: (count, longest if has_ended else None)
        for which, (_, count, longest) in classes.items()
    }
    rows_json = orjson.dumps(said).decode()
    return Chunk(has_ended, groups, rows_json, body, find_lists(body))


def unpack(trace_key: int, rows: str, body: bytes) -> Iterator[Span]:
    """Read the spans of a chunk, conversations expanded."""
    said = orjson.loads(rows)
    base, classes, outside = said["t"], said["k"], said["p"]
    keys = [row[0] for row in said["s"]]
    payloads = read_payloads(body)
    values = zip(said["s"], *payloads[:3], strict=True)
    for place, (row, inputs, outputs, attributes) in enumerate(values):
        key, above, number, start, duration = row
        name, span_type, _, status = classes[number]
        parent = above
        if above is not None:
            parent = keys[above] if above >= 0 else outside[-1 - above]
        events, links, message = payloads.rest.get(place, NO_REST)
        yield Span(
            trace_key=trace_key,
            span_key=key,
            parent_key=parent,
            name=name,
            span_type=span_type,
            start_time_ns=base + start,
            end_time_ns=None if duration is None else base + start + duration,
            status_code=STATUSES[status],
            status_message=str(captured(message) or ""),
            raw_inputs=captured(inputs),
            raw_outputs=captured(outputs),
            raw_attributes=all_captured(attributes),
            raw_events=[(e, at, all_captured(more)) for e, at, more in events],
            links=links_of(links),
        )
