"""Imports go one way: the code is held to the map of the architecture."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import spantree

PACKAGE = Path(spantree.__file__).parent

MAY_IMPORT = {
    "entities": set(),
    "recording": {"entities"},
    "search": {"entities"},
    "store": {"entities", "search"},
    "shipping": {"entities", "search", "store"},
    "integrations": {"entities", "recording"},
    "render": {"entities"},
    "link": {"entities", "search", "store", "render"},
    "web": {"entities", "search", "store", "shipping", "render", "link"},
    "notebook": {
        "entities",
        "recording",
        "search",
        "store",
        "shipping",
        "integrations",
        "render",
        "link",
    },
}
# The public face: modules beside the folders, and the demo's offline provider.
FACE = {"demo"}


def imported_modules(tree: ast.AST) -> list[tuple[str, int]]:
    """Every module named by an import, lazy and type-only ones included."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, node.lineno) for name in names]
    return found


def violations(folder: str, source: str) -> list[str]:
    """Name the imports of one file that its folder may not have."""
    wrong = []
    for module, line in imported_modules(ast.parse(source)):
        parts = module.split(".")
        if parts[0] != "spantree":
            continue
        target = parts[1] if len(parts) > 1 else "(the face)"
        private = any(part.startswith("_") for part in parts[2:-1])
        if target in (folder, "_version"):
            continue
        if target not in MAY_IMPORT[folder] or private:
            wrong.append(f"line {line}: {folder} imports {module}")
    return wrong


def package_files():
    for folder in sorted(p for p in PACKAGE.iterdir() if (p / "__init__.py").exists()):
        for file in sorted(folder.rglob("*.py")):
            yield folder.name, file


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        pytest.param(*case, id=str(case[1].relative_to(PACKAGE)))
        for case in package_files()
        if case[0] not in FACE
    ],
)
def test_imports_go_down_the_map_only(folder, file):
    assert folder in MAY_IMPORT, f"declare the new folder {folder} in the map"

    assert violations(folder, file.read_text()) == []


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("entities", "from spantree.recording import trace"),
        ("entities", "def f():\n    import spantree.recording.recorder"),
        ("recording", "if TYPE_CHECKING:\n    from spantree.store import Store"),
        ("render", "import spantree"),
        ("store", "from spantree import search_traces"),
        ("notebook", "from spantree.store._private import x"),
    ],
)
def test_an_upward_import_is_found(folder, source):
    assert violations(folder, source)


@pytest.mark.parametrize(
    ("wiring", "where"),
    [
        (r"on_first_trace =", "_runtime.py"),
        (r"\bWriter\(", "_storage.py"),
        (r"from spantree\._storage import", "_runtime.py"),
    ],
)
def test_the_runtime_is_wired_in_one_place(wiring, where):
    found = [
        file.name
        for file in PACKAGE.glob("*.py")
        if re.search(wiring, file.read_text())
    ]

    assert found == [where]
