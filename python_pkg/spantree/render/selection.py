"""Which rows to keep when not all of them fit."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from spantree.entities.rollup import MODEL_TYPES
from spantree.render.tree import ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.render.tree import TraceTree


def keep_rows(tree: TraceTree, ranked: Iterable[int], limit: int) -> list[int]:
    """Take the first rows of a ranking, each with all its ancestors.

    Args:
        tree: The rows.
        ranked: Rows, most important first; repetitions are skipped.
        limit: How many rows to give at most.

    Returns:
        Rows in tree order.
    """
    if limit >= len(tree):
        return list(range(len(tree)))
    kept: set[int] = set()
    for row in ranked:
        if len(kept) >= limit:
            break
        missing = []
        while row >= 0 and row not in kept:
            missing.append(row)
            row = tree.parent[row]  # noqa: PLW2901
        # From the top, so that a path that does not fit keeps its beginning.
        kept.update(missing[::-1][: limit - len(kept)])
    return sorted(kept)


def rank_values(tree: TraceTree, rows: Iterable[int]) -> list[int]:
    """Order rows by how much their inputs and outputs tell a reader.

    Root, failed, model calls, tools, retrievers, then the rest in tree order.
    """
    root = tree.root_row
    classes: list[list[int]] = [[], [], [], [], [], []]
    for row in rows:
        span = tree.spans[row]
        if span is None:
            continue
        if row == root:
            rank = 0
        elif tree.state[row] == ERROR:
            rank = 1
        else:
            rank = _CLASS_OF_TYPE.get(span.span_type, 5)
        classes[rank].append(row)
    return list(chain.from_iterable(classes))


_CLASS_OF_TYPE = {**dict.fromkeys(MODEL_TYPES, 2), "TOOL": 3, "RETRIEVER": 4}
