"""Pictures, sound and documents that are kept beside a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ATTACHMENT_SCHEME = "mlflow-attachment"
"""Of the addresses in the place of attachments, as mlflow 3.17 writes them."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
# RIFF files say what they are after their length.
_RIFF_KINDS = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_RIFF_KIND_AT = slice(8, 12)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes to be kept with a trace as a file of their own.

    Attributes:
        content_type: MIME type, such as ``image/png``.
        content_bytes: The content.
    """

    content_type: str
    content_bytes: bytes

    @classmethod
    def from_file(cls, path: str | Path, content_type: str | None = None) -> Attachment:
        """Read a file now.

        Args:
            path: Where it is.
            content_type: Its MIME type; by default told from its first bytes.
        """
        from pathlib import Path

        content = Path(path).read_bytes()
        kind = content_type or sniff(content[:64]) or "application/octet-stream"
        return cls(kind, content)


def sniff(head: bytes) -> str | None:
    """Tell media from their first bytes."""
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    if head.startswith(b"RIFF"):
        return _RIFF_KINDS.get(head[_RIFF_KIND_AT])
    return None
