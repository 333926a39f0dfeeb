"""What the setters of a live span do: values are captured, nothing raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from spantree.entities.span import (
    DESCRIPTION,
    INPUTS,
    LOG_LEVEL,
    OUTPUTS,
    SPAN_TYPE,
    TRACE_REQUEST_ID,
    TRUNCATED,
    SpanStatusCode,
)
from spantree.entities.values import clean_text, decode, dumps
from spantree.recording.capture import bounded, capture, is_plain, limits, located
from spantree.recording.exceptions import describe, exception_attributes
from spantree.recording.given import is_a, pairs_of, text_of, time_of
from spantree.recording.guard import counters, guard, warn
from spantree.recording.site import (
    FIELDS_OF_ROOT,
    is_plain_name,
    log_level_of,
    own_link,
)

if TYPE_CHECKING:
    from spantree.entities.live_span import LiveSpan
    from spantree.entities.span import Link, SpanEvent
    from spantree.entities.values import Captured
    from spantree.recording.capture import Cut


class SpanEdits:
    """The half of a trace that its spans' setters call.

    Attributes:
        root: The trace's first span, whose session and user are the trace's.
    """

    __slots__ = ()

    root: LiveSpan | None

    if TYPE_CHECKING:
        # The other half has these.
        def now_ns(self) -> int:
            """Give nanoseconds since 1970 by the trace's clock."""

        def describe(self, tags: object, metadata: object) -> None:
            """Add tags and metadata to the trace."""

    def edit_inputs(self, span: LiveSpan, inputs: object) -> None:
        """Snapshot and set the inputs."""
        with guard("set_inputs"):
            if _may_edit(span):
                span.raw_inputs = _captured(span, "inputs", inputs)

    def edit_outputs(self, span: LiveSpan, outputs: object) -> None:
        """Snapshot and set the outputs."""
        with guard("set_outputs"):
            if _may_edit(span):
                span.raw_outputs = _captured(span, "outputs", outputs)

    def edit_attribute(self, span: LiveSpan, key: str, value: object) -> None:
        """Snapshot and set one attribute; reserved names set their fields."""
        with guard("set_attribute"):
            if _may_edit(span):
                self._set(span, key, value)

    def edit_attributes(self, span: LiveSpan, attributes: dict[str, object]) -> None:
        """Snapshot and set several attributes; reserved names set their fields."""
        with guard("set_attribute"):
            if _may_edit(span):
                held = _own_attributes(span)
                room = limits().max_events - len(held)
                has_room = dict.__len__(attributes) < room  # theirs may be anything
                for key, value in dict.items(attributes):
                    if has_room and is_plain(value) and is_plain_name(key):
                        held[key] = value  # type: ignore[assignment]  # a scalar
                    else:
                        self._set(span, key, value)

    def _set(self, span: LiveSpan, key: str, value: object) -> None:
        key = text_of(key)
        if key == INPUTS:
            span.raw_inputs = _captured(span, "inputs", value)
        elif key == OUTPUTS:
            span.raw_outputs = _captured(span, "outputs", value)
        elif key == SPAN_TYPE:
            span.span_type = _bounded(span, key, value)
        elif key == DESCRIPTION:
            self._set_attribute(span, key, text_of(value))
        elif key == LOG_LEVEL:
            self.edit_log_level(span, value)
        elif key != TRACE_REQUEST_ID:
            self._set_attribute(span, clean_text(key), value)
            if key in FIELDS_OF_ROOT and span is self.root:
                self.describe({}, {FIELDS_OF_ROOT[key]: value})

    @staticmethod
    def _set_attribute(span: LiveSpan, key: str, value: object) -> None:
        held = span.raw_attributes
        kept = len(held)
        if kept >= limits().max_events and key not in held:
            kept -= TRUNCATED in held
            if kept >= limits().max_events:
                count_cut(span, "attributes", kept)
                return
        captured = _captured(span, key, value)
        _own_attributes(span)[key] = captured

    def edit_log_level(self, span: LiveSpan, log_level: object) -> None:
        """Set the log level."""
        with guard("set_log_level"):
            level = log_level_of(log_level)
            if level is not None and _may_edit(span):
                _own_attributes(span)[LOG_LEVEL] = int(level)

    def edit_field(self, span: LiveSpan, name: str, value: object) -> None:
        """Set a plain text field of the span."""
        with guard("set_field"):
            if _may_edit(span):
                setattr(span, name, _bounded(span, name, value))

    def edit_status(self, span: LiveSpan, status: object) -> None:
        """Set the status from a status, a code or a code's name."""
        with guard("set_status"):
            if not _may_edit(span):
                return
            from spantree.entities.span import SpanStatus

            if not is_a(status, SpanStatus):
                kind = type(status)
                name = status.value if kind is SpanStatusCode else text_of(status)  # type: ignore[attr-defined]
                try:
                    status = SpanStatus(SpanStatusCode(name.upper()))
                except ValueError:
                    warn(
                        "status",
                        "A span's status is UNSET, OK or ERROR, not %r; ignored.",
                        name,
                    )
                    return
            span.status_code = status.status_code  # type: ignore[attr-defined]
            told = status.description  # type: ignore[attr-defined]
            span.status_message = _bounded(span, "status", told)

    def edit_event(self, span: LiveSpan, event: object) -> None:
        """Append an event."""
        with guard("add_event"):
            if not _may_edit(span):
                return
            from spantree.entities.span import SpanEvent

            if not is_a(event, SpanEvent):
                warn("event", "add_event takes a SpanEvent; the call is ignored.")
                return
            told = cast("SpanEvent", event)
            pairs = pairs_of(told.attributes)
            at = time_of(told.timestamp)
            at = self.now_ns() if at is None else at
            where = f"events.{len(span.raw_events)}"
            attributes = {
                name: _captured(span, f"{where}.{name}", value)
                for name, value in [(clean_text(text_of(k)), v) for k, v in pairs]
            }
            name = clean_text(_bounded(span, where, told.name))
            self._append_event(span, name, at, attributes)

    def edit_link(self, span: LiveSpan, link: object) -> None:
        """Append a link."""
        from spantree.entities.span import Link

        with guard("add_link"):
            if _may_edit(span) and is_a(link, Link):
                span.links = [*span.links, own_link(cast("Link", link))]

    def edit_exception(self, span: LiveSpan, exception: object) -> None:
        """Append the exception event and set the status to ERROR."""
        with guard("record_exception"):
            if _may_edit(span):
                self.note_exception(span, exception, self.now_ns())

    def note_exception(self, span: LiveSpan, exception: object, at: int) -> None:
        """Append the exception event, of that time, and set the status, unguarded."""
        error = (
            cast("BaseException", exception)
            if is_a(exception, BaseException)
            else Exception(text_of(exception))
        )
        cuts: list[Cut] = []
        attributes = exception_attributes(error, cuts)
        if cuts:
            note_cuts(span, f"events.{len(span.raw_events)}.exception.message", cuts)
        self._append_event(span, "exception", at, attributes)
        span.status_code = SpanStatusCode.ERROR
        message = attributes["exception.message"]
        span.status_message = describe(error, cast("str", message))

    @staticmethod
    def _append_event(
        span: LiveSpan, name: str, at: int, attributes: dict[str, Captured]
    ) -> None:
        # Copied, not appended: the list of a fresh span is a shared empty one.
        # The exception that ends a span is never the one event too many.
        if len(span.raw_events) < limits().max_events or name == "exception":
            span.raw_events = [*span.raw_events, (name, at, attributes)]
        else:
            count_cut(span, "events", len(span.raw_events))


def set_captured(span: LiveSpan, attributes: dict[str, Captured]) -> None:
    """Set attributes of our own making, captured already and none of them a field.

    Args:
        span: The span; one that has ended stays as it is.
        attributes: By name; may be as many as they are.
    """
    if _may_edit(span):
        _own_attributes(span).update(attributes)


def _may_edit(span: LiveSpan) -> bool:
    if span.end_time_ns is None:
        return True
    warn("edit_ended", "Span %r has ended; the change is ignored.", span.name)
    return False


def _captured(span: LiveSpan, where: str, value: object) -> Captured:
    cuts: list[Cut] = []
    captured = capture(value, cuts)
    if cuts:
        note_cuts(span, where, cuts)
    return captured


def _bounded(span: LiveSpan, where: str, value: object) -> str:
    cuts: list[Cut] = []
    text = bounded(text_of(value), cuts)
    if cuts:
        note_cuts(span, where, cuts)
    return text


def note_cuts(span: LiveSpan, where: str, cuts: list[Cut]) -> None:
    """Say among the attributes of a span what was cut from a value of its.

    Args:
        span: The span.
        where: ``inputs``, ``outputs`` or the name of an attribute.
        cuts: As capture reports them; their paths begin below the value.
    """
    counters["truncated"] += 1
    noted = _noted(span)
    _own_attributes(span)[TRUNCATED] = dumps([*noted, *located(cuts, where)])


def count_cut(span: LiveSpan, where: str, kept: int) -> None:
    """Say among the attributes of a span that one more of its items was left out.

    Args:
        span: The span.
        where: ``events`` or ``attributes``.
        kept: How many of them there are.
    """
    counters["truncated"] += 1
    noted = _noted(span)
    entry = next((n for n in noted if n["path"] == where), None)
    if entry is None:
        entry = {"path": where, "kept": kept, "total": kept, "unit": "items"}
        noted.append(entry)
    entry["total"] += 1
    _own_attributes(span)[TRUNCATED] = dumps(noted)


def _noted(span: LiveSpan) -> list[Any]:
    known = decode(span.raw_attributes.get(TRUNCATED))
    return known if isinstance(known, list) else []


def _own_attributes(span: LiveSpan) -> dict[str, Captured]:
    if span.attributes_shared:
        span.raw_attributes = dict(span.raw_attributes)
        span.attributes_shared = False
    return span.raw_attributes
