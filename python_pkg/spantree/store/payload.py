"""Encodes what spans carry, pasting bytes that were encoded before.

The body of a chunk is one JSON array with an object for each span, ``{"i": inputs,
"o": outputs, "a": attributes, "e": events, "l": links, "m": status message}``, with a
line break before and after every captured value. JSON text has line breaks between
tokens only, so a reader finds each value by splitting lines: nothing is parsed, and
bytes come back as they went in. Attributes that an earlier span of the chunk has, too,
are the number of that span.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import orjson

from spantree.entities.span import MODEL, Link
from spantree.entities.values import (
    Captured,
    encode,
    encode_exactly,
    encode_line,
    from_json,
    loads,
)
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
    """Encodes the payloads of a chunk; attributes that come again but once."""

    def __init__(self) -> None:
        # By the dict's id, as spans of one function share one: what to write when it
        # comes again, its model, and itself, so that the id remains its own.
        self._seen: dict[int, tuple[bytes, str, dict[str, Captured]]] = {}
        self._places: dict[bytes, bytes] = {}

    def encode(self, span: Span, place: int) -> tuple[bytes, str]:
        """Give the payload of the span at that place, and its model, "" if none."""
        text, model = b"", ""
        inputs, outputs = span.raw_inputs, span.raw_outputs
        if inputs is not None:
            line = _line(inputs) if type(inputs) is bytes else encode_line(inputs)
            text = b'"i":\n' + line
        if outputs is not None:
            line = _line(outputs) if type(outputs) is bytes else encode_line(outputs)
            text += (b',"o":\n' if text else b'"o":\n') + line
        attributes = span.raw_attributes
        if attributes:
            seen = self._seen.get(id(attributes))
            if seen is None:
                written, model = self._encode_attributes(attributes, place)
            else:
                written, model, _ = seen
            text += b"," + written if text else written
        if span.raw_events or span.links or span.status_message:
            rest = b",".join(_encode_rest(span))
            text += b"," + rest if text else rest
        return text, model

    def _encode_attributes(
        self, attributes: dict[str, Captured], place: int
    ) -> tuple[bytes, str]:
        text = b'"a":{\n' + _pairs(attributes) + b"}\n"
        model = attributes.get(MODEL)
        name = clean_text(model) if isinstance(model, str) else ""
        known = self._places.get(text)
        again = known or b'"a":\n%d\n' % place
        self._places[text] = again
        self._seen[id(attributes)] = (again, name, attributes)
        return known or text, name


def read_payloads(body: bytes) -> list[Payload]:
    """Read a chunk's body back, one payload a span."""
    lines = iter(body.split(b"\n"))
    found: list[Payload] = []
    for line in lines:
        if line == b"]":
            break
        found.append(_read_payload(lines, found))
    return found


def _encode_rest(span: Span) -> list[bytes]:
    """Encode what few spans carry: events, links, the status's message."""
    parts: list[bytes] = []
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
    return parts


def _line(value: Captured) -> bytes:
    """Give the JSON of a value and a line break, the only one in it."""
    if type(value) is not bytes:
        return encode_line(value)
    # JSON that was read from a file may be laid out over several lines.
    if value.find(b"\n") >= 0:
        value = value.replace(b"\n", b" ")
    # A mark has a tab, which can be found faster.
    if value.find(b"\t") >= 0:
        value = without_marks(value)
    return value + b"\n"


def _pairs(values: Mapping[str, Captured]) -> bytes:
    return b",".join([_head(key) + _line(value) for key, value in values.items()])


@lru_cache(maxsize=1024)
def _head(key: str) -> bytes:
    return encode(key) + b":\n"


def _event(name: str, at: int, attributes: Mapping[str, Captured]) -> bytes:
    try:
        head = orjson.dumps((name, at))[:-1]
    except TypeError:  # a lone surrogate, a time beyond 64 bits
        head = b"[%b,%d" % (encode(name), at)
    return head + b",{\n" + _pairs(attributes) + b"}]\n"


def _links_json(links: list[list[object]]) -> bytes:
    try:
        return encode_exactly(links)
    except (TypeError, ValueError):  # no JSON data, as other tracers may give
        return orjson.dumps(links, default=str, option=orjson.OPT_NON_STR_KEYS)


def _read_payload(lines: Iterator[bytes], earlier: list[Payload]) -> Payload:
    inputs: Captured = None
    outputs: Captured = None
    attributes: dict[str, Captured] = {}
    events: list[tuple[str, int, dict[str, Captured]]] = []
    links: list[Link] = []
    message = ""
    for line in lines:
        if line == b"}":
            break
        head = line.lstrip(b",")
        if head == b'"i":':
            inputs = from_json(next(lines))
        elif head == b'"o":':
            outputs = from_json(next(lines))
        elif head == b'"a":{':
            attributes = _read_pairs(lines)
        elif head == b'"a":':
            attributes = dict(earlier[int(next(lines))].attributes)
        elif head == b'"e":[':
            events = _read_events(lines)
        elif head == b'"l":':
            links = _read_links(next(lines))
        else:
            message = str(from_json(next(lines)) or "")
    return Payload(inputs, outputs, attributes, events, links, message)


def _read_pairs(lines: Iterator[bytes]) -> dict[str, Captured]:
    found: dict[str, Captured] = {}
    for line in lines:
        if line[:1] == b"}":
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


def _read_links(text: bytes) -> list[Link]:
    return [
        Link(trace, span, extra or None)
        for trace, span, extra in cast("list[tuple[str, str, Any]]", loads(text))
    ]


@lru_cache(maxsize=1024)
def _key(line: bytes) -> str:
    key: str = orjson.loads(line.lstrip(b",").removesuffix(b":"))
    return key
