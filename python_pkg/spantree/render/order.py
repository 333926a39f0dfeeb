"""The order of a trace's rows: depth-first, siblings by start, nobody lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.span import Span


@dataclass(slots=True)
class Layout:
    """Where each span stands.

    Args:
        order: Index of the span of each row, -1 for a placeholder.
        parent: The parent's row, -1 for a top row.
        level: 0 for a top row.
        missing: The parent key that each placeholder row stands for.
        detached: Top rows that were cut out of a cycle of parents.
    """

    order: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    level: list[int] = field(default_factory=list)
    missing: dict[int, int] = field(default_factory=dict)
    detached: list[int] = field(default_factory=list)


def depth_first(spans: Sequence[Span]) -> Layout:
    """Lay spans out as rows.

    Spans come from files and peers, so a parent may be unknown (its children stand
    below a placeholder), an id may occur twice (the first one is the parent) and
    parents may form a cycle (it is cut open): each span gets exactly one row.

    Args:
        spans: All spans of a trace; those of equal start keep their order.
    """
    index: dict[int, int] = {}
    for at, span in enumerate(spans):
        index.setdefault(span.span_key, at)
    children: dict[int, list[int]] = {}
    tops: list[tuple[int, int | None]] = []
    orphans: dict[int, list[int]] = {}
    for at in sorted(range(len(spans)), key=lambda at: spans[at].start_time_ns):
        parent_key = spans[at].parent_key
        if parent_key is None:
            tops.append((at, None))
        elif parent_key in index:
            children.setdefault(index[parent_key], []).append(at)
        elif parent_key in orphans:
            orphans[parent_key].append(at)
        else:
            orphans[parent_key] = [at]
            tops.append((at, parent_key))
    layout = Layout()
    seen = bytearray(len(spans))
    for at, missing in tops:
        if missing is None:
            _descend(layout, children, seen, [(at, -1, 0)])
            continue
        row = _append(layout, -1, -1, 0)
        layout.missing[row] = missing
        below = [(orphan, row, 1) for orphan in reversed(orphans[missing])]
        _descend(layout, children, seen, below)
    for at in range(len(spans)):
        if not seen[at]:
            layout.detached.append(len(layout.order))
            _descend(layout, children, seen, [(at, -1, 0)])
    return layout


def _descend(
    layout: Layout,
    children: dict[int, list[int]],
    seen: bytearray,
    waiting: list[tuple[int, int, int]],
) -> None:
    """Append spans and all below them; ``waiting`` holds (span, parent row, level)."""
    while waiting:
        at, parent, level = waiting.pop()
        if seen[at]:
            continue
        seen[at] = 1
        row = _append(layout, at, parent, level)
        below = children.get(at)
        if below:
            waiting.extend([(child, row, level + 1) for child in reversed(below)])


def _append(layout: Layout, at: int, parent: int, level: int) -> int:
    layout.order.append(at)
    layout.parent.append(parent)
    layout.level.append(level)
    return len(layout.order) - 1
