"""Two traces side by side: which spans stand for each other, and what changed.

Spans are paired from the roots down: among the children of a pair the n-th of a name
and type stands for the n-th of the same name and type.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from spantree.entities.rollup import token_total
from spantree.entities.span import SpanStatusCode
from spantree.render.format import counted, format_duration, format_tokens
from spantree.render.tree import TraceTree
from spantree.render.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace

# A span that got slower or faster by less says nothing.
_NOTABLE_RATIO = 0.1


class Side(Enum):
    """Where a row has its span."""

    BOTH = " "
    ONLY_A = "-"
    ONLY_B = "+"


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A span of one trace or of both.

    Args:
        a: The span of the first trace, None where only the second has it.
        b: The span of the second trace, likewise.
        level: Spans above it.
        tokens_a: Tokens of its own, None if unknown.
        tokens_b: The same of the second.
        changes: Among ``inputs``, ``outputs``, ``status``, those that differ.
    """

    a: Span | None
    b: Span | None
    level: int
    tokens_a: int | None
    tokens_b: int | None
    changes: tuple[str, ...]

    @property
    def span(self) -> Span:
        """The span of the second trace, else of the first."""
        found = self.b or self.a
        assert found is not None  # noqa: S101 - a row has one of them
        return found

    @property
    def side(self) -> Side:
        """Where the row has its span."""
        if self.a is None:
            return Side.ONLY_B
        return Side.BOTH if self.b is not None else Side.ONLY_A

    @property
    def is_notable(self) -> bool:
        """Whether more than a little time differs."""
        if self.side is not Side.BOTH or self.changes:
            return True
        if self.tokens_a != self.tokens_b:
            return True
        before, after = duration_us(self.a), duration_us(self.b)
        if before is None or after is None:
            return before is not after
        return abs(after - before) > _NOTABLE_RATIO * max(before, after, 1000)


class TraceDiff:
    """What differs between two traces.

    Args:
        a: The one before.
        b: The one after.
    """

    def __init__(self, a: Trace, b: Trace) -> None:
        self.a = a
        self.b = b
        self.tree_a = TraceTree(a)
        self.tree_b = TraceTree(b)
        self.rows = list(_aligned(self.tree_a, self.tree_b))

    @property
    def headline(self) -> str:
        """The whole in one line: ``1.84s → 1.21s (−34 %) · 812 → 640 tok · …``."""
        before, after = self.tree_a.total_us, self.tree_b.total_us
        times = both_or_one(_shown(before), _shown(after))
        facts = [f"{times}{percent(before, after)}"]
        if self.tree_a.tokens is not None or self.tree_b.tokens is not None:
            a, b = (_tokens(t.tokens) for t in (self.tree_a, self.tree_b))
            facts.append(f"{both_or_one(a, b)} tok")
        return " · ".join([*facts, *self._counts()])

    def _counts(self) -> Iterator[str]:
        both = [row for row in self.rows if row.side is Side.BOTH]
        for what in ("input", "output"):
            changed = sum(f"{what}s" in row.changes for row in both)
            if changed:
                yield f"{counted(changed, what)} changed"
        for side, word in ((Side.ONLY_B, "new"), (Side.ONLY_A, "gone")):
            found = sum(row.side is side for row in self.rows)
            if found:
                yield f"{counted(found, 'span')} {word}"
        if all(not r.changes and r.side is Side.BOTH for r in self.rows):
            yield "same values"

    def __str__(self) -> str:
        """Draw the aligned trees as text."""
        from spantree.render.diff_view import diff_text

        return diff_text(self)

    def _repr_pretty_(self, printer: object, cycle: bool) -> None:
        del cycle
        printer.text(str(self))  # type: ignore[attr-defined]

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from spantree.render.diff_bundle import diff_bundle

        del include, exclude
        return diff_bundle(self)

    def to_dict(self) -> dict[str, object]:
        """Give the rows as plain data; durations in microseconds."""
        return {
            "a": self.a.trace_id,
            "b": self.b.trace_id,
            "headline": self.headline,
            "rows": [
                {
                    "name": row.span.name,
                    "level": row.level,
                    "side": row.side.name,
                    "duration_us": [duration_us(row.a), duration_us(row.b)],
                    "tokens": [row.tokens_a, row.tokens_b],
                    "changes": list(row.changes),
                }
                for row in self.rows
            ],
        }


def duration_us(span: Span | None) -> int | None:
    """Give a span's duration, None without a span or while it is open."""
    if span is None or span.end_time_ns is None:
        return None
    return (span.end_time_ns - span.start_time_ns) // 1000


def percent(before: float | None, after: float | None) -> str:
    """Write a change, with its leading space: ``" (−34 %)"``, or ``""``."""
    if not before or after is None:
        return ""
    change = round(100 * (after - before) / before)
    if change == 0:
        return ""
    return f" ({'−' if change < 0 else '+'}{abs(change)} %)"


def both_or_one(before: str, after: str) -> str:
    """Write ``a → b``, or one of them where they read the same."""
    return after if before == after else f"{before} → {after}"


def _shown(us: int | None) -> str:
    return "running" if us is None else format_duration(us)


def _tokens(count: int | None) -> str:
    return "?" if count is None else format_tokens(count)


def _aligned(a: TraceTree, b: TraceTree) -> Iterator[DiffRow]:
    """Pair the spans, depth-first in the order of the second trace."""
    children_a, children_b = _children(a), _children(b)
    top_a, top_b = children_a.get(-1, []), children_b.get(-1, [])
    waiting: list[tuple[int | None, int | None]]
    # Two roots stand for each other, whatever their names.
    if len(top_a) == len(top_b) == 1:
        waiting = [(top_a[0], top_b[0])]
    else:
        waiting = _pairs(top_a, top_b, a, b)[::-1]
    levels = [0] * len(waiting)
    while waiting:
        (row_a, row_b), level = waiting.pop(), levels.pop()
        yield _row(a, row_a, b, row_b, level)
        below = _pairs(
            () if row_a is None else children_a.get(row_a, ()),
            () if row_b is None else children_b.get(row_b, ()),
            a,
            b,
        )
        waiting += below[::-1]
        levels += [level + 1] * len(below)


def _children(tree: TraceTree) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in range(len(tree)):
        if tree.spans[row] is not None:
            parent = tree.parent[row]
            # A placeholder has no span; what it holds stands at the top.
            is_known = parent >= 0 and tree.spans[parent] is not None
            found.setdefault(parent if is_known else -1, []).append(row)
    return found


def _pairs(
    rows_a: Sequence[int], rows_b: Sequence[int], a: TraceTree, b: TraceTree
) -> list[tuple[int | None, int | None]]:
    """Pair siblings by name, type and occurrence; what is gone keeps its place."""
    keys_a, keys_b = _keys(rows_a, a), _keys(rows_b, b)
    where_b = dict(zip(keys_b, rows_b, strict=True))
    known = set(keys_a)
    gone_after: dict[object, list[int]] = {}
    anchor: object = None
    for key, row in zip(keys_a, rows_a, strict=True):
        if key in where_b:
            anchor = key
        else:
            gone_after.setdefault(anchor, []).append(row)
    where_a = dict(zip(keys_a, rows_a, strict=True))
    pairs: list[tuple[int | None, int | None]] = [
        (row, None) for row in gone_after.get(None, ())
    ]
    for key, row in zip(keys_b, rows_b, strict=True):
        pairs.append((where_a[key] if key in known else None, row))
        pairs += [(gone, None) for gone in gone_after.get(key, ())]
    return pairs


def _keys(rows: Sequence[int], tree: TraceTree) -> list[tuple[str, str, int]]:
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for row in rows:
        span = tree.spans[row]
        name = (span.name, span.span_type) if span is not None else ("", "")
        keys.append((*name, seen[name]))
        seen[name] += 1
    return keys


def _row(
    a: TraceTree, row_a: int | None, b: TraceTree, row_b: int | None, level: int
) -> DiffRow:
    span_a = None if row_a is None else a.spans[row_a]
    span_b = None if row_b is None else b.spans[row_b]
    return DiffRow(
        span_a,
        span_b,
        level,
        _own_tokens(span_a),
        _own_tokens(span_b),
        _changes(span_a, span_b),
    )


def _own_tokens(span: Span | None) -> int | None:
    usage = span.token_usage if span is not None else None
    return token_total(usage) if usage else None


def _changes(a: Span | None, b: Span | None) -> tuple[str, ...]:
    if a is None or b is None:
        return ()
    changed = []
    for what in ("inputs", "outputs"):
        before, after = (getattr(span, f"raw_{what}") for span in (a, b))
        if _text(before) != _text(after):
            changed.append(what)
    failed = [s.status_code is SpanStatusCode.ERROR for s in (a, b)]
    if failed[0] != failed[1]:
        changed.append("status")
    return tuple(changed)


def _text(value: object) -> str | None:
    return None if value is None else json_text(value)  # type: ignore[arg-type]
