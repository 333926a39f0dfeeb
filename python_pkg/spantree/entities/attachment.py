"""Pictures, sound and documents that are kept beside a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.entities.media_types import sniff

if TYPE_CHECKING:
    from pathlib import Path


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
