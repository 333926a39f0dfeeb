"""Lets our current span and OpenTelemetry's follow each other.

OpenTelemetry keeps what is current in a context variable of its own, behind a runtime
context object that everything asks. We put ours in its place: it shows our span as the
current one, and makes current for us what an instrumentation attaches. A span of ours
pays nothing for it; an attach or a look at the context does.

``_RUNTIME_CONTEXT`` is private to opentelemetry.context; seen in 1.45.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import opentelemetry.context
from opentelemetry import trace
from opentelemetry.context import Context, set_value

from spantree.integrations._otel_spans import BridgeSpan, live_span_of, origin_of
from spantree.recording import LiveSpan, guard
from spantree.recording.context import CURRENT, REMOTE, current_span, leave_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.propagation import TraceParent

SITE = "otel.context"
# The nearest span of ours in a context of OpenTelemetry's.
_OURS = "spantree-span"
_lock = threading.Lock()


class _Token:
    """What an attach has changed."""

    __slots__ = ("__weakref__", "before", "origin", "origin_before", "span", "theirs")

    def __init__(
        self,
        theirs: Any,
        span: LiveSpan | None,
        before: LiveSpan | None,
        origin: TraceParent | None,
        origin_before: TraceParent | None,
    ) -> None:
        self.theirs = theirs
        self.span = span
        self.before = before
        self.origin = origin
        self.origin_before = origin_before


class FollowingContext:
    """A runtime context of OpenTelemetry that our current span takes part in.

    Args:
        base: The one whose place it takes; holds the contexts themselves.

    Attributes:
        is_on: Whether anybody wants it; else everything goes to the base.
        shows_ours: Whether OpenTelemetry sees our spans as current.
        attached: What was given for contexts that may still be detached. (Pydantic AI
            drops it and attaches the former context instead.)
    """

    def __init__(self, base: Any) -> None:
        self.base = base
        self.is_on = True
        self.shows_ours = True
        self.attached: WeakSet[_Token] = WeakSet()

    def get_current(self) -> Context:
        """Give the context, with our span in it if that is the innermost."""
        context: Context = self.base.get_current()
        if self.is_on and self.shows_ours:
            with guard(SITE):
                return _with_ours(context)
        return context

    def attach(self, context: Context) -> Any:
        """Make a context current, and for us the span that it is about."""
        if not self.is_on:
            return self.base.attach(context)
        span: LiveSpan | None = None
        before: LiveSpan | None = None
        origin = origin_before = None
        with guard(SITE):
            before = CURRENT.get()
            span = _span_of(context)
            innermost = span or current_span()
            if innermost:
                context = set_value(_OURS, innermost, context)
            elif self.shows_ours:
                # A service that isn't recorded itself: ours go on with its caller's.
                origin = origin_of(trace.get_current_span(context))
            if span is not None:
                CURRENT.set(span)
            if origin is not None:
                origin_before = REMOTE.get()
                REMOTE.set(origin)
        theirs = self.base.attach(context)
        token = _Token(theirs, span, before, origin, origin_before)
        self.attached.add(token)
        return token

    def detach(self, token: Any) -> None:
        """Go back to what was current before an attach."""
        if not isinstance(token, _Token):
            self.base.detach(token)
            return
        self.attached.discard(token)
        with guard(SITE):
            leave_to(token.span, token.before)
            if token.origin is not None and REMOTE.get() is token.origin:
                REMOTE.set(token.origin_before)
        try:
            self.base.detach(token.theirs)
        except ValueError:
            # A generator that is closed in another task (opentelemetry-python#2606);
            # there is nothing to go back to.
            return


def _with_ours(context: Context) -> Context:
    span = current_span()
    known = context.get(_OURS)
    if not span or span is known:
        return context
    if isinstance(known, LiveSpan) and _stands_above(known, span):
        return context  # ours has ended, and what it holds of others goes on
    bridged = _show(span)
    if bridged is None:
        return context
    shown = trace.set_span_in_context(bridged, context)
    return set_value(_OURS, span, shown)


def _stands_above(ended: LiveSpan, span: LiveSpan) -> bool:
    """Whether an ended span was begun under another one, which is current again."""
    node = ended.above if ended.end_time_ns is not None else None
    while node is not None and node is not span:
        node = node.above
    return node is span


def _span_of(context: Context) -> LiveSpan | None:
    shown = trace.get_current_span(context)
    found = (find(shown) for find in (live_span_of, *FINDERS))
    span = next((span for span in found if span is not None), None)
    if span is not None and span.end_time_ns is None:
        return span
    known = context.get(_OURS)
    if isinstance(known, LiveSpan) and known.end_time_ns is None:
        return known
    return None


_show: Callable[[LiveSpan], trace.Span | None] = BridgeSpan.of


def show_as(show: Callable[[LiveSpan], trace.Span | None] | None) -> None:
    """Let our spans be shown otherwise; a function that gives None shows none."""
    global _show  # noqa: PLW0603 - as OpenTelemetry keeps its own
    _show = show or BridgeSpan.of


def theirs() -> Context:
    """Give OpenTelemetry's own context, without a look at our current span."""
    base = opentelemetry.context if _following is None else _following.base
    context: Context = base.get_current()
    return context


_following: FollowingContext | None = None
_users: dict[str, bool] = {}  # who wants it → whether our spans are shown
FINDERS: list[Callable[[trace.Span], LiveSpan | None]] = []
"""Give our spans of somebody else's, which are no spans of the bridge."""


def follow(user: str, *, shows_ours: bool = True) -> None:
    """Let the contexts follow each other, until each user has said :func:`leave`.

    Args:
        user: Who wants it.
        shows_ours: Whether OpenTelemetry is to see our spans as current.
    """
    global _following  # noqa: PLW0603 - as OpenTelemetry keeps its own
    with _lock:
        _users[user] = shows_ours
        if _following is None:
            _following = FollowingContext(opentelemetry.context._RUNTIME_CONTEXT)  # noqa: SLF001
        _following.is_on = True
        _following.shows_ours = all(_users.values())
        opentelemetry.context._RUNTIME_CONTEXT = _following  # type: ignore[assignment, unused-ignore]  # noqa: SLF001


def unfollow(user: str) -> None:
    """Put OpenTelemetry's own runtime context back, if nobody else wants ours."""
    global _following  # noqa: PLW0603 - as OpenTelemetry keeps its own
    with _lock:
        _users.pop(user, None)
        if _following is None:
            return
        _following.shows_ours = all(_users.values())
        if _users:
            return
        _following.is_on = False
        # Who has attached a context holds a token of ours, that only ours can take.
        if not _following.attached:
            opentelemetry.context._RUNTIME_CONTEXT = _following.base  # noqa: SLF001
            _following = None
