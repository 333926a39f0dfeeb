"""``traces()``, ``spans()``, ``get(df)`` and ``show(df)``: typed frames and back."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spantree._arguments import asks, is_a, read_from
from spantree._runtime import RUNTIME
from spantree.entities.errors import MissingExtraError, SpantreeException, did_you_mean
from spantree.searching import require_pandas, trace_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from spantree.entities.trace import Trace

__all__ = ["aggregate", "get", "show", "spans", "traces"]

_COUNTED = ("count", "errors", "tokens", "input_tokens", "output_tokens")
_FORMS = ("pandas", "polars", "arrow", "records")


@asks
def traces(
    filter: str | None = None,  # noqa: A002 - what it is
    *,
    order_by: Sequence[str] | str | None = None,
    limit: int | None = 1000,
    columns: Sequence[str] | None = None,
    as_: str = "pandas",
) -> Any:
    """Give one row a trace of all experiments, newest first, typed for analysis.

    Args:
        filter: The search language.
        order_by: Fields, each with an optional ``ASC`` or ``DESC``.
        limit: At most so many; None for all.
        columns: Only these, in this order.
        as_: ``"pandas"``, ``"polars"``, ``"arrow"`` or ``"records"`` (dicts).

    Returns:
        The frame; what is unknown is NA, never 0, and an empty one has the same
        columns and types.

    Raises:
        FilterError: If the filter is not understood.
        SpantreeException: If a column or the form is unknown.
        MissingExtraError: If pandas, or what the form needs, is not installed.
    """
    from spantree.search import typed_frame

    require_pandas("traces()")
    query = trace_query(filter, order_by, experiments=None)
    frame = typed_frame(RUNTIME.summaries(query, limit))
    return _as_form(_chosen(frame, columns), as_)


@asks
def spans(
    filter: str | None = None,  # noqa: A002 - what it is
    *,
    order_by: Sequence[str] | str | None = None,
    limit: int | None = 1000,
    columns: Sequence[str] | None = None,
    as_: str = "pandas",
) -> Any:
    """Give one row a span of the traces that match, parents before children.

    Args:
        filter: The search language; it chooses traces.
        order_by: Orders the traces.
        limit: At most so many traces; None for all.
        columns: Only these, in this order; ``inputs``, ``outputs`` and ``attributes``
            are there only when named.
        as_: ``"pandas"``, ``"polars"``, ``"arrow"`` or ``"records"`` (dicts).

    Returns:
        The frame; what is unknown is NA, never 0, and an empty one has the same
        columns and types.

    Raises:
        FilterError: If the filter is not understood.
        SpantreeException: If a column or the form is unknown.
        MissingExtraError: If pandas, or what the form needs, is not installed.
    """
    from spantree.span_rows import span_frame

    require_pandas("spans()")
    query = trace_query(filter, order_by, experiments=None)
    frame = span_frame(RUNTIME.search(query, limit, spans=True), columns or ())
    return _as_form(_chosen(frame, columns), as_)


@asks
def aggregate(
    by: Sequence[str] | str = (),
    measures: Sequence[str] | str = ("count", "errors", "tokens", "cost", "p50", "p95"),
    filter: str | None = None,  # noqa: A002 - what it is
    *,
    as_: str = "pandas",
) -> Any:
    """Group traces and measure each group: tokens by model, latency by day.

    Args:
        by: Fields of traces (``model``, ``name``, ``status``, ``session``, ``tag.…``),
            ``day`` or ``hour`` (UTC); none for one group of all. A trace of several
            models counts, whole, for each of them.
        measures: Among ``count``, ``errors``, ``tokens``, ``input_tokens``,
            ``output_tokens``, ``cost`` (USD), ``duration`` (its mean), ``p50``,
            ``p90``, ``p95``, ``p99`` (of the duration); durations in ms.
        filter: The search language; None for all traces.
        as_: ``"pandas"``, ``"polars"``, ``"arrow"`` or ``"records"`` (dicts; needs no
            pandas).

    Returns:
        A row a group, the largest first; what is unknown of a whole group is NA.

    Raises:
        FilterError: If the filter is not understood.
        SpantreeException: If a field, a measure or the form is unknown.
        MissingExtraError: If pandas, or what the form needs, is not installed.
    """
    by = [by] if isinstance(by, str) else list(by)
    measures = [measures] if isinstance(measures, str) else list(measures)
    query = trace_query(filter, None, experiments=None)
    rows = RUNTIME.aggregate(query, by, measures)
    if as_ == "records":
        return rows
    require_pandas("aggregate()")
    import pandas as pd

    counts = dict.fromkeys(_COUNTED, "Int64")
    numbers = dict.fromkeys(measures, "Float64") | {
        name: dtype for name, dtype in counts.items() if name in measures
    }
    frame = pd.DataFrame(rows, columns=[*by, *measures]).astype(numbers)
    return _as_form(frame, as_)


def get(which: Any) -> list[Trace]:
    """Give the traces that rows of a frame, or ids, stand for.

    Args:
        which: A DataFrame with a column ``trace_id``, one of its rows or columns, ids,
            or one id.

    Returns:
        The traces, each once, in the order of their first mention.

    Raises:
        SpantreeException: If there is no column ``trace_id``, or no such trace.
    """
    ids = read_from(_ids, which, "Traces are a frame with a column trace_id, or ids")
    return [RUNTIME.require_trace(i) for i in dict.fromkeys(ids)]


def show(which: Any) -> None:
    """Show traces under the running cell; outside notebooks, do nothing.

    Args:
        which: As for :func:`get`.

    Raises:
        SpantreeException: As from :func:`get`.
    """
    for trace in get(which):
        RUNTIME.show(trace)


def _ids(which: Any) -> list[str]:
    if is_a(which, str):
        return [str.__str__(which)]
    # A frame has columns and a row has an index; both give a column or a value.
    names = getattr(which, "columns", getattr(which, "index", ()))
    if not callable(names) and "trace_id" in names:
        found = which["trace_id"]
        return [found] if isinstance(found, str) else [str(i) for i in found]
    if hasattr(which, "columns"):
        msg = f"There is no column 'trace_id' among {', '.join(map(str, names))}."
        raise SpantreeException(msg)
    return [str(i) for i in which]


def _chosen(frame: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    for name in columns or ():
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            msg = f"Unknown column {name!r}.{hint} Known: {', '.join(frame.columns)}."
            raise SpantreeException(msg)
    return frame if columns is None else frame[list(columns)]


def _as_form(frame: pd.DataFrame, form: str) -> Any:
    from spantree.search.accessor import register_accessor

    if form == "pandas":
        register_accessor(RUNTIME)
        return frame
    if form == "records":
        rows = frame.astype(object).where(frame.notna(), None)
        return rows.to_dict("records")
    try:
        if form == "polars":
            return import_module("polars").from_pandas(frame)
        if form == "arrow":
            table = import_module("pyarrow").Table
            return table.from_pandas(frame, preserve_index=False)
    except ModuleNotFoundError as error:
        msg = f"as_={form!r} needs {error.name}. Run: pip install {error.name}"
        raise MissingExtraError(msg) from None
    hint = did_you_mean(form, _FORMS)
    msg = f"Unknown form {form!r}.{hint} Known: {', '.join(_FORMS)}."
    raise SpantreeException(msg)
