"""``start_span``: a span for a block of code; and what can be said inside one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.span import SpanType
from spantree.recording.context import NO_OP, current_span
from spantree.recording.guard import warn
from spantree.recording.recorder import RECORDER
from spantree.recording.site import make_site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from spantree.entities.live_span import LiveSpan
    from spantree.entities.span import Link, SpanLogLevel
    from spantree.recording.site import Site

_SOURCE_RUN = "mlflow.sourceRun"
_MODEL_ID = "mlflow.modelId"


class _Block:
    """A block of code and its span; see :class:`start_span`."""

    __slots__ = ("_run_id", "_site", "_span")

    _span: LiveSpan
    _site: Site
    _run_id: str | None

    def __enter__(self) -> LiveSpan:
        """Begin the span and make it current."""
        if RECORDER.enabled:
            self._span = span = RECORDER.begin(self._site, None)
            if self._run_id is not None and span:
                span.owner.update(metadata={_SOURCE_RUN: self._run_id})
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """End the span; an exception marks it as failed and goes on."""
        del kind, stack
        if error is None:
            RECORDER.end(self._span, None)
        elif isinstance(error, GeneratorExit):
            # The block stands in a generator that its consumer has left: no error.
            self._span.set_attribute("spantree.stream.end", "closed")
            RECORDER.end(self._span, None)
        else:
            RECORDER.fail(self._span, error)
        self.__class__ = _Block


class start_span(_Block):  # noqa: N801 - MLflow's name, read as a statement
    """Record a block of code as a span, child of the active one.

    Args:
        name: The span's name.
        span_type: One of :class:`spantree.entities.SpanType` or any text.
        attributes: JSON-able data by name.
        trace_destination: The experiment, if the span is a root.
        log_level: A :class:`spantree.entities.SpanLogLevel` or its name.
        run_id: Kept as metadata of the trace; there are no runs here.
        links: Pointers to other spans.
        description: What the span is about.

    Example:
        >>> with start_span("retrieve", span_type="RETRIEVER") as span:
        ...     span.set_inputs({"query": "q"})
        ...     span.set_outputs(["a document"])
    """

    __slots__ = ()

    def __init__(
        self,
        name: str = "span",
        span_type: str = SpanType.UNKNOWN,
        attributes: Mapping[str, object] | None = None,
        trace_destination: object = None,
        log_level: SpanLogLevel | str | None = None,
        run_id: str | None = None,
        links: Sequence[Link] | None = None,
        description: str | None = None,
    ) -> None:
        self._span: LiveSpan = NO_OP
        self._run_id = run_id
        self._site = make_site(
            name,
            span_type,
            attributes=attributes,
            links=links,
            description=description,
            log_level=log_level,
            destination=trace_destination,
        )

    def __del__(self) -> None:
        # An interrupt that arrives as `__exit__` begins keeps it from running. A block
        # that was left is no instance of this class: an interrupt is lost in here.
        if self._span is not NO_OP:
            RECORDER.end(self._span, None)


def start_span_no_context(
    name: str,
    span_type: str = SpanType.UNKNOWN,
    parent_span: LiveSpan | None = None,
    inputs: object = None,
    attributes: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
    experiment_id: str | None = None,
    start_time_ns: int | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
) -> LiveSpan:
    """Begin a span that never becomes current and must be ended by hand.

    Args:
        name: The span's name.
        span_type: One of :class:`spantree.entities.SpanType` or any text.
        parent_span: The span above it; without one it is a root.
        inputs: JSON-able data, snapshotted now.
        attributes: JSON-able data by name.
        tags: Text by key, for the trace.
        metadata: Text by key, for the trace.
        experiment_id: Where the trace belongs, if the span is a root.
        start_time_ns: Nanoseconds since 1970; now when left out.
        log_level: A :class:`spantree.entities.SpanLogLevel` or its name.
        links: Pointers to other spans.
        description: What the span is about.

    Returns:
        The span; call its ``end()``.
    """
    site = make_site(
        name,
        span_type,
        attributes=attributes,
        links=links,
        description=description,
        log_level=log_level,
        destination=experiment_id,
    )
    span = RECORDER.begin_detached(
        site, parent_span, inputs, start_time_ns=start_time_ns
    )
    if span and not (tags is None is metadata):
        span.owner.update(tags=tags, metadata=metadata)
    return span


def get_current_active_span() -> LiveSpan | None:
    """Give the innermost span that is open here.

    Returns:
        The span; a false no-op span where tracing is off; None outside any span.
    """
    if not RECORDER.enabled:
        return NO_OP
    return current_span()


def get_active_trace_id() -> str | None:
    """Give the id of the trace of the active span, or None without one."""
    span = get_current_active_span()
    return span.trace_id if span else None


def update_current_trace(
    tags: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
    client_request_id: str | None = None,
    request_preview: str | None = None,
    response_preview: str | None = None,
    state: str | None = None,
    model_id: str | None = None,
    session_id: str | None = None,
    user: str | None = None,
) -> None:
    """Say something about the trace of the active span; None means not given.

    Args:
        tags: Text by key; a None among the values is skipped.
        metadata: The same.
        client_request_id: The caller's own id of the request.
        request_preview: What lists show of the request.
        response_preview: What lists show of the response.
        state: ``OK`` or ``ERROR``; wins over the root's status.
        model_id: Kept as metadata; there is no model registry here.
        session_id: The conversation this trace belongs to.
        user: The user the program serves.
    """
    span = get_current_active_span()
    if span is None:
        warn(
            "no_trace",
            "update_current_trace was called outside a traced function; nothing "
            "is changed. Call it below @spantree.trace or inside start_span.",
        )
        return
    if not span:
        return
    span.owner.update(
        tags=tags,
        metadata=metadata,
        client_request_id=client_request_id,
        request_preview=request_preview,
        response_preview=response_preview,
        state=state,
        session_id=session_id,
        user=user,
    )
    if model_id is not None:
        span.owner.update(metadata={_MODEL_ID: model_id})
