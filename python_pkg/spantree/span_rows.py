"""Spans as rows of a typed frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.entities.rollup import token_total
from spantree.entities.span import PROVIDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace

_NS_PER_MS = 1_000_000
_FIRST_ITEM_MS = "spantree.stream.first_item_ms"

_COLUMNS = {
    "trace_id": "text",
    "span_id": "text",
    "parent_id": "text",
    "path": "text",
    "depth": "Int64",
    "name": "category",
    "type": "category",
    "status": "category",
    "start_time": "time",
    "duration_ms": "float64",
    "self_ms": "float64",
    "ttft_ms": "float64",
    "model": "category",
    "provider": "category",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "total_tokens": "Int64",
    "cached_tokens": "Int64",
    "cost_usd": "Float64",
    "exception": "text",
}
_ON_REQUEST = ("inputs", "outputs", "attributes")


def span_frame(traces: Iterable[Trace], asked: Sequence[str] = ()) -> pd.DataFrame:
    """Give one row a span, in the order of the traces, parents before children.

    Args:
        traces: With their spans.
        asked: Of ``inputs``, ``outputs`` and ``attributes``, the columns to add.
    """
    import pandas as pd

    more = [name for name in _ON_REQUEST if name in asked]
    rows = [row for trace in traces for row in _rows(trace, more)]
    # Before pandas 3 a text column is of dtype object.
    is_new = int(pd.__version__.partition(".")[0]) >= 3  # noqa: PLR2004
    columns: dict[str, Any] = {}
    for name, dtype in {**_COLUMNS, **dict.fromkeys(more, "object")}.items():
        values = [row[name] for row in rows]
        if dtype == "time":
            naive = pd.Series(values, dtype="int64").astype("datetime64[ns]")
            columns[name] = naive.dt.tz_localize("UTC")
        elif dtype == "text":
            columns[name] = pd.Series(values, dtype="str" if is_new else "object")
        else:
            columns[name] = pd.Series(values, dtype="object").astype(dtype)
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


def _rows(trace: Trace, more: Sequence[str]) -> Iterator[dict[str, Any]]:
    spans = trace.data.spans
    place: dict[int | None, tuple[str, int]] = {None: ("", -1)}
    children: dict[int | None, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_key, []).append(span)
    for span in spans:
        above, depth = place.get(span.parent_key, ("", -1))
        path = f"{above}/{span.name}" if above else span.name
        place[span.span_key] = (path, depth + 1)
        yield {
            **_row(span, children.get(span.span_key, ())),
            "path": path,
            "depth": depth + 1,
            **{name: getattr(span, name) for name in more},
        }


def _row(span: Span, children: Sequence[Span]) -> dict[str, Any]:
    usage, cost = span.token_usage or {}, span.llm_cost or {}
    error = span.exception
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "type": span.span_type,
        "status": span.status_code.value,
        "start_time": span.start_time_ns,
        "duration_ms": _duration_ms(span),
        "self_ms": _self_ms(span, children),
        "ttft_ms": span.get_attribute(_FIRST_ITEM_MS),
        "model": span.model_name,
        "provider": span.get_attribute(PROVIDER),
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "total_tokens": token_total(usage),
        "cached_tokens": usage.get("cache_read_input_tokens"),
        "cost_usd": cost.get("total_cost"),
        "exception": f"{error[0]}: {error[1]}" if error else None,
    }


def _duration_ms(span: Span) -> float | None:
    end = span.end_time_ns
    return None if end is None else (end - span.start_time_ns) / _NS_PER_MS


def _self_ms(span: Span, children: Sequence[Span]) -> float | None:
    """Give the time in which no child ran; children may overlap."""
    end = span.end_time_ns
    if end is None:
        return None
    covered, reached = 0, span.start_time_ns
    for child in sorted(children, key=lambda c: c.start_time_ns):
        begin = max(child.start_time_ns, reached)
        until = min(end if child.end_time_ns is None else child.end_time_ns, end)
        covered += max(0, until - begin)
        reached = max(reached, until)
    return (end - span.start_time_ns - covered) / _NS_PER_MS
