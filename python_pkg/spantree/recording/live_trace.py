"""A trace that is being recorded: its spans so far and what was said of it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from spantree.entities.ids import trace_id_text
from spantree.entities.live_span import LiveSpan
from spantree.entities.span import (
    COST,
    SpanStatusCode,
)
from spantree.entities.trace_fields import (
    SESSION,
    USER,
    TraceState,
)
from spantree.entities.values import clean_text
from spantree.recording.clock import perf_counter_ns, time_ns
from spantree.recording.context import leave
from spantree.recording.finished import MOST_SPANS, Finished
from spantree.recording.forks import FIRST_USE
from spantree.recording.given import pairs_of, text_of, time_of
from spantree.recording.guard import counters, guard, warn
from spantree.recording.site import FIELDS_OF_ROOT
from spantree.recording.span_edits import SpanEdits

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.propagation import TraceParent
    from spantree.entities.span import Span, SpanStatus
    from spantree.entities.trace import Trace
    from spantree.entities.values import Captured
    from spantree.recording.recorder import Recorder

_KEY_CHARACTERS = 250
_TEXT_CHARACTERS = 64_000
_SIZED_SPANS = 16
# Of a span with its attributes, as measured.
_SPAN_BYTES = 500
# Reentrant: the collector may end a span, and so come back here, at any time.
_unpacking = threading.RLock()


def _renew_lock() -> None:
    """Replace a lock that another thread may have held when the process forked."""
    global _unpacking  # noqa: PLW0603 - the one way to free it
    _unpacking = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class LiveTrace(SpanEdits):
    """A trace that is being recorded.

    Attributes:
        key: The trace's id as an integer of 128 bits.
        recorder: Who is told when the trace ends.
        finished: What is left when no span is open any more, None before.
        clock_offset: Add it to ``perf_counter_ns()`` for nanoseconds since 1970. One
            wall clock reading per trace keeps its spans in order when the clock steps.
        spans: Every span begun so far, in order of their beginnings; those that were
            published after their end are the published ones. Empty once finished.
        root: The first of them; None once finished.
        root_key: The id of the root, an integer of 64 bits.
        open_after_root: Once the root has ended, the spans still open; None before.
        experiment_id: Decimal text; any other text is the experiment's name.
        tags: Text by key.
        metadata: Text by key.
        client_request_id: The caller's own id of the request.
        request_preview: Set by the user; None = computed from the root's inputs.
        response_preview: Set by the user; None = computed from the root's outputs.
        state: Set by the user; None = the root's status.
        origin: What the trace is a part of: one begun in another process, or before.
    """

    __slots__ = (
        "__weakref__",
        "client_request_id",
        "clock_offset",
        "experiment_id",
        "finished",
        "key",
        "metadata",
        "open_after_root",
        "origin",
        "recorder",
        "request_preview",
        "response_preview",
        "root",
        "root_key",
        "spans",
        "state",
        "tags",
    )

    def __init__(
        self, recorder: Recorder, key: int, experiment_id: str, root: LiveSpan
    ) -> None:
        self.recorder = recorder
        self.key = key
        self.experiment_id = experiment_id
        self.clock_offset = time_ns() - perf_counter_ns()
        self.root: LiveSpan | None = root
        self.root_key = root.span_key
        self.spans: list[Span] = [root]
        self.finished: Finished | None = None
        self.open_after_root: set[LiveSpan] | None = None
        self.tags: dict[str, str] = {}
        self.metadata: dict[str, str] = {}
        self.client_request_id: str | None = None
        self.request_preview: str | None = None
        self.response_preview: str | None = None
        self.state: TraceState | None = None
        self.origin: TraceParent | None = None

    @property
    def trace_id(self) -> str:
        """The trace's id, ``tr-`` and 32 hex digits."""
        return trace_id_text(self.key)

    @property
    def is_open(self) -> bool:
        """Whether the root has not ended yet."""
        return self.open_after_root is None

    @property
    def size(self) -> int:
        """The bytes it holds, about: those of its first spans stand for all."""
        spans = self.spans
        first = spans[:_SIZED_SPANS]
        values = [v for s in first for v in (s.raw_inputs, s.raw_outputs)]
        texts = sum([len(v) for v in values if type(v) is bytes or type(v) is str])
        return len(spans) * (_SPAN_BYTES + texts // len(first)) if first else 0

    def cost_of(self, span: LiveSpan) -> Captured:
        """Give what the call that a span stands for has cost, captured."""
        return self.recorder.prices.price(span.raw_attributes).get(COST)

    @property
    def to_trace(self) -> Callable[[], Trace]:
        """Copies what has been recorded so far, secrets masked.

        A function to call, at once or later. That of a finished trace keeps nothing
        else of it alive.
        """
        return self.finished or self._publish

    def _publish(self) -> Trace:
        with FIRST_USE:
            from spantree.recording.publish import publish, publish_spans

        # Before the look at `finished`, which another thread sets first of the two.
        held = self.spans
        finished = self.finished
        if finished is not None:
            return finished()
        spans = publish_spans(held or self.spans, self.recorder)
        return publish(self, spans, self.recorder.redactor)

    def find(self, span_key: int) -> LiveSpan | None:
        """Give the span of an id, to be a parent or to be ended; None if unknown."""
        for span in list(self.spans):
            if span.span_key == span_key:
                return span if isinstance(span, LiveSpan) else LiveSpan.of(span, self)
        return None

    def extend(self, span: LiveSpan) -> None:
        """Add a span below one that is given explicitly, after the root has ended."""
        self._unpack()
        self.spans.append(span)
        if self.open_after_root is not None:
            self.open_after_root.add(span)

    def _unpack(self) -> None:
        if self.finished is None:
            return
        with _unpacking:
            if self.finished is not None:
                self.spans = [*self.finished.spans()]
                self.finished = None

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
        """Set what is said of the trace as a whole; None means not given."""
        with guard("update_trace"):
            self._unpack()
            self.describe(tags, metadata)
            if session_id is not None or user is not None:
                self.describe({}, {SESSION: session_id, USER: user})
            for field, value in (
                ("client_request_id", client_request_id),
                ("request_preview", request_preview),
                ("response_preview", response_preview),
            ):
                if value is not None:
                    setattr(self, field, clean_text(text_of(value)))
            if state is not None:
                self._set_state(state)
            self.recorder.traces.changed(self)

    def describe(self, tags: object, metadata: object) -> None:
        """Add tags and metadata; a None among the values is skipped."""
        for target, given in ((self.tags, tags), (self.metadata, metadata)):
            for key, value in () if given is None else pairs_of(given):
                if value is None:
                    continue
                name = _text(key, _KEY_CHARACTERS)
                text = _text(value, _TEXT_CHARACTERS)
                if name in (SESSION, USER):
                    # One field each, whichever way it was written; read under both.
                    self.tags[name] = self.metadata[name] = text
                else:
                    target[name] = text

    def adopt_root(self, root: LiveSpan) -> None:
        """Take session and user from the attributes that the root began with."""
        attributes = root.raw_attributes
        for key, field in FIELDS_OF_ROOT.items() if attributes else ():
            value = attributes.get(key)
            if value is not None:
                self.describe({}, {field: value})

    def remove_tag(self, key: str) -> None:
        """Remove a tag; that of session or user clears the field."""
        self.tags.pop(key, None)
        if key in (SESSION, USER):
            self.metadata.pop(key, None)
        self.recorder.traces.changed(self)

    def _set_state(self, state: object) -> None:
        name = state.value if type(state) is TraceState else text_of(state).upper()
        if name in ("OK", "ERROR"):
            self.state = TraceState(name)
        else:
            warn("state", "A trace's state is OK or ERROR, not %r; ignored.", name)

    def close(self, span: LiveSpan) -> None:
        """Note the end of the root, or of a span that outlived it."""
        if span is self.root:
            self.open_after_root = {
                s
                for s in self.spans
                if s.end_time_ns is None and isinstance(s, LiveSpan)
            }
            if not self.open_after_root and len(self.spans) <= MOST_SPANS:
                self.finished = Finished(self)
                # The root points here: without the way back all of it is freed at once.
                self.root = None
                self.spans = []
            self.recorder.traces.ended(self)
        elif self.open_after_root is not None:
            self.open_after_root.discard(span)
            self.recorder.traces.changed(self)

    def end_span(
        self, span: LiveSpan, end_time_ns: int | None = None, *, implicit: bool = False
    ) -> None:
        """End the span and make the one above current again, if this one is."""
        with guard("end_span"):
            if span.end_time_ns is not None:
                if not implicit:
                    warn("ended", "Span %r has already ended; ignored.", span.name)
                return
            at = time_of(end_time_ns)
            at = self.now_ns() if at is None else at
            if self.recorder.is_observed:
                self.recorder.process(span, at)
            if span.status_code is SpanStatusCode.UNSET:
                span.status_code = SpanStatusCode.OK
            span.end_time_ns = at
            try:
                leave(span)
            finally:
                self.close(span)

    def end_open_spans(self, status: SpanStatus) -> None:
        """End whatever is open, the innermost first, with a status."""
        for span in reversed(list(self.spans)):
            if isinstance(span, LiveSpan) and span.end_time_ns is None:
                self.edit_status(span, status)
                self.end_span(span, implicit=True)

    def now_ns(self) -> int:
        """Nanoseconds since 1970 by this trace's clock."""
        return perf_counter_ns() + self.clock_offset

    def __repr__(self) -> str:
        """Show the id."""
        return f"LiveTrace({self.trace_id!r})"


def _text(value: object, characters: int) -> str:
    if type(value) is str and value.isascii() and "\x00" not in value:
        # Nearly always. Code that runs once a trace is cold, and each call costs more.
        text = value
    else:
        text = clean_text(text_of(value))
    if len(text) <= characters:
        return text
    counters["truncated"] += 1
    return text[: characters - 1] + "…"
