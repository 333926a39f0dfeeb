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
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import orjson

from spantree.entities.span import MODEL, Link
from spantree.entities.values import (
    Captured,
    SharedValues,
    encode,
    encode_exactly,
    encode_line,
    from_json,
    loads,
)
from spantree.search.texts import clean_text
from spantree.store.messages import without_marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span


Attributes: TypeAlias = "dict[str, str]"
"""The line of JSON that each attribute is, by name."""

Rest: TypeAlias = "tuple[list[tuple[str, int, Attributes]], str | None, str | None]"
"""What few spans carry: events (name, time, attributes), links, status message."""


class Payloads(NamedTuple):
    """What the spans of a chunk carry besides their rows, a place for each.

    Values are lines of JSON, None where there is nothing.

    Args:
        inputs: Of each span.
        outputs: Of each span.
        attributes: Of each span; those with the same attributes share the dict.
        rest: By the place of the few spans that carry more.
    """

    inputs: list[str | None]
    outputs: list[str | None]
    attributes: list[Attributes]
    rest: dict[int, Rest]


NO_REST: Rest = ([], None, None)


# Short texts in attributes, as names of functions and models, come again and again.
_SHORT = 64


class PayloadEncoder:
    """Encodes the payloads of a chunk; attributes that come again but once."""

    def __init__(self) -> None:
        # By the dict's id, as spans of one function share one: what to write when it
        # comes again, its model, and itself, so that the id remains its own.
        self._seen: dict[int, tuple[bytes, str, dict[str, Captured]]] = {}
        self._places: dict[bytes, bytes] = {}

    def encode(self, span: Span, place: int) -> tuple[bytes, str]:
        """Give the payload of the span at that place, and its model, "" if none."""
        written, model = b"", ""
        inputs, outputs = span.raw_inputs, span.raw_outputs
        attributes = span.raw_attributes
        if attributes:
            seen = self._seen.get(id(attributes))
            if seen is None:
                written, model = self._encode_attributes(attributes, place)
            else:
                written, model, _ = seen
        has_more = span.raw_events or span.links or span.status_message
        if not has_more and written and inputs is not None and outputs is not None:
            # By far the most, so in one step.
            text = b'"i":\n%b,"o":\n%b,%b' % (_line(inputs), _line(outputs), written)
            return text, model
        parts = []
        if inputs is not None:
            parts.append(b'"i":\n' + _line(inputs))
        if outputs is not None:
            parts.append(b'"o":\n' + _line(outputs))
        if written:
            parts.append(written)
        if has_more:
            parts += _encode_rest(span)
        return b",".join(parts), model

    def _encode_attributes(
        self, attributes: dict[str, Captured], place: int
    ) -> tuple[bytes, str]:
        text, name = _attributes(attributes)
        known = self._places.get(text)
        again = known or b'"a":\n%d\n' % place
        self._places[text] = again
        self._seen[id(attributes)] = (again, name, attributes)
        return known or text, name


def read_payloads(body: bytes) -> Payloads:
    """Read a chunk's body back."""
    # The inner loop of all reading; see `_pack_one`. What is there comes in order.
    lines = body.decode().split("\n")
    found = inputs, outputs, attributes, rest = Payloads([], [], [], {})
    at = 1
    while True:
        head = lines[at]
        if head == '"i":':
            inputs.append(lines[at + 1])
            at += 2
            head = lines[at]
        else:
            inputs.append(None)
        if head == ',"o":' or head == '"o":':  # noqa: PLR1714 - half the time
            outputs.append(lines[at + 1])
            at += 2
            head = lines[at]
        else:
            outputs.append(None)
        if head == ',"a":' or head == '"a":':  # noqa: PLR1714
            attributes.append(attributes[int(lines[at + 1])])
            at += 2
        else:
            own: Attributes = {}
            attributes.append(own)
            if head == ',"a":{' or head == '"a":{':  # noqa: PLR1714
                at = _read_pairs(lines, at + 1, own) + 1
        if lines[at] != "}":
            at, rest[len(inputs) - 1] = _read_rest(lines, at)
        if lines[at + 1] == "]":
            return found
        at += 2


def _read_rest(lines: list[str], at: int) -> tuple[int, Rest]:
    """Read what few spans carry; give the place of the end, too."""
    events: list[tuple[str, int, Attributes]] = []
    links = message = None
    while (head := lines[at]) != "}":
        at += 1
        if head.endswith('"e":['):
            at = _read_events(lines, at, events)
        elif head.endswith('"l":'):
            links = lines[at]
        else:
            message = lines[at]
        at += 1
    return at, (events, links, message)


def captured(line: str | None) -> Captured:
    """Take the line of a value as a captured one."""
    return None if line is None else from_json(line)


def all_captured(lines: Mapping[str, str]) -> dict[str, Captured]:
    """Take the lines of attributes as captured values."""
    return {key: from_json(line) for key, line in lines.items()}


def links_of(line: str | None) -> list[Link]:
    """Read the line of a span's links."""
    if line is None:
        return []
    return [
        Link(trace, span, extra or None)
        for trace, span, extra in cast("list[tuple[str, str, Any]]", loads(line))
    ]


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
    return b",".join(
        [
            _pair(key, value)
            if type(value) is str and len(value) <= _SHORT
            else _head(key) + _line(value)
            for key, value in values.items()
        ]
    )


@lru_cache(maxsize=1024)
def _pair(key: str, value: str) -> bytes:
    return _head(key) + _line(value)


@lru_cache(maxsize=1024)
def _head(key: str) -> bytes:
    return encode(key) + b":\n"


def _attributes(attributes: dict[str, Captured]) -> tuple[bytes, str]:
    """Give attributes as they are written, and the model among them."""
    shared = attributes if type(attributes) is SharedValues else None
    if shared is not None and shared.encoded is not None:
        return shared.encoded
    model = attributes.get(MODEL)
    name = clean_text(model) if isinstance(model, str) else ""
    written = b'"a":{\n' + _pairs(attributes) + b"}\n", name
    if shared is not None:
        shared.encoded = written
    return written


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


def _read_pairs(lines: list[str], at: int, found: Attributes) -> int:
    """Read attributes; give the place of the line that ends them."""
    while (head := lines[at])[:1] != "}":
        found[_key(head)] = lines[at + 1]
        at += 2
    return at


def _read_events(
    lines: list[str], at: int, found: list[tuple[str, int, Attributes]]
) -> int:
    while (head := lines[at])[:1] != "]":
        name, when = orjson.loads(head.lstrip(",").removesuffix(",{") + "]")
        attributes: Attributes = {}
        at = _read_pairs(lines, at + 1, attributes) + 1
        found.append((name, when, attributes))
    return at


@lru_cache(maxsize=1024)
def _key(line: str) -> str:
    key: str = orjson.loads(line.lstrip(",").removesuffix(":"))
    return key
