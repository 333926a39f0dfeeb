"""Finding traces: lists and DataFrames of them, conversations, and showing them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree.entities.errors import MissingExtraError, SpantreeException
from spantree.entities.paging import PagedList
from spantree.entities.session import Session
from spantree.experiments import experiment_ids as united
from spantree.extraction import extracted
from spantree.recording import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from spantree._arguments import Location
    from spantree.entities.trace import Trace
    from spantree.search import Query

__all__ = ["search_sessions", "search_traces", "trace_query"]

_PAGE = 1000
_LONG_SEARCH_S = 2.0


@asks
def search_traces(
    experiment_ids: Sequence[str] | str | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | str | None = None,
    extract_fields: Sequence[str] | None = None,
    run_id: str | None = None,
    return_type: str | None = None,
    model_id: str | None = None,
    sql_warehouse_id: str | None = None,
    include_spans: bool = True,
    locations: Sequence[Location] | None = None,
    flush: bool = False,
    *,
    experiment_names: Sequence[str] | None = None,
    layout: str = "mlflow",
    timeout: float | None = None,
    where: str | None = None,
) -> Any:
    """Find traces, newest first; those just recorded by this process included.

    A text in first place is the filter: ``search_traces("status = 'ERROR'")``.

    Args:
        experiment_ids: Where to look; the active experiment when nothing is named.
        filter_string: The search language.
        max_results: None for all matches.
        order_by: Fields, each with an optional ``ASC`` or ``DESC``.
        extract_fields: ``"span.inputs.key"``, with backticks around what has dots;
            each becomes a column of the last span of that name.
        run_id: Those linked to a run.
        return_type: ``"pandas"``, the default where it is installed, or ``"list"``.
        model_id: Those linked to a model.
        sql_warehouse_id: Accepted for MLflow's callers; acts with Databricks only.
        include_spans: Whether to read the spans; without them lists are much faster.
        locations: ``experiment_ids`` under its newer name.
        flush: Wait for the writer without a time limit.
        experiment_names: Experiments by name, added to the others.
        layout: ``"mlflow"`` for the 12 columns of MLflow, ``"wide"`` to add typed ones.
        timeout: Seconds after which to stop looking into what spans carry, which no
            index serves; a warning then says how far back the search came.
        where: ``"local"`` for the local store only; else a server that traces are
            sent to is asked as well.

    Returns:
        A DataFrame, or a list of traces.

    Raises:
        FilterError: If the filter is not understood; the message points at the place.
        MissingExtraError: If pandas is asked for and not installed.
        SpantreeException: If another argument is not one of those allowed.
    """
    del sql_warehouse_id
    if isinstance(experiment_ids, str):
        if experiment_ids.isdecimal():
            msg = f"experiment_ids is a list of ids: [{experiment_ids!r}]."
            raise SpantreeException(msg)
        if filter_string is not None:
            msg = "search_traces got two filters: one first and one as filter_string."
            raise SpantreeException(msg)
        experiment_ids, filter_string = None, experiment_ids
    _check("return_type", return_type, ("pandas", "list", None))
    _check("layout", layout, ("mlflow", "wide"))
    _check_where(where)
    if timeout == 0:
        msg = "timeout is a number of seconds above 0, not 0."
        raise SpantreeException(msg)
    if return_type is None:
        return_type = "pandas" if _has_pandas() else "list"
    if return_type == "list" and extract_fields:
        msg = "extract_fields makes columns; it goes with return_type='pandas'."
        raise SpantreeException(msg)
    if flush:
        RUNTIME.flush()
    query = trace_query(
        filter_string,
        order_by,
        experiments=searched_experiments(experiment_ids, experiment_names, locations),
        run_id=run_id,
        model_id=model_id,
    )
    everywhere = where is None
    if return_type == "list":
        return _found(
            query, max_results, timeout, spans=include_spans, everywhere=everywhere
        )
    require_pandas('search_traces(return_type="pandas")')
    columns = extracted(extract_fields or ())
    spans = include_spans or bool(columns)
    found = _found(query, max_results, timeout, spans=spans, everywhere=everywhere)
    # What was not read need not be left out.
    return _frame(found, columns, layout, spans=include_spans or not spans)


@asks
def search_sessions(
    max_results: int = 100,
    run_id: str | None = None,
    model_id: str | None = None,
    include_spans: bool = True,
    locations: Sequence[Location] | None = None,
) -> list[Session]:
    """Find conversations: traces grouped by their session id.

    Args:
        max_results: At most so many, those with the newest traces.
        run_id: Traces linked to a run.
        model_id: Traces linked to a model.
        include_spans: Whether to read the spans.
        locations: Experiments by id; the active one when left out.

    Returns:
        The sessions, that with the newest trace first; each holds its traces in the
        order they began.
    """
    where = searched_experiments(None, None, locations)

    def query(filter_string: str, order: str) -> Query:
        return trace_query(
            filter_string, [order], experiments=where, run_id=run_id, model_id=model_id
        )

    any_session = query("session IS NOT NULL", "timestamp DESC")
    found: dict[str, None] = {}
    cursor = None
    while len(found) < max_results:
        page = RUNTIME.search_page(
            any_session, _PAGE, cursor=cursor, spans=False, everywhere=True
        )
        found.update(dict.fromkeys(str(t.info.session) for t in page.traces))
        cursor = page.cursor
        if cursor is None:
            break
    return [
        Session(
            RUNTIME.search(
                query(f"session = {_quoted(session)}", "timestamp ASC"),
                None,
                spans=include_spans,
                everywhere=True,
            )
        )
        for session in list(found)[:max_results]
    ]


def trace_query(
    filter_string: str | None,
    order_by: Sequence[str] | str | None,
    *,
    experiments: Sequence[str] | None,
    run_id: str | None = None,
    model_id: str | None = None,
) -> Query:
    """Read a filter and an order, and add what a run or a model stands for.

    Raises:
        FilterError: If they are not understood.
    """
    from spantree.search import parse_query

    links = [
        f"metadata.`{key}` = {_quoted(value)}"
        for key, value in (("mlflow.sourceRun", run_id), ("mlflow.modelId", model_id))
        if value is not None
    ]
    if filter_string and links:
        parse_query(filter_string)  # errors point at the column of the user's own text
        filter_string = " AND ".join([f"({filter_string})", *links])
    text = filter_string or " AND ".join(links) or None
    return parse_query(text, order_by, experiments)


def searched_experiments(
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    locations: Sequence[Location] | None,
) -> list[str]:
    """Unite the ways of naming experiments; the active one when none was used."""
    found = united(ids, names, locations)
    return [RUNTIME.active_experiment_id()] if found is None else found


def require_pandas(asked: str) -> None:
    """Say what to install when pandas is missing.

    Raises:
        MissingExtraError: If it is.
    """
    if not _has_pandas():
        msg = f'{asked} needs pandas. Run: pip install "spantree[notebook]"'
        raise MissingExtraError(msg)


def _found(
    query: Query,
    limit: int | None,
    timeout: float | None,
    *,
    spans: bool,
    everywhere: bool,
) -> PagedList[Trace]:
    began = time.monotonic()
    page = RUNTIME.search_page(
        query,
        limit,
        cursor=None,
        spans=spans,
        timeout_s=timeout,
        everywhere=everywhere,
    )
    took_s = time.monotonic() - began
    if page.complete and page.looked_into and took_s > _LONG_SEARCH_S:
        warn(
            "long_search",
            "The search took %.0f s to look into what %s traces carry, one after the "
            "other. Conditions on time, tags, status or names and types of spans, "
            "added with AND, choose among them first; timeout= ends a search sooner.",
            took_s,
            f"{page.looked_into:,}",
        )
    if not page.complete:
        until = datetime.fromtimestamp((page.scanned_until_ns or 0) / 1e9).astimezone()
        warn(
            "search_timeout",
            "The search stopped%s, back at %s; older traces were not looked at. "
            "Give it %smore conditions beside those on texts and spans.",
            f" after {timeout} s" if timeout else "",
            f"{until:%Y-%m-%d %H:%M:%S}",
            "a longer timeout, or " if timeout else "",
        )
    return PagedList(page.traces)


def _frame(
    found: list[Trace],
    columns: Mapping[str, Callable[[Trace], object]],
    layout: str,
    *,
    spans: bool,
) -> pd.DataFrame:
    import pandas as pd

    from spantree.search import compat_frame, typed_frame
    from spantree.search.accessor import register_accessor

    register_accessor(RUNTIME)
    frame = compat_frame(found, include_spans=spans)
    for name, value_of in columns.items():
        frame[name] = pd.Series([value_of(trace) for trace in found], dtype="object")
    return frame if layout == "mlflow" else _widened(frame, typed_frame(found))


def _widened(frame: pd.DataFrame, typed: pd.DataFrame) -> pd.DataFrame:
    """Add the typed columns; their `spans` is a count and becomes `span_count`."""
    import pandas as pd

    added = typed.rename(columns={"spans": "span_count"})
    new = [column for column in added.columns if column not in frame.columns]
    wide: pd.DataFrame = pd.concat([frame, added[new]], axis=1)
    return wide


def _has_pandas() -> bool:
    try:
        import pandas as pd  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def _check_where(where: str | None) -> None:
    if where not in ("local", None):
        msg = f"where is 'local', or left out for the server as well, not {where!r}."
        raise SpantreeException(msg)


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _check(name: str, value: str | None, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        known = " or ".join(repr(a) for a in allowed if a is not None)
        msg = f"{name} is {known}, not {value!r}."
        raise SpantreeException(msg)
