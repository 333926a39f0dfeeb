"""Warns of filters that are valid and surely not meant."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from spantree.entities.span import SpanStatusCode, SpanType
from spantree.entities.trace import TraceState
from spantree.search.nodes import Op

if TYPE_CHECKING:
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


def warn_of_doubtful(node: Comparison) -> None:
    """Warn if a literal is one of the known words but for upper and lower case."""
    known = _KNOWN.get(node.field.key)
    if known is None or node.op not in _EXACT:
        return
    for literal in node.literals:
        text = str(literal)
        if text not in known and text.upper() in known:
            message = (
                f"{node.field.shown} = '{text}' finds nothing: upper and lower case "
                f"differ. Write '{text.upper()}'."
            )
            warnings.warn(message, FilterHint, stacklevel=_levels_of_ours())


def _levels_of_ours() -> int:
    """Count the calls up to the user's own line, which the warning shall name."""
    package = __name__.partition(".")[0]
    frame = sys._getframe(1)  # noqa: SLF001 - as warnings itself does
    level = 1
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
