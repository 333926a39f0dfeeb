"""Draws docs/layers.svg from the imports of the package; `make drawing` runs it."""

from __future__ import annotations

import ast
from pathlib import Path

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "python_pkg" / "spantree"
PICTURE = DOCS / "layers.svg"
FACE = "the public face"
_WIDTH, _HEIGHT = 130, 40
_ACROSS, _DOWN = 160, 100

Graph = dict[str, set[str]]


def imports() -> Graph:
    """Give the folders that each folder imports; the modules beside them are one."""
    folders = {p.parent.name for p in PACKAGE.glob("*/__init__.py")} - {"demo"}
    found: Graph = {folder: set() for folder in (*folders, FACE)}
    for file in PACKAGE.rglob("*.py"):
        top = file.relative_to(PACKAGE).parts[0]
        if top != "demo":
            owner = top if top in folders else FACE
            used = _folders_named(ast.parse(file.read_text("utf-8"))) & folders
            found[owner] |= used - {owner}
    return found


def _folders_named(tree: ast.AST) -> set[str]:
    names = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return {n.split(".")[1] for n in names if n.startswith("spantree.")}


def without_detours(graph: Graph) -> Graph:
    """Leave out the arrows that follow from others."""

    def reachable(start: str) -> set[str]:
        return graph[start].union(*(reachable(n) for n in graph[start]), set())

    return {
        name: used - set().union(*(reachable(other) for other in used), set())
        for name, used in graph.items()
    }


def ranks(graph: Graph) -> dict[str, int]:
    """Give each folder's height: one more than the highest it imports."""

    def height(name: str) -> int:
        return max((height(other) + 1 for other in graph[name]), default=0)

    return {name: height(name) for name in graph}


def drawing() -> str:
    """Give the picture as SVG."""
    graph = imports()
    height = ranks(graph)
    rows: dict[int, list[str]] = {}
    for name in sorted(graph):
        rows.setdefault(height[name], []).append(name)
    most = max(map(len, rows.values()))
    top = max(rows)
    middle = {
        name: (
            round((i + (most - len(row)) / 2 + 0.5) * _ACROSS),
            (top - level) * _DOWN + _HEIGHT,
        )
        for level, row in rows.items()
        for i, name in enumerate(row)
    }
    parts = [
        _arrow(middle[name], middle[other])
        for name, used in sorted(without_detours(graph).items())
        for other in sorted(used)
    ]
    parts += [_box(name, *middle[name]) for name in sorted(middle)]
    size = f"{most * _ACROSS} {top * _DOWN + 2 * _HEIGHT}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"',
            ' font-family="system-ui, sans-serif" font-size="14">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4"',
            ' markerWidth="8" markerHeight="8" orient="auto">',
            '<path d="M0 0 8 4 0 8z" fill="#78909c"/></marker></defs>',
            *parts,
            "</svg>\n",
        )
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = start, end
    half = _HEIGHT // 2
    return (
        f'<path d="M{x1} {y1 + half} C{x1} {y1 + _DOWN // 2} {x2} {y2 - _DOWN // 2}'
        f' {x2} {y2 - half}" fill="none" stroke="#78909c" marker-end="url(#tip)"/>'
    )


def _box(name: str, x: int, y: int) -> str:
    return (
        f'<rect x="{x - _WIDTH // 2}" y="{y - _HEIGHT // 2}" width="{_WIDTH}"'
        f' height="{_HEIGHT}" rx="6" fill="#eceff1" stroke="#607d8b"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" fill="#263238">{name}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
