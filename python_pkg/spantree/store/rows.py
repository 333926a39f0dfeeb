"""Turns traces into rows of the tables and rows back into traces."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from spantree.entities.assessment import (
    Assessment,
    AssessmentError,
    AssessmentSource,
    Expectation,
    Feedback,
)
from spantree.entities.ids import parse_span_id, span_id_text, trace_id_text
from spantree.entities.span import COST, TOKEN_USAGE, Span, SpanStatusCode
from spantree.entities.trace import (
    SESSION,
    TRACE_NAME,
    USER,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.values import encode_exactly, loads
from spantree.search.span_values import FIRST_ITEM_MS, cost_of, tokens_of, ttft_of
from spantree.search.summary import (
    NS_PER_MS,
    Summary,
    duration_of,
    model_of,
    provider_of,
)
from spantree.store.owner import Owner, is_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spantree.entities.trace import Trace
    from spantree.store.payload import Payload

Row: TypeAlias = "tuple[Any, ...]"
"""What sqlite3 gives and takes."""

TAG, METADATA = 0, 1
STATES = tuple(TraceState)
"""A state's number is its place here."""
STATUSES = tuple(SpanStatusCode)
_STATUS_NUMBERS = {status: number for number, status in enumerate(STATUSES)}

_LARGEST = 2**63 - 1

TRACE_COLUMNS = (
    "trace_id",
    "experiment",
    "name",
    "state",
    "start_ns",
    "dur_ns",
    "session",
    "user",
    "client_request_id",
    "request_preview",
    "response_preview",
    "models",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "cost",
    "llm_calls",
    "span_count",
    "error_count",
    "error",
    "cell",
    "root_span",
)
OWNER_COLUMNS = ("pid", "boot")
SPAN_COLUMNS = (
    "span_id",
    "parent_id",
    "seq",
    "name",
    "type",
    "status",
    "start_ns",
    "dur_ns",
    "ttft_ns",
    "model",
    "provider",
    "input_tokens",
    "output_tokens",
    "cost",
    "flags",
)
ASSESSMENT_COLUMNS = (
    "id",
    "span_id",
    "kind",
    "name",
    "value",
    "num",
    "error",
    "source_type",
    "source_id",
    "rationale",
    "meta",
    "created_ns",
    "updated_ns",
    "overrides",
    "valid",
)


def id_bytes(key: int) -> bytes:
    """Give a trace id as its column holds it."""
    return key.to_bytes(16, "big")


def signed(key: int) -> int:
    """Give a span id as its column holds it: the same 64 bits, signed."""
    return key - 2**64 if key >= 2**63 else key


def unsigned(column: int) -> int:
    """Give a span id back."""
    return column % 2**64


def trace_row(trace: Trace, summary: Summary, experiment: int) -> Row:
    """Give the values of :data:`TRACE_COLUMNS`."""
    s, root = summary, trace.data.root
    return (
        id_bytes(trace.key),
        experiment,
        s.name,
        STATES.index(s.state),
        _integer(s.start_ns),
        _integer(s.dur_ns),
        s.session,
        s.user,
        s.client_request_id,
        s.request_preview,
        s.response_preview,
        orjson.dumps(s.models).decode() if s.models else None,
        _integer(s.input_tokens),
        _integer(s.output_tokens),
        _integer(s.total_tokens),
        _integer(s.cached_tokens),
        s.cost,
        s.llm_calls,
        s.span_count,
        s.error_count,
        s.error,
        s.cell,
        None if root is None else signed(root.span_key),
    )


def tag_rows(info: TraceInfo, *, is_named: bool) -> list[tuple[int, str, str]]:
    """Give namespace, key and value of what has no column of its own.

    Args:
        info: Tags and metadata of the trace.
        is_named: The trace's name was set by the tag, and so is kept as one.
    """
    fields = (SESSION, USER) if is_named else (SESSION, USER, TRACE_NAME)
    both = ((TAG, info.tags), (METADATA, info.trace_metadata))
    return [
        (ns, key, value)
        for ns, texts in both
        for key, value in texts.items()
        if key not in fields
    ]


def span_row(span: Span, seq: int, word: Callable[[str | None], int | None]) -> Row:
    """Give the values of :data:`SPAN_COLUMNS`.

    Args:
        span: A prepared span.
        seq: Its place in the tree, parents before children.
        word: Gives the number of an interned text.
    """
    # Most spans have no attribute that these read.
    attributes = span.raw_attributes
    tokens = tokens_of(span) if TOKEN_USAGE in attributes else {}
    cost = cost_of(span) if COST in attributes else None
    ttft = ttft_of(span) if FIRST_ITEM_MS in attributes else None
    return (
        signed(span.span_key),
        None if span.parent_key is None else signed(span.parent_key),
        seq,
        word(span.name),
        word(span.span_type),
        _STATUS_NUMBERS[span.status_code],
        _integer(span.start_time_ns),
        _integer(duration_of(span)),
        _integer(ttft),
        word(model_of(span)),
        word(provider_of(span)),
        _integer(tokens.get("input_tokens")),
        _integer(tokens.get("output_tokens")),
        cost,
        0,
    )


def span_from_row(key: int, row: Row, payload: Payload) -> Span:
    """Make a span of its row (id, parent, name, type, status, start, duration)."""
    span_id, parent, name, span_type, status, start_ns, dur_ns = row
    return Span(
        trace_key=key,
        span_key=unsigned(span_id),
        parent_key=None if parent is None else unsigned(parent),
        name=name,
        span_type=span_type,
        start_time_ns=start_ns,
        end_time_ns=None if dur_ns is None else start_ns + dur_ns,
        status_code=STATUSES[status],
        status_message=payload.status_message,
        raw_inputs=payload.inputs,
        raw_outputs=payload.outputs,
        raw_attributes=payload.attributes,
        raw_events=payload.events,
        links=payload.links,
    )


def summary_from_row(
    row: Row, texts: Iterable[tuple[int, str, str]], assessments: list[Assessment]
) -> Summary:
    """Make a summary of a trace's row, its tag rows and its assessments."""
    c = dict(zip((*TRACE_COLUMNS, *OWNER_COLUMNS), row, strict=True))
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for ns, key, value in texts:
        (tags if ns == TAG else metadata)[key] = value
    for key, column in ((SESSION, c["session"]), (USER, c["user"])):
        if column is not None:
            tags[key] = metadata[key] = column
    tags[TRACE_NAME] = c["name"] or ""
    return Summary(
        trace_id=trace_id_text(int.from_bytes(c["trace_id"], "big")),
        experiment_id=str(c["experiment"]),
        name=c["name"] or "",
        state=_state_now(c),
        models=tuple(orjson.loads(c["models"])) if c["models"] else (),
        tags=tags,
        metadata=metadata,
        assessments=assessments,
        **{name: c[name] for name in _COPIED},
    )


def info_of(summary: Summary) -> TraceInfo:
    """Make the info that users see of a summary."""
    duration = summary.dur_ns
    return TraceInfo(
        trace_id=summary.trace_id,
        trace_location=TraceLocation.from_experiment_id(summary.experiment_id),
        request_time=summary.start_ns // NS_PER_MS,
        state=summary.state,
        execution_duration=None if duration is None else duration // NS_PER_MS,
        request_preview=summary.request_preview,
        response_preview=summary.response_preview,
        client_request_id=summary.client_request_id,
        trace_metadata=dict(summary.metadata),
        tags=dict(summary.tags),
        assessments=list(summary.assessments),
    )


def assessment_row(assessment: Assessment) -> Row:
    """Give the values of :data:`ASSESSMENT_COLUMNS`."""
    a = assessment
    span_key = None if a.span_id is None else parse_span_id(a.span_id)
    is_number = isinstance(a.value, (int, float))
    return (
        a.assessment_id,
        None if span_key is None else signed(span_key),
        int(isinstance(a, Expectation)),
        a.name,
        None if a.value is None else _json(a.value),
        float(a.value) if is_number else None,
        None if a.error is None else _json(asdict(a.error)),
        a.source.source_type,
        a.source.source_id,
        a.rationale,
        _json(a.metadata) if a.metadata else None,
        a.create_time_ms * NS_PER_MS,
        a.last_update_time_ms * NS_PER_MS,
        a.overrides,
        int(a.valid),
    )


def assessment_from_row(trace_id: str, row: Row) -> Assessment:
    """Make an assessment of the values of :data:`ASSESSMENT_COLUMNS`."""
    c = dict(zip(ASSESSMENT_COLUMNS, row, strict=True))
    kind = Expectation if c["kind"] else Feedback
    span_id = c["span_id"]
    return kind(
        name=c["name"],
        source=AssessmentSource(c["source_type"], c["source_id"]),
        trace_id=trace_id,
        value=None if c["value"] is None else loads(c["value"]),
        rationale=c["rationale"],
        metadata=orjson.loads(c["meta"]) if c["meta"] else {},
        span_id=None if span_id is None else span_id_text(unsigned(span_id)),
        create_time_ms=c["created_ns"] // NS_PER_MS,
        last_update_time_ms=c["updated_ns"] // NS_PER_MS,
        assessment_id=c["id"],
        overrides=c["overrides"],
        valid=bool(c["valid"]),
        error=AssessmentError(**orjson.loads(c["error"])) if c["error"] else None,
    )


_COPIED = (
    "start_ns",
    "dur_ns",
    "session",
    "user",
    "client_request_id",
    "request_preview",
    "response_preview",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "cost",
    "llm_calls",
    "span_count",
    "error_count",
    "error",
    "cell",
)


def _state_now(columns: Mapping[str, Any]) -> TraceState:
    """Give the state; an open trace whose process is gone was interrupted."""
    state: TraceState = STATES[columns["state"]]
    if state is not TraceState.IN_PROGRESS or columns["boot"] is None:
        return state
    owner = Owner(columns["pid"], columns["boot"])
    return TraceState.INTERRUPTED if is_gone(owner) else state


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return encode_exactly(value).decode()


def _integer(value: float | None) -> int | float | None:
    """Keep a number within the 64 bits that SQLite has for integers."""
    if value is None or -_LARGEST <= value <= _LARGEST:
        return value
    return _LARGEST if value > 0 else -_LARGEST
