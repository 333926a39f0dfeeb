"""Traces as a table for terminals."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from spantree.render.escape import cell_width, fit_cells, one_line
from spantree.render.format import format_cost, format_duration, format_tokens
from spantree.search.records import state_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spantree.search import Summary

__all__ = ["draw_table"]

_WIDTH = 100
_LEAST_NAME = 12
_NS_PER_S = 1_000_000_000
_ID_CHARACTERS = 15  # 'tr-' and 12 digits, enough to tell traces apart


def draw_table(rows: Sequence[Summary], width: int | None = None) -> str:
    """Draw a line a trace under a heading; texts are shown on one line, escaped.

    Args:
        rows: In order.
        width: Cells of a line; the terminal's, or 100, when left out.
    """
    if not rows:
        return "No traces found."
    columns = {
        name: [name, *(_shown(value_of, row) for row in rows)]
        for name, value_of in _COLUMNS.items()
    }
    widths = {name: max(map(cell_width, cells)) for name, cells in columns.items()}
    whole = width or shutil.get_terminal_size((_WIDTH, 0)).columns
    # The name gives way, as its beginning says most.
    others = sum(cells + 2 for name, cells in widths.items() if name != "NAME")
    widths["NAME"] = min(widths["NAME"], max(_LEAST_NAME, whole - others))
    return "\n".join(
        "  ".join(
            _padded(columns[name][at], cells, to_the_right=name in _NUMBERS)
            for name, cells in widths.items()
        ).rstrip()
        for at in range(len(rows) + 1)
    )


def _shown(value_of: Callable[[Summary], str | None], row: Summary) -> str:
    return one_line(value_of(row) or "", 200)


def _padded(text: str, cells: int, *, to_the_right: bool) -> str:
    fitted = fit_cells(text, cells)
    space = " " * (cells - cell_width(fitted))
    return space + fitted if to_the_right else fitted + space


def _started(row: Summary) -> str:
    moment = datetime.fromtimestamp(row.start_ns // _NS_PER_S, tz=timezone.utc)
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _duration(row: Summary) -> str | None:
    return None if row.dur_ns is None else format_duration(row.dur_ns // 1000)


def _tokens(row: Summary) -> str | None:
    return None if row.total_tokens is None else format_tokens(row.total_tokens)


_COLUMNS: Mapping[str, Callable[[Summary], str | None]] = {
    "TRACE": lambda row: row.trace_id[:_ID_CHARACTERS],
    "NAME": lambda row: row.name,
    "STATUS": state_text,
    "STARTED": _started,
    "DURATION": _duration,
    "SPANS": lambda row: f"{row.span_count:,}",
    "TOKENS": _tokens,
    "COST": lambda row: None if row.cost is None else format_cost(row.cost),
}
_NUMBERS = ("DURATION", "SPANS", "TOKENS", "COST")
