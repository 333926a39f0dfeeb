"""A finished trace that waits to be written, packed into one object.

Thousands may wait when a program traces faster than the store writes. As live spans
they would lengthen every pause of the garbage collector, which looks at each object
that may point to others.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from spantree.entities.live_span import LiveSpan
from spantree.entities.span import Span
from spantree.recording.forks import FIRST_USE

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.trace import Trace, TraceState
    from spantree.recording.live_trace import LiveTrace
    from spantree.recording.publish import About
    from spantree.recording.recorder import Recorder
    from spantree.recording.redaction import Redactor

MOST_SPANS: Final = 64
"""Packing takes half a microsecond a span, on the thread that ends the root."""

_FIELDS = 13


class Finished(list[object]):
    """What is left of a trace when its last span has ended; gives it published.

    A list of the spans' fields, one span after the other. Has of :class:`LiveTrace`
    what is said of the trace as a whole.

    Args:
        trace: Its spans are live ones that have ended.
    """

    __slots__ = (
        "_recorder",
        "client_request_id",
        "experiment_id",
        "key",
        "metadata",
        "request_preview",
        "response_preview",
        "state",
        "tags",
    )

    def __init__(self, trace: LiveTrace) -> None:
        self._recorder = trace.recorder
        self.key = trace.key
        self.experiment_id = trace.experiment_id
        self.tags: dict[str, str] = trace.tags
        self.metadata: dict[str, str] = trace.metadata
        self.client_request_id = trace.client_request_id
        self.request_preview = trace.request_preview
        self.response_preview = trace.response_preview
        self.state: TraceState | None = trace.state
        for span in trace.spans:
            self += _packed(span)

    def __call__(self) -> Trace:
        """Put the trace together, secrets masked."""
        publish, _ = _publishers()
        return publish(self, self.spans(), self._recorder.redactor)

    def spans(self) -> list[Span]:
        """Give the spans, published: fresh ones at each call."""
        _, complete = _publishers()
        spans = [
            _unpacked(self[at : at + _FIELDS], self.key)
            for at in range(0, len(self), _FIELDS)
        ]
        complete(spans, self._recorder)
        return spans


@cache
def _publishers() -> tuple[
    Callable[[About, list[Span], Redactor], Trace],
    Callable[[list[Span], Recorder], None],
]:
    """Import what publishes: mostly on the writer's thread, not with spantree."""
    with FIRST_USE:
        from spantree.recording.publish import complete, publish

    return publish, complete


def _packed(span: Span) -> tuple[object, ...]:
    events = span.raw_events
    stream = span.stream if isinstance(span, LiveSpan) else None
    return (
        span.span_key,
        span.parent_key,
        span.name,
        span.span_type,
        span.start_time_ns,
        span.end_time_ns,
        span.status_code,
        span.status_message,
        span.raw_inputs,
        span.raw_outputs,
        span.raw_attributes,
        events if stream is None else stream.events() + events,
        span.links,
    )


def _unpacked(record: list[object], trace_key: int) -> Span:
    span = Span.__new__(Span)
    span.trace_key = trace_key
    (
        span.span_key,
        span.parent_key,
        span.name,
        span.span_type,
        span.start_time_ns,
        span.end_time_ns,
        span.status_code,
        span.status_message,
        span.raw_inputs,
        span.raw_outputs,
        span.raw_attributes,
        span.raw_events,
        span.links,
    ) = record  # type: ignore[assignment]
    span.display_number = 0
    return span
