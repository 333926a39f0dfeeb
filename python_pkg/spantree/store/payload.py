"""Packs what spans carry into chunks, pasting bytes that were encoded before.

A chunk is one JSON object, ``{"<16 hex>": {"i": inputs, "o": outputs, "a": attributes,
"e": events, "l": links, "m": status message}}``, with a line break before and after
every captured value. JSON text has line breaks between tokens only, so a reader finds
each value by splitting lines: nothing is parsed, and bytes come back as they went in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from spantree.entities.span import Link
from spantree.entities.values import Captured, encode, from_json
from spantree.search.texts import clean_text
from spantree.store.messages import MessageList, find_lists, without_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spantree.entities.span import Span

CODEC_PLAIN = 0
CHUNK_BYTES = 64 * 1024


class Payload(NamedTuple):
    """What one span carries besides its row."""

    inputs: Captured
    outputs: Captured
    attributes: dict[str, Captured]
    events: list[tuple[str, int, dict[str, Captured]]]
    links: list[Link]
    status_message: str


class EncodedPayload(NamedTuple):
    """A span's part of a chunk, without the braces around all of them.

    Args:
        body: With every conversation in full.
        lists: The conversations in it, to be stored once.
    """

    body: bytes
    lists: list[MessageList]


def encode_payload(span: Span) -> EncodedPayload:
    """Encode what a span carries."""
    parts: list[bytes] = []
    if span.raw_inputs is not None:
        parts.append(b'"i":\n' + _line(span.raw_inputs))
    if span.raw_outputs is not None:
        parts.append(b'"o":\n' + _line(span.raw_outputs))
    if span.raw_attributes:
        parts.append(b'"a":{\n' + _pairs(span.raw_attributes) + b"}\n")
    if span.raw_events:
        events = b",".join(_event(*event) for event in span.raw_events)
        parts.append(b'"e":[\n' + events + b"]\n")
    if span.links:
        links: list[list[object]] = [
            [link.trace_id, link.span_id, dict(link.attributes or {})]
            for link in span.links
        ]
        parts.append(b'"l":\n' + _line(_links_json(links)))
    if span.status_message:
        parts.append(b'"m":\n' + _line(clean_text(span.status_message)))
    body = b'"%016x":{\n' % span.span_key + b",".join(parts) + b"}\n"
    return EncodedPayload(body, find_lists(body))


def pack(payloads: Mapping[int, bytes]) -> Iterator[tuple[bytes, list[int]]]:
    """Join payloads into chunks of about 64 kB.

    Args:
        payloads: Encoded payloads by span key.

    Yields:
        A chunk's body, and the keys of the spans in it.
    """
    parts: list[bytes] = []
    keys: list[int] = []
    size = 0
    for key, payload in payloads.items():
        parts.append(payload)
        keys.append(key)
        size += len(payload)
        if size >= CHUNK_BYTES:
            yield b"{" + b",".join(parts) + b"}", keys
            parts, keys, size = [], [], 0
    if parts:
        yield b"{" + b",".join(parts) + b"}", keys


def unpack(body: bytes) -> dict[int, Payload]:
    """Read a chunk back: payloads by span key."""
    lines = iter(body.split(b"\n"))
    found: dict[int, Payload] = {}
    for line in lines:
        head = line.lstrip(b"{,}")
        if not head:
            break
        found[int(head[1:17], 16)] = _read_payload(lines)
    return found


def _line(value: Captured) -> bytes:
    text = encode(value)
    # JSON that was read from a file may be laid out over several lines.
    if b"\n" in text:
        text = text.replace(b"\n", b" ")
    return without_marks(text) + b"\n"


def _pairs(values: Mapping[str, Captured]) -> bytes:
    return b",".join(
        encode(key) + b":\n" + _line(value) for key, value in values.items()
    )


def _event(name: str, at: int, attributes: Mapping[str, Captured]) -> bytes:
    return b"[%b,%d,{\n%b}]\n" % (encode(name), at, _pairs(attributes))


def _links_json(links: list[list[object]]) -> bytes:
    return orjson.dumps(links, default=str, option=orjson.OPT_NON_STR_KEYS)


def _read_payload(lines: Iterator[bytes]) -> Payload:
    values: dict[bytes, Captured] = {}
    attributes: dict[str, Captured] = {}
    events: list[tuple[str, int, dict[str, Captured]]] = []
    for line in lines:
        if line.startswith(b"}"):
            break
        head = line.lstrip(b",")
        if head == b'"a":{':
            attributes = _read_pairs(lines)
        elif head == b'"e":[':
            events = _read_events(lines)
        else:
            values[head] = from_json(next(lines))
    return Payload(
        values.get(b'"i":'),
        values.get(b'"o":'),
        attributes,
        events,
        _read_links(values.get(b'"l":')),
        str(values.get(b'"m":') or ""),
    )


def _read_pairs(lines: Iterator[bytes]) -> dict[str, Captured]:
    found: dict[str, Captured] = {}
    for line in lines:
        if line.startswith(b"}"):
            break
        found[_key(line)] = from_json(next(lines))
    return found


def _read_events(
    lines: Iterator[bytes],
) -> list[tuple[str, int, dict[str, Captured]]]:
    found: list[tuple[str, int, dict[str, Captured]]] = []
    for line in lines:
        if line.startswith(b"]"):
            break
        name, at = orjson.loads(line.lstrip(b",").removesuffix(b",{") + b"]")
        found.append((name, at, _read_pairs(lines)))
    return found


def _read_links(text: Captured) -> list[Link]:
    if not isinstance(text, bytes):
        return []
    return [
        Link(trace, span, extra or None) for trace, span, extra in orjson.loads(text)
    ]


def _key(line: bytes) -> str:
    key: str = orjson.loads(line.lstrip(b",").removesuffix(b":"))
    return key
