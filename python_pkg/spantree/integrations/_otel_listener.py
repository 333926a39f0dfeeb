"""Hears of the spans of the user's own tracer provider, which it leaves as they are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from spantree.entities.dialects import is_about_models
from spantree.entities.dialects.scopes import COVERED, is_model_scope, is_within
from spantree.entities.propagation import TraceParent
from spantree.entities.span import KIND, SCOPE, SpanType
from spantree.integrations._nesting import innermost
from spantree.integrations._otel_mirror import SCOPE_NAME as MIRRORED
from spantree.integrations._otel_spans import Writing, link_to, live_span_of, plain
from spantree.recording import (
    RECORDER,
    LiveSpan,
    guard,
    make_site,
)
from spantree.recording.clock import random_fraction
from spantree.recording.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.integrations._otel_mirror import Mirror
    from spantree.integrations._otel_provider import Switch

SITE = "otel.listener"


class Listener:
    """A span processor of the OpenTelemetry SDK that records what it hears.

    Args:
        switch: Who it records for.
        covered: Gives the libraries that we trace ourselves at the moment.
        mirror: Repeats our spans to that provider, while it is asked to.
    """

    def __init__(
        self, switch: Switch, covered: Callable[[], Sequence[str]], mirror: Mirror
    ) -> None:
        self._switch = switch
        self._mirror = mirror
        self._covered = covered
        self._open: dict[int, LiveSpan] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Count the spans that are open."""
        return len(self._open)

    def find(self, span: trace.Span) -> LiveSpan | None:
        """Give our span of one of theirs."""
        return self._open.get(span.get_span_context().span_id)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Begin our span of one that has begun."""
        if self._switch.on:
            with guard(SITE):
                self._begin(span, parent_context)

    # The SDK calls it when a span is about to end; newer versions only.
    def _on_ending(self, span: Any) -> None:
        """Do nothing: `on_end` sees all."""

    def on_end(self, span: Any) -> None:
        """Write what is known of a span into ours, and end it."""
        with guard(SITE):
            with self._lock:
                ours = self._open.pop(span.context.span_id, None)
            if ours is None and self._switch.on and self._is_late_root(span):
                ours = self._new_span(span, None)
            if ours is not None:
                self._write(ours, span)

    def shutdown(self) -> None:
        """Nothing is held that must be closed."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here."""
        del timeout_millis
        return True

    def _begin(self, span: Any, parent_context: Any) -> None:
        scope = _scope_of(span)["name"]
        if scope == MIRRORED:
            return
        names = self._covered()
        if any(is_within(scope, COVERED.get(name, ())) for name in names):
            return
        above = trace.get_current_span(parent_context)
        known = live_span_of(above) or self.find(above)
        parent = innermost(known)
        if parent is not None and not parent:
            return
        is_about = is_model_scope(scope) or is_about_models(span.attributes or {})
        if parent is None and not is_about:
            return  # perhaps known at its end
        ours = self._new_span(span, parent)
        if ours is not None:
            with self._lock:
                self._open[span.context.span_id] = ours

    def _is_late_root(self, span: Any) -> bool:
        """Whether a span that was no child of ours turned out to be about models."""
        scope = _scope_of(span)["name"]
        if scope == MIRRORED:
            return False
        names = self._covered()
        if any(is_within(scope, COVERED.get(name, ())) for name in names):
            return False
        return is_about_models(span.attributes or {})

    def _new_span(self, span: Any, parent: LiveSpan | None) -> LiveSpan | None:
        given: dict[str, Any] = {SCOPE: _scope_of(span)}
        if span.kind is not SpanKind.INTERNAL:
            given[KIND] = span.kind.name
        links = [link_to(link.context, link.attributes) for link in span.links]
        is_mirrored, theirs = self._mirror.is_on, span.context
        origin = _origin_of(span) if is_mirrored and parent is None else None
        if origin is not None and origin.span_key is None and not _is_sampled():
            return None
        trace_key = parent.trace_key if parent else origin and origin.trace_key
        if not is_mirrored or trace_key != theirs.trace_id:
            # What is theirs keeps its own identity there: a link leads to it.
            links.insert(0, link_to(theirs, {"spantree.link": "same span"}))
        site = make_site(span.name, SpanType.UNKNOWN, attributes=given, links=links)
        with self._mirror.listening():
            ours = RECORDER.begin_detached(
                site,
                parent,
                None,
                start_time_ns=span.start_time,
                origin=origin,
                span_key=theirs.span_id if is_mirrored else None,
            )
        if not ours:
            return None
        if is_mirrored:
            self._mirror.note(ours, theirs)
        ours.above = CURRENT.get()
        self._switch.calls += 1
        return ours

    def _write(self, ours: LiveSpan, span: Any) -> None:
        writing = Writing(ours, self._switch.options)
        for key, value in (span.attributes or {}).items():
            writing.attribute(key, value)
        for event in span.events:
            writing.event(event.name, event.attributes or {}, event.timestamp)
        ours.owner.edit_field(ours, "name", span.name)
        if span.status.status_code.name != "UNSET":
            ours.set_status(span.status.status_code.name)
            text = span.status.description or ""
            ours.owner.edit_field(ours, "status_message", text)
        writing.finish()
        ours.end(end_time_ns=span.end_time)


def _origin_of(span: Any) -> TraceParent | None:
    """Give the trace that a root of ours is to be, or go on with; None for a new one.

    What lies below a span that we don't record, such as a request's, is a trace by
    itself here: there may be several.
    """
    above, context = span.parent, span.context
    if above is not None and not above.is_remote:
        return None
    state = context.trace_state.to_header()
    above_key = None if above is None else above.span_id
    return TraceParent(context.trace_id, above_key, int(context.trace_flags), state)


def _is_sampled() -> bool:
    return RECORDER.sampling_ratio >= 1.0 or random_fraction() < RECORDER.sampling_ratio


def _scope_of(span: Any) -> dict[str, Any]:
    scope = span.instrumentation_scope
    found: dict[str, Any] = {"name": scope.name or ""}
    if scope.version:
        found["version"] = scope.version
    attributes = getattr(scope, "attributes", None)
    if attributes:
        found["attributes"] = {k: plain(v) for k, v in attributes.items()}
    if scope.schema_url:
        found["schema_url"] = scope.schema_url
    return found
