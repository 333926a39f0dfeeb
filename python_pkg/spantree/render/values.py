"""Captured values as the texts that outputs show: previews, JSON text, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.preview import preview
from spantree.entities.rollup import MODEL_TYPES
from spantree.entities.values import Captured, decode, encode

if TYPE_CHECKING:
    from spantree.entities.span import Span

PREVIEW_CHARACTERS = 120

# A trace may come from a file or a peer, its JSON text unread until now.
DECODE_ERRORS = (ValueError, RecursionError)
# Finding the last message means decoding; a long conversation costs more than the
# preview is worth.
_MAX_DECODED_BYTES = 8_000
_SAMPLE_CHARACTERS = 4_000


def span_previews(
    span: Span, *, with_messages: bool = True
) -> tuple[str | None, str | None]:
    """Give at most 120 characters of a span's inputs and of its outputs.

    Args:
        span: The span.
        with_messages: Whether a model call shows the last message of the user and of
            the assistant, which has to be looked for.
    """
    if with_messages and span.span_type in MODEL_TYPES:
        return (
            _message_preview(span.raw_inputs, "user"),
            _message_preview(span.raw_outputs, "assistant"),
        )
    return value_preview(span.raw_inputs), value_preview(span.raw_outputs)


def value_preview(value: Captured) -> str | None:
    """Give the first 120 characters of a value: of a text itself, else of its JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, bytes):
        # Four bytes hold any character.
        return _cut(value[: 4 * PREVIEW_CHARACTERS + 4].decode("utf-8", "ignore"))
    if isinstance(value, dict):
        return _cut(_dict_head(value))
    return _cut(json_text(value))


def long_preview(value: Captured, role: str) -> str:
    """Give at most 1,000 characters that tell what a root's value is about."""
    try:
        return preview(value, role) or ""
    except DECODE_ERRORS:
        return json_text(value)[:1000]


def decode_or_none(value: Captured) -> object:
    """Decode a captured value; None when its JSON is broken or nested too deeply."""
    try:
        return decode(value)
    except DECODE_ERRORS:
        return None


def json_text(value: Captured) -> str:
    """Give a captured value as JSON text."""
    return encode(value).decode("utf-8", "replace")


def value_size(value: Captured) -> int:
    """Estimate the bytes of a value's JSON text without encoding it."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str):
        return _rough_size(value) + 2
    if isinstance(value, dict):
        return 2 + sum(
            len(key) + 4 + (_rough_size(part) + 2 if isinstance(part, str) else 6)
            for key, part in value.items()
        )
    return 6


def text_size(text: str) -> int:
    """Count the UTF-8 bytes of a text; free for ASCII."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def _rough_size(text: str) -> int:
    """Estimate UTF-8 bytes; encoding a megabyte to count it takes 0.3 ms."""
    if text.isascii() or len(text) <= _SAMPLE_CHARACTERS:
        return text_size(text)
    return text_size(text[:_SAMPLE_CHARACTERS]) * len(text) // _SAMPLE_CHARACTERS


def _message_preview(value: Captured, role: str) -> str | None:
    if isinstance(value, bytes) and len(value) <= _MAX_DECODED_BYTES:
        try:
            found = preview(value, role)
        except DECODE_ERRORS:
            found = None
        if found is not None:
            return _cut(found)
    return value_preview(value)


def _dict_head(value: dict[str, object]) -> str:
    """Encode as much of a flat dict as a preview can show; a value may be long."""
    head: dict[str, object] = {}
    room = 2 * PREVIEW_CHARACTERS
    for key, part in value.items():
        short = part[:room] if isinstance(part, str) else part
        head[key] = short
        room -= len(key) + (len(short) if isinstance(short, str) else 1)
        if room <= 0:
            break
    return json_text(head)


def _cut(text: str) -> str:
    if len(text) <= PREVIEW_CHARACTERS:
        return text
    return text[: PREVIEW_CHARACTERS - 1] + "…"
