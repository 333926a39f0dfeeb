"""A trace as HTML without script: for untrusted notebooks, e-mail and code hosts.

Only ``div p b code details summary`` with the attributes ``class`` and ``open`` are
written, no attribute value comes from data, and the whole reads well without CSS, so
JupyterLab's sanitizer and code hosts leave it as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.render.budget import line_bytes
from spantree.render.escape import html_text
from spantree.render.format import counted, format_cost, format_duration, format_tokens
from spantree.render.selection import keep_rows, rank_values
from spantree.render.summary import summarise, trace_name
from spantree.render.text import MAX_OPEN_TRACES, UNICODE, row_bar, summed_up
from spantree.render.tree import TraceTree
from spantree.render.values import span_previews
from spantree.render.words import (
    lost_text,
    recall,
    row_figures,
    row_is_ok,
    row_name,
    row_notes,
    trace_facts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantree.entities.trace import Trace
    from spantree.render.summary import SummaryRow

MAX_BYTES = 40_000
MAX_SPANS = 200
MAX_NESTING = 12

_OPENING = '<div class="spantree">'
_CLOSING = "</div>"
_NO_SPANS = (
    "<p>No spans. Decorate a function with <code>@spantree.trace</code>, "
    "or <code>%autolog openai</code>.</p>"
)
# Rows may take this share, the rest is for their previews.
_ROW_SHARE = 0.75
# Below this a trace is one line.
_LEAST_TREE_BYTES = 700
_OVERHEAD_BYTES = 120


def render_html(
    traces: Sequence[Trace],
    *,
    mode: str = "tree",
    live: bool = False,
    total: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Draw traces as HTML of at most 200 spans.

    Args:
        traces: The traces, by start time.
        mode: ``tree`` draws them open, ``rows`` and ``compact`` closed, ``table`` the
            summary.
        live: Whether the cell still runs.
        total: Roots of the cell, when more than the traces given.
        max_bytes: Bytes to take in the notebook file.
    """
    trees = [TraceTree(trace) for trace in traces]
    return draw_html(trees, mode=mode, live=live, total=total, max_bytes=max_bytes)


def draw_html(
    trees: Sequence[TraceTree],
    *,
    mode: str = "tree",
    live: bool = False,
    total: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Draw laid-out traces; see :func:`render_html`.

    Args:
        trees: The traces, by start time.
        mode: See there.
        live: See there.
        total: See there.
        max_bytes: See there.
    """
    count = max(total or 0, len(trees))
    room = max_bytes - _OVERHEAD_BYTES
    if not trees:
        lines = [_NO_SPANS]
    elif mode == "table":
        lines = _table(trees, count, room)
    else:
        is_open = mode == "tree" and len(trees) <= MAX_OPEN_TRACES
        lines = _traces(trees, count, room, is_open=is_open, live=live)
    return "\n".join([_OPENING, *lines, _CLOSING])


def with_notes(drawn: str, notes: Sequence[str]) -> str:
    """Add sentences below what :func:`draw_html` gave."""
    said = "".join(f"<p>… {html_text(note)}</p>\n" for note in notes)
    return drawn.removesuffix(_CLOSING) + said + _CLOSING


def _traces(
    trees: Sequence[TraceTree], count: int, room: int, *, is_open: bool, live: bool
) -> list[str]:
    drawn: list[str] = []
    spans = MAX_SPANS
    shown = 0
    for at, tree in enumerate(trees):
        head = _headline(tree, live=live)
        left = len(trees) - at
        if room < line_bytes(head) + 40:
            break
        share = room // left
        rows: list[str] = []
        if share >= _LEAST_TREE_BYTES and spans > 0:
            share -= line_bytes(head) + 80
            rows = _tree(tree, share, max(1, spans // left), live=live)
            spans -= len(rows)
        if is_open or not rows:
            lines = [f"<p>{head}</p>", *rows]
        else:
            lines = [f"<details><summary>{head}</summary>", *rows, "</details>"]
        drawn += lines
        room -= sum(map(line_bytes, lines))
        shown += 1
    if shown < count:
        drawn.append(
            f"<p>… {counted(count - shown, 'more trace')}: "
            "<code>%traces --last-cell</code></p>"
        )
    return drawn


def _tree(tree: TraceTree, room: int, limit: int, *, live: bool) -> list[str]:
    """Draw the rows of one trace, then what is missing of them."""
    if not len(tree):
        return [_NO_SPANS]
    more = "<p>… {}: <code>" + html_text(recall(tree)) + "</code></p>"
    lost = lost_text(tree)
    tail = [f"<p>… {html_text(lost)}</p>"] if lost else []
    room -= sum(map(line_bytes, tail)) + line_bytes(more) + 30
    heads, rows = _fitting_rows(tree, int(room * _ROW_SHARE), limit, live=live)
    left = room - sum(line_bytes(head) + 40 for head in heads.values())
    previews = _fitting_previews(tree, rows, left)
    lines = _nested(tree, rows, heads, previews)
    hidden = tree.span_count - sum(tree.spans[row] is not None for row in rows)
    if hidden:
        tail.insert(0, more.format(counted(hidden, "more span")))
    return [*lines, *tail]


def _fitting_rows(
    tree: TraceTree, room: int, limit: int, *, live: bool
) -> tuple[dict[int, str], list[int]]:
    """Choose rows by importance, each with its ancestors, as far as they fit."""
    ranked = tree.by_news if live else tree.by_weight
    rows = keep_rows(tree, ranked, min(limit, max(1, room // 60)))
    heads = {row: _row(tree, row) for row in rows}
    sizes = {row: line_bytes(head) + 40 for row, head in heads.items()}
    while len(rows) > 1 and sum(sizes[row] for row in rows) > room:
        size = sum(sizes[row] for row in rows)
        fewer = max(1, min(len(rows) - 1, int(len(rows) * room / size)))
        ranked = tree.by_news if live else tree.by_weight
        known = (row for row in ranked if row in heads)
        rows = keep_rows(tree, known, fewer)
    return {row: heads[row] for row in rows}, rows


def _fitting_previews(
    tree: TraceTree, rows: Iterable[int], room: int
) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in rank_values(tree, rows):
        span = tree.spans[row]
        if span is None:
            continue
        text = "".join(
            f"<p>{word} <code>{html_text(preview)}</code></p>"
            for word, preview in zip(("in", "out"), span_previews(span), strict=True)
            if preview is not None
        )
        size = line_bytes(text)
        if not text or size > room:
            continue
        found[row] = text
        room -= size
    return found


def _nested(
    tree: TraceTree,
    rows: Sequence[int],
    heads: dict[int, str],
    previews: dict[int, str],
) -> list[str]:
    """Nest rows at most 12 levels deep; what lies deeper follows flat."""
    opened = tree.first_error_path | {tree.root_row}
    parents = {tree.parent[row] for row in rows}
    lines: list[str] = []
    levels: list[int] = []
    for row in rows:
        level = min(tree.level[row], MAX_NESTING)
        while levels and levels[-1] >= level:
            lines[-1] += "</details>"
            levels.pop()
        has_children = row in parents and level < MAX_NESTING
        if has_children or row in previews:
            state = " open" if row in opened else ""
            levels.append(level)
            lines.append(
                f"<details{state}><summary>{heads[row]}</summary>"
                f"{previews.get(row, '')}"
            )
        else:
            lines.append(f"<p>{heads[row]}</p>")
    if lines:
        lines[-1] += "</details>" * len(levels)
    return lines


def _row(tree: TraceTree, row: int) -> str:
    span, level = tree.spans[row], tree.level[row]
    parts = [f"⋯{level + 1}"] if level >= MAX_NESTING else []
    parts.append(f"<b>{html_text(row_name(tree, row), 120)}</b>")
    if span is not None and span.span_type != "UNKNOWN":
        parts.append(f"<code>{html_text(span.span_type, 40)}</code>")
    parts += [html_text(figure, 60) for figure in row_figures(tree, row)]
    notes = row_notes(tree, row)
    if not notes and row_is_ok(tree, row):
        notes = ["ok"]
    parts += [html_text(note, 220) for note in notes]
    if tree.duration_us[row] >= 0:
        parts.append(format_duration(tree.duration_us[row]))
    parts.append(f"<code>{row_bar(tree, row, UNICODE)}</code>")
    return " ".join(parts)


def _headline(tree: TraceTree, *, live: bool) -> str:
    root = tree.trace.data.root
    name = f"<b>{html_text(trace_name(tree), 120)}</b>"
    kind = ""
    if root is not None and root.span_type != "UNKNOWN":
        kind = f" <code>{html_text(root.span_type, 40)}</code>"
    facts = trace_facts(tree, live=live)
    if facts[0] == "OK":
        facts[0] = "ok"
    return f"{name}{kind} {' · '.join(facts)}"


def _table(trees: Sequence[TraceTree], count: int, room: int) -> list[str]:
    table = summarise(trees)
    part = summed_up(len(trees), count)
    lines = [f"<p><b>{counted(count, 'trace')}</b>{part}</p>"]
    for group in table["groups"]:
        facts = [f"×{group['count']}"]
        if group["errors"]:
            facts.append(counted(group["errors"], "error"))
        if group["p50"] is not None and group["p95"] is not None:
            facts.append(f"p50 {format_duration(group['p50'])}")
            facts.append(f"p95 {format_duration(group['p95'])}")
        if group["tokens"] is not None:
            facts.append(f"{format_tokens(group['tokens'])} tok")
        if group["cost"] is not None:
            facts.append(format_cost(group["cost"]))
        lines.append(
            f"<p><b>{html_text(group['name'], 120)}</b> {' · '.join(facts)}</p>"
        )
    for title, rows in (("slowest", table["slowest"]), ("failed", table["failed"])):
        if rows:
            lines.append(f"<details open><summary>{title}</summary>")
            lines += map(_summary_row, rows)
            lines[-1] += "</details>"
    while sum(map(line_bytes, lines)) > room and len(lines) > 1:
        # A closing tag stands on the last line only, so whole blocks are dropped.
        last = max(at for at, line in enumerate(lines) if not _is_inside(lines, at))
        del lines[last:]
    return lines


def _is_inside(lines: Sequence[str], at: int) -> bool:
    opened = sum(line.count("<details") for line in lines[:at])
    closed = sum(line.count("</details>") for line in lines[:at])
    return opened > closed


def _summary_row(row: SummaryRow) -> str:
    parts = [f"<b>{html_text(row['name'], 120)}</b>"]
    if row["error"]:
        parts.append(html_text(f"ERROR {row['error']}", 220))
    if row["dur"] is not None:
        parts.append(format_duration(row["dur"]))
    parts.append(f"<code>{html_text(row['id'])}</code>")
    return f"<p>{' '.join(parts)}</p>"
