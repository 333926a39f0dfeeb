"""``%traces``: the latest traces as a DataFrame."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from IPython.core.error import UsageError

from spantree.entities.errors import did_you_mean
from spantree.notebook.arguments import MagicParser, duration, is_duration, pair
from spantree.notebook.magic import Magic, no_traces, outside_cells
from spantree.notebook.suggestions import (
    model_names,
    session_names,
    tag_keys,
    trace_names,
    user_names,
)

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    import pandas as pd

    from spantree.notebook.desk import Desk
    from spantree.search import Comparison, Query

SHORT_COLUMNS = [
    "start_time",
    "name",
    "status",
    "duration_ms",
    "spans",
    "errors",
    "total_tokens",
    "cost_usd",
    "session",
    "user",
    "request",
    "trace_id",
]
_MOST_SHOWN = 20
_TEXT_SECONDS = 5.0
# Columns by the field that orders them in the store.
_ORDERED_BY = {
    "start_time": "timestamp",
    "name": "name",
    "duration_ms": "duration",
    "spans": "span_count",
    "errors": "error_count",
    "total_tokens": "tokens",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cost_usd": "cost",
    "llm_calls": "llm_calls",
}


def traces_magic(desk: Desk) -> Magic:
    """Give ``%traces``."""
    parser = MagicParser(
        "%traces",
        "Give the latest traces as a DataFrame, newest first.",
        [
            "%traces -n 5",
            "df = %traces --errors --since 1h",
            "%traces --last-cell --show",
        ],
    )
    parser.add_argument(
        "-n",
        type=int,
        metavar="COUNT",
        help=f"so many traces (default: {desk.settings.limit})",
    )
    cells = parser.add_mutually_exclusive_group()
    cells.add_argument("--last-cell", action="store_true", help="of the last cell")
    cells.add_argument(
        "--cell", type=int, metavar="N", help="of In [N] of this session"
    )
    cells.add_argument("--no-cell", action="store_true", help="begun outside of cells")
    parser.add_argument("--errors", action="store_true", help="failed ones only")
    parser.add_argument("--slow", metavar="DUR", help="longer than 500ms, 2s, …")
    parser.add_argument("--since", metavar="DUR|TIME", help="of the last 2h, …")
    parser.add_argument("--session", metavar="S", help="of this conversation")
    parser.add_argument("--user", metavar="U", help="of this user")
    parser.add_argument("--name", metavar="GLOB", help="of this name; * and ? fit any")
    parser.add_argument("--model", metavar="M", help="that called this model")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="k=v", help="with this tag"
    )
    parser.add_argument("--grep", metavar="TEXT", help="that hold this text")
    parser.add_argument("--filter", metavar="FILTER", help="the search language")
    parser.add_argument("--spans", action="store_true", help="one row a span")
    parser.add_argument("--sort", metavar="COL", help="largest first")
    parser.add_argument(
        "--columns", default="", metavar="a,b|all", help="which columns"
    )
    parser.add_argument("--show", action="store_true", help="draw them as trees")
    parser.add_argument("-v", action="store_true", help="print the filter")
    parser.add_argument("-q", action="store_true", help="give nothing back")
    return Magic(
        parser,
        lambda a: _traces(a, desk),
        {
            "session": session_names(desk),
            "user": user_names(desk),
            "name": trace_names(desk),
            "model": model_names(desk),
            "tag": tag_keys(desk),
            "sort": lambda: [*_ORDERED_BY],
            "columns": lambda: ["all", *SHORT_COLUMNS],
        },
    )


def _traces(arguments: Namespace, desk: Desk) -> pd.DataFrame | None:
    from spantree.search import parse_filter, parse_query

    if arguments.n is not None and arguments.n < 1:
        raise UsageError(f"-n is a count from 1, not {arguments.n}.")
    order = _ORDERED_BY.get(arguments.sort or "")
    with _hints_told():
        parse_filter(arguments.filter or "")  # errors show the user's own text
        wanted = " AND ".join(_clauses(arguments, desk))
        query = parse_query(wanted, [f"{order} DESC"] if order else None)
    if arguments.v:
        print(f"filter: {wanted or 'none'}")  # noqa: T201 - asked for
    limit = arguments.n or int(desk.settings.limit)
    if arguments.grep or arguments.filter:
        query = _found_in_time(query, limit, desk)
    frame = _frame(arguments, query, limit, desk)
    if not len(frame) and not wanted:
        print(no_traces())  # noqa: T201 - a magic's answer
    _tell_of_others(arguments, desk)
    if arguments.show:
        _show(list(dict.fromkeys(frame["trace_id"])), desk)
        arguments.is_quiet = True
    arguments.is_quiet = arguments.is_quiet or arguments.q
    if arguments.sort and (arguments.spans or not order):
        _check_columns(frame, [arguments.sort], "--sort")
        frame = frame.sort_values(arguments.sort, ascending=False)
        is_cut = not order and len(set(frame["trace_id"])) == limit
        if is_cut and not arguments.is_quiet:
            print(  # noqa: T201 - nothing is left out silently
                f"the newest {limit} traces, sorted; -n asks for more, and --sort by "
                f"{', '.join(_ORDERED_BY)} reaches all"
            )
    default = None if arguments.spans else SHORT_COLUMNS
    return _with_columns(frame, arguments.columns, default)


def _found_in_time(query: Query, limit: int, desk: Desk) -> Query:
    """Look for what the traces' values hold, for a time; ask again for those alone.

    How far back the search has come is said, if its time ran out.
    """
    from spantree.search import parse_filter

    page = desk.host.search_page(
        query, limit, cursor=None, spans=False, timeout_s=_TEXT_SECONDS
    )
    if not page.complete:
        count, until = len(page.traces), page.scanned_until_ns
        reached = "" if query.order or until is None else f" back to {_clock(until)}"
        print(  # noqa: T201 - nothing is left out silently
            f"{count:,} found in {_TEXT_SECONDS:g} s{reached}; older ones were not "
            "looked at. Narrow it: --since, --session, --name, --model"
        )
    ids = [trace.info.trace_id for trace in page.traces]
    among = cast("Comparison", parse_filter("trace_id IN ('')"))
    return replace(query, filter=replace(among, literals=tuple(ids)))


@contextmanager
def _hints_told() -> Iterator[None]:
    """Print what warnings of a filter say, each once, without a place in IPython."""
    from spantree.search import FilterHint

    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", FilterHint)
        yield
    hints = [w for w in given if issubclass(w.category, FilterHint)]
    for text in dict.fromkeys(str(w.message) for w in hints):
        print(text)  # noqa: T201 - a magic's answer
    for other in given:
        if other not in hints:  # of another thread
            warnings.warn_explicit(
                other.message, other.category, other.filename, other.lineno
            )


def _frame(arguments: Namespace, query: Query, limit: int, desk: Desk) -> pd.DataFrame:
    from spantree.search import typed_frame
    from spantree.search.accessor import register_accessor

    register_accessor(desk.host)
    if arguments.spans:
        spans: pd.DataFrame = desk.host.span_frame(
            desk.host.search(query, limit, spans=True)
        )
        return spans
    return typed_frame(desk.host.summaries(query, limit))


def _clauses(arguments: Namespace, desk: Desk) -> Iterator[str]:
    """Say each option in the search language."""
    yield from _cell_clauses(arguments, desk)
    yield from _field_clauses(arguments)
    if arguments.errors:
        yield "status = 'ERROR'"
    if arguments.slow:
        yield f"duration > {duration(arguments.slow)}"
    if arguments.since:
        since = arguments.since
        yield f"timestamp >= {_quoted(_moment(since))}"
    for key, value in map(pair, arguments.tag):
        yield f"tag.{_quoted(key)} = {_quoted(value)}"
    if arguments.grep:
        yield f"text CONTAINS {_quoted(arguments.grep)}"
    if arguments.filter:
        yield f"({arguments.filter})"


def _field_clauses(arguments: Namespace) -> Iterator[str]:
    for field in ("session", "user"):
        if getattr(arguments, field):
            yield f"{field} = {_quoted(getattr(arguments, field))}"
    for field in ("name", "model"):
        if getattr(arguments, field):
            yield _like(field, getattr(arguments, field))


def _cell_clauses(arguments: Namespace, desk: Desk) -> Iterator[str]:
    last = desk.frames.last
    if arguments.last_cell:
        if last is None:
            raise UsageError("No cell of this session has recorded a trace yet.")
        yield f"cell = '{last.number}'"
        yield f"timestamp >= '{_iso(last.began_ns)}'"
    if arguments.cell is not None:
        yield f"cell = '{arguments.cell}'"
        yield f"timestamp >= '{_iso(desk.frames.began_ns)}'"
    if arguments.no_cell:
        yield "cell IS NULL"


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, timezone.utc).isoformat()


def _clock(ns: int) -> str:
    there = datetime.fromtimestamp(ns / 1e9, timezone.utc).astimezone()
    return there.isoformat(" ", "seconds")


def _moment(text: str) -> str:
    """Read ``2h`` as a time ago, and check one that is written out."""
    if is_duration(text):
        return f"{text} ago"
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(
            f"{text!r} is no time. Use 500ms, 2s, 5m, 1h or 3d, or a date as 2026-01-31"
        ) from None
    return text


def _like(field: str, glob: str) -> str:
    if not any(c in glob for c in "*?"):
        return f"{field} = {_quoted(glob)}"
    if any(c in glob for c in "%_"):  # LIKE would take them for any text
        pattern = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
        return f"{field} RLIKE {_quoted(f'^{pattern}$')}"
    return f"{field} LIKE {_quoted(glob.replace('*', '%').replace('?', '_'))}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _tell_of_others(arguments: Namespace, desk: Desk) -> None:
    """Say once that traces were recorded which no cell shows."""
    for line in outside_cells(desk):
        if not arguments.no_cell:
            print(line)  # noqa: T201 - nothing is left out silently
    desk.frames.without_cell = 0


def _show(trace_ids: list[str], desk: Desk) -> None:
    for trace_id in trace_ids[:_MOST_SHOWN]:
        trace = desk.host.get_trace(trace_id)
        if trace is not None:
            desk.host.show(trace)
    if len(trace_ids) > _MOST_SHOWN:
        print(  # noqa: T201 - nothing is left out silently
            f"showing {_MOST_SHOWN} of {len(trace_ids)}: narrow with --filter or -n"
        )


def _with_columns(
    frame: pd.DataFrame, wanted: str, default: list[str] | None
) -> pd.DataFrame:
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if names == ["all"] or (not names and default is None):
        return frame
    _check_columns(frame, names, "--columns")
    chosen: pd.DataFrame = frame[names or list(default or ())]
    return chosen


def _check_columns(frame: Any, names: list[str], option: str) -> None:
    for name in names:
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            known = ", ".join(frame.columns)
            raise UsageError(f"{option}: Unknown column {name!r}.{hint} Known: {known}")
