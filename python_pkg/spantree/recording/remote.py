"""Traces that go on in another process: what is sent, and what came with a request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spantree.entities.live_span import NoOpSpan
from spantree.entities.propagation import (
    SAMPLED,
    TraceParent,
    read_headers,
    write_headers,
)
from spantree.entities.trace_fields import SESSION, USER
from spantree.recording.blocks import EntersAsync
from spantree.recording.context import CURRENT, REMOTE, current_span
from spantree.recording.given import text_of
from spantree.recording.guard import guard, warn

if TYPE_CHECKING:
    from types import TracebackType

    from spantree.entities.live_span import LiveSpan
    from spantree.recording.live_trace import LiveTrace

_RESPECT_SAMPLED = "SPANTREE_RESPECT_SAMPLED"


def headers(baggage: bool = False) -> dict[str, str]:
    """Give the headers by which another process goes on with the active trace.

    They are W3C's: ``traceparent``, and ``tracestate`` where one came from our caller.

    Args:
        baggage: Send session and user as well; identifiers are not for everybody.

    Returns:
        Text by header name, in lower case; empty without an active span.

    Example:
        >>> import spantree
        >>> with spantree.start_span("call") as span:
        ...     sent = spantree.headers()
        >>> sent["traceparent"] == f"00-{span.trace_id[3:]}-{span.span_id}-01"
        True
    """
    with guard("headers"):
        span = current_span()
        if span:
            return write_headers(_place_of(span, with_identity=baggage))
    return {}


class _Block(EntersAsync):
    """A block of code that goes on with a trace; see :class:`continue_trace`."""

    __slots__ = ("_above", "_before", "_node", "_parent")

    _above: LiveSpan | None
    _before: TraceParent | None
    _node: LiveSpan | None
    _parent: TraceParent | None

    def __enter__(self) -> None:
        """Begin the block."""
        with guard("continue_trace"):
            parent = self._parent
            above = current_span()
            if parent is None or (above and above.trace_key == parent.trace_key):
                # Nothing came, or whoever opened the span has read the header already.
                self._parent = None
                return
            self._above, self._before = CURRENT.get(), REMOTE.get()
            if not parent.is_sampled and os.environ.get(_RESPECT_SAMPLED) == "1":
                self._node = NoOpSpan()
            CURRENT.set(self._node)
            REMOTE.set(parent)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """End the block; exceptions go on."""
        del kind, error, stack
        # By value, and only where we are: the block may end in another task.
        if self._parent is not None and REMOTE.get() is self._parent:
            REMOTE.set(self._before)
            CURRENT.set(self._above)


class continue_trace(_Block):  # noqa: N801 - reads as a statement
    """Put the spans of a block under the span that the headers of a request name.

    Without a ``traceparent`` nothing changes; a malformed one begins a new trace, with
    a warning. Session and user that came as baggage become those of the trace, unless
    they are set otherwise. Works with ``with`` and ``async with``.

    Args:
        headers: Of the request: a mapping or a list of pairs, of text or bytes, or a
            WSGI environment; the case of names is no matter.

    Example:
        >>> import spantree
        >>> sent = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
        >>> with continue_trace(sent), spantree.start_span("serve") as span:
        ...     print(span.trace_id == "tr-" + "1" * 32, span.parent_id)
        True 2222222222222222
    """

    __slots__ = ()

    def __init__(self, headers: object) -> None:
        self._parent = self._above = self._before = self._node = None
        with guard("continue_trace"):
            try:
                self._parent = read_headers(headers)
            except Exception as error:  # noqa: BLE001 - the mapping is the user's
                warn("traceparent", "A new trace begins: %s.", text_of(error))


def _place_of(span: LiveSpan, *, with_identity: bool) -> TraceParent:
    trace: LiveTrace = span.owner  # type: ignore[assignment]
    came = trace.origin
    return TraceParent(
        span.trace_key,
        span.span_key,
        SAMPLED if came is None else came.flags,
        "" if came is None else came.state,
        trace.metadata.get(SESSION) if with_identity else None,
        trace.metadata.get(USER) if with_identity else None,
    )
