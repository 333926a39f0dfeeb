"""The first notebook in real JupyterLab, and its saved file wherever it is opened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    refuse_posts,
    run_all,
    save,
    theme,
)

REPOSITORY = Path(__file__).parents[2]
NAME = "00_first_trace.ipynb"
LINES_OF_CODE_SHOWN = 17
PICTURES = REPOSITORY / "out" / "pictures"


@pytest.fixture(scope="module")
def saved(folder, desk):
    """The notebook, run in JupyterLab and saved; its tests come after it was run."""
    shutil.copy(REPOSITORY / "notebooks" / NAME, folder.path / NAME)
    PICTURES.mkdir(parents=True, exist_ok=True)
    open_file(desk, folder, NAME)
    run_all(desk)
    desk.wait_for_selector(f"{ROOT} .st-state-ok", timeout=LONG)
    kernel_is_idle(desk)
    save(desk)
    folder.server.end_kernels(folder.path.name)
    return folder.path / NAME


@pytest.fixture(scope="module")
def reopened(saved, folder, desk):
    """One page for the tests that look at the saved notebook as it is."""
    desk.set_viewport_size({"width": 1500, "height": 1400})
    open_file(desk, folder, NAME, kernel=False)
    return desk


def shown_tree(page):
    """The viewer under the cell that called the model."""
    tree = page.locator(f".jp-CodeCell {ROOT}").first
    tree.wait_for(timeout=LONG)
    tree.scroll_into_view_if_needed()
    return tree


def test_the_tree_tells_model_tokens_and_duration(reopened):
    page = reopened

    tree = shown_tree(page)

    cell = page.locator(f".jp-CodeCell:has({ROOT})").first
    assert "client" in cell.locator(".cm-content").inner_text()
    text = tree.inner_text()
    assert "gpt" in tree.locator(".st-model").first.inner_text()
    assert "tok" in text
    assert "ms" in text
    assert tree.locator(".st-row").count() >= 2
    tree.screenshot(path=PICTURES / "tree-light.png")


def test_the_readme_s_picture_shows_cell_and_tree(reopened):
    page = reopened
    page.keyboard.press("Control+b")  # hides the file browser
    tree = shown_tree(page)
    tree.locator(".st-row:has(.st-model) .st-name").first.click()
    tree.locator(".st-detail").wait_for()
    tree.evaluate("node => node.scrollIntoView({block: 'center'})")
    page.wait_for_function(
        "document.querySelector('.jp-LabShell').clientWidth <"
        " document.querySelector('.jp-NotebookPanel').clientWidth + 200"
    )

    below, cell = (
        tree.bounding_box(),
        page.locator(f".jp-CodeCell:has({ROOT})").bounding_box(),
    )
    top = below["y"] - LINES_OF_CODE_SHOWN * 17
    picture = page.screenshot(
        path=PICTURES / "first_trace.png",
        clip={
            "x": cell["x"],
            "y": top,
            "width": cell["width"],
            "height": below["y"] + below["height"] - top + 12,
        },
    )

    assert len(picture) > 10_000


def test_collapsing_and_selecting_work(reopened):
    tree = shown_tree(reopened)
    rows = tree.locator(".st-row")
    before = rows.count()

    tree.locator(".st-chevron").first.click()
    collapsed = rows.count()
    tree.locator(".st-chevron").first.click()
    tree.locator(".st-row:has(.st-model) .st-name").first.click()
    tree.locator(".st-detail").wait_for()

    assert collapsed == 1
    assert rows.count() == before
    assert tree.locator(".st-row[aria-selected=true]").count() == 1
    assert (
        "Paris" in tree.locator(".st-detail").inner_text()
        or tree.locator(".st-detail [role=tab]").count()
    )


def test_the_dark_theme_is_followed(saved, folder, second_desk):
    with theme(second_desk, "JupyterLab Dark"):
        open_file(second_desk, folder, NAME, kernel=False)
        tree = shown_tree(second_desk)
        tree.locator(".st-row:has(.st-model) .st-name").first.click()
        tree.screenshot(path=PICTURES / "tree-dark.png")
        colour = tree.evaluate("node => getComputedStyle(node).backgroundColor")

    red, green, blue = (int(part) for part in colour.strip("rgba()").split(",")[:3])
    assert max(red, green, blue) < 80


def test_the_saved_file_holds_no_widget_view(saved):
    notebook = json.loads(saved.read_text())

    assert "application/vnd.jupyter.widget-view+json" not in saved.read_text()
    outputs = [o for c in notebook["cells"] for o in c.get("outputs", ())]
    assert [o for o in outputs if o["output_type"] == "error"] == []


def test_it_is_there_when_no_kernel_starts(saved, folder, second_desk):
    # A name of its own: a kernel that the saved one still has would be taken again.
    shutil.copy(saved, folder.path / "alone.ipynb")
    second_desk.route("**/api/sessions*", refuse_posts)
    open_file(second_desk, folder, "alone.ipynb")
    second_desk.locator(".jp-Dialog >> text=Error").first.wait_for(timeout=LONG)

    tree = shown_tree(second_desk)

    assert "gpt" in tree.locator(".st-model").first.inner_text()


def test_it_is_there_in_an_untrusted_copy(saved, folder, second_desk):
    notebook = json.loads(saved.read_text())
    notebook["metadata"]["copied"] = True  # trust is by a signature of the content
    (folder.path / "untrusted.ipynb").write_text(json.dumps(notebook))

    open_file(second_desk, folder, "untrusted.ipynb", kernel=False)

    assert shown_tree(second_desk).locator(".st-row").count() >= 2
    assert second_desk.locator("[title*='not trusted' i]").count() >= 1


def test_it_is_there_in_notebook_7(saved, folder, page):
    page.goto(folder.url(NAME, app="notebooks"))

    tree = shown_tree(page)

    assert page.locator("body[data-notebook=notebooks]").count() == 1
    assert "gpt" in tree.locator(".st-model").first.inner_text()


def test_html_export_keeps_the_static_tree(saved, folder):
    subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", str(saved)],
        check=True,
        capture_output=True,
    )

    html = saved.with_suffix(".html").read_text()
    assert '<div class="spantree">' in html
    assert "CHAT_MODEL" in html
