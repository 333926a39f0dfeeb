"""The previews section: 120 characters of what went into and came out of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.render.budget import notebook_bytes
from spantree.render.escape import without_surrogates
from spantree.render.packing import pack
from spantree.render.values import span_previews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantree.entities.span import Span
    from spantree.render.tree import TraceTree

# No row's previews take less, deflated and in base64.
_LEAST_BYTES = 10
# Finding the last message of a conversation takes 10 µs.
_MAX_MESSAGES = 1_000


@dataclass(frozen=True, slots=True)
class PreviewSection:
    """The value of the payload's ``text``, None if empty.

    Args:
        value: Plain or packed.
        used: Its bytes in the notebook file.
        count: How many rows it covers.
    """

    value: object
    used: int
    count: int


def build_previews(
    tree: TraceTree,
    ranked: Sequence[int],
    place: Mapping[int, int] | Sequence[int],
    room: int | None,
    depth: int,
) -> PreviewSection:
    """Build the previews of as many rows as fit.

    Args:
        tree: The rows.
        ranked: Rows with a span, most important first.
        place: The payload's row of each.
        room: Bytes to take in the notebook file; None for no limit.
        depth: Levels of the notebook file above the section.
    """
    found: list[tuple[int, str | None, str | None]] = []
    for row in ranked:
        if room is not None and len(found) * _LEAST_BYTES > room:
            break
        span = tree.spans[row]
        if span is None or not has_preview(span):
            continue
        given, gave = span_previews(span, with_messages=len(found) < _MAX_MESSAGES)
        found.append((place[row], _clean(given), _clean(gave)))
    count = len(found)
    while count > 0:
        value = _section(found[:count])
        used = notebook_bytes(value, depth)
        if room is None or used <= room:
            return PreviewSection(value, used, count)
        count = min(count - 1, int(count * max(0, room) / used * 0.97))
    return PreviewSection(None, 0, 0)


def has_preview(span: Span | None) -> bool:
    """Tell whether a row's span recorded inputs or outputs."""
    return span is not None and (
        span.raw_inputs is not None or span.raw_outputs is not None
    )


def _section(chosen: list[tuple[int, str | None, str | None]]) -> object:
    ordered = sorted(chosen, key=lambda one: one[0])
    return pack(
        {
            "r": [row for row, _, _ in ordered],
            "i": [given for _, given, _ in ordered],
            "o": [gave for _, _, gave in ordered],
        }
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else without_surrogates(text)
