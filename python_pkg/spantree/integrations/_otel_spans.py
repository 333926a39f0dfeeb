"""Spans of ours that OpenTelemetry's instrumentations write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from spantree.entities.dialects import Reading, is_about_models, read
from spantree.entities.propagation import TraceParent
from spantree.entities.span import KIND, Link, SpanEvent, SpanStatus, SpanStatusCode
from spantree.recording import LiveSpan, guard
from spantree.recording.exceptions import exception_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spantree.integrations._call import Options

SITE: Final = "otel.span"
# Attributes that tell the type while the span is still open.
_TELLING: Final = frozenset(
    {
        "openinference.span.kind",
        "gen_ai.operation.name",
        "traceloop.span.kind",
        "llm.request.type",
    }
)
_INPUTS: Final = (
    "input.",
    "llm.input_messages.",
    "llm.prompts",
    "gen_ai.input.",
    "gen_ai.prompt",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.retrieval.query",
    "traceloop.entity.input",
    "pydantic_ai.all_messages",
)
_OUTPUTS: Final = (
    "output.",
    "llm.output_messages.",
    "gen_ai.output.",
    "gen_ai.completion",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.documents",
    "retrieval.documents.",
    "embedding.embeddings.",
    "traceloop.entity.output",
    "pydantic_ai.all_messages",
    "final_result",
)


class Writing:
    """Collects what an instrumentation says of a span, and writes it into ours.

    Args:
        span: Ours.
        options: What is recorded.
    """

    __slots__ = ("_attributes", "_events", "_options", "span")

    def __init__(self, span: LiveSpan, options: Options) -> None:
        self.span = span
        self._options = options
        self._attributes: dict[str, Any] = {}
        self._events: list[tuple[str, Mapping[str, Any]]] = []

    def attribute(self, key: str, value: object) -> None:
        """Take one attribute."""
        self._attributes[key] = value
        if self._is_wanted(key):
            self.span.set_attribute(key, plain(value))
        if key in _TELLING:
            self._set_type(read(self._attributes))

    def event(
        self, name: str, attributes: Mapping[str, Any], timestamp: int | None
    ) -> None:
        """Take one event."""
        self._events.append((name, attributes))
        given = {str(k): plain(v) for k, v in attributes.items()}
        if timestamp is None:
            self.span.add_event(SpanEvent(name, attributes=given))
        else:
            self.span.add_event(SpanEvent(name, timestamp, given))

    def finish(self) -> None:
        """Say in our own words what was collected."""
        found = read(self._attributes, self._events)
        self._set_type(found)
        span = self.span
        if self._options.log_inputs and found.inputs is not None:
            span.set_inputs(found.inputs)
        if self._options.log_outputs and found.outputs is not None:
            span.set_outputs(found.outputs)
        span.set_attributes(found.attributes)
        said = (found.session, found.user, found.tags, found.metadata)
        if any(said):
            span.owner.update(
                session_id=found.session,
                user=found.user,
                tags=found.tags,
                metadata=found.metadata,
            )

    def _set_type(self, found: Reading) -> None:
        if found.span_type is not None:
            self.span.set_span_type(found.span_type)

    def _is_wanted(self, key: str) -> bool:
        options = self._options
        return (options.log_inputs or not key.startswith(_INPUTS)) and (
            options.log_outputs or not key.startswith(_OUTPUTS)
        )


def plain(value: object) -> object:
    """Give an attribute's value as JSON data."""
    return list(value) if isinstance(value, tuple) else value


class BridgeSpan(trace.Span):  # type: ignore[misc, unused-ignore]
    """A span of ours as OpenTelemetry's API knows spans.

    Instrumentations read of a recording span what the SDK's spans let them read, though
    the API has no such thing: its name, kind and attributes, for instance.

    Args:
        span: Ours; None while it isn't known whether it is worth recording.
        options: What is recorded.
        materialize: Begins our span when it turns out that it is.
        begun: The name, the kind and the start of a span that is not ours yet.
        above: Of which span it is a child, as OpenTelemetry sees it.
        shown: What it is identified by; our ids when left out.
    """

    def __init__(
        self,
        span: LiveSpan | None,
        options: Options,
        materialize: Callable[[dict[str, Any]], LiveSpan | None] | None = None,
        begun: tuple[str, SpanKind, int] = ("", SpanKind.INTERNAL, 0),
        above: SpanContext | None = None,
        shown: SpanContext | None = None,
    ) -> None:
        self._begun = begun
        self._shown = shown
        self._above = above
        self._writing = None if span is None else Writing(span, options)
        self._options = options
        self._materialize = materialize
        self._waiting: dict[str, Any] = {}
        self._is_ours = False
        self._has_ended = False
        self._is_ok = False

    @classmethod
    def of(cls, span: LiveSpan, shown: SpanContext | None = None) -> BridgeSpan:
        """Show a span that our own API has begun; it is ended there, too."""
        from spantree.integrations._call import Options

        bridged = cls(span, Options(), shown=shown)
        bridged._is_ours = True
        return bridged

    @property
    def spantree_span(self) -> LiveSpan | None:
        """Our span, if it is recorded."""
        return None if self._writing is None else self._writing.span

    def get_span_context(self) -> SpanContext:
        """Give our ids as OpenTelemetry's."""
        if self._shown is not None:
            return self._shown
        span = self.spantree_span
        if span is None and self._above is not None and self._above.is_remote:
            # Until it is recorded the caller's goes on, as with OpenTelemetry's no-op.
            return self._above
        if span is None or not span.span_key:
            return trace.INVALID_SPAN_CONTEXT
        return _context_of(span.trace_key, span.span_key)

    def is_recording(self) -> bool:
        """Whether the span is open."""
        span = self.spantree_span
        if self._is_ours:
            return span is not None and span.end_time_ns is None
        return not self._has_ended

    @property
    def context(self) -> SpanContext:
        """The same as :meth:`get_span_context`."""
        return self.get_span_context()

    @property
    def name(self) -> str:
        """What it is called."""
        span = self.spantree_span
        return self._begun[0] if span is None else span.name

    @property
    def kind(self) -> SpanKind:
        """Its role in a call between processes."""
        span = self.spantree_span
        if span is None:
            return self._begun[1]
        known = span.raw_attributes.get(KIND)
        return SpanKind.__members__.get(str(known), SpanKind.INTERNAL)

    @property
    def parent(self) -> SpanContext | None:
        """Of which span it is a child; None for a root."""
        span = self.spantree_span
        if span is None or span.parent_key is None:
            return self._above
        is_remote = self._above is not None and self._above.is_remote
        return _context_of(span.trace_key, span.parent_key, is_remote=is_remote)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """A copy of what is known of it."""
        span = self.spantree_span
        return dict(self._waiting) if span is None else dict(span.attributes)

    @property
    def start_time(self) -> int:
        """When it began, in ns since 1970."""
        span = self.spantree_span
        return self._begun[2] if span is None else span.start_time_ns

    @property
    def end_time(self) -> int | None:
        """When it ended, in ns since 1970; None while it is open."""
        span = self.spantree_span
        return None if span is None else span.end_time_ns

    @property
    def status(self) -> Status:
        """How it ended, as far as that is known."""
        span = self.spantree_span
        if span is None:
            return Status()
        code = StatusCode[span.status_code.name]
        # Other codes have no description, says the API, and warns.
        text = span.status_message if code is StatusCode.ERROR else None
        return Status(code, text or None)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        with guard(SITE):
            for key, value in dict(attributes).items():
                self._set(str(key), value)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute."""
        with guard(SITE):
            self._set(str(key), value)

    def _set(self, key: str, value: object) -> None:
        if not self.is_recording():
            return
        if self._writing is not None:
            self._writing.attribute(key, value)
            return
        self._waiting[key] = value
        if self._materialize is not None and is_about_models({key: value}):
            span = self._materialize(self._waiting)
            self._materialize = None
            if span is not None:
                self._writing = Writing(span, self._options)
                for name, held in self._waiting.items():
                    self._writing.attribute(name, held)

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Append something that happened; the time is in ns since 1970."""
        with guard(SITE):
            if self._writing is not None and self.is_recording():
                self._writing.event(str(name), attributes or {}, timestamp)

    def add_link(
        self, context: SpanContext, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Append a pointer to another span."""
        with guard(SITE):
            span = self.spantree_span
            if span is not None and self.is_recording():
                span.add_link(link_to(context, attributes))

    def update_name(self, name: str) -> None:
        """Rename the span."""
        with guard(SITE):
            span = self.spantree_span
            if span is not None and self.is_recording():
                span.owner.edit_field(span, "name", name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set how the span ended: OK is final, UNSET is ignored, as the API says."""
        with guard(SITE):
            span = self.spantree_span
            code = getattr(status, "status_code", status)
            if span is None or not self.is_recording() or self._is_ok:
                return
            if code is StatusCode.UNSET:
                return
            self._is_ok = code is StatusCode.OK
            text = getattr(status, "description", None) or description or ""
            span.set_status(SpanStatus(SpanStatusCode(code.name), str(text)))

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Append an ``exception`` event; the status stays as it is, as the API says."""
        del escaped
        with guard(SITE):
            given = {**exception_attributes(exception), **(attributes or {})}
            self.add_event("exception", given, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span; the time is in ns since 1970."""
        if self._has_ended or self._is_ours:
            return
        with guard(SITE):
            if self._writing is not None:
                self._writing.finish()
        self._has_ended = True
        span = self.spantree_span
        if span is not None and span.end_time_ns is None:
            span.end(end_time_ns=end_time if type(end_time) is int else None)


def _context_of(
    trace_key: int, span_key: int, *, is_remote: bool = False
) -> SpanContext:
    return SpanContext(
        trace_key,
        span_key,
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState(),
    )


def live_span_of(span: object) -> LiveSpan | None:
    """Give our span of OpenTelemetry's, also through a wrapper; None for others."""
    found = getattr(span, "spantree_span", None)
    return found if isinstance(found, LiveSpan) else None


def origin_of(span: trace.Span) -> TraceParent | None:
    """Give the span of another process that a context was read from, if it was."""
    context = span.get_span_context()
    if not (context.is_valid and context.is_remote):
        return None
    return TraceParent(
        context.trace_id,
        context.span_id,
        int(context.trace_flags),
        context.trace_state.to_header(),
    )


def link_to(context: SpanContext, attributes: Mapping[str, Any] | None) -> Link:
    """Give a pointer to a span of OpenTelemetry's as ours."""
    given = {str(k): plain(v) for k, v in (attributes or {}).items()}
    return Link(f"{context.trace_id:032x}", f"{context.span_id:016x}", given)
