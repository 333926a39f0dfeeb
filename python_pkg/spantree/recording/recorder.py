"""The hot path: how a call becomes a span, and a root's end a finished trace.

One child span costs a snapshot, two clock readings, one object and two writes of a
context variable: no lock, no thread, no I/O. Everything slower happens when a root
begins or ends, or on another thread.

Our failures are caught in each function by hand, since a context manager would cost
as much as the span. What arrives there as KeyboardInterrupt is a signal: the context
is put right first, then it goes on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.live_span import LiveSpan, NoOpSpan
from spantree.entities.span import SpanStatusCode
from spantree.entities.trace_fields import DEFAULT_ID, SESSION, USER
from spantree.recording.capture import (
    capture,
    capture_arguments,
    report_failures_to,
)
from spantree.recording.clock import (
    new_span_key,
    new_trace_key,
    perf_counter_ns,
    random_fraction,
)
from spantree.recording.context import (
    CURRENT,
    NO_OP,
    REMOTE,
    current_span,
    forget_ended,
    leave,
)
from spantree.recording.forks import FIRST_USE
from spantree.recording.given import is_a, time_of
from spantree.recording.guard import guard, swallow, warn
from spantree.recording.live_trace import LiveTrace
from spantree.recording.open_traces import OpenTraces
from spantree.recording.scope import EXPERIMENT, SCOPE
from spantree.recording.span_edits import note_cuts

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.propagation import TraceParent
    from spantree.entities.values import Captured
    from spantree.recording.capture import Cut
    from spantree.recording.prices import Prices
    from spantree.recording.redaction import Redactor
    from spantree.recording.site import Site

_UNSET = SpanStatusCode.UNSET
_OK = SpanStatusCode.OK
_ORPHAN_OF = "spantree.orphan_of"
_NO_EVENTS: list[tuple[str, int, dict[str, Captured]]] = []


class Recorder:
    """Makes spans of calls.

    Attributes:
        enabled: The process switch; read at every call.
        traces: The open traces, and who hears of them.
        experiment_id: Where roots begun from now on belong: decimal text, or a name.
        destination_id: The same, and comes before it; None leaves it to that.
        sampling_ratio: The share of roots that are recorded, 0 to 1.
        keeps_inputs: Whether traced functions record their arguments.
        keeps_outputs: The same for their results.
        is_observed: Whether anybody is called with spans that end.
    """

    __slots__ = (
        "_on_span_end",
        "_prices",
        "_processors",
        "_redactor",
        "destination_id",
        "enabled",
        "experiment_id",
        "is_observed",
        "keeps_inputs",
        "keeps_outputs",
        "sampling_ratio",
        "traces",
    )

    def __init__(self) -> None:
        self.enabled = True
        self.traces = OpenTraces()
        self.experiment_id = DEFAULT_ID
        self.destination_id: str | None = None
        self.sampling_ratio = 1.0
        self._on_span_end: Callable[[LiveSpan, int], None] | None = None
        self.processors = ()
        self._redactor: Redactor | None = None
        self._prices: Prices | None = None
        self.keeps_inputs = self.keeps_outputs = True

    @property
    def redactor(self) -> Redactor:
        """Masks the secrets in what leaves the recorder; made when first needed."""
        if self._redactor is None:
            with FIRST_USE:
                # Not at the import of spantree, which is to be quick.
                from spantree.recording.redaction import Redactor

                self._redactor = self._redactor or Redactor()
        return self._redactor

    @redactor.setter
    def redactor(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @property
    def prices(self) -> Prices:
        """What calls of models cost; read when first needed."""
        if self._prices is None:
            with FIRST_USE:
                from spantree.recording.prices import Prices

                self._prices = self._prices or Prices()
        return self._prices

    @prices.setter
    def prices(self, prices: Prices | None) -> None:
        self._prices = prices

    @property
    def processors(self) -> tuple[Callable[[LiveSpan], None], ...]:
        """Called with each span before it ends; they may change it."""
        return self._processors

    @processors.setter
    def processors(self, processors: tuple[Callable[[LiveSpan], None], ...]) -> None:
        self._processors = processors
        self.is_observed = bool(processors) or self._on_span_end is not None

    @property
    def on_span_end(self) -> Callable[[LiveSpan, int], None] | None:
        """Called after the processors with the span and its end, in ns since 1970."""
        return self._on_span_end

    @on_span_end.setter
    def on_span_end(self, on_span_end: Callable[[LiveSpan, int], None] | None) -> None:
        self._on_span_end = on_span_end
        self.is_observed = bool(self._processors) or on_span_end is not None

    def reset(self) -> None:
        """Go back to the defaults; open traces and listeners stay."""
        self.enabled = True
        self.experiment_id = DEFAULT_ID
        self.destination_id = None
        self.sampling_ratio = 1.0
        self.processors = ()
        EXPERIMENT.set(None)

    def set_destination(
        self, experiment_id: str | None, *, context_local: bool = False
    ) -> None:
        """Choose where roots begun from now on belong, everywhere or only here."""
        if context_local:
            EXPERIMENT.set(experiment_id)
        else:
            self.destination_id = experiment_id

    def begin(self, site: Site, inputs: dict[str, object] | None) -> LiveSpan:
        """Begin a span and make it current.

        Args:
            site: Name, type and attributes.
            inputs: A fresh dict of the arguments, ours to keep; None for no inputs.

        Returns:
            The span, or a no-op where nothing is to be recorded.
        """
        above = CURRENT.get()
        span: LiveSpan = NO_OP
        lost = origin = None
        try:
            parent = above
            if parent is None or parent.end_time_ns is not None:
                parent = current_span()
                if isinstance(parent, NoOpSpan):
                    return NO_OP
                if parent is None:
                    origin = REMOTE.get()
                    if origin is None and not self._is_sampled(site):
                        return _silence(above)
                forget_ended(above)
                lost = above
            cuts: list[Cut] = []
            captured = None if inputs is None else capture_arguments(inputs, cuts)
            span = self._new_span(site, parent, captured, cuts, origin, lost)
            if site.values is not None:
                span.set_attributes(site.values)
            span.above = above
            CURRENT.set(span)
        except BaseException as error:  # noqa: BLE001 - ours, see the module's text
            try:
                CURRENT.set(above)
                self.fail(span, error)
            finally:
                _give_up(span)
            swallow("begin", error)
            return NO_OP
        return span

    def begin_inactive(self, site: Site, inputs: dict[str, object] | None) -> LiveSpan:
        """Begin a span below the current one, as :meth:`begin`, but not current."""
        if not self.enabled:
            return NO_OP
        try:
            parent = current_span()
            origin = REMOTE.get()
            if isinstance(parent, NoOpSpan) or (
                parent is None and origin is None and not self._is_sampled(site)
            ):
                return NO_OP
            cuts: list[Cut] = []
            captured = None if inputs is None else capture_arguments(inputs, cuts)
            above = CURRENT.get()
            span = self._new_span(site, parent, captured, cuts, origin, above)
            if site.values is not None:
                span.set_attributes(site.values)
            span.above = above
            return span
        except BaseException as error:  # noqa: BLE001 - ours, see the module's text
            swallow("begin_inactive", error)
            return NO_OP

    def begin_detached(
        self,
        site: Site,
        parent: LiveSpan | None,
        inputs: object,
        *,
        start_time_ns: int | None = None,
        origin: TraceParent | None = None,
        span_key: int | None = None,
    ) -> LiveSpan:
        """Begin a span that the context plays no part in.

        Args:
            site: Name, type and attributes.
            parent: The span above it; None makes it a root.
            inputs: Any value, snapshotted now.
            start_time_ns: Nanoseconds since 1970; now when left out.
            origin: Where a span without a parent belongs; a new trace when left out.
            span_key: Its id, if somebody else has given it one.
        """
        if not self.enabled or is_a(parent, NoOpSpan):
            return NO_OP
        if parent is not None and not is_a(parent, LiveSpan):
            warn(
                "parent_span",
                "A parent span is what start_span gives, not a %s; the span is a root.",
                type(parent).__name__,
            )
            parent = None
        try:
            if parent is None and origin is None and not self._is_sampled(site):
                return NO_OP
            cuts: list[Cut] = []
            captured = capture(inputs, cuts)
            start_ns = time_of(start_time_ns)
            span = self._new_span(
                site,
                parent,
                captured,
                cuts,
                origin,
                span_key=span_key,
                start_ns=start_ns,
            )
            if site.values is not None:
                span.set_attributes(site.values)
            if start_ns is not None:
                span.start_time_ns = start_ns
        except BaseException as error:  # noqa: BLE001 - ours, see the module's text
            swallow("begin_detached", error)
            return NO_OP
        return span

    def end(self, span: LiveSpan, result: object) -> None:
        """End a span that :meth:`begin` gave, with what the call returned."""
        if span.end_time_ns is not None:
            leave(span)
            return
        try:
            trace: LiveTrace = span.owner  # type: ignore[assignment]
            now = perf_counter_ns() + trace.clock_offset
            if span.raw_outputs is None and result is not None:
                cuts: list[Cut] = []
                span.raw_outputs = capture(result, cuts)
                if cuts:
                    note_cuts(span, "outputs", cuts)
            if self.is_observed:
                self.process(span, now)
            if span.status_code is _UNSET:
                span.status_code = _OK
            span.end_time_ns = now
            if CURRENT.get() is span:
                above = span.above
                if above is None or above.end_time_ns is None:
                    CURRENT.set(above)
                else:
                    leave(span)
            if span is trace.root or trace.open_after_root is not None:
                trace.close(span)
        except BaseException as error:  # noqa: BLE001 - ours, see the module's text
            try:
                self._end_anyway(span)
            finally:
                _give_up(span)
            swallow("end", error)

    def fail(self, span: LiveSpan, error: BaseException) -> None:
        """End a span that :meth:`begin` gave, with what the call raised."""
        if span.end_time_ns is not None:
            leave(span)
            return
        try:
            trace: LiveTrace = span.owner  # type: ignore[assignment]
            now = trace.now_ns()
            trace.note_exception(span, error, now)
            trace.end_span(span, now)
        except BaseException as failure:  # noqa: BLE001 - ours, see the module's text
            span.status_code = SpanStatusCode.ERROR
            try:
                self._end_anyway(span)
            finally:
                _give_up(span)
            swallow("fail", failure)

    def process(self, span: LiveSpan, end_ns: int) -> None:
        """Let the span processors see, and change, a span that is about to end."""
        for processor in self.processors:
            try:
                processor(span)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - the user's function
                warn(
                    "span_processor",
                    "A span processor raised %s; it is skipped for the span.",
                    type(error).__name__,
                )
        if self._on_span_end is not None:
            self._on_span_end(span, end_ns)

    def _new_span(
        self,
        site: Site,
        parent: LiveSpan | None,
        inputs: Captured,
        cuts: list[Cut],
        origin: TraceParent | None = None,
        lost: LiveSpan | None = None,
        span_key: int | None = None,
        start_ns: int | None = None,
    ) -> LiveSpan:
        # Slot by slot and without __init__: a call with fifteen keywords costs more
        # than all the rest of a span.
        span = LiveSpan.__new__(LiveSpan)
        span.span_key = span_key or new_span_key()
        span.name = site.name
        span.span_type = site.span_type
        span.end_time_ns = None
        span.status_code = _UNSET
        span.status_message = ""
        span.raw_inputs = inputs
        span.raw_outputs = None
        span.raw_attributes = site.attributes
        span.attributes_shared = True
        span.raw_events = _NO_EVENTS
        span.links = site.links
        span.display_number = 0
        span.above = None
        span.stream = None
        if cuts:
            note_cuts(span, "inputs", cuts)
        if parent is None:
            known = None if origin is None else self.traces.get(origin.trace_key)
            if origin is None or known is None:
                self._open_trace(span, site, origin, lost, start_ns)
                return span
            trace = known
            span.parent_key = origin.span_key
        else:
            trace = parent.owner  # type: ignore[assignment]
            span.parent_key = parent.span_key
        span.owner = trace
        span.trace_key = trace.key
        span.start_time_ns = perf_counter_ns() + trace.clock_offset
        try:
            if trace.open_after_root is None:
                trace.spans.append(span)
            else:
                trace.extend(span)
                self.traces.reopened(trace)
        except BaseException as error:
            self.fail(span, error)
            raise
        return span

    def _open_trace(
        self,
        root: LiveSpan,
        site: Site,
        origin: TraceParent | None,
        lost: LiveSpan | None,
        start_ns: int | None,
    ) -> None:
        experiment_id = (
            site.experiment_id
            or EXPERIMENT.get()
            or self.destination_id
            or self.experiment_id
        )
        key = new_trace_key() if origin is None else origin.trace_key
        trace = LiveTrace(self, key, experiment_id, root)
        trace.origin = origin
        root.owner = trace
        root.trace_key = trace.key
        root.parent_key = None if origin is None else origin.span_key
        if origin is not None:
            trace.describe({}, {SESSION: origin.session, USER: origin.user})
        elif lost is not None and not isinstance(lost, NoOpSpan):
            # The context's spans have all ended: a finished trace is not joined.
            from spantree.entities.span import Link

            root.links = [*root.links, Link(lost.trace_id, lost.span_id)]
            root.raw_attributes = {**root.raw_attributes, _ORPHAN_OF: lost.span_id}
            root.attributes_shared = False
        scope = SCOPE.get()
        if scope is not None:
            trace.describe(scope.tags, scope.metadata)
            trace.client_request_id = scope.client_request_id
        # Before it is announced: who hears of it may go by its start.
        root.start_time_ns = trace.now_ns() if start_ns is None else start_ns
        try:
            trace.adopt_root(root)
            self.traces.started(trace)
        except BaseException as error:
            self.fail(root, error)
            raise

    def _is_sampled(self, site: Site) -> bool:
        ratio = site.sampling_ratio
        if ratio is None:
            ratio = self.sampling_ratio
        return ratio >= 1.0 or random_fraction() < ratio

    def _end_anyway(self, span: LiveSpan) -> None:
        """Leave no span open and none current, whatever went wrong while ending."""
        with guard("end_anyway"):
            trace: LiveTrace = span.owner  # type: ignore[assignment]
            was_open = span.end_time_ns is None
            trace.end_span(span, implicit=True)
            leave(span)
            if not was_open and (
                span is trace.root or trace.open_after_root is not None
            ):
                # Perhaps announced before; twice is better than never.
                trace.close(span)


def _give_up(span: LiveSpan) -> None:
    """End a span that nothing else could end, for want of stack or memory."""
    if span.end_time_ns is None:
        span.status_code = SpanStatusCode.ERROR
        span.end_time_ns = span.start_time_ns


def _silence(above: LiveSpan | None) -> LiveSpan:
    """Put a node in the context below which nothing is recorded."""
    node = NoOpSpan()
    node.above = above
    CURRENT.set(node)
    return node


report_failures_to(swallow)

RECORDER = Recorder()
"""The process's recorder. Its listeners and switches are replaceable; it is not."""
