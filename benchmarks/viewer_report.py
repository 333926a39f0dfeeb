"""The viewer's figures beside their budgets and beside MLflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report import Table

if TYPE_CHECKING:
    from viewer_pages import Figures

SIZES = (50, 1_000, 10_000, 100_000)
# Milliseconds by size, from the first paint of 50 spans to that of 100,000.
FIRST_PAINT = {50: 50, 1_000: 60, 10_000: 150, 100_000: 600}
FRAME = 16.8  # one frame, as the clock of a page rounds it
BUDGETS: dict[str, tuple[str, dict[int, float]]] = {
    "paint": ("first paint, ms", FIRST_PAINT),
    "opened": ("first paint in a notebook that opens, ms", {}),
    "nodes": ("elements", dict.fromkeys(SIZES, 600)),
    "heap": ("heap, MB", {10_000: 15, 100_000: 60}),
    "scroll": ("scroll frame p95, ms", {10_000: FRAME}),
    "longest": ("longest frame, ms", {10_000: 50}),
    "expand": ("expand all, ms", {10_000: 30, 100_000: 80}),
    "search": ("search, ms", {100_000: 60}),
    "key": ("key to paint p95, ms", dict.fromkeys(SIZES, 33)),
}
MANY_BUDGET = 600


def table_of(figures: dict[int, Figures]) -> Table:
    """Lay out the viewer's figures, each with its budget where it has one."""
    rows = []
    for name, (words, budgets) in BUDGETS.items():
        cells = [words]
        for size, found in figures.items():
            cells.append(judged(found.get(name), budgets.get(size)))
        rows.append(cells)
    head = ["", *(f"{size:,} spans" for size in figures)]
    return Table("The viewer in JupyterLab", head, rows)


def judged(figure: float | None, budget: float | None) -> str:
    """Write a figure, and whether it keeps its budget."""
    if figure is None:
        return "**not measured**"
    text = f"{figure:.1f}" if figure < 100 else f"{figure:.0f}"
    if budget is None:
        return text
    return f"{text} ≤ {budget:g}" if figure <= budget else f"**{text} > {budget:g}**"


def mlflow_table(ours: dict[int, Figures], theirs: dict[int, Figures]) -> Table:
    """Lay out both viewers side by side, with ratios."""
    rows = []
    for size, found in theirs.items():
        for name in ("paint", "nodes", "heap"):
            own, other = ours[size].get(name, 0.0), found[name]
            ratio = f"{other / own:.1f} ×" if own > 0 else ""
            words = BUDGETS[name][0]
            rows.append([f"{size:,}", words, f"{own:.0f}", f"{other:.0f}", ratio])
    head = ["spans", "", "spantree", "MLflow", "ratio"]
    return Table("Beside MLflow's notebook renderer", head, rows)
