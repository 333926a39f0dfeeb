"""A trace as plain text: for terminals, PDF, and code hosts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.render.escape import cell_width, fit_cells, one_line
from spantree.render.format import counted, format_cost, format_duration, format_tokens
from spantree.render.lines import Line, find_runs, tree_lines
from spantree.render.summary import sum_up, summarise, trace_name
from spantree.render.tree import PLACEHOLDER, TraceTree
from spantree.render.words import (
    lost_text,
    row_figures,
    row_name,
    row_notes,
    trace_facts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.trace import Trace
    from spantree.render.summary import Group, SummaryRow

MAX_LINES = 42
MAX_BYTES = 4_000
MAX_CELLS = 100
LABEL_CELLS = 68
BAR_CELLS = 20
MAX_NESTING = 12
_LEAST_NAME_CELLS = 16
MAX_OPEN_TRACES = 3
"""With more traces than this each is one line."""

_NO_SPANS = "No spans. Decorate a function with @spantree.trace, or %autolog openai."


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that trees and bars are drawn with."""

    branch: str = "├─ "
    last: str = "└─ "
    down: str = "│  "
    empty: str = "·"
    parts: str = "▏▎▍▌▋▊▉█"
    times: str = "×"
    more: str = "…"
    deep: str = "⋯"


ASCII = Glyphs("|- ", "\\- ", "|  ", ".", "########", "x", "...", "..")
UNICODE = Glyphs()


def render_text(
    traces: Sequence[Trace],
    *,
    mode: str = "tree",
    live: bool = False,
    total: int | None = None,
    ascii_only: bool | None = None,
) -> str:
    """Draw traces as text of at most 42 lines of 100 cells, 4,000 bytes together.

    Args:
        traces: The traces, by start time.
        mode: ``tree`` draws trees, ``rows`` one line a trace, ``compact`` the same
            for a few and one line for more, ``table`` the summary.
        live: Whether the cell still runs.
        total: Roots of the cell, when more than the traces given.
        ascii_only: Draw with ASCII; None asks the variable ``SPANTREE_ASCII``.
    """
    trees = [TraceTree(trace) for trace in traces]
    glyphs = choose_glyphs(ascii_only=ascii_only)
    return draw_text(trees, mode=mode, live=live, total=total, glyphs=glyphs)


def choose_glyphs(*, ascii_only: bool | None) -> Glyphs:
    """Give the characters to draw with; None asks the variable ``SPANTREE_ASCII``."""
    if ascii_only is None:
        ascii_only = os.environ.get("SPANTREE_ASCII", "0") not in ("", "0")
    return ASCII if ascii_only else UNICODE


def draw_text(
    trees: Sequence[TraceTree],
    *,
    mode: str = "tree",
    live: bool = False,
    total: int | None = None,
    glyphs: Glyphs = UNICODE,
    reserve: int = 0,
) -> str:
    """Draw laid-out traces; see :func:`render_text`.

    Args:
        trees: The traces, by start time.
        mode: See there.
        live: See there.
        total: See there.
        glyphs: What to draw with.
        reserve: Bytes and one line to leave for a note.
    """
    count = max(total or 0, len(trees))
    if not trees:
        return _NO_SPANS
    if mode == "table":
        lines = _table(trees, count, glyphs)
    elif mode == "compact" and count > MAX_OPEN_TRACES:
        lines = [_all_in_one(trees, count, glyphs)]
    elif mode == "tree" and len(trees) <= MAX_OPEN_TRACES:
        lines = _trees(trees, live=live, glyphs=glyphs, reserve=reserve)
    else:
        lines = [_headline(tree, live=live, glyphs=glyphs) for tree in trees]
    return _bounded(lines, glyphs, reserve)


def with_notes(drawn: str, notes: Sequence[str], glyphs: Glyphs) -> str:
    """Add sentences below what :func:`draw_text` gave."""
    lines = [
        fit_cells(f"{glyphs.more} {note}", MAX_CELLS, glyphs.more) for note in notes
    ]
    return "\n".join([drawn, *lines])


def draw_bar(start_us: int, duration_us: int, whole_us: int, glyphs: Glyphs) -> str:
    """Draw when a row ran within its trace.

    Args:
        start_us: Where it starts.
        duration_us: How long it took.
        whole_us: How long the trace took, at least 1.
        glyphs: What to draw with.
    """
    first = max(0, min(BAR_CELLS - 1, BAR_CELLS * start_us // whole_us))
    length = round(8 * BAR_CELLS * min(duration_us, whole_us) / whole_us)
    length = max(1, min(length, 8 * (BAR_CELLS - first)))
    full, part = divmod(length, 8)
    drawn = glyphs.parts[-1] * full + (glyphs.parts[part - 1] if part else "")
    return (glyphs.empty * first + drawn).ljust(BAR_CELLS, glyphs.empty)


def row_bar(
    tree: TraceTree, row: int, glyphs: Glyphs, duration_us: int | None = None
) -> str:
    """Draw a row's bar; an open row reaches the end of what is known."""
    if tree.flags[row] & PLACEHOLDER:
        return glyphs.empty * BAR_CELLS
    whole = bar_length(tree)
    start = tree.start_us[row]
    length = tree.duration_us[row] if duration_us is None else duration_us
    if length < 0:
        length = max(0, tree.end_us - start)
    return draw_bar(max(0, start), length, whole, glyphs)


def bar_length(tree: TraceTree) -> int:
    """Give the microseconds that a whole bar stands for."""
    return max(1, tree.total_us if tree.total_us is not None else tree.end_us)


def _trees(
    trees: Sequence[TraceTree], *, live: bool, glyphs: Glyphs, reserve: int
) -> list[str]:
    """Draw up to three traces, sharing the lines evenly."""
    drawn: list[str] = []
    for at, tree in enumerate(trees):
        left = len(trees) - at
        lines = (MAX_LINES - 2 - len(drawn)) // left
        room = (MAX_BYTES - reserve - _size(drawn)) // left
        drawn += _tree(tree, live=live, glyphs=glyphs, lines=lines, room=room)
    return drawn


def _tree(
    tree: TraceTree, *, live: bool, glyphs: Glyphs, lines: int, room: int
) -> list[str]:
    head = [_headline(tree, live=live, glyphs=glyphs)]
    if not len(tree):
        return [*head, _NO_SPANS]
    lost = lost_text(tree)
    tail = [f"{glyphs.more} {lost}"] if lost else []
    limit = lines - 2 - len(tail)
    runs = find_runs(tree)
    while True:
        rows, hidden = tree_lines(tree, runs, max(1, limit), live=live)
        more = f"{glyphs.more} {counted(hidden, 'more span')}: %trace last"
        drawn = [*head, *_rows(tree, rows, glyphs), *([more] if hidden else []), *tail]
        size = _size(drawn)
        if size <= room or limit <= 1:
            return drawn
        limit = min(limit - 1, int(limit * room / size))


def _rows(tree: TraceTree, lines: Sequence[Line], glyphs: Glyphs) -> list[str]:
    last_below: dict[int, int] = {}
    for line in lines:
        last_below[line.parent] = line.row
    drawn = []
    indents: dict[int, str] = {-1: ""}
    for line in lines:
        above, row = indents.get(line.parent, ""), line.row
        level = tree.level[row]
        is_last = last_below[line.parent] == row
        if line.parent < 0:
            lead, below = "", ""
        elif level > MAX_NESTING:
            lead, below = f"{above}{glyphs.deep}{level + 1} ", above
        else:
            lead = above + (glyphs.last if is_last else glyphs.branch)
            below = above + ("   " if is_last else glyphs.down)
        indents[row] = below
        drawn.append(_row(tree, line, lead, glyphs))
    return drawn


def _row(tree: TraceTree, line: Line, lead: str, glyphs: Glyphs) -> str:
    row, ascii_only = line.row, glyphs is ASCII
    label = lead + _label(tree, line, LABEL_CELLS - cell_width(lead), glyphs)
    label = fit_cells(label, LABEL_CELLS, glyphs.more)
    label += " " * (LABEL_CELLS - cell_width(label))
    known = line.duration_us >= 0
    duration = format_duration(line.duration_us, ascii_only=ascii_only) if known else ""
    bar = row_bar(tree, row, glyphs, line.duration_us if known else None)
    return f"{label}  {duration:>8}  {bar}"


def _label(tree: TraceTree, line: Line, cells: int, glyphs: Glyphs) -> str:
    """Name a row and say what is special about it; a long name yields to the rest."""
    span = tree.spans[line.row]
    kind = ""
    if span is not None and span.span_type != "UNKNOWN":
        kind = f" [{fit_cells(_drawn(span.span_type, glyphs), 20, glyphs.more)}]"
    if line.count > 1:
        facts = [f"{glyphs.times}{line.count}"]
    else:
        facts = [*row_notes(tree, line.row), *row_figures(tree, line.row)]
    tail = kind + "".join(f" {_drawn(fact, glyphs)}" for fact in facts)
    name = _drawn(row_name(tree, line.row), glyphs)
    room = max(_LEAST_NAME_CELLS, cells - cell_width(tail))
    return fit_cells(name, room, glyphs.more) + tail


def _drawn(text: str, glyphs: Glyphs) -> str:
    shown = one_line(text, 250)
    return shown.replace("…", glyphs.more) if glyphs is ASCII else shown


def _headline(tree: TraceTree, *, live: bool, glyphs: Glyphs) -> str:
    facts = "  ".join(trace_facts(tree, live=live, ascii_only=glyphs is ASCII))
    return _name_and_facts(trace_name(tree), [facts], glyphs)


def _table(trees: Sequence[TraceTree], count: int, glyphs: Glyphs) -> list[str]:
    table = summarise(trees)
    lines = [counted(count, "trace") + summed_up(len(trees), count)]
    for group in table["groups"]:
        facts = [f"{glyphs.times}{group['count']}", *_group_facts(group, glyphs)]
        lines.append(_name_and_facts(group["name"], facts, glyphs))
    for title, rows in (("slowest", table["slowest"]), ("failed", table["failed"])):
        if rows:
            lines += [f"{title}:", *(_summary_row(row, glyphs) for row in rows)]
    return lines


def _all_in_one(trees: Sequence[TraceTree], count: int, glyphs: Glyphs) -> str:
    name = counted(count, "trace") + summed_up(len(trees), count)
    return _name_and_facts(name, _group_facts(sum_up(name, trees), glyphs), glyphs)


def _group_facts(group: Group, glyphs: Glyphs) -> list[str]:
    facts = []
    if group["errors"]:
        facts.append(counted(group["errors"], "error"))
    if group["p50"] is not None and group["p95"] is not None:
        ascii_only = glyphs is ASCII
        facts.append(f"p50 {format_duration(group['p50'], ascii_only=ascii_only)}")
        facts.append(f"p95 {format_duration(group['p95'], ascii_only=ascii_only)}")
    if group["tokens"] is not None:
        facts.append(f"{format_tokens(group['tokens'])} tok")
    if group["cost"] is not None:
        facts.append(format_cost(group["cost"]))
    return facts


def summed_up(known: int, count: int) -> str:
    """Say that a table sums up a part of the traces only, or ``""``."""
    return f"; the first {known:,} are summed up" if known < count else ""


def _summary_row(row: SummaryRow, glyphs: Glyphs) -> str:
    facts = []
    if row["dur"] is not None:
        facts.append(format_duration(row["dur"], ascii_only=glyphs is ASCII))
    if row["error"]:
        facts.append(fit_cells(one_line(row["error"]), 50, glyphs.more))
    return "  " + _name_and_facts(row["name"], facts, glyphs, MAX_CELLS - 2)


def _name_and_facts(
    name: str, facts: Sequence[str], glyphs: Glyphs, cells: int = MAX_CELLS
) -> str:
    text = "  ".join(facts)
    room = max(10, cells - 2 - cell_width(text))
    return f"{fit_cells(one_line(name), room, glyphs.more)}  {text}"


def _bounded(lines: list[str], glyphs: Glyphs, reserve: int) -> str:
    """Keep what fits, saying what does not."""
    note = f"{glyphs.more} more: %traces --last-cell"
    limit = MAX_LINES - (1 if reserve else 0)
    room = MAX_BYTES - reserve
    if len(lines) <= limit and _size(lines) <= room:
        return "\n".join(lines)
    room -= _size([note])
    kept = lines[: limit - 1]
    while kept and _size(kept) > room:
        kept.pop()
    return "\n".join([*kept, note])


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) + 1 for line in lines)
