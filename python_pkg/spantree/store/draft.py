"""What can be made of a trace before the file is locked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.entities.trace import Trace, TraceState
from spantree.store.chunks import Chunk, pack
from spantree.store.classes import SpanClass, groups_of
from spantree.store.merge import Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spantree.entities.span import Span


@dataclass(slots=True)
class Draft:
    """A trace on its way into the file.

    Args:
        trace: As it came.
        changed: The ids of its spans that the file does not hold as they are.
        encoded: None for an open trace, which may turn out to be written already.
    """

    trace: Trace
    changed: set[int]
    encoded: Encoded | None = None

    @property
    def is_open(self) -> bool:
        """Whether more will come of this trace."""
        return self.trace.info.state is TraceState.IN_PROGRESS


@dataclass(slots=True)
class Encoded:
    """A trace as the tables hold it.

    Args:
        prepared: The trace itself.
        groups: Count and longest duration by class, of all its spans.
        chunks: Those of its spans that are to be written.
        keys: Their ids.
    """

    prepared: Prepared
    groups: Mapping[SpanClass, tuple[int, int | None]]
    chunks: list[Chunk]
    keys: set[int]


def draft_of(trace: Trace, written: Mapping[int, Span]) -> Draft:
    """Encode a trace that has ended, but for the spans that are written already."""
    spans, there = trace.data.spans, written.get
    if written:
        changed = {s.span_key for s in spans if not is_same(there(s.span_key), s)}
    else:
        changed = {span.span_key for span in spans}
    draft = Draft(trace, changed)
    if not draft.is_open:
        draft.encoded = encode(trace, changed)
    return draft


def encode(trace: Trace, keys: set[int]) -> Encoded:
    """Encode a trace, and of its spans those with the ids given."""
    prepared = prepare(trace)
    spans = prepared.trace.data.spans
    return Encoded(prepared, groups_of(spans), list(_packed(spans, keys)), keys)


def _packed(spans: list[Span], keys: set[int]) -> Iterable[Chunk]:
    chosen = spans
    if len(keys) < len(spans):
        chosen = [span for span in spans if span.span_key in keys]
    still_open = [span for span in chosen if span.end_time_ns is None]
    if not still_open:
        yield from pack(chosen)
        return
    # What is open will be written again, and its chunk thrown away whole.
    yield from pack(span for span in chosen if span.end_time_ns is not None)
    yield from pack(still_open)


def is_same(written: Span | None, span: Span) -> bool:
    """Tell whether a span is as it was; the copy of an ended one is made only once."""
    if written is span or written is None:
        return written is span
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
