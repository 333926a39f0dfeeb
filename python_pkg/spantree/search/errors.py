"""What a filter's author sees when the filter can't be read."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from spantree.entities.errors import SpantreeException

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN_BEFORE = 60
_SHOWN_IN_ALL = 100


class FilterError(SpantreeException):
    """A filter or an order that can't be read, with the place and a way out.

    Args:
        problem: What is wrong, without the place.
        text: The whole filter.
        position: Where it goes wrong, counted from 0.
        length: How many characters are wrong, at least 1.
        suggestion: What to write instead, or None.
        hint: The choices at that place; shown after the suggestion.

    """

    def __init__(
        self,
        problem: str,
        *,
        text: str,
        position: int,
        length: int = 1,
        suggestion: str | None = None,
        hint: str = "",
    ) -> None:
        self.position = position
        self.length = max(1, length)
        self.suggestion = suggestion
        quoted = suggestion if (suggestion or "'")[0] == "'" else f"'{suggestion}'"
        advice = f"did you mean {quoted}?" if suggestion else ""
        last_line = "   ".join(part for part in (advice, hint) if part)
        lines = [
            f"{problem} (column {position + 1})",
            *_pointed_at(text, position, self.length),
        ]
        super().__init__("\n".join(lines + ([last_line] if last_line else [])))


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Give the known name nearest to a misspelt one, or None."""
    near = difflib.get_close_matches(given.lower(), list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def _pointed_at(text: str, position: int, length: int) -> list[str]:
    """Draw the filter with carets under the wrong part; a long one is windowed."""
    line = "".join(c if c.isprintable() else " " for c in text)
    start = max(0, position - _SHOWN_BEFORE) if len(line) > _SHOWN_IN_ALL else 0
    shown = line[start : start + _SHOWN_IN_ALL]
    carets = "^" * max(1, min(length, len(shown) - (position - start)))
    return [f"  {shown}", f"  {' ' * (position - start)}{carets}"]
