"""Tables of results, as text for a terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


@dataclass
class Table:
    """Rows of text under a title.

    Args:
        title: What the rows show.
        columns: Their heads.
        rows: As many texts each as there are columns.
        notes: Sentences below the table.
    """

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Draw it with aligned columns."""
        lines = [list(self.columns), *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.columns))]
        drawn = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        drawn.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([f"\n{self.title}\n", *drawn, *self.notes])

    def markdown(self) -> str:
        """Write it for a page."""
        lines = [
            f"### {self.title}\n",
            "| " + " | ".join(self.columns) + " |",
            "| --- |" + " ---: |" * (len(self.columns) - 1),
            *("| " + " | ".join(row) + " |" for row in self.rows),
        ]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"


def duration(nanoseconds: float) -> str:
    """Write a duration with three digits that count."""
    for size, unit in _UNITS:
        if abs(nanoseconds) >= size:
            return f"{digits(nanoseconds / size)} {unit}"
    return f"{nanoseconds:.1f} ns"


def digits(value: float) -> str:
    """Write a number with three digits that count, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(value: float, unit: float) -> str:
    """Write how many times larger a value is, as `×12`."""
    return f"×{digits(value / unit)}" if unit > 0 else "–"
