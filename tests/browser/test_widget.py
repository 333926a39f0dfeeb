"""The widget in JupyterLab without our extension: as other hosts of anywidget draw it."""

from __future__ import annotations

import json

import pytest
from support.lab import (
    LONG,
    ROOT,
    jupyter,
    kernel_is_idle,
    open_notebook,
    run_all,
    write_notebook,
)

NAME = "widget.ipynb"
TRACED = """
import pathlib
import spantree

@spantree.trace
def step(n):
    return n

@spantree.trace
def work():
    return [step(n) for n in range(3)]

work()
w = spantree.view(spantree.get_trace(spantree.get_last_active_trace_id()))

def selected(change):
    pathlib.Path("seen.txt").write_text(f"{w.selected_span.name} {change['new']}")
    w.filter = "work"

w.observe(selected, "selected_span_id");
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("widget")
    write_notebook(root / NAME, TRACED, "w")
    settings = root / ".config" / "labconfig"
    settings.mkdir(parents=True)
    disabled = {"disabledExtensions": {"spantree": True}}
    (settings / "page_config.json").write_text(json.dumps(disabled))
    return root


def test_python_sees_the_selection_and_sets_the_filter(folder, page):
    with jupyter("lab", folder) as server:
        open_notebook(page, server.url, NAME)
        run_all(page)
        page.wait_for_selector(ROOT, timeout=LONG)
        kernel_is_idle(page)

        page.locator(f"{ROOT} .st-row:has-text('step')").last.click()

        page.wait_for_selector(f"{ROOT} .st-search input", timeout=LONG)
        assert page.locator(f"{ROOT} .st-search input").input_value() == "work"
    name, span_id = (folder / "seen.txt").read_text().split()
    assert name.startswith("step")
    assert len(span_id) == 16
