"""How media are told from other bytes, and the addresses that stand in their place."""

from __future__ import annotations

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


def sniff(head: bytes) -> str | None:
    """Tell media from their first bytes."""
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    if head.startswith(b"RIFF"):
        return _RIFF_KINDS.get(head[_RIFF_KIND_AT])
    return None
