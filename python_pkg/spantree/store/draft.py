"""What can be made of a trace before the file is locked for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from spantree.entities.trace import Trace, TraceState
from spantree.store.breath import breathe
from spantree.store.chunks import Chunk, pack
from spantree.store.merge import Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spantree.entities.span import Span


@dataclass(slots=True)
class Draft:
    """A trace on its way into the file.

    Args:
        key: The trace's id.
        trace: As it came.
        changed: The ids of its spans that the file does not hold as they are; None
            if it is not known to hold any.
        encoded: None for a trace of which the file may hold a part.
    """

    key: int
    trace: Trace
    changed: set[int] | None
    encoded: Encoded | None = None
    _by_key: dict[int, Span] | None = None

    @property
    def spans(self) -> dict[int, Span]:
        """Its spans by id."""
        if self._by_key is None:
            self._by_key = {span.span_key: span for span in self.trace.data.spans}
        return self._by_key

    @property
    def is_open(self) -> bool:
        """Whether more will come of this trace, or of spans that outlive its root."""
        state = self.trace.info.state
        return state is TraceState.IN_PROGRESS or (
            state is not TraceState.INTERRUPTED
            and None in [span.end_time_ns for span in self.trace.data.spans]
        )


class Encoded(NamedTuple):
    """A trace as the tables hold it.

    Args:
        prepared: The trace itself.
        chunks: Those of its spans that are to be written.
        is_whole: These are all of them.
    """

    prepared: Prepared
    chunks: list[Chunk]
    is_whole: bool


def drafts_of(
    traces: Iterable[Trace], written_spans: Callable[[int], Mapping[int, Span]]
) -> deque[Draft]:
    """Look at what is new in traces; encode those of which all is.

    Args:
        traces: In order.
        written_spans: Gives by a trace's id the spans that the file holds of it.
    """
    drafts = deque([_draft_of(trace, written_spans) for trace in traces])
    whole = [draft for draft in drafts if draft.changed is None]
    # One kind of work after the other: the processor then has its code at hand, and
    # takes a quarter less time than for trace after trace.
    prepared = []
    for draft in whole:
        breathe()
        prepared.append(prepare(draft.trace, draft.key))
    for draft, ready in zip(whole, prepared, strict=True):
        breathe()
        draft.encoded = encode(ready)
    return drafts


def _draft_of(
    trace: Trace, written_spans: Callable[[int], Mapping[int, Span]]
) -> Draft:
    key = trace.key
    written = written_spans(key)
    if written or trace.info.state is TraceState.IN_PROGRESS:
        there = written.get
        changed = {
            span.span_key
            for span in trace.data.spans
            if (known := there(span.span_key)) is not span
            and (known is None or not is_same(known, span))
        }
        return Draft(key, trace, changed)
    return Draft(key, trace, None)


def encode(
    prepared: Prepared, changed: set[int] | None = None, *, with_open: bool = True
) -> Encoded:
    """Encode a trace, and those of its spans that are to be written.

    Args:
        prepared: All of it.
        changed: The ids of those that have ended; None for all.
        with_open: Whether those that have not are among them.
    """
    spans = prepared.trace.data.spans
    # What is open will be written again, and its chunks thrown away whole.
    still_open = [span for span in spans if span.end_time_ns is None]
    ended = spans
    if still_open:
        ended = [span for span in spans if span.end_time_ns is not None]
    if changed is not None:
        ended = [span for span in ended if span.span_key in changed]
    return Encoded(
        prepared,
        [*pack(ended), *pack(still_open if with_open else ())],
        changed is None,
    )


def is_same(written: Span, span: Span) -> bool:
    """Tell whether a span is as it was."""
    return all(getattr(written, name) == getattr(span, name) for name in _FIELDS)


def print_of(trace: Trace) -> int:
    """Give a number that changes with what is said of the trace as a whole."""
    info = trace.info
    return hash(
        (
            info.state,
            info.experiment_id,
            info.request_preview,
            info.response_preview,
            info.client_request_id,
            tuple(info.tags.items()),
            tuple(info.trace_metadata.items()),
            tuple(repr(a) for a in info.assessments),
        )
    )


_FIELDS = (
    "name",
    "span_type",
    "parent_key",
    "start_time_ns",
    "end_time_ns",
    "status_code",
    "status_message",
    "raw_inputs",
    "raw_outputs",
    "raw_attributes",
    "raw_events",
)
