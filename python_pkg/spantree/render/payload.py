"""The payload of an output: what the viewer draws.

The format is version 1 of ``application/vnd.spantree.trace.v1+json``; its schema is
``js/src/model/payload.schema.json``. Within a version keys are only added.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from spantree.render.budget import CELL_BYTES, LEAN, Budget, notebook_bytes
from spantree.render.draft import TraceDraft
from spantree.render.summary import notable, summarise
from spantree.render.tree import TraceTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.trace import Trace

MIME = "application/vnd.spantree.trace.v1+json"
VERSION = 1
MAX_TRACES = 20


class OutputDraft:
    """The payload of one output, filled step by step.

    Args:
        trees: All traces of the output.
        budget: What the output may take.
        key: 16 hex digits that name the output.
        rev: Grows with each update of the output.
        live: Whether the cell still runs.
        mode: ``tree``, ``rows``, ``compact``, ``table``, or ``compare`` for two traces
            in this order.
        depth: Levels open at first.
        open_errors: Whether the ways to failed spans are open at first.
        total: Roots of the cell, when more than the traces given.
    """

    def __init__(
        self,
        trees: Sequence[TraceTree],
        budget: Budget = LEAN,
        *,
        key: str,
        rev: int = 0,
        live: bool = False,
        mode: str = "tree",
        depth: int = 2,
        open_errors: bool = True,
        total: int | None = None,
    ) -> None:
        shown = shown_trees(trees, mode) if budget.cell_bytes else trees
        self.drafts = [TraceDraft(tree, budget, live=live) for tree in shown]
        self.payload: dict[str, object] = {
            "v": VERSION,
            "by": _program(),
            "key": key,
            "rev": rev,
            "live": live,
            "view": {"mode": mode, "depth": depth, "open_errors": open_errors},
            "total": max(total or 0, len(trees)),
            "traces": [],
        }
        if mode == "table":
            self.payload["table"] = summarise(trees)

    def add_rows(self, room: int | None) -> int:
        """Add the rows of every trace; gives the bytes taken in the notebook file."""
        used = notebook_bytes(self.payload)
        left = None if room is None else room - used
        shares = _shares(self.drafts, left)
        for draft, share in zip(self.drafts, shares, strict=True):
            used += draft.add_rows(share)
        return used

    def add_values(self, room: int | None) -> None:
        """Add previews, bodies and attachments of every trace as far as they fit."""
        shares = _shares(self.drafts, room)
        spare = 0
        for draft, share in zip(self.drafts, shares, strict=True):
            given = None if share is None else share + spare
            used = draft.add_values(given)
            # What a trace leaves is the next one's.
            spare = 0 if given is None else given - used
        self.payload["traces"] = [draft.fields for draft in self.drafts]


def build_output(
    traces: Sequence[Trace],
    *,
    key: str,
    rev: int = 0,
    live: bool = False,
    mode: str = "tree",
    depth: int = 2,
    open_errors: bool = True,
    total: int | None = None,
    budget: Budget = LEAN,
) -> dict[str, object]:
    """Build the payload of an output.

    Args:
        traces: The traces, by start time; at most 20 are carried, in table mode the
            slowest and the failed.
        key: 16 hex digits that name the output; the viewer keeps its state under it.
        rev: Grows with each update of the output.
        live: Whether the cell still runs.
        mode: ``tree``, ``rows``, ``compact`` or ``table``.
        depth: Levels open at first.
        open_errors: Whether the ways to failed spans are open at first.
        total: Roots of the cell, when more than the traces given.
        budget: What the payload may take; what is left out is in each trace's ``cut``.

    Returns:
        JSON data, fit for a notebook file.
    """
    trees = [TraceTree(trace) for trace in traces]
    draft = OutputDraft(
        trees,
        budget,
        key=key,
        rev=rev,
        live=live,
        mode=mode,
        depth=depth,
        open_errors=open_errors,
        total=total,
    )
    ceiling = output_ceiling(trees, budget)
    used = draft.add_rows(ceiling)
    draft.add_values(None if ceiling is None else ceiling - used)
    return draft.payload


def output_ceiling(trees: Sequence[TraceTree], budget: Budget) -> int | None:
    """Give the bytes that an output of several traces may take, None for no limit."""
    ceilings = [budget.ceiling(tree.span_count) for tree in trees[: 2 * MAX_TRACES]]
    if budget.cell_bytes is None:
        return None
    limited = [ceiling for ceiling in ceilings if ceiling is not None]
    return min(CELL_BYTES, budget.cell_bytes, sum(limited) or budget.cell_bytes)


def shown_trees(trees: Sequence[TraceTree], mode: str) -> list[TraceTree]:
    """Choose the traces that can be opened, by start time."""
    if mode == "compare":
        return list(trees)
    if mode == "table":
        slowest, failed = notable(trees)
        chosen = {id(tree): tree for tree in (*slowest, *failed)}
        return sorted(chosen.values(), key=lambda tree: tree.start_ns)
    return sorted(trees, key=lambda tree: tree.start_ns)[:MAX_TRACES]


def _shares(drafts: Sequence[TraceDraft], room: int | None) -> list[int | None]:
    """Share bytes out among traces, by the ceilings of their sizes."""
    if room is None:
        return [None] * len(drafts)
    weights = [LEAN.ceiling(draft.tree.span_count) or 1 for draft in drafts]
    whole = sum(weights)
    return [room * weight // whole for weight in weights]


@cache
def _program() -> str:
    # Costs 24 ms at the first output, and nothing at import.
    from importlib import metadata

    try:
        return f"spantree {metadata.version('spantree')}"
    except metadata.PackageNotFoundError:
        return "spantree"
