"""Which span is current: an immutable linked stack in one context variable.

The nodes are the spans themselves, each pointing to the one ``above`` it. Nodes are
restored by value and never by token: ``ContextVar.reset`` raises when a generator is
closed in another task (opentelemetry-python#2606).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from spantree.entities.live_span import LiveSpan, NoOpSpan

if TYPE_CHECKING:
    from spantree.entities.propagation import TraceParent

CURRENT: ContextVar[LiveSpan | None] = ContextVar("spantree_current", default=None)

REMOTE: ContextVar[TraceParent | None] = ContextVar("spantree_remote", default=None)
"""The span of another process that roots begun here are put under."""

NO_OP = NoOpSpan()
"""Given where nothing is recorded; never in the context."""

# A no-op has the end time 0 while it is in force, and this one when it no longer is.
_OVER = 1


def current_span() -> LiveSpan | None:
    """Give the innermost span that has not ended, a no-op, or None."""
    span = CURRENT.get()
    while span is not None and span.end_time_ns:
        span = span.above
    return span


def leave(span: LiveSpan) -> None:
    """Make the span above current again, if this one still is current.

    One above that has ended meanwhile is passed over: blocks may end out of order.
    """
    if CURRENT.get() is span:
        below, above = span, span.above
        while above is not None and (above.end_time_ns or 0) > below.start_time_ns:
            below, above = above, above.above
        CURRENT.set(above)
    if span.end_time_ns == 0 and span is not NO_OP:
        span.end_time_ns = _OVER


def leave_to(span: LiveSpan | None, above: LiveSpan | None) -> None:
    """Make ``above`` current again, if we are below a stream's span.

    Args:
        span: The stream's; None does nothing.
        above: What was current when its body was resumed.
    """
    node = CURRENT.get() if span is not None else None
    while node is not None:
        if node is span:
            CURRENT.set(above)
            return
        node = node.above


def forget_ended(span: LiveSpan | None) -> None:
    """Cut the ended spans above an ended one, which nobody looks at any more.

    A timer that sets itself again inside its span would keep a chain of all of them.
    """
    if span is not None and span.end_time_ns:
        above = span.above
        while above is not None and above.end_time_ns:
            above = above.above
        span.above = above
