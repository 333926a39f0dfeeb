"""The side panel "Traces": what the notebook's kernel has stored, live."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    run_all,
    write_notebook,
)

NAME = "panel.ipynb"
# A store of its own: the panel lists what the kernel's store holds.
TRACED = """
%env SPANTREE_DATA_DIR traces-panel-data
%load_ext spantree
import spantree

@spantree.trace
def good():
    return 1

@spantree.trace
def bad():
    raise KeyError("city")

good()
try:
    bad()
except KeyError:
    pass
"""
PANEL = "#spantree-traces"
LINES = f"{PANEL} .st-side-line"
PICTURES = Path(__file__).parents[2] / "out" / "pictures"


@pytest.fixture(scope="module")
def notebook(folder, desk):
    write_notebook(folder.path / NAME, TRACED, "good();")
    PICTURES.mkdir(parents=True, exist_ok=True)
    desk.set_viewport_size({"width": 1400, "height": 900})
    open_file(desk, folder, NAME)
    run_all(desk)
    desk.wait_for_selector(f".jp-CodeCell {ROOT}", timeout=LONG)
    kernel_is_idle(desk)
    return desk


@pytest.fixture
def panel(notebook):
    """The panel, opened by its command as a person would."""
    if not notebook.locator(PANEL).is_visible():
        notebook.keyboard.press("Control+Shift+c")
        notebook.locator(".lm-CommandPalette-input").fill("Show Traces")
        notebook.locator(".lm-CommandPalette-item >> text=Show Traces").first.click()
    back = notebook.locator(f"{PANEL} >> text=all traces")
    if back.count():
        back.click()
    notebook.locator(f"{PANEL} input").fill("")
    notebook.locator(f"{PANEL} input").press("Enter")
    # Until then it may show those of the notebook that was open before.
    notebook.locator(f"{LINES} >> text=bad").first.wait_for(timeout=LONG)
    return notebook


def test_it_lists_the_latest_traces_first(panel):
    names = panel.locator(f"{LINES} .st-title").all_inner_texts()

    # Other tests of this kernel may have added newer ones above.
    assert names[-3:] == ["good", "bad", "good"]
    panel.screenshot(path=PICTURES / "traces-panel.png")


def test_the_search_language_filters(panel):
    panel.locator(f"{PANEL} input").fill("status = 'ERROR'")
    panel.locator(f"{PANEL} input").press("Enter")

    panel.wait_for_function(f"document.querySelectorAll('{LINES}').length === 1")
    assert panel.locator(f"{LINES} .st-title").inner_text() == "bad"


def test_a_mistake_is_shown_with_a_caret(panel):
    panel.locator(f"{PANEL} input").fill("statsu = 'ERROR'")
    panel.locator(f"{PANEL} input").press("Enter")

    problem = panel.locator(f"{PANEL} .st-problem")
    problem.wait_for()
    assert "^" in problem.inner_text()
    assert "status" in problem.inner_text()


def test_a_click_opens_the_tree_in_the_panel(panel):
    panel.locator(f"{LINES} .st-line:has-text('bad')").click()

    row = panel.locator(f"{PANEL} .st-row")
    row.first.wait_for()
    assert "bad" in row.first.inner_text()


def test_a_run_cell_brings_its_trace(panel):
    before = panel.locator(LINES).count()
    panel.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".cm-content").click()

    panel.keyboard.press("Control+Enter")

    panel.wait_for_function(
        f"document.querySelectorAll('{LINES}').length === {before + 1}", timeout=LONG
    )
