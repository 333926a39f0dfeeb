"""Spans as a Parquet table, for DuckDB, Spark and the like."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from spantree.entities.errors import MissingExtraError
from spantree.entities.rollup import token_total
from spantree.entities.values import Captured, dumps, encode
from spantree.search.summary import error_of, provider_of
from spantree.search.texts import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace

_ROWS_AT_ONCE = 5_000
# Arrow's type of each column; texts of JSON where a value may be anything.
_TEXT_COLUMNS = (
    "trace_id",
    "span_id",
    "parent_id",
    "name",
    "type",
    "kind",
    "status",
    "status_message",
    "model",
    "provider",
    "error",
    "inputs",
    "outputs",
    "attributes",
    "events",
    "links",
    "trace_name",
    "trace_state",
    "experiment",
    "session",
    "user",
    "client_request_id",
    "tags",
    "metadata",
    "assessments",
)
_INTEGER_COLUMNS = ("input_tokens", "output_tokens", "total_tokens")
_TIME_COLUMNS = ("start_time", "end_time")


def write_parquet(file: IO[bytes], traces: Iterable[Trace]) -> int:
    """Write one row a span, what is known of its trace repeated in each.

    Args:
        file: Where to.
        traces: Read one by one; some thousand rows are held at a time.

    Returns:
        How many traces were written.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    pa, pq = _pyarrow()
    schema = pa.schema(
        [
            *((name, pa.string()) for name in _TEXT_COLUMNS),
            *((name, pa.timestamp("ns", tz="UTC")) for name in _TIME_COLUMNS),
            *((name, pa.int64()) for name in _INTEGER_COLUMNS),
            ("cost_usd", pa.float64()),
        ]
    )
    count, rows = 0, []
    with pq.ParquetWriter(file, schema) as writer:
        for trace in traces:
            count += 1
            whole = _trace_columns(trace)
            rows += [{**_span_columns(span), **whole} for span in trace.data.spans]
            if len(rows) >= _ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return count


def _trace_columns(trace: Trace) -> dict[str, Any]:
    info = trace.info
    return {
        "trace_name": _clean(trace.name),
        "trace_state": info.state.value,
        "experiment": _clean(info.experiment_id),
        "session": _clean(info.session),
        "user": _clean(info.user),
        "client_request_id": _clean(info.client_request_id),
        "tags": _json(dict(info.tags)),
        "metadata": _json(dict(info.trace_metadata)),
        "assessments": _json([a.to_dict() for a in info.assessments]),
    }


def _span_columns(span: Span) -> dict[str, Any]:
    usage, cost = span.token_usage or {}, span.llm_cost or {}
    found = span.to_dict()
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": _clean(span.name),
        "type": _clean(span.span_type),
        "kind": span.kind,
        "status": span.status_code.value,
        "status_message": _clean(span.status_message),
        "model": _clean(span.model_name),
        "provider": provider_of(span),
        "error": error_of(span),
        "inputs": _value(span.raw_inputs),
        "outputs": _value(span.raw_outputs),
        "attributes": _attributes(span.raw_attributes),
        "events": _json(found["events"]),
        "links": _json(found["links"]),
        "start_time": span.start_time_ns,
        "end_time": span.end_time_ns,
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "total_tokens": token_total(usage),
        "cost_usd": cost.get("total_cost"),
    }


def _value(value: Captured) -> str | None:
    return None if value is None else encode(value).decode()


def _attributes(attributes: dict[str, Captured]) -> str:
    parts = [dumps(_clean(k)) + b":" + encode(v) for k, v in attributes.items()]
    return f"{{{b','.join(parts).decode()}}}"


def _json(value: object) -> str:
    return str(_clean(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))


def _clean(text: str | None) -> str | None:
    return None if text is None else clean_text(text)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        msg = "Writing Parquet needs pyarrow. Run: pip install pyarrow"
        raise MissingExtraError(msg) from error
    return pa, pq
