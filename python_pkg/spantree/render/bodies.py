"""The values of a span, as JSON text that a viewer reads when the span is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from spantree.entities.values import encode
from spantree.render.attachments import MARKER, MARKER_BYTES
from spantree.render.errors import error_of
from spantree.render.escape import without_surrogates
from spantree.render.packing import compact_json
from spantree.render.values import DECODE_ERRORS, json_text, text_size, value_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span
    from spantree.entities.values import Captured
    from spantree.render.attachments import Attachments

Body: TypeAlias = "dict[str, object]"


def has_body(span: Span) -> bool:
    """Tell whether a span recorded anything beyond its row."""
    return bool(
        span.raw_inputs is not None
        or span.raw_outputs is not None
        or span.raw_attributes
        or span.raw_events
        or span.links
    )


def body_size(span: Span) -> int:
    """Estimate the bytes of a span's inputs and outputs without encoding them."""
    size = 0
    if span.raw_inputs is not None:
        size += value_size(span.raw_inputs)
    if span.raw_outputs is not None:
        size += value_size(span.raw_outputs)
    return size


def build_body(
    span: Span, attachments: Attachments, limit: int | None, zero_ns: int
) -> tuple[Body, int]:
    """Build the payload's body of a span.

    Args:
        span: The span.
        attachments: Takes the media found in inputs and outputs.
        limit: Where one value's text is cut, in UTF-8 bytes; None for never.
        zero_ns: The start of the trace; events count from it.

    Returns:
        The body, and the bytes that were cut from its values.
    """
    body: Body = {}
    lost = 0
    for key, value in (("in", span.raw_inputs), ("out", span.raw_outputs)):
        if value is None:
            continue
        body[key], size = _value_text(value, attachments, limit)
        if size:
            body[f"{key}_n"] = size
            lost += size - text_size(str(body[key]))
    for key, text in (
        ("attrs", _object_text(span.raw_attributes)),
        ("events", _events_text(span, zero_ns)),
        ("links", _links_text(span)),
    ):
        if text:
            body[key], size = _cut(text, limit)
            lost += max(0, size - text_size(str(body[key])))
    exception = _exception(span, limit)
    if exception:
        body["exc"] = exception
    return body, lost


def _value_text(
    value: Captured, attachments: Attachments, limit: int | None
) -> tuple[str, int]:
    """Give a value's JSON text, cut, and its true size in bytes if it was cut."""
    # A megabyte is not searched, encoded or decoded for its first 32 kB.
    if limit is not None:
        if isinstance(value, bytes) and len(value) > limit:
            head = value[:limit]
            if MARKER_BYTES not in head:
                return head.decode("utf-8", "ignore"), len(value)
        if isinstance(value, str) and len(value) > limit:
            start = value[:limit]
            if MARKER not in start:
                return _cut(json_text(start), limit)[0], text_size(value) + 2
    return _cut(attachments.extract(json_text(value)), limit)


def _cut(text: str, limit: int | None) -> tuple[str, int]:
    """Cut a text to UTF-8 bytes; the true size is 0 when nothing was cut."""
    if limit is None or len(text) * 4 <= limit:
        return text, 0
    size = text_size(text)
    if size <= limit:
        return text, 0
    return text.encode()[:limit].decode("utf-8", "ignore"), size


def _object_text(values: Mapping[str, Captured]) -> str:
    if not values:
        return ""
    # A copy, for the program may add attributes to an open span meanwhile.
    items = list(values.items())
    members = b",".join([encode(key) + b":" + encode(value) for key, value in items])
    return (b"{" + members + b"}").decode("utf-8", "replace")


def _events_text(span: Span, zero_ns: int) -> str:
    if not span.raw_events:
        return ""
    texts = [
        f'{{"name":{json_text(name)},"us":{(time_ns - zero_ns) // 1000},'
        f'"attributes":{_object_text(attributes) or "{}"}}}'
        for name, time_ns, attributes in span.raw_events
    ]
    return f"[{','.join(texts)}]"


def _links_text(span: Span) -> str:
    if not span.links:
        return ""
    return compact_json([link.to_dict() for link in span.links]).decode()


def _exception(span: Span, limit: int | None) -> dict[str, str] | None:
    kind, message = error_of(span)
    try:
        recorded = span.exception
    except DECODE_ERRORS:
        recorded = None
    if not (recorded or kind):
        return None
    stack = recorded[2] if recorded else ""
    return {
        key: without_surrogates(text if limit is None else text[:limit])
        for key, text in (("type", kind), ("message", message), ("stack", stack))
    }
