"""The lines of a text tree: rows, with runs of like siblings folded into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from spantree.render.selection import keep_rows
from spantree.render.tree import ERROR, RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.render.tree import TraceTree

MIN_FOLD = 5

Runs: TypeAlias = "tuple[dict[int, list[int]], bytearray]"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a tree.

    Args:
        row: The row drawn, the first of a run.
        parent: The row of the line above it in the tree, -1 for a top line.
        count: How many siblings the line stands for.
        duration_us: Their durations' sum, -1 without an end.
    """

    row: int
    parent: int
    count: int
    duration_us: int


def tree_lines(
    tree: TraceTree, runs: Runs, limit: int, *, live: bool
) -> tuple[list[Line], int]:
    """Choose at most ``limit`` lines.

    Args:
        tree: The rows.
        runs: What :func:`find_runs` gave.
        limit: How many lines to give.
        live: Whether the newest rows matter more than the longest.

    Returns:
        Lines in tree order, and how many spans no line stands for.
    """
    members_of, hidden = runs
    rows: Sequence[int] = [row for row in range(len(tree)) if not hidden[row]]
    if len(rows) > limit:
        ranked = tree.by_news if live else tree.by_weight
        visible_rows = (row for row in ranked if not hidden[row])
        rows = keep_rows(tree, visible_rows, limit)
    lines = []
    told = 0
    for row in rows:
        members = members_of.get(row)
        told += len(members) if members else int(tree.spans[row] is not None)
        duration = (
            sum(max(0, tree.duration_us[member]) for member in members)
            if members
            else tree.duration_us[row]
        )
        lines.append(
            Line(row, tree.parent[row], len(members) if members else 1, duration)
        )
    return lines, tree.span_count - told


def find_runs(tree: TraceTree) -> Runs:
    """Find runs of at least five siblings of one name and type, none in trouble.

    Returns:
        The members of each run by its first row, and a mark for each row that a run
        hides: the other members, and all rows below any member.
    """
    troubled = _troubled(tree)
    hidden = bytearray(len(tree))
    runs: dict[int, list[int]] = {}
    open_runs: dict[int, list[int]] = {}
    for row in range(len(tree)):
        parent = tree.parent[row]
        if parent < 0:
            continue
        run = open_runs.get(parent)
        if run and not troubled[row] and _alike(tree, run[0], row):
            run.append(row)
            if len(run) >= MIN_FOLD:
                runs[run[0]] = run
        else:
            open_runs[parent] = [] if troubled[row] else [row]
    members = bytearray(len(tree))
    for first, run in runs.items():
        for member in run:
            members[member] = 1
            hidden[member] = member != first
    for row in range(len(tree)):
        parent = tree.parent[row]
        if parent >= 0 and (hidden[parent] or members[parent]):
            hidden[row] = 1
    return {first: run for first, run in runs.items() if not hidden[first]}, hidden


def _troubled(tree: TraceTree) -> bytearray:
    """Mark the rows that failed or run, and those that hold such a row."""
    marks = bytearray(state in (ERROR, RUNNING) for state in tree.state)
    for row in range(len(tree) - 1, 0, -1):
        if marks[row] and tree.parent[row] >= 0:
            marks[tree.parent[row]] = 1
    return marks


def _alike(tree: TraceTree, one: int, other: int) -> bool:
    a, b = tree.spans[one], tree.spans[other]
    return (
        a is not None
        and b is not None
        and a.name == b.name
        and a.span_type == b.span_type
    )
