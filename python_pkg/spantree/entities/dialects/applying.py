"""Makes traces of other people's instrumentation readable in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.entities.dialects.reading import is_about_models, read
from spantree.entities.otlp_values import write_json
from spantree.entities.span import SpanType
from spantree.entities.trace_info import SESSION, USER
from spantree.entities.values import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace
    from spantree.entities.values import Captured


def understand(trace: Trace) -> None:
    """Say in our words what a trace's spans say by the conventions for models.

    Spans that have a type of ours already are left as they are, and what they say in
    their own words is kept.

    Args:
        trace: Changed in place.
    """
    for span in trace.data.spans:
        if span.span_type == SpanType.UNKNOWN and is_about_models(span.raw_attributes):
            _understand(span, trace)


def _understand(span: Span, trace: Trace) -> None:
    events = [(name, _plain(given)) for name, _, given in span.raw_events]
    found = read(_plain(span.raw_attributes), events)
    if found.span_type is not None:
        span.span_type = found.span_type
    if span.raw_inputs is None:
        span.raw_inputs = _captured(found.inputs)
    if span.raw_outputs is None:
        span.raw_outputs = _captured(found.outputs)
    for name, value in found.attributes.items():
        span.raw_attributes.setdefault(name, _captured(value))
    metadata = trace.info.trace_metadata
    for key, text in ((SESSION, found.session), (USER, found.user)):
        if text:
            metadata.setdefault(key, text)
    for name, text in found.tags.items():
        trace.info.tags.setdefault(name, text)
    for name, text in found.metadata.items():
        metadata.setdefault(name, text)


def _plain(attributes: Mapping[str, Captured]) -> dict[str, Any]:
    return {
        key: read_json(value) if isinstance(value, bytes) else value
        for key, value in attributes.items()
    }


def _captured(value: Any) -> Captured:
    return write_json(value) if isinstance(value, (dict, list)) else value
