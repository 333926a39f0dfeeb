"""Many traces as one table: groups by name, the slowest, the failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from spantree.entities.trace import TraceState
from spantree.render.errors import error_text
from spantree.render.escape import without_surrogates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.render.tree import TraceTree

MAX_GROUPS = 20
MAX_ROWS = 5

_NAME = 250


class Group(TypedDict):
    """Traces of one name; durations in microseconds, None where nothing is known."""

    name: str
    count: int
    errors: int
    p50: int | None
    p95: int | None
    tokens: int | None
    cost: float | None


class SummaryRow(TypedDict):
    """One trace of the table."""

    id: str
    name: str
    state: str
    dur: int | None
    tokens: int | None
    error: str


class Table(TypedDict):
    """At most 20 groups, most frequent first; 5 slowest and 5 failed traces."""

    groups: list[Group]
    slowest: list[SummaryRow]
    failed: list[SummaryRow]


def summarise(trees: Sequence[TraceTree]) -> Table:
    """Build the table of many traces."""
    named: dict[str, list[TraceTree]] = {}
    for tree in trees:
        named.setdefault(trace_name(tree), []).append(tree)
    groups = sorted(named.items(), key=lambda item: -len(item[1]))
    slowest, failed = notable(trees)
    return {
        "groups": [sum_up(name, members) for name, members in groups[:MAX_GROUPS]],
        "slowest": [_row(tree) for tree in slowest],
        "failed": [_row(tree) for tree in failed],
    }


def notable(
    trees: Sequence[TraceTree],
) -> tuple[list[TraceTree], list[TraceTree]]:
    """Give the 5 slowest traces and the first 5 failed ones."""
    slowest = sorted(
        (tree for tree in trees if tree.total_us is not None),
        key=lambda tree: -(tree.total_us or 0),
    )
    failed = [t for t in trees if t.trace.info.state is TraceState.ERROR]
    return slowest[:MAX_ROWS], failed[:MAX_ROWS]


def trace_name(tree: TraceTree) -> str:
    """Give the trace's name, at most 250 characters."""
    name = without_surrogates(tree.trace.name) or "trace"
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def trace_error(tree: TraceTree) -> str:
    """Give what went wrong: the root's error, else the first one below; or ``""``."""
    for row in (tree.root_row, *tree.error_rows[:1]):
        text = error_text(tree.spans[row]) if tree.state[row : row + 1] == b"\2" else ""
        if text:
            return without_surrogates(text)[:200]
    return ""


def sum_up(name: str, trees: Sequence[TraceTree]) -> Group:
    """Count and measure traces under one name."""
    durations = sorted(tree.total_us for tree in trees if tree.total_us is not None)
    tokens = [tree.tokens for tree in trees if tree.tokens is not None]
    costs = [cost for tree in trees if (cost := tree.usage.total_cost) is not None]
    return {
        "name": name,
        "count": len(trees),
        "errors": sum(tree.trace.info.state is TraceState.ERROR for tree in trees),
        "p50": _percentile(durations, 50),
        "p95": _percentile(durations, 95),
        "tokens": sum(tokens) if tokens else None,
        "cost": sum(costs) if costs else None,
    }


def _row(tree: TraceTree) -> SummaryRow:
    return {
        "id": tree.trace.trace_id,
        "name": trace_name(tree),
        "state": tree.trace.info.state.value,
        "dur": tree.total_us,
        "tokens": tree.tokens,
        "error": trace_error(tree),
    }


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Give the nearest-rank percentile."""
    if not ordered:
        return None
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
