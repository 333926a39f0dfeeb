"""Pictures, sound and documents inside values: kept beside the payload, not in it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from spantree.entities.media_types import ATTACHMENT_SCHEME
from spantree.recording.capture.notes import Note, Reading, note

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.attachment import Attachment

SHORTEST = 2_048
"""Characters of base64 text below which media stay where they are."""

ADDRESS = f"{ATTACHMENT_SCHEME}://"
UNKNOWN_TRACE = f"tr-{0:032x}"
"""Stands in an address until the trace is known."""

DEFAULT_MAX_BYTES = 10_000_000
# Compiled when they are first needed: few programs have media.
_CONTENT_TYPE = r"[a-z0-9]{1,40}/[A-Za-z0-9.+_-]{1,80}"
_BASE64 = r"[A-Za-z0-9+/_=\s-]*"
_DATA_URI = r"data:([^;,]{1,120})(?:;[^;,]{1,80}){0,3};base64,"
_LONGEST_DATA_HEAD = 400
# The ways APIs wrap base64 text: in a data URI, or beside a field with its type.
_TYPE_FIELDS = ("media_type", "mime_type", "mimeType")
MARKS = (
    b";base64,",
    b'"input_audio"',
    b'"image_generation_call"',
    b'"b64_json"',
    *(f'"{name}"'.encode() for name in _TYPE_FIELDS),
)
"""JSON text with none of these holds no media."""


class Media:
    """Something taken out of a value.

    Attributes:
        id: The UUID in the address that stands in its place.
        content_type: MIME type.
        size: Bytes.
        raw: The bytes, or their base64 text as it was found.
    """

    __slots__ = ("content_type", "id", "raw", "size")

    def __init__(
        self, media_id: str, content_type: str, size: int, raw: bytes | str
    ) -> None:
        self.id = media_id
        self.content_type = content_type
        self.size = size
        self.raw = raw

    def content(self) -> bytes:
        """Give the bytes; base64 is read here, off the caller's thread.

        Raises:
            ValueError: If the text isn't base64 after all.
        """
        if isinstance(self.raw, bytes):
            return self.raw
        import base64

        text = self.raw.translate({45: 43, 95: 47})
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4))
        except ValueError as error:
            message = f"The {self.content_type} {self.id} is not base64: {error}"
            raise ValueError(message) from error


class Attachments(list[Media]):
    """Collects the media of one span's values.

    Attributes:
        trace_id: The trace the addresses name.
        max_bytes: Larger media become a note.
    """

    def __init__(self, trace_id: str, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        super().__init__()
        self.trace_id = trace_id
        self.max_bytes = max_bytes


def put_aside(
    attachments: list[Media] | None,
    content_type: str,
    size: int,
    load: Callable[[], bytes | str],
) -> str | Note:
    """Hand media to the collector.

    Args:
        attachments: The collector; None keeps only a note.
        content_type: MIME type.
        size: Bytes.
        load: Gives the content, called only if it is kept.

    Returns:
        The address of the media, or a note with type and size in its place.
    """
    kind = content_type if re.fullmatch(_CONTENT_TYPE, content_type) else "unknown"
    limit, trace_id = DEFAULT_MAX_BYTES, UNKNOWN_TRACE
    if isinstance(attachments, Attachments):
        limit, trace_id = attachments.max_bytes, attachments.trace_id
    trace = f"&trace_id={trace_id}"
    if attachments is None or size > limit:
        return note("attachment", content_type=kind, size=size)
    media = Media(_new_id(), kind, size, load())
    attachments.append(media)
    quoted = kind.replace("+", "%2B").replace("/", "%2F")
    return f"{ADDRESS}{media.id}?content_type={quoted}{trace}&size={size}"


def attached(value: Attachment, run: Reading) -> object:
    """Read an attachment."""
    content = value.content_bytes
    if type(content) is not bytes or type(value.content_type) is not str:
        return note("attachment", content_type="unknown")
    return run.media(value.content_type, len(content), lambda: content)


def find_data_uri(text: str) -> tuple[str, int] | None:
    """Recognise a ``data:`` URI in base64: its MIME type and where the text begins."""
    if not text.startswith("data:"):
        return None
    found = re.match(_DATA_URI, text[:_LONGEST_DATA_HEAD])
    if found is None or not _looks_base64(text, found.end()):
        return None
    return found[1], found.end()


def find_wrapped(
    text: str, key: object, outer: object, siblings: dict[object, object]
) -> str | None:
    """Recognise base64 text by the fields around it.

    Args:
        text: The value of a field.
        key: The field's name.
        outer: The name under which the whole object stands.
        siblings: The fields beside it with text values.

    Returns:
        The MIME type, None if this is no media.
    """
    content_type: object = None
    if key == "data":
        content_type = next((siblings[k] for k in _TYPE_FIELDS if k in siblings), None)
        if content_type is None and outer == "input_audio":
            content_type = f"audio/{siblings.get('format', 'wav')}"
    elif key == "b64_json" or (
        key == "result" and siblings.get("type") == "image_generation_call"
    ):
        content_type = f"image/{siblings.get('output_format', 'png')}"
    if type(content_type) is not str or not _looks_base64(text, 0):
        return None
    return content_type


def decoded_size(text: str, start: int = 0) -> int:
    """Give the number of bytes that base64 text stands for, without reading it."""
    end = text[-2:]
    padding = len(end) - len(end.rstrip("="))
    return (len(text) - start - padding) * 3 // 4


def _looks_base64(text: str, start: int) -> bool:
    return bool(re.fullmatch(_BASE64, text[start : start + 256]))


def _new_id() -> str:
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40  # version and variant of RFC 4122, 4.4
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
