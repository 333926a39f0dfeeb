"""A document: what a retriever finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Document:
    """A piece of text that a retriever found.

    A span of type ``RETRIEVER`` whose outputs are a list of these is shown as a list
    of documents.

    Args:
        page_content: The text.
        metadata: JSON-able data, such as ``doc_uri``.
        id: The retriever's own id of it.
    """

    page_content: str
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields by name."""
        return {
            "page_content": self.page_content,
            "metadata": dict(self.metadata),
            "id": self.id,
        }
