"""A tracer provider of OpenTelemetry's API whose spans are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanKind
from opentelemetry.util._decorator import _agnosticcontextmanager

from spantree.entities.dialects import is_about_models
from spantree.entities.dialects.scopes import (
    COVERED,
    SENT_ALONG,
    is_model_scope,
    is_within,
)
from spantree.entities.span import KIND, SCOPE, SpanType
from spantree.integrations._call import Options
from spantree.integrations._nesting import innermost
from spantree.integrations._otel_spans import (
    BridgeSpan,
    link_to,
    live_span_of,
    origin_of,
    plain,
)
from spantree.recording import (
    RECORDER,
    LiveSpan,
    guard,
    make_site,
    time_ns,
)
from spantree.recording.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanContext

SITE = "otel.tracer"


class Switch(Protocol):
    """Who a provider records for.

    Attributes:
        on: Whether anything is recorded.
        options: What is recorded.
        calls: How many spans were, counted here.
    """

    on: bool
    options: Options
    calls: int


class AlwaysOn:
    """Records for whoever uses the provider."""

    def __init__(self) -> None:
        self.on = True
        self.options = Options()
        self.calls = 0


class SpantreeTracerProvider(trace.TracerProvider):  # type: ignore[misc, unused-ignore]
    """Makes tracers whose spans are ours.

    Args:
        switch: Who it records for.
        only_models: Whether a root must be about models, and is left out otherwise.
        covered: Gives the libraries that we trace ourselves at the moment.
    """

    def __init__(
        self,
        switch: Switch,
        *,
        only_models: bool = False,
        covered: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.switch = switch
        self.only_models = only_models
        self.covered = covered
        self.successor: Callable[[], trace.TracerProvider | None] = lambda: None

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> trace.Tracer:
        """Give a tracer for an instrumentation."""
        scope: dict[str, Any] = {"name": str(instrumenting_module_name or "")}
        if instrumenting_library_version:
            scope["version"] = str(instrumenting_library_version)
        if attributes:
            scope["attributes"] = {str(k): plain(v) for k, v in attributes.items()}
        if schema_url:
            scope["schema_url"] = str(schema_url)
        return SpantreeTracer(self, scope)

    def is_covered(self, scope: str) -> bool:
        """Whether a scope would record what we record ourselves."""
        names = self.covered()
        return any(is_within(scope, COVERED.get(name, ())) for name in names)


class SpantreeTracer(trace.Tracer):  # type: ignore[misc, unused-ignore]
    """Begins spans of ours for one instrumentation.

    Args:
        provider: Whose it is.
        scope: The instrumentation: name, version, attributes, schema_url.
    """

    def __init__(self, provider: SpantreeTracerProvider, scope: dict[str, Any]) -> None:
        self._provider = provider
        self._scope = scope

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Begin a span below the one that is current in the context."""
        successor = self._provider.successor()
        if successor is not None:
            return self._delegate(successor).start_span(
                name,
                context,
                kind,
                attributes,
                links,
                start_time,
                record_exception,
                set_status_on_exception,
            )
        above = trace.get_current_span(context)
        with guard(SITE):
            begun = self._begin(
                name,
                above,
                kind,
                attributes,
                links,
                start_time,
                is_given=context is not None,
            )
            if begun is not None:
                return begun
            scope = self._scope["name"]
            if scope in SENT_ALONG and self._provider.is_covered(scope):
                return trace.INVALID_SPAN
        return NonRecordingSpan(above.get_span_context())

    def _delegate(self, provider: trace.TracerProvider) -> trace.Tracer:
        scope = self._scope
        return provider.get_tracer(
            scope["name"],
            scope.get("version"),
            scope.get("schema_url"),
            scope.get("attributes"),
        )

    def _begin(
        self,
        name: str,
        above: trace.Span,
        kind: SpanKind,
        attributes: Mapping[str, Any] | None,
        links: Sequence[Link] | None,
        start_time: int | None,
        *,
        is_given: bool,
    ) -> BridgeSpan | None:
        provider, options = self._provider, self._provider.switch.options
        if not provider.switch.on or provider.is_covered(self._scope["name"]):
            return None
        known = live_span_of(above)
        # A context that was given names the parent; the current one may lag behind.
        parent = known if known is not None and is_given else innermost(known)
        if parent is not None and not parent:
            return None
        started = start_time if type(start_time) is int else time_ns()

        def begin(given: Mapping[str, Any]) -> LiveSpan | None:
            del given
            return self._new_span(name, parent, above, kind, links, started)

        given = dict(attributes or {})
        if parent is None and provider.only_models and not self._is_model_span(given):
            waiting = BridgeSpan(
                None, options, begin, (name, kind, started), _valid(above)
            )
            waiting.set_attributes(given)
            return waiting
        span = begin(given)
        if span is None:
            return None
        bridged = BridgeSpan(span, options, above=_valid(above))
        bridged.set_attributes(given)
        return bridged

    def _is_model_span(self, attributes: Mapping[str, Any]) -> bool:
        return is_model_scope(self._scope["name"]) or is_about_models(attributes)

    def _new_span(
        self,
        name: str,
        parent: LiveSpan | None,
        above: trace.Span,
        kind: SpanKind,
        links: Sequence[Link] | None,
        started: int,
    ) -> LiveSpan | None:
        given: dict[str, Any] = {SCOPE: self._scope}
        if kind is not SpanKind.INTERNAL:
            given[KIND] = kind.name
        site = make_site(
            name,
            SpanType.UNKNOWN,
            attributes=given,
            links=[link_to(link.context, link.attributes) for link in links or ()],
        )
        span = RECORDER.begin_detached(
            site,
            parent,
            None,
            start_time_ns=started,
            origin=origin_of(above) if parent is None else None,
        )
        if not span:
            return None
        # What is current when its context is attached; see the runtime context.
        span.above = CURRENT.get()
        self._provider.switch.calls += 1
        return span

    @_agnosticcontextmanager  # type: ignore[untyped-decorator, unused-ignore]
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        """Begin a span that is current in the block."""
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with trace.use_span(
            span,
            end_on_exit=end_on_exit,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
        ):
            yield span


def _valid(above: trace.Span) -> SpanContext | None:
    context = above.get_span_context()
    return context if context.is_valid else None
