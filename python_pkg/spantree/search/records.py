"""What lists, tables and files show of a trace: plain values by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.entities.trace import TraceState
from spantree.search.summary import NS_PER_MS, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def record_of(summary: Summary) -> dict[str, Any]:
    """Give a trace's values by the names of the typed frame's columns.

    Args:
        summary: The trace.

    Returns:
        Values fit for JSON; what is unknown is None, never 0. ``start_time`` is
        nanoseconds since 1970, ``models`` one text.
    """
    return {name: value_of(summary) for name, value_of in FIELDS.items()}


def state_text(summary: Summary) -> str:
    """Name the state as lists do."""
    is_unset = summary.state is TraceState.STATE_UNSPECIFIED
    return "UNSET" if is_unset else summary.state.value


def feedback_of(summary: Summary) -> dict[str, object]:
    """Give what people and judges said of a trace, by name."""
    valid = [a for a in summary.assessments if a.valid]
    return {a.name: a.value for a in valid if a.kind == "FEEDBACK"}


def _duration_ms(row: Summary) -> float | None:
    return None if row.dur_ns is None else row.dur_ns / NS_PER_MS


FIELDS: Mapping[str, Callable[[Summary], Any]] = {
    "trace_id": lambda row: row.trace_id,
    "name": lambda row: row.name,
    "status": state_text,
    "start_time": lambda row: row.start_ns,
    "duration_ms": _duration_ms,
    "spans": lambda row: row.span_count,
    "errors": lambda row: row.error_count,
    "error": lambda row: row.error,
    "models": lambda row: ", ".join(row.models) or None,
    "llm_calls": lambda row: row.llm_calls,
    "input_tokens": lambda row: row.input_tokens,
    "output_tokens": lambda row: row.output_tokens,
    "total_tokens": lambda row: row.total_tokens,
    "cached_tokens": lambda row: row.cached_tokens,
    "cost_usd": lambda row: row.cost,
    "session": lambda row: row.session,
    "user": lambda row: row.user,
    "request": lambda row: row.request_preview,
    "response": lambda row: row.response_preview,
    "tags": lambda row: dict(row.tags),
    "feedback": feedback_of,
    "cell": lambda row: row.cell,
}
"""Columns in order, and how each is read."""
