"""Warns of filters that are valid and surely not meant."""

from __future__ import annotations

import sys
import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING

from spantree.entities.span import SpanStatusCode, SpanType
from spantree.entities.trace import TraceState
from spantree.search.nodes import Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.search.nodes import Comparison


class FilterHint(UserWarning):
    """A filter that is valid and finds nothing, probably for a slip."""


_KNOWN = {
    "state": [state.value for state in TraceState],
    "span.status": [status.value for status in SpanStatusCode],
    "span.type": [
        value for name, value in vars(SpanType).items() if not name.startswith("_")
    ],
}
_EXACT = (Op.EQ, Op.IN)
_NEARLY = 0.8


def warn_of_doubtful(node: Comparison) -> bool:
    """Warn if a literal is nearly one of the known words, as a slip makes it.

    Returns:
        Whether there was reason to.
    """
    known = _KNOWN.get(node.field.key)
    if known is None or node.op not in _EXACT:
        return False
    doubts = [_doubt(node.field.shown, str(value), known) for value in node.literals]
    for message in filter(None, doubts):
        warnings.warn(message, FilterHint, stacklevel=_levels_of_ours())
    return any(doubts)


def _doubt(field: str, text: str, known: Sequence[str]) -> str:
    if text in known:
        return ""
    if text.upper() in known:
        return (
            f"{field} = '{text}' finds nothing: upper and lower case differ. "
            f"Write '{text.upper()}'."
        )
    # Any text may be a span's type; one that is nearly a known one is a slip.
    near = get_close_matches(text.upper(), known, n=1, cutoff=_NEARLY)
    return f"No {field} is called '{text}'. Did you mean '{near[0]}'?" if near else ""


def _levels_of_ours() -> int:
    """Count the calls up to the user's own line, which the warning shall name."""
    package = __name__.partition(".")[0]
    frame = sys._getframe(1)  # noqa: SLF001 - as warnings itself does
    level = 1
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
