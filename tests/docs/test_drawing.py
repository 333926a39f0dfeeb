"""The drawing of the architecture is that of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def write_architecture():
    path = DOCS / "write_architecture.py"
    spec = importlib.util.spec_from_file_location("write_architecture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_shows_the_imports_of_the_code():
    made = write_architecture().drawing()

    assert (DOCS / "layers.svg").read_text(encoding="utf-8") == made, (
        "run `make drawing`"
    )


def test_arrows_that_follow_from_others_are_left_out():
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}

    assert write_architecture().without_detours(graph) == {
        "a": {"b"},
        "b": {"c"},
        "c": set(),
    }
    assert write_architecture().ranks(graph) == {"a": 2, "b": 1, "c": 0}


def test_the_page_names_every_folder():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    folders = set(write_architecture().imports()) - {write_architecture().FACE}

    assert [f for f in sorted(folders) if f"`{f}/`" not in page] == []
