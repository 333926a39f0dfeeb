"""The form in which a live trace leaves the recorder: copied, and its secrets masked.

Whatever is written, shown, shipped or read back comes through here, on the thread that
asks for it and never on the one that records.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from spantree.entities.ids import trace_id_text
from spantree.entities.preview import preview
from spantree.entities.rollup import totals_of
from spantree.entities.span import TOKEN_USAGE, TRUNCATED, Link, Span, SpanStatusCode
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
from spantree.entities.values import SharedValues, decode
from spantree.recording.capture import SHELF, capture
from spantree.recording.source import source_metadata

if TYPE_CHECKING:
    from spantree.entities.live_span import LiveSpan
    from spantree.entities.values import Captured
    from spantree.recording.recorder import Recorder
    from spantree.recording.redaction import Redactor

_METADATA_INPUTS = "mlflow.traceInputs"
_METADATA_OUTPUTS = "mlflow.traceOutputs"
_SIZE = "mlflow.trace.sizeBytes"
_SIZE_STATS = "mlflow.trace.sizeStats"
_SCALAR_BYTES = 8
_METADATA_CHARACTERS = 250  # as mlflow 3.17 cuts them
COST_PARTIAL = "spantree.cost.partial"
# Spans that are looked through for secrets together.
_AT_ONCE = 64
# Most traces of a program belong to one experiment.
_location = lru_cache(maxsize=64)(TraceLocation.from_experiment_id)


class About(Protocol):
    """What is said of a trace as a whole; see :class:`LiveTrace`."""

    key: int
    experiment_id: str
    tags: dict[str, str]
    metadata: dict[str, str]
    client_request_id: str | None
    request_preview: str | None
    response_preview: str | None
    state: TraceState | None


def publish(about: About, spans: list[Span], redactor: Redactor) -> Trace:
    """Put a trace together from published spans, root first."""
    return Trace(_info(about, spans, redactor), TraceData(spans))


def publish_spans(spans: list[Span], recorder: Recorder) -> list[Span]:
    """Copy spans as they are now, secrets masked.

    Args:
        spans: Live ones, and published ones. In their place a live one that has ended
            is exchanged for its copy: it never changes again, so it is copied once.
        recorder: Whose redactor masks the secrets, and whose prices are added.

    Returns:
        Published spans, in the same order.
    """
    published = list(spans)
    for start in range(0, len(published), _AT_ONCE):
        fresh = [
            (place, _copy(span))  # type: ignore[arg-type]  # it is a LiveSpan then
            for place, span in enumerate(published[start : start + _AT_ONCE], start)
            if type(span) is not Span
        ]
        complete([copy for _, copy in fresh], recorder)
        for place, copy in fresh:
            published[place] = copy
            if copy.end_time_ns is not None:
                spans[place] = copy
    return published


def complete(copies: list[Span], recorder: Recorder) -> None:
    """Mask secrets, and add what calls have cost, in spans that nobody holds yet."""
    if not recorder.redactor.clears(copies):
        for copy in copies:
            _mask(copy, recorder.redactor)
    SHELF.claim(copies)
    for copy in copies:
        if TOKEN_USAGE in copy.raw_attributes and copy.end_time_ns is not None:
            copy.raw_attributes = recorder.prices.price(copy.raw_attributes)


def mask_trace(trace: Trace, redactor: Redactor) -> Trace:
    """Mask the secrets of a trace that somebody else has recorded, and give it.

    Args:
        trace: Nobody else holds it: it is changed itself.
        redactor: What is masked already stays as it is.
    """
    if not redactor.clears(trace.data.spans):
        for span in trace.data.spans:
            _mask(span, redactor)
    info, text = trace.info, redactor.text
    info.request_preview = info.request_preview and text(info.request_preview)
    info.response_preview = info.response_preview and text(info.response_preview)
    info.client_request_id = info.client_request_id and text(info.client_request_id)
    info.tags = _masked_texts(info.tags, redactor)
    info.trace_metadata = _masked_texts(info.trace_metadata, redactor)
    return trace


def _copy(span: LiveSpan) -> Span:
    # Slot by slot: a call with sixteen keywords takes three times as long. The end is
    # read first, as what has ended changes no more.
    copy = Span.__new__(Span)
    copy.end_time_ns = ended = span.end_time_ns
    copy.trace_key = span.trace_key
    copy.span_key = span.span_key
    copy.parent_key = span.parent_key
    copy.name = span.name
    copy.span_type = span.span_type
    copy.start_time_ns = span.start_time_ns
    copy.status_code = span.status_code
    copy.status_message = span.status_message
    copy.raw_inputs = span.raw_inputs
    copy.raw_outputs = span.raw_outputs
    attributes = span.raw_attributes
    if ended is None and not span.attributes_shared:
        attributes = attributes.copy()
    copy.raw_attributes = attributes
    events = span.raw_events
    copy.raw_events = events if span.stream is None else span.stream.events() + events
    copy.links = span.links
    copy.display_number = 0
    return copy


def _mask(span: Span, redactor: Redactor) -> None:
    """Mask the secrets of a span; what it shares with others is exchanged."""
    span.name = redactor.text(span.name)
    if span.status_message:
        span.status_message = redactor.text(span.status_message)
    span.raw_inputs = redactor.redact(span.raw_inputs)
    span.raw_outputs = redactor.redact(span.raw_outputs)
    span.raw_attributes = _masked(span.raw_attributes, redactor)
    span.raw_events = [
        (redactor.text(name), at, _masked(held, redactor))
        for name, at, held in span.raw_events
    ]
    span.links = [_masked_link(link, redactor) for link in span.links]


def _masked_link(link: Link, redactor: Redactor) -> Link:
    if not link.attributes:
        return link
    masked = decode(redactor.redact(capture(link.attributes)))
    attributes = masked if isinstance(masked, dict) else {"attributes": masked}
    return Link(link.trace_id, link.span_id, attributes)


def _masked(values: dict[str, Captured], redactor: Redactor) -> dict[str, Captured]:
    return {key: redactor.redact(value, key) for key, value in values.items()}


def _info(about: About, spans: list[Span], redactor: Redactor) -> TraceInfo:
    root = spans[0]
    # What is computed from masked values holds no secret.
    request, response = about.request_preview, about.response_preview
    request = redactor.text(request) if request else preview(root.raw_inputs, "user")
    response = (
        redactor.text(response) if response else preview(root.raw_outputs, "assistant")
    )
    ended = root.end_time_ns
    client_request_id = about.client_request_id
    return TraceInfo(
        trace_id=trace_id_text(about.key),
        trace_location=_location(about.experiment_id),
        request_time=root.start_time_ns // 1_000_000,
        execution_duration=None
        if ended is None
        else (ended - root.start_time_ns) // 1_000_000,
        state=about.state or _state_of(root),
        request_preview=request,
        response_preview=response,
        client_request_id=client_request_id and redactor.text(client_request_id),
        trace_metadata={
            SCHEMA_VERSION: "3",
            _METADATA_INPUTS: (request or "")[:_METADATA_CHARACTERS],
            _METADATA_OUTPUTS: (response or "")[:_METADATA_CHARACTERS],
            **({} if ended is None else _sizes(spans)),
            **_masked_source(redactor),
            **_masked_texts(about.metadata, redactor),
            **_usage_metadata(spans),
        },
        tags={
            # A part of a trace is no reason to name the whole after it.
            **({TRACE_NAME: root.name} if root.parent_key is None else {}),
            **_masked_texts(about.tags, redactor),
        },
    )


@lru_cache(maxsize=4)
def _masked_source(redactor: Redactor) -> dict[str, str]:
    return _masked_texts(source_metadata(), redactor)


def _masked_texts(texts: dict[str, str], redactor: Redactor) -> dict[str, str]:
    # Copied in one step: another thread may be adding to it.
    texts = texts.copy()
    if not texts or redactor.clears_texts(texts):
        return texts
    return {k: str(redactor.redact(v, k)) for k, v in texts.items()}


def _state_of(root: Span) -> TraceState:
    if root.end_time_ns is None:
        return TraceState.IN_PROGRESS
    if root.status_code is SpanStatusCode.ERROR:
        return TraceState.ERROR
    return TraceState.OK


def _sizes(spans: list[Span]) -> dict[str, str]:
    """Measure the spans: bytes of names and values, those that were cut included."""
    sizes = sorted(map(_size_of, spans))
    total, count = sum(sizes), len(sizes)
    p25, p50, p75 = sizes[count // 4], sizes[count // 2], sizes[count * 3 // 4]
    # JSON, with spaces as mlflow 3.17 writes it.
    stats = (
        f'{{"total_size_bytes": {total}, "num_spans": {count}, "max": {sizes[-1]}, '
        f'"p25": {p25}, "p50": {p50}, "p75": {p75}}}'
    )
    return {_SIZE: str(total), _SIZE_STATS: stats}


def _size_of(span: Span) -> int:
    attributes = span.raw_attributes
    known = attributes.size if type(attributes) is SharedValues else None
    size = _size_of_attributes(attributes) if known is None else known
    for value in (span.name, span.raw_inputs, span.raw_outputs):
        # By far the most are one of these, and a call takes longer than all else.
        kind = type(value)
        if kind is bytes or (kind is str and value.isascii()):  # type: ignore[union-attr]
            size += len(value)  # type: ignore[arg-type]
        elif value is not None:
            size += _bytes_of(value)
    if not span.raw_events:
        return size
    for name, _, fields in span.raw_events:
        size += _bytes_of(name) + sum(map(_bytes_of, fields.values()))
    return size


def _size_of_attributes(attributes: dict[str, Captured]) -> int:
    size = sum(map(_bytes_of, attributes.values())) + _bytes_cut(attributes)
    if type(attributes) is SharedValues:
        attributes.size = size
    return size


def _bytes_of(value: object) -> int:
    kind = type(value)
    if kind is int:
        return _SCALAR_BYTES
    if kind is str:
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))  # type: ignore[attr-defined,arg-type]
    if kind is bytes:
        return len(value)  # type: ignore[arg-type]
    if kind is dict:
        size = 0
        for key, inner in value.items():  # type: ignore[attr-defined]
            size += len(key) + (
                _SCALAR_BYTES if type(inner) is int else _bytes_of(inner)
            )
        return size
    return 0 if value is None else _SCALAR_BYTES


def _bytes_cut(attributes: dict[str, Captured]) -> int:
    if TRUNCATED not in attributes:
        return 0
    cuts = decode(attributes[TRUNCATED])
    return sum(
        int(cut["total"]) - int(cut["kept"])
        for cut in (cuts if isinstance(cuts, list) else ())
        if isinstance(cut, dict) and cut.get("unit") == "bytes"
    )


def _usage_metadata(spans: list[Span]) -> dict[str, str]:
    for span in spans:
        if TOKEN_USAGE in span.raw_attributes:
            break
    else:
        return {}
    totals = totals_of(spans)
    usage = totals.usage
    found = {TRACE_TOKEN_USAGE: json.dumps(dict(usage.tokens))}
    if usage.cost:
        found[COST] = json.dumps(dict(usage.cost))
        if totals.is_cost_partial:
            found[COST_PARTIAL] = "true"
    return found
