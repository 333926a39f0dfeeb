"""Gives our spans to the user's own tracer provider, so that its trees are whole.

Each span of ours is begun there too, below the one that OpenTelemetry knows above it:
a root when it begins, so that the user's sampler decides in time, all others when they
end. They get our ids and our times, and what they say has its secrets masked.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry import trace
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from spantree._version import __version__
from spantree.entities.dialects import write
from spantree.entities.otlp import RESOURCE
from spantree.entities.otlp_values import write_json
from spantree.entities.span import KIND, SCOPE, Link, SpanStatusCode, SpanType
from spantree.entities.trace import SESSION, USER
from spantree.entities.values import decode, encode
from spantree.integrations import _otel_context
from spantree.integrations._otel_spans import BridgeSpan
from spantree.recording import RECORDER, LiveSpan, guard
from spantree.recording.publish import publish_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context

    from spantree.entities.span import Span
    from spantree.recording import LiveTrace

SITE = "otel.mirror"
SCOPE_NAME = "spantree"
"""Of the spans that we begin there; our own processor leaves them alone."""

_INT64 = range(-(2**63), 2**63)
_HIDDEN = (KIND, SCOPE, RESOURCE)
_SCALARS = (bool, int, float, str)


class _Ids(threading.local):
    """Gives the SDK the ids that our span has; by thread, as several begin spans."""

    trace_key = 0
    span_key = 0

    def generate_trace_id(self) -> int:
        """Give the id of the trace, of a root."""
        return self.trace_key

    def generate_span_id(self) -> int:
        """Give the id of the span."""
        return self.span_key

    def is_trace_id_random(self) -> bool:
        """Say that it is, so that samplers may rely on it."""
        return True


class _Known(NamedTuple):
    """A trace of ours over there.

    Args:
        root: The SDK's span of our root; None where their own span is the root.
        context: Of the root, with the sampler's decision.
    """

    root: trace.Span | None
    context: SpanContext


class Mirror:
    """Repeats our spans to a provider; see the module's text."""

    def __init__(self) -> None:
        # Our spans of theirs, which they have already.
        self._heard: WeakSet[LiveSpan] = WeakSet()
        self._listening = threading.local()
        self._known: WeakKeyDictionary[LiveTrace, _Known] = WeakKeyDictionary()
        self._tracer: Any = None
        self._provider: Any = None
        self._ids = _Ids()

    @property
    def is_on(self) -> bool:
        """Whether it repeats at the moment."""
        return self._tracer is not None

    def begin(self, provider: Any) -> bool:
        """Repeat to a provider from now on; False if it is not the SDK's."""
        if provider is self._provider:
            return True
        self.end()
        tracer = provider.get_tracer(SCOPE_NAME, __version__)
        if not hasattr(tracer, "id_generator"):
            return False
        self._provider = provider
        # A copy: the same tracer may be given to others who ask for that name.
        self._tracer = copy.copy(tracer)
        self._tracer.id_generator = self._ids
        RECORDER.on_span_end = self._end
        _otel_context.show_as(self._shown)
        return True

    def end(self) -> None:
        """Repeat nothing more; roots under way end there now."""
        if self._tracer is None:
            return
        self._tracer = self._provider = None
        RECORDER.on_span_end = None
        _otel_context.show_as(None)
        for known in list(self._known.values()):
            if known.root is not None and known.root.is_recording():
                with guard(SITE):
                    known.root.end()
        self._known.clear()

    def begin_root(self, ours: LiveTrace) -> None:
        """Begin a root there, below what OpenTelemetry has current."""
        root = ours.root
        if self._tracer is None or root is None or self._is_listening():
            return
        with guard(SITE):
            span = self._start(root, ours.key, _above(ours))
            self._known[ours] = _Known(span, span.get_span_context())
            if not span.is_recording():
                root.set_attribute("spantree.mirror", "unsampled")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Begin spans of ours, in the block, that stand for theirs."""
        self._listening.now = True
        try:
            yield
        finally:
            self._listening.now = False

    def note(self, span: LiveSpan, context: SpanContext) -> None:
        """Take note that a span of ours stands for one of theirs."""
        self._heard.add(span)
        ours: Any = span.owner
        self._known.setdefault(ours, _Known(None, context))

    def _is_listening(self) -> bool:
        return getattr(self._listening, "now", False)

    def _end(self, span: LiveSpan, end_ns: int) -> None:
        """Say there what became of a span, and end it."""
        ours: Any = span.owner
        known = self._known.get(ours)
        if known is None or self._tracer is None or span in self._heard:
            return
        with guard(SITE):
            theirs = known.root
            if theirs is None or span is not ours.root:
                parent = self._context_of(known, span.parent_key)
                above = trace.set_span_in_context(NonRecordingSpan(parent))
                theirs = self._start(span, ours.key, above)
            if not theirs.is_recording():
                return
            (said,) = publish_spans([span], RECORDER)
            theirs.update_name(said.name)
            theirs.set_attributes(_attributes(said))
            if span is ours.root:
                theirs.set_attributes(_of_trace(ours))
            for name, at, values in said.raw_events:
                theirs.add_event(name, _legal_all(values), at)
            if said.status_code is SpanStatusCode.ERROR:
                theirs.set_status(Status(StatusCode.ERROR, said.status_message))
            theirs.end(end_time=end_ns)

    def _start(self, span: LiveSpan, trace_key: int, above: Any) -> trace.Span:
        self._ids.trace_key, self._ids.span_key = trace_key, span.span_key
        kind = span.raw_attributes.get(KIND)
        return self._tracer.start_span(  # type: ignore[no-any-return, unused-ignore]
            RECORDER.redactor.text(span.name),
            context=above,
            kind=SpanKind.__members__.get(str(kind), SpanKind.INTERNAL),
            attributes={"spantree.span_type": span.span_type},
            links=[made for link in span.links if (made := _link(link))],
            start_time=span.start_time_ns,
        )

    def _shown(self, span: LiveSpan) -> trace.Span | None:
        """Give a span of ours as OpenTelemetry knows it, None if it isn't there."""
        ours: Any = span.owner
        known = self._known.get(ours)
        if known is None:
            return None
        return BridgeSpan.of(span, self._context_of(known, span.span_key))

    @staticmethod
    def _context_of(known: _Known, span_key: int | None) -> SpanContext:
        root = known.context
        return SpanContext(
            root.trace_id,
            span_key or 0,
            is_remote=False,
            trace_flags=root.trace_flags,
            trace_state=root.trace_state,
        )


def _above(ours: LiveTrace) -> Context:
    """Give where a root belongs: in what OpenTelemetry has current, else its caller."""
    context, came = _otel_context.theirs(), ours.origin
    is_known = trace.get_current_span(context).get_span_context().is_valid
    if is_known or came is None or came.span_key is None:
        return context
    caller = SpanContext(
        came.trace_key,
        came.span_key,
        is_remote=True,
        trace_flags=TraceFlags(came.flags),
        trace_state=TraceState.from_header([came.state]),
    )
    return trace.set_span_in_context(NonRecordingSpan(caller), context)


def _attributes(span: Span) -> dict[str, Any]:
    """Say what a span says, in our words and in those of ``gen_ai.*``."""
    found: dict[str, Any] = {
        key: decode(value)
        for key, value in span.raw_attributes.items()
        if key not in _HIDDEN
    }
    if span.raw_inputs is not None:
        found["spantree.inputs"] = encode(span.raw_inputs).decode()
    if span.raw_outputs is not None:
        found["spantree.outputs"] = encode(span.raw_outputs).decode()
    if span.span_type != SpanType.UNKNOWN:
        found["spantree.span_type"] = span.span_type
    return _legal_all({**write(span, "gen_ai"), **found})


def _of_trace(ours: LiveTrace) -> dict[str, Any]:
    """Say on its root what is known of a trace as a whole."""
    redact = RECORDER.redactor.redact
    found = {
        f"spantree.tag.{key}": redact(value, key)
        for key, value in list(ours.tags.items())
        if key not in (SESSION, USER)
    }
    for name, key in (("session.id", SESSION), ("user.id", USER)):
        if key in ours.metadata:
            found[name] = redact(ours.metadata[key], key)
    return found


def _legal_all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _legal(value) for key, value in values.items() if value is not None}


def _legal(value: Any) -> Any:
    """Give a value as the SDK takes attributes: what is nested becomes JSON text."""
    if type(value) is bytes:
        value = decode(value)
    if type(value) is int and value not in _INT64:
        return str(value)
    if type(value) in _SCALARS:
        return value
    if type(value) is list and value and type(value[0]) in _SCALARS:
        legal = [_legal(item) for item in value]
        if {type(item) for item in legal} == {type(value[0])}:
            return legal
    return write_json(value).decode()


def _link(link: Link) -> trace.Link | None:
    try:
        context = SpanContext(
            int(link.trace_id.removeprefix("tr-"), 16),
            int(link.span_id, 16),
            is_remote=True,
        )
    except ValueError:
        return None
    return trace.Link(context, _legal_all(link.attributes or {}))
