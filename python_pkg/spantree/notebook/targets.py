"""Which trace a magic means: ``last``, ``-2``, an id, its first digits, a variable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.entities.errors import did_you_mean
from spantree.entities.ids import parse_trace_id, trace_id_text
from spantree.entities.trace import Trace
from spantree.recording import RECORDER
from spantree.render.format import counted

if TYPE_CHECKING:
    from spantree.entities.span import Span
    from spantree.notebook.desk import Desk

_NTH_LAST = re.compile(r"-([1-9]\d{0,17})")
_ID = re.compile(r"(tr-)?([0-9a-f]+)", re.IGNORECASE)
_LEAST_DIGITS = 6
_MOST_NAMED = 3
TARGET_HELP = "last, -N, tr-…, 6 or more hex digits, or a variable"


class NothingYet(Exception):  # noqa: N818 - no error: there is nothing to answer from
    """There is no trace yet."""


def find_trace(target: str, desk: Desk) -> Trace:
    """Give the trace that a target means.

    Raises:
        NothingYet: If it means a latest trace and there is none.
        UsageError: If it means no trace, or several.
    """
    if target == "last":
        return _latest(desk)
    nth = _NTH_LAST.fullmatch(target)
    if nth:
        return _nth_last(int(nth[1]), desk)
    held = desk.shell.user_ns.get(target)
    if isinstance(held, Trace):
        return held
    written = _ID.fullmatch(held if isinstance(held, str) else target)
    if written is None:
        if held is not None:
            raise UsageError(
                f"{target!r} is a {type(held).__name__}, not a Trace. See %traces"
            )
        hint = did_you_mean(target, ["last", *held_traces(desk)])
        raise UsageError(f"No trace is called {target!r}.{hint} Use {TARGET_HELP}")
    return _by_digits(written[2].lower(), desk)


def held_traces(desk: Desk) -> list[str]:
    """Name the user's variables that hold a trace."""
    return [
        name
        for name, value in desk.shell.user_ns.items()
        if isinstance(value, Trace) and not name.startswith("_")
    ]


def find_span(trace: Trace, digits: str) -> Span:
    """Give the span of a trace whose id begins so.

    Raises:
        UsageError: If there is none.
    """
    for span in trace.data.spans:
        if span.span_id.startswith(digits.lower()):
            return span
    raise UsageError(f"No span of {trace.trace_id} starts with {digits!r}.")


def latest_ids(desk: Desk, count: int) -> list[str]:
    """Give the ids of the latest traces, newest first."""
    from spantree.search import parse_query  # costs 80 ms, and few ask

    return [s.trace_id for s in desk.host.summaries(parse_query(""), count)]


def _latest(desk: Desk) -> Trace:
    """Give the trace that ended last here, else the newest of the store."""
    key = RECORDER.traces.last_ended_key
    found = None if key is None else desk.host.get_trace(trace_id_text(key))
    return found or _nth_last(1, desk)


def _nth_last(n: int, desk: Desk) -> Trace:
    ids = latest_ids(desk, n)
    if not ids:
        raise NothingYet
    if len(ids) < n:
        stored = counted(len(ids), "trace")
        raise UsageError(f"There is no -{n}: the store holds {stored}.")
    return _get(ids[-1], desk)


def _by_digits(digits: str, desk: Desk) -> Trace:
    from spantree.search import parse_query

    if parse_trace_id(f"tr-{digits}") is not None:
        return _get(f"tr-{digits}", desk)
    unknown = (
        f"No trace starts with {digits!r}. Prefixes need {_LEAST_DIGITS} characters; "
        "see %traces"
    )
    if len(digits) < _LEAST_DIGITS:
        raise UsageError(unknown)
    query = parse_query(f"trace_id = 'tr-{digits}'")
    found = [s.trace_id for s in desk.host.summaries(query, _MOST_NAMED)]
    if not found:
        raise UsageError(unknown)
    if len(found) > 1:
        raise UsageError(f"Several traces start with {digits!r}: {', '.join(found)}.")
    return _get(found[0], desk)


def _get(trace_id: str, desk: Desk) -> Trace:
    found = desk.host.get_trace(trace_id)
    if found is None:
        raise UsageError(f"There is no trace {trace_id}. See %traces")
    return found
