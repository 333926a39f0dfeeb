"""What can be made of a trace before the file is locked for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantree.entities.trace import Trace, TraceState
from spantree.store.merge import FULL_NAME, Prepared, prepare
from spantree.store.payload import EncodedPayload, encode_payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span


@dataclass(slots=True)
class Draft:
    """A trace on its way into the file.

    Args:
        trace: As it came.
        prepared: None for an open trace, which may turn out to be written already.
        payloads: What was encoded so far, by span key.
    """

    trace: Trace
    prepared: Prepared | None = None
    payloads: dict[int, EncodedPayload] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether more will come of this trace."""
        return self.trace.info.state is TraceState.IN_PROGRESS

    def payload(self, span: Span) -> EncodedPayload:
        """Encode what a prepared span carries, unless that was done before."""
        found = self.payloads.get(span.span_key)
        # Preparing adds the full name of a span whose name was cut.
        if found is None or FULL_NAME in span.raw_attributes:
            found = self.payloads[span.span_key] = encode_payload(span)
        return found


def draft_of(trace: Trace, written: Mapping[int, Span]) -> Draft:
    """Encode a trace that has ended, but for the spans that are written already."""
    draft = Draft(trace)
    if not draft.is_open:
        draft.prepared = prepare(trace)
        for span in trace.data.spans:
            if not is_same(written.get(span.span_key), span):
                draft.payloads[span.span_key] = encode_payload(span)
    return draft


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
