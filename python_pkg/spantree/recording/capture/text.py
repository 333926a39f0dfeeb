"""Cuts text that is longer than its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.values import visible
from spantree.recording.capture.limits import ACTIVE

if TYPE_CHECKING:
    from spantree.recording.capture.cuts import Cut


def bounded(text: str, cuts: list[Cut] | None = None) -> str:
    """Keep a text that is no value, a message or a description, within the limit.

    Args:
        text: Any text.
        cuts: Gets an entry if it was cut.
    """
    most = ACTIVE.limits.max_bytes
    if 4 * len(text) <= most or size_of(text, most) <= most:
        return text
    kept, size, total = cut_text(text, most)
    if cuts is not None:
        cuts.append({"path": "", "kept": size, "total": total, "unit": "bytes"})
    return kept


def size_of(text: str, enough: int) -> int:
    """Give the bytes of a text in UTF-8.

    Args:
        text: The text; lone surrogates count as they are stored.
        enough: A longer text may be answered by any number above this.
    """
    if text.isascii() or len(text) > enough:
        return len(text)
    return len(text.encode("utf-8", "backslashreplace"))


def cut_text(text: str, room: int) -> tuple[str, int, int]:
    """Keep the first part of a text and say how much is missing.

    A secret that lies across the border is left out whole, so that no half of it
    passes redaction unrecognised.

    Args:
        text: A text of more than ``room`` bytes.
        room: Bytes to keep at most.

    Returns:
        The cut text; bytes kept; bytes in all, of which those after the cut count
        one per character unless the whole text is ASCII.
    """
    # Compiles the patterns of redaction, which most processes need later if at all.
    from spantree.recording.redaction.border import safe_cut

    kept = visible(text[:room])
    if not kept.isascii():
        kept = kept.encode()[:room].decode("utf-8", "ignore")
    ahead = text[: len(kept)] == kept  # false only with surrogates made visible
    kept = kept[: safe_cut(text if ahead else kept, len(kept))]
    size = len(kept) if kept.isascii() else len(kept.encode())
    rest = len(text) - len(kept)
    unit = "bytes" if text.isascii() else "characters"
    return f"{kept}… [truncated, {rest:,} more {unit}]", size, size + rest
