"""The form in which a live trace leaves the recorder: copied, and its secrets masked.

Whatever is written, shown, shipped or read back comes through here, on the thread that
asks for it and never on the one that records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spantree.entities.preview import preview
from spantree.entities.rollup import totals_of
from spantree.entities.span import TOKEN_USAGE, TRUNCATED, Span, SpanStatusCode
from spantree.entities.trace import (
    COST,
    SCHEMA_VERSION,
    TRACE_NAME,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.trace import TOKEN_USAGE as TRACE_TOKEN_USAGE
from spantree.entities.values import decode
from spantree.recording.source import source_metadata

if TYPE_CHECKING:
    from spantree.entities.live_span import LiveSpan
    from spantree.entities.values import Captured
    from spantree.recording.live_trace import LiveTrace
    from spantree.recording.prices import Prices
    from spantree.recording.redaction import Redactor

COST_PARTIAL = "spantree.cost.partial"
_METADATA_INPUTS = "mlflow.traceInputs"
_METADATA_OUTPUTS = "mlflow.traceOutputs"
_SIZE = "mlflow.trace.sizeBytes"
_SIZE_STATS = "mlflow.trace.sizeStats"
_SCALAR_BYTES = 8
_METADATA_CHARACTERS = 250  # as mlflow 3.17 cuts them


def publish(trace: LiveTrace, redactor: Redactor, prices: Prices) -> Trace:
    """Copy what a trace holds so far; later changes don't reach the copy."""
    spans = [_published(span, redactor, prices) for span in list(trace.spans)]
    return Trace(_info(trace, spans, redactor), TraceData(spans))


def _published(span: LiveSpan, redactor: Redactor, prices: Prices) -> Span:
    # An ended span never changes, so its copy is made once.
    if span.published is not None:
        return span.published
    ended = span.end_time_ns
    events = span.raw_events
    if span.stream is not None:
        events = [*span.stream.events(), *events]
    message = span.status_message
    copy = Span(
        trace_key=span.trace_key,
        span_key=span.span_key,
        parent_key=span.parent_key,
        name=redactor.text(span.name),
        span_type=span.span_type,
        start_time_ns=span.start_time_ns,
        end_time_ns=ended,
        status_code=span.status_code,
        status_message=redactor.text(message) if message else message,
        raw_inputs=redactor.redact(span.raw_inputs),
        raw_outputs=redactor.redact(span.raw_outputs),
        raw_attributes=_redacted(span.raw_attributes, redactor)
        if ended is None
        else prices.price(_final(span.raw_attributes, redactor)),
        raw_events=[(name, at, _final(held, redactor)) for name, at, held in events]
        if events
        else events,
        links=span.links,
    )
    if ended is not None:
        span.published = copy
    return copy


def _redacted(values: dict[str, Captured], redactor: Redactor) -> dict[str, Captured]:
    return {key: redactor.redact(value, key) for key, value in list(values.items())}


def _final(values: dict[str, Captured], redactor: Redactor) -> dict[str, Captured]:
    """Redact values that change no more; without a secret they are not copied."""
    redacted = _redacted(values, redactor)
    same = all(redacted[key] is value for key, value in values.items())
    return values if same else redacted


def _info(trace: LiveTrace, spans: list[Span], redactor: Redactor) -> TraceInfo:
    root = spans[0]
    request = trace.request_preview or preview(root.raw_inputs, "user")
    response = trace.response_preview or preview(root.raw_outputs, "assistant")
    request = request and redactor.text(request)
    response = response and redactor.text(response)
    ended = root.end_time_ns
    return TraceInfo(
        trace_id=trace.trace_id,
        trace_location=TraceLocation.from_experiment_id(trace.experiment_id),
        request_time=root.start_time_ns // 1_000_000,
        execution_duration=None
        if ended is None
        else (ended - root.start_time_ns) // 1_000_000,
        state=trace.state or _state_of(root),
        request_preview=request,
        response_preview=response,
        client_request_id=trace.client_request_id,
        trace_metadata={
            SCHEMA_VERSION: "3",
            _METADATA_INPUTS: (request or "")[:_METADATA_CHARACTERS],
            _METADATA_OUTPUTS: (response or "")[:_METADATA_CHARACTERS],
            **({} if ended is None else _sizes(spans)),
            **_redacted_texts(source_metadata(), redactor),
            **_redacted_texts(trace.metadata, redactor),
            **_usage_metadata(spans),
        },
        tags={
            # A part of a trace is no reason to name the whole after it.
            **({TRACE_NAME: root.name} if root.parent_key is None else {}),
            **_redacted_texts(trace.tags, redactor),
        },
    )


def _sizes(spans: list[Span]) -> dict[str, str]:
    """Measure the spans: bytes of names and values, those that were cut included."""
    sizes = sorted(map(_size_of, spans))
    stats = {
        "total_size_bytes": sum(sizes),
        "num_spans": len(sizes),
        "max": sizes[-1],
        **{f"p{p}": sizes[len(sizes) * p // 100] for p in (25, 50, 75)},
    }
    return {_SIZE: str(stats["total_size_bytes"]), _SIZE_STATS: json.dumps(stats)}


def _size_of(span: Span) -> int:
    held = [span.name, span.raw_inputs, span.raw_outputs, *span.raw_attributes.values()]
    for name, _, attributes in span.raw_events:
        held += [name, *attributes.values()]
    return sum(map(_bytes_of, held)) + _bytes_cut(span)


def _bytes_of(value: object) -> int:
    if type(value) is bytes:
        return len(value)
    if type(value) is str:
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if type(value) is dict:
        return sum(len(key) + _bytes_of(inner) for key, inner in value.items())
    return 0 if value is None else _SCALAR_BYTES


def _bytes_cut(span: Span) -> int:
    cuts = decode(span.raw_attributes.get(TRUNCATED))
    return sum(
        int(cut["total"]) - int(cut["kept"])
        for cut in (cuts if isinstance(cuts, list) else ())
        if isinstance(cut, dict) and cut.get("unit") == "bytes"
    )


def _redacted_texts(texts: dict[str, str], redactor: Redactor) -> dict[str, str]:
    # Copied in one step: another thread may be adding to it.
    return {k: str(redactor.redact(v, k)) for k, v in list(texts.items())}


def _state_of(root: Span) -> TraceState:
    if root.end_time_ns is None:
        return TraceState.IN_PROGRESS
    if root.status_code is SpanStatusCode.ERROR:
        return TraceState.ERROR
    return TraceState.OK


def _usage_metadata(spans: list[Span]) -> dict[str, str]:
    if not any(TOKEN_USAGE in span.raw_attributes for span in spans):
        return {}
    totals = totals_of(spans)
    usage = totals.usage
    found = {TRACE_TOKEN_USAGE: json.dumps(dict(usage.tokens))}
    if usage.cost:
        found[COST] = json.dumps(dict(usage.cost))
        if totals.is_cost_partial:
            found[COST_PARTIAL] = "true"
    return found
