"""Encodes what spans carry, pasting bytes that were encoded before.

The body of a chunk is one JSON array with an object for each span, ``{"i": inputs,
"o": outputs, "a": attributes, "e": events, "l": links, "m": status message}``, with a
line break before and after every captured value. JSON text has line breaks between
tokens only, so a reader finds each value by splitting lines: nothing is parsed, and
bytes come back as they went in. Attributes that an earlier span of the chunk has, too,
are the number of that span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from spantree.entities.span import Link
from spantree.entities.values import Captured, encode, from_json
from spantree.search.texts import clean_text
from spantree.store.messages import without_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spantree.entities.span import Span


class Payload(NamedTuple):
    """What one span carries besides its row."""

    inputs: Captured
    outputs: Captured
    attributes: dict[str, Captured]
    events: list[tuple[str, int, dict[str, Captured]]]
    links: list[Link]
    status_message: str


class PayloadEncoder:
    """Writes the body of a chunk.

    Attributes:
        size: Its bytes so far, about.
    """

    def __init__(self) -> None:
        self.size = 0
        self._bodies: list[bytes] = []
        # Spans of one function share one dict; the reference keeps its id its own.
        self._seen: dict[int, tuple[dict[str, Captured], bytes]] = {}
        self._places: dict[bytes, bytes] = {}

    def add(self, span: Span) -> None:
        """Encode what the next span carries."""
        parts: list[bytes] = []
        if span.raw_inputs is not None:
            parts.append(b'"i":\n' + _line(span.raw_inputs))
        if span.raw_outputs is not None:
            parts.append(b'"o":\n' + _line(span.raw_outputs))
        if span.raw_attributes:
            parts.append(self._attributes(span.raw_attributes))
        if span.raw_events:
            events = b",".join([_event(*event) for event in span.raw_events])
            parts.append(b'"e":[\n' + events + b"]\n")
        if span.links:
            links: list[list[object]] = [
                [link.trace_id, link.span_id, dict(link.attributes or {})]
                for link in span.links
            ]
            parts.append(b'"l":\n' + _line(_links_json(links)))
        if span.status_message:
            parts.append(b'"m":\n' + _line(clean_text(span.status_message)))
        body = b"{\n%b}\n" % b",".join(parts)
        self.size += len(body)
        self._bodies.append(body)

    def body(self) -> bytes:
        """Give the body of what was added."""
        return b"[" + b",".join(self._bodies) + b"]"

    def _attributes(self, attributes: dict[str, Captured]) -> bytes:
        seen = self._seen.get(id(attributes))
        if seen is not None:
            return seen[1]
        text = b'"a":{\n' + _pairs(attributes) + b"}\n"
        place = self._places.get(text)
        if place is None:
            place = self._places[text] = b'"a":\n%d\n' % len(self._bodies)
        else:
            text = place
        self._seen[id(attributes)] = (attributes, place)
        return text


def read_payloads(body: bytes) -> list[Payload]:
    """Read a chunk's body back, one payload a span."""
    lines = iter(body.split(b"\n"))
    found: list[Payload] = []
    for line in lines:
        if line == b"]":
            break
        found.append(_read_payload(lines, found))
    return found


def _line(value: Captured) -> bytes:
    text = encode(value)
    # JSON that was read from a file may be laid out over several lines.
    if b"\n" in text:
        text = text.replace(b"\n", b" ")
    return without_marks(text) + b"\n"


def _pairs(values: Mapping[str, Captured]) -> bytes:
    return b",".join(
        [encode(key) + b":\n" + _line(value) for key, value in values.items()]
    )


def _event(name: str, at: int, attributes: Mapping[str, Captured]) -> bytes:
    return b"[%b,%d,{\n%b}]\n" % (encode(name), at, _pairs(attributes))


def _links_json(links: list[list[object]]) -> bytes:
    return orjson.dumps(links, default=str, option=orjson.OPT_NON_STR_KEYS)


def _read_payload(lines: Iterator[bytes], earlier: list[Payload]) -> Payload:
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
    place = values.get(b'"a":')
    if isinstance(place, int):
        attributes = dict(earlier[place].attributes)
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
