"""Which span is above a new one, when a library and our context each know one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.recording import get_current_active_span
from spantree.recording.context import CURRENT

if TYPE_CHECKING:
    from spantree.recording import LiveSpan


def innermost(known: LiveSpan | None) -> LiveSpan | None:
    """Give the current span where it lies inside the known one, else the known one.

    Args:
        known: The span of what the library says is around; None if it says nothing.

    Returns:
        A span, a false no-op where nothing is to be recorded, or None for a root.
    """
    current = get_current_active_span()
    if known is None or (current is not None and not current):
        return current
    node = CURRENT.get()
    while node is not None:
        if node is known:
            return current
        node = node.above
    return known
