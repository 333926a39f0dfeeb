"""Turns traces into rows of the tables and rows back into traces."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from spantree.entities.assessment import (
    ASSESSMENT_KINDS,
    Assessment,
    AssessmentError,
    AssessmentSource,
    make_assessment,
)
from spantree.entities.ids import parse_span_id, span_id_text, trace_id_text
from spantree.entities.trace import (
    COST,
    SCHEMA_VERSION,
    SESSION,
    TOKEN_USAGE,
    TRACE_NAME,
    USER,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.trace_info import rfc3339
from spantree.entities.values import encode_exactly, loads
from spantree.search.summary import NS_PER_MS, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


Row: TypeAlias = "tuple[Any, ...]"
"""What sqlite3 gives and takes."""

TAG, METADATA = 0, 1
STATES = tuple(TraceState)
"""A state's number is its place here."""
_STATE_TEXTS = tuple(state.value for state in STATES)
_STATE_NUMBERS = {state: number for number, state in enumerate(STATES)}
INDEXED_CHARACTERS = 100
"""Of a tag's value; what begins alike is told apart by the trace's row."""
# Copies of what other columns say, what differs with each trace, and what is the same
# for all of a program: an index does not help to find traces by them.
UNINDEXED = frozenset(
    {
        "mlflow.traceInputs",
        "mlflow.traceOutputs",
        "mlflow.trace.sizeBytes",
        "mlflow.trace.sizeStats",
        "mlflow.source.name",
        "mlflow.source.type",
        "mlflow.source.git.branch",
        "mlflow.source.git.commit",
        "mlflow.source.git.repoURL",
        "mlflow.user",
        SCHEMA_VERSION,
        TOKEN_USAGE,
        COST,
        TRACE_NAME,
    }
)

_LARGEST = 2**63 - 1
_LOCATION_TYPE = TraceLocation().type

_FIRST_COLUMNS = (
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
)
TRACE_COLUMNS = (
    *_FIRST_COLUMNS,
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
    "tags",
    "metadata",
)
OWNER_COLUMNS = ("pid", "boot")
INFO_COLUMNS = (*_FIRST_COLUMNS, "tags", "metadata")
ID_PLACE, STATE_PLACE, START_PLACE = map(
    _FIRST_COLUMNS.index, ("trace_id", "state", "start_ns")
)
OPEN_STATE = STATES.index(TraceState.IN_PROGRESS)
INTERRUPTED_STATE = STATES.index(TraceState.INTERRUPTED)
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


def names(columns: Iterable[str]) -> str:
    """Give columns as a statement lists them; ``user`` is a word of SQL's own."""
    return ", ".join(f'"{column}"' for column in columns)


def id_bytes(key: int) -> bytes:
    """Give a trace id as its column holds it."""
    return key.to_bytes(16, "big")


def signed(key: int) -> int:
    """Give a span id as its column holds it: the same 64 bits, signed."""
    return key - 2**64 if key >= 2**63 else key


def unsigned(column: int) -> int:
    """Give a span id back."""
    return column % 2**64


Texts: TypeAlias = "tuple[dict[str, str], dict[str, str]]"
"""Tags and metadata as their columns hold them: without what has its own column."""


def column_texts(summary: Summary, *, is_named: bool) -> Texts:
    """Give the tags and metadata of a trace that its row holds.

    Args:
        summary: Of the trace.
        is_named: The trace's name was set by the tag, and so is kept as one.
    """
    tags, metadata = dict(summary.tags), dict(summary.metadata)
    for texts in (tags, metadata):
        texts.pop(SESSION, None)
        texts.pop(USER, None)
    if not is_named:
        tags.pop(TRACE_NAME, None)
    return tags, metadata


def trace_row(summary: Summary, key: int, experiment: int, texts: Texts) -> Row:
    """Give the values of :data:`TRACE_COLUMNS`.

    Args:
        summary: Of the trace.
        key: Its id.
        experiment: The number of the experiment.
        texts: See :func:`column_texts`.
    """
    s = summary
    return (
        id_bytes(key),
        experiment,
        s.name,
        _STATE_NUMBERS[s.state],
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
        texts_json(texts[0]),
        texts_json(texts[1]),
    )


def texts_json(texts: Mapping[str, str]) -> str:
    """Write tags or metadata as their column holds them."""
    return orjson.dumps(texts).decode()


def tag_rows(texts: Texts) -> Iterator[tuple[int, str, str]]:
    """Give namespace, key and the value's beginning of what can be looked up."""
    for ns, found in zip((TAG, METADATA), texts, strict=True):
        for key, value in found.items():
            if key not in UNINDEXED:
                yield ns, key, value[:INDEXED_CHARACTERS]


def summary_from_row(row: Row, assessments: list[Assessment]) -> Summary:
    """Make a summary of the values of :data:`TRACE_COLUMNS` and assessments."""
    c = dict(zip(TRACE_COLUMNS, row, strict=True))
    tags, metadata = _texts(
        c["tags"], c["metadata"], c["name"], c["session"], c["user"]
    )
    return Summary(
        trace_id=trace_id_text(int.from_bytes(c["trace_id"], "big")),
        experiment_id=str(c["experiment"]),
        name=c["name"] or "",
        state=STATES[c["state"]],
        models=tuple(orjson.loads(c["models"])) if c["models"] else (),
        tags=tags,
        metadata=metadata,
        assessments=assessments,
        **{name: c[name] for name in _COPIED},
    )


def info_from_row(row: Row, assessments: list[Assessment]) -> TraceInfo:
    """Make the info that users see of the values of :data:`INFO_COLUMNS`."""
    key, experiment, name, state, start_ns, dur_ns, session, user, *row_ = row
    request_id, request, response, tags_json, metadata_json = row_
    tags, metadata = _texts(tags_json, metadata_json, name, session, user)
    return TraceInfo(
        trace_id=trace_id_text(int.from_bytes(key, "big")),
        trace_location=_location(experiment),
        request_time=start_ns // NS_PER_MS,
        state=STATES[state],
        execution_duration=None if dur_ns is None else dur_ns // NS_PER_MS,
        request_preview=request,
        response_preview=response,
        client_request_id=request_id,
        trace_metadata=metadata,
        tags=tags,
        assessments=assessments,
    )


def info_dict(row: Row) -> dict[str, Any]:
    """Give what :meth:`TraceInfo.to_dict` gives of a trace nobody judged."""
    (
        key,
        experiment,
        name,
        state,
        start_ns,
        dur_ns,
        session,
        user,
        request_id,
        request,
        response,
        tags_json,
        metadata_json,
    ) = row
    tags, metadata = _texts(tags_json, metadata_json, name, session, user)
    return {
        "trace_id": f"tr-{key.hex()}",
        "client_request_id": request_id,
        "trace_location": {
            "type": _LOCATION_TYPE,
            "mlflow_experiment": {"experiment_id": str(experiment)},
        },
        "request_time": rfc3339(start_ns // NS_PER_MS),
        "execution_duration_ms": None if dur_ns is None else dur_ns // NS_PER_MS,
        "state": _STATE_TEXTS[state],
        "request_preview": request,
        "response_preview": response,
        "trace_metadata": metadata,
        "tags": tags,
        "assessments": [],
    }


def assessment_row(assessment: Assessment) -> Row:
    """Give the values of :data:`ASSESSMENT_COLUMNS`."""
    a = assessment
    span_key = None if a.span_id is None else parse_span_id(a.span_id)
    is_number = isinstance(a.value, (int, float))
    return (
        a.assessment_id,
        None if span_key is None else signed(span_key),
        ASSESSMENT_KINDS.index(a.kind),
        a.name,
        None if a.value is None else _json(a.value),
        _as_float(a.value) if is_number else None,
        None if a.error is None else _json(asdict(a.error)),
        a.source.source_type,
        a.source.source_id,
        a.rationale,
        _json(a.metadata) if a.metadata else None,
        _integer(a.create_time_ms * NS_PER_MS),
        _integer(a.last_update_time_ms * NS_PER_MS),
        a.overrides,
        int(a.valid),
    )


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if number > 0 else -math.inf


def assessment_from_row(trace_id: str, row: Row) -> Assessment:
    """Make an assessment of the values of :data:`ASSESSMENT_COLUMNS`."""
    c = dict(zip(ASSESSMENT_COLUMNS, row, strict=True))
    span_id = c["span_id"]
    return make_assessment(
        ASSESSMENT_KINDS[c["kind"]],
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


def _texts(
    tags_json: str,
    metadata_json: str,
    name: str | None,
    session: str | None,
    user: str | None,
) -> Texts:
    """Give tags and metadata whole: session and user are in both, the name in tags."""
    tags: dict[str, str]
    metadata: dict[str, str]
    tags, metadata = orjson.loads(f"[{tags_json},{metadata_json}]")
    if session is not None:
        tags[SESSION] = metadata[SESSION] = session
    if user is not None:
        tags[USER] = metadata[USER] = user
    tags[TRACE_NAME] = name or ""
    return tags, metadata


@lru_cache(maxsize=256)
def _location(experiment: int) -> TraceLocation:
    return TraceLocation.from_experiment_id(str(experiment))


def _json(value: object) -> str:
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return encode_exactly(value).decode()
    # It may stand for a NaN.
    return (encode_exactly(value) if b"null" in text else text).decode()


def _integer(value: float | None) -> int | float | None:
    """Keep a number within the 64 bits that SQLite has for integers."""
    if value is None or -_LARGEST <= value <= _LARGEST:
        return value
    return _LARGEST if value > 0 else -_LARGEST
