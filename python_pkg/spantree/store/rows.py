"""Turns traces into rows of the tables and rows back into traces."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

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
    from collections.abc import Iterable, Iterator


Row: TypeAlias = "tuple[Any, ...]"
"""What sqlite3 gives and takes."""

TAG, METADATA = 0, 1
"""The places of tags and metadata in :class:`Texts`, and their namespaces."""
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

INFO_COLUMNS = ("trace_id", "experiment", "state", "start_ns", "dur_ns", "texts")
"""What a trace shows of itself. Each column of a row costs a list as much as another
object, so all that no index looks at is one: see :class:`Texts`."""
TRACE_COLUMNS = (
    *INFO_COLUMNS,
    "name",
    "session",
    "user",
    "client_request_id",
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
)
OWNER_COLUMNS = ("pid", "boot")
ID_PLACE, STATE_PLACE, START_PLACE = map(
    INFO_COLUMNS.index, ("trace_id", "state", "start_ns")
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


class Texts(NamedTuple):
    """The column ``texts``: a JSON array of what a trace shows as text.

    Args:
        tags: Without session, user and, unless a tag had set it, the trace's name.
        metadata: Without session and user.
        request_preview: What the trace was given, shortened.
        response_preview: What it gave, shortened.
        client_request_id: In a column, too, as are the others.
        name: Of the trace.
        session: In tags and metadata of the trace.
        user: Likewise.
    """

    tags: dict[str, str]
    metadata: dict[str, str]
    request_preview: str | None = None
    response_preview: str | None = None
    client_request_id: str | None = None
    name: str | None = None
    session: str | None = None
    user: str | None = None


def texts_of(summary: Summary, *, is_named: bool) -> Texts:
    """Give the texts of a trace that its row holds.

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
    return Texts(
        tags,
        metadata,
        summary.request_preview,
        summary.response_preview,
        summary.client_request_id,
        summary.name,
        summary.session,
        summary.user,
    )


def trace_row(summary: Summary, key: int, experiment: int, texts: Texts) -> Row:
    """Give the values of :data:`TRACE_COLUMNS`.

    Args:
        summary: Of the trace.
        key: Its id.
        experiment: The number of the experiment.
        texts: See :func:`texts_of`.
    """
    s = summary
    return (
        id_bytes(key),
        experiment,
        _STATE_NUMBERS[s.state],
        _integer(s.start_ns),
        _integer(s.dur_ns),
        texts_json(texts),
        s.name,
        s.session,
        s.user,
        s.client_request_id,
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
    )


def texts_json(texts: Texts) -> str:
    """Write texts as their column holds them."""
    return orjson.dumps([*texts]).decode()


def read_texts(text: str) -> Texts:
    """Read what the column holds."""
    return Texts(*orjson.loads(text))


def tag_rows(texts: Texts) -> Iterator[tuple[int, str, str]]:
    """Give namespace, key and the value's beginning of what can be looked up."""
    for ns, found in ((TAG, texts.tags), (METADATA, texts.metadata)):
        for key, value in found.items():
            if key not in UNINDEXED:
                yield ns, key, value[:INDEXED_CHARACTERS]


def summary_from_row(row: Row, assessments: list[Assessment]) -> Summary:
    """Make a summary of the values of :data:`TRACE_COLUMNS` and assessments."""
    c = dict(zip(TRACE_COLUMNS, row, strict=True))
    tags, metadata, request, response, _ = _shown(c["texts"])
    return Summary(
        trace_id=trace_id_text(int.from_bytes(c["trace_id"], "big")),
        experiment_id=str(c["experiment"]),
        name=c["name"] or "",
        state=STATES[c["state"]],
        request_preview=request,
        response_preview=response,
        models=tuple(orjson.loads(c["models"])) if c["models"] else (),
        tags=tags,
        metadata=metadata,
        assessments=assessments,
        **{name: c[name] for name in _COPIED},
    )


def info_from_row(row: Row, assessments: list[Assessment]) -> TraceInfo:
    """Make the info that users see of the values of :data:`INFO_COLUMNS`."""
    key, experiment, state, start_ns, dur_ns, texts = row
    tags, metadata, request, response, request_id = _shown(texts)
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
    key, experiment, state, start_ns, dur_ns, texts = row
    tags, metadata, request, response, request_id = _shown(texts)
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


def _shown(
    text: str,
) -> tuple[dict[str, str], dict[str, str], str | None, str | None, str | None]:
    """Give tags and metadata whole, the previews and the client's id of the request.

    Session and user are in both tags and metadata, the name is in tags.
    """
    tags: dict[str, str]
    metadata: dict[str, str]
    # Not by read_texts: a list of traces does this a hundred times.
    tags, metadata, request, response, client_id, name, session, user = orjson.loads(
        text
    )
    if session is not None:
        tags[SESSION] = metadata[SESSION] = session
    if user is not None:
        tags[USER] = metadata[USER] = user
    tags[TRACE_NAME] = name or ""
    return tags, metadata, request, response, client_id


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
