"""The difference of two traces as text, and as HTML without script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.span import SpanStatusCode
from spantree.render.diff import (
    DiffRow,
    Side,
    TraceDiff,
    both_or_one,
    duration_us,
    percent,
)
from spantree.render.escape import cell_width, fit_cells, html_text, one_line
from spantree.render.format import counted, format_duration, format_tokens
from spantree.render.values import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.span import Span

MAX_LINES = 42
MAX_HTML_ROWS = 200
_CELLS = 100
_LABEL_CELLS = 46
_MAX_INDENT = 12
_PREVIEW = 160
_CONTEXT = 40


def diff_text(diff: TraceDiff) -> str:
    """Draw the aligned trees in at most 42 lines of 100 cells.

    What did not change is left out first; how much was left out is said.
    """
    rows, left_out = _chosen(diff.rows, MAX_LINES - 3)
    lines = [fit_cells(f"{_names(diff)}  {diff.headline}", _CELLS)]
    lines += [_text_row(row) for row in rows]
    return "\n".join([*lines, *_left_out(left_out)])


def diff_html(
    diff: TraceDiff, *, most: int = MAX_HTML_ROWS, is_open: bool = True
) -> str:
    """Draw one line that opens to the aligned trees, at most so many rows of them."""
    rows, left_out = _chosen(diff.rows, most)
    lines = [
        '<div class="spantree">',
        f"<details{' open' if is_open else ''}><summary>",
        f"<b>{html_text(_names(diff))}</b> {html_text(diff.headline)}</summary>",
        *(_html_row(row) for row in rows),
        *(f"<p>{html_text(line)}</p>" for line in _left_out(left_out)),
        "</details></div>",
    ]
    return "\n".join(lines)


def _names(diff: TraceDiff) -> str:
    before, after = (_root_name(t.data.root) for t in (diff.a, diff.b))
    return both_or_one(before, after)


def _root_name(root: Span | None) -> str:
    return one_line(root.name, 60) if root is not None else "trace"


def _chosen(rows: Sequence[DiffRow], most: int) -> tuple[list[DiffRow], int]:
    """Keep all rows, else the notable ones with those above them, else the first."""
    if len(rows) <= most:
        return list(rows), 0
    keep: set[int] = set()
    path: list[int] = []
    for at, row in enumerate(rows):
        del path[row.level :]
        path.append(at)
        if row.is_notable:
            keep.update(path)
    kept = [row for at, row in enumerate(rows) if at in keep][:most]
    return kept, len(rows) - len(kept)


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    rows = counted(count, "more row")
    return [f"… {rows}, those without a change first: (%trace diff A B).to_dict()"]


def _facts(row: DiffRow) -> list[str]:
    """Say what changed, besides the duration."""
    facts = []
    if row.tokens_a != row.tokens_b:
        before, after = (
            "?" if n is None else format_tokens(n) for n in (row.tokens_a, row.tokens_b)
        )
        facts.append(f"{before} → {after} tok")
    facts += [f"{what} changed" for what in row.changes if what != "status"]
    if "status" in row.changes:
        failed = row.span.status_code is SpanStatusCode.ERROR
        facts.append("now fails" if failed else "no longer fails")
    return facts


def _times(row: DiffRow) -> str:
    before, after = duration_us(row.a), duration_us(row.b)
    if row.side is Side.BOTH:
        texts = [
            "running" if us is None else format_duration(us) for us in (before, after)
        ]
        return both_or_one(*texts) + percent(before, after)
    us = after if row.side is Side.ONLY_B else before
    return "running" if us is None else format_duration(us)


def _text_row(row: DiffRow) -> str:
    level = min(row.level, _MAX_INDENT)
    kind = f" [{row.span.span_type}]" if row.span.span_type != "UNKNOWN" else ""
    lead = f"{row.side.value} {'  ' * level}"
    label = fit_cells(lead + one_line(row.span.name, 60) + one_line(kind), _LABEL_CELLS)
    label += " " * (_LABEL_CELLS - cell_width(label))
    tail = "  ".join([_times(row), *_facts(row)])
    return fit_cells(f"{label}  {tail}", _CELLS)


def _html_row(row: DiffRow) -> str:
    words = {Side.BOTH: "", Side.ONLY_A: "gone ", Side.ONLY_B: "new "}
    indent = "· " * min(row.level, _MAX_INDENT)
    kind = row.span.span_type
    head = (
        f"{indent}{words[row.side]}<b>{html_text(row.span.name, 120)}</b> "
        + (f"<code>{html_text(kind, 40)}</code> " if kind != "UNKNOWN" else "")
        + html_text(" · ".join([_times(row), *_facts(row)]))
    )
    values = _html_values(row)
    if not values:
        return f"<p>{head}</p>"
    return f"<details><summary>{head}</summary>{values}</details>"


def _html_values(row: DiffRow) -> str:
    """Draw changed values, before and after, from a little before they part."""
    if row.a is None or row.b is None:
        return ""
    drawn = []
    for what in ("inputs", "outputs"):
        if what in row.changes:
            values = (getattr(row.a, f"raw_{what}"), getattr(row.b, f"raw_{what}"))
            before, after = _where_they_part(*(json_text(value) for value in values))
            drawn.append(
                f"<p>{what} before <code>{html_text(before)}</code></p>"
                f"<p>{what} after <code>{html_text(after)}</code></p>"
            )
    return "".join(drawn)


def _where_they_part(before: str, after: str) -> tuple[str, str]:
    shared = next(
        (
            n
            for n, pair in enumerate(zip(before, after, strict=False))
            if len({*pair}) > 1
        ),
        min(len(before), len(after)),
    )
    start = max(0, shared - _CONTEXT)
    lead = "…" if start else ""
    first, second = (
        lead
        + text[start : start + _PREVIEW]
        + ("…" if start + _PREVIEW < len(text) else "")
        for text in (before, after)
    )
    return first, second
