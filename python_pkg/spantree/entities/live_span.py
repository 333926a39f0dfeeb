"""A span that is being written, and the one that writes nothing.

The setters here only say what may be done; a :class:`SpanEditor` (the recorder) does
it, takes the snapshot, and sees to it that recording never raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from spantree.entities.span import (
    DESCRIPTION,
    Span,
)
from spantree.entities.values import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import (
        Link,
        SpanEvent,
        SpanLogLevel,
        SpanStatus,
        SpanStatusCode,
    )
    from spantree.entities.values import Captured

NO_OP_TRACE_ID = "MLFLOW_NO_OP_SPAN_TRACE_ID"


class SpanEditor(Protocol):
    """What a live span needs from the trace it belongs to.

    Attributes:
        clock_offset: Add it to ``perf_counter_ns()`` for nanoseconds since 1970.
    """

    clock_offset: int

    def edit_inputs(self, span: LiveSpan, inputs: object) -> None:
        """Snapshot and set the inputs."""

    def edit_outputs(self, span: LiveSpan, outputs: object) -> None:
        """Snapshot and set the outputs."""

    def edit_attribute(self, span: LiveSpan, key: str, value: object) -> None:
        """Snapshot and set one attribute."""

    def edit_attributes(self, span: LiveSpan, attributes: dict[str, object]) -> None:
        """Snapshot and set several attributes."""

    def edit_status(self, span: LiveSpan, status: object) -> None:
        """Set the status."""

    def edit_log_level(self, span: LiveSpan, log_level: object) -> None:
        """Set the log level."""

    def edit_field(self, span: LiveSpan, name: str, value: object) -> None:
        """Set a plain field of the span, as text."""

    def edit_event(self, span: LiveSpan, event: object) -> None:
        """Append an event."""

    def edit_link(self, span: LiveSpan, link: object) -> None:
        """Append a link."""

    def edit_exception(self, span: LiveSpan, exception: object) -> None:
        """Append the exception event and set the status to ERROR."""

    def update(
        self,
        *,
        tags: object = None,
        metadata: object = None,
        client_request_id: object = None,
        request_preview: object = None,
        response_preview: object = None,
        state: object = None,
        session_id: object = None,
        user: object = None,
    ) -> None:
        """Say something about the trace as a whole; None means not given."""

    def cost_of(self, span: LiveSpan) -> Captured:
        """Give what the call that a span stands for has cost, captured."""

    def end_span(
        self, span: LiveSpan, end_time_ns: int | None = None, *, implicit: bool = False
    ) -> None:
        """End the span."""


class ItemLog(Protocol):
    """What a stream has yielded."""

    def events(self) -> list[tuple[str, int, dict[str, Captured]]]:
        """Give an event for each item kept."""


class LiveSpan(Span):
    """A span that is being written.

    Its setters never raise: a wrong type is coerced, the impossible is skipped with
    a warning. They may be called from any thread. Once the span has ended they are
    ignored, with a warning.

    Attributes:
        owner: The trace that this span is part of, and that carries out the edits.
        above: The node of the context under which this span was made current.
        attributes_shared: Whether ``raw_attributes`` must be copied before a change.
        stream: What a generator has yielded so far, None for other spans.
    """

    __slots__ = (
        "__weakref__",
        "above",
        "attributes_shared",
        "owner",
        "stream",
    )

    owner: SpanEditor
    above: LiveSpan | None
    attributes_shared: bool
    stream: ItemLog | None

    @property
    def llm_cost(self) -> dict[str, float] | None:
        """What the call cost in USD: input_cost, output_cost and total_cost."""
        return decode(self.owner.cost_of(self))  # type: ignore[return-value]

    @classmethod
    def of(cls, span: Span, owner: SpanEditor) -> LiveSpan:
        """Make a live span of a published one; they share what they hold."""
        live = cls.__new__(cls)
        for name in Span.__slots__:
            setattr(live, name, getattr(span, name))
        live.owner = owner
        live.above = live.stream = None
        live.attributes_shared = True
        return live

    def set_inputs(self, inputs: object) -> None:
        """Set what went in; JSON-able data, snapshotted now."""
        self.owner.edit_inputs(self, inputs)

    def set_outputs(self, outputs: object) -> None:
        """Set what came out; wins over the traced function's return value."""
        self.owner.edit_outputs(self, outputs)

    def set_attribute(self, key: str, value: object) -> None:
        """Set one attribute to JSON-able data, snapshotted now."""
        self.owner.edit_attribute(self, key, value)

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several attributes."""
        if issubclass(type(attributes), dict):  # not asked of the value's own class
            self.owner.edit_attributes(self, attributes)  # type: ignore[arg-type]

    def set_status(self, status: SpanStatus | SpanStatusCode | str) -> None:
        """Set how the span ended: a status, a code, or a code's name in any case."""
        self.owner.edit_status(self, status)

    def set_span_type(self, span_type: str) -> None:
        """Set the span's type; any text is legal."""
        self.owner.edit_field(self, "span_type", span_type)

    def set_description(self, description: str) -> None:
        """Set what the span is about."""
        self.owner.edit_attribute(self, DESCRIPTION, description)

    def set_log_level(self, log_level: SpanLogLevel | str) -> None:
        """Set how important the span is: a level, its name or its number."""
        self.owner.edit_log_level(self, log_level)

    def add_event(self, event: SpanEvent) -> None:
        """Append something that happened."""
        self.owner.edit_event(self, event)

    def add_link(self, link: Link) -> None:
        """Append a pointer to another span."""
        self.owner.edit_link(self, link)

    def record_exception(self, exception: BaseException | str) -> None:
        """Append an ``exception`` event and set the status to ERROR."""
        self.owner.edit_exception(self, exception)

    def end(
        self,
        outputs: object = None,
        attributes: Mapping[str, object] | None = None,
        status: SpanStatus | SpanStatusCode | str | None = None,
        end_time_ns: int | None = None,
    ) -> None:
        """End the span; ending it again is ignored.

        Args:
            outputs: Set first, unless None.
            attributes: Set first, if any.
            status: Set first; without one an unset status becomes OK.
            end_time_ns: Nanoseconds since 1970; now when left out.
        """
        if outputs is not None:
            self.owner.edit_outputs(self, outputs)
        if attributes is not None:
            self.set_attributes(attributes)
        if status is not None:
            self.owner.edit_status(self, status)
        self.owner.end_span(self, end_time_ns)

    def __repr__(self) -> str:
        """Show the name and the ids, nothing that was recorded."""
        return f"Live{super().__repr__()}"


class _Silent:
    """Ignores every edit."""

    def __getattr__(self, name: str) -> Any:
        return _ignore


def _ignore(*_args: object, **_kwargs: object) -> None:
    """Do nothing."""


class NoOpSpan(LiveSpan):
    """Stands for a span where nothing is recorded; every member works, none acts.

    It is false, so ``if span := get_current_active_span()`` skips it.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            trace_key=0,
            span_key=0,
            parent_key=None,
            name="",
            start_time_ns=0,
            end_time_ns=0,
        )
        self.owner = _Silent()
        self.above = None
        self.attributes_shared = False
        self.stream = None

    @property
    def trace_id(self) -> str:
        """MLflow's fixed text for the trace id of a span that is not recorded."""
        return NO_OP_TRACE_ID

    def __bool__(self) -> bool:
        """Say that there is no span."""
        return False
