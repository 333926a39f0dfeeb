"""Trees of cells that run, and of threads that outlive their cell, in JupyterLab."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    run_all,
    tree_under_cell,
    write_notebook,
)

PICTURES = Path(__file__).parents[2] / "out" / "pictures"
SETUP = """
%load_ext spantree
import contextvars, pathlib, threading, time
import spantree

def wait_for(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.02)

@spantree.trace(span_type="TOOL")
def step(n):
    wait_for(f"step-{n}")
    return n

@spantree.trace(span_type="AGENT")
def work(steps):
    return [step(n) for n in steps]
"""
RUNNING = "work(range(1, 4))"
THREAD = """
context = contextvars.copy_context()
thread = threading.Thread(target=context.run, args=(work, [7]))
thread.start()
time.sleep(0.6)
"""
INTERRUPTED = "work([99])"


@pytest.fixture(scope="module")
def kernel(folder, desk):
    """The kernel of all notebooks of the module, where the set-up has run."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    write_notebook(folder.path / "set-up.ipynb", SETUP)
    open_file(desk, folder, "set-up.ipynb")
    run_all(desk)
    kernel_is_idle(desk)
    return folder.server.kernel(f"{folder.path.name}/set-up.ipynb")


@pytest.fixture
def notebook(folder, kernel, desk, request):
    """Open a notebook of the set-up and these cells, and run it; gives the page."""

    def run(*cells: str):
        for step in folder.path.glob("step-*"):
            step.unlink()
        name = f"{request.node.name}.ipynb"
        write_notebook(folder.path / name, SETUP, *cells)
        open_file(desk, folder, name, kernel_id=kernel)
        run_all(desk)
        return desk

    run.folder = folder.path
    return run


def allow(notebook, step: int) -> None:
    (notebook.folder / f"step-{step}").touch()


def rows(tree) -> list[str]:
    return [row.inner_text().split("\n")[0] for row in tree.locator(".st-row").all()]


def test_a_running_cell_shows_its_tree_and_its_time(notebook):
    page = notebook(RUNNING)
    tree = tree_under_cell(page, 1)

    tree.wait_for(timeout=LONG)
    assert page.locator(".jp-CodeCell").nth(1).locator(
        ".jp-InputPrompt"
    ).inner_text() == ("[*]:")
    strip = tree.locator(".st-strip").first
    before = strip.inner_text()
    page.wait_for_timeout(1_200)
    after = strip.inner_text()
    assert before != after, "the running time does not tick"
    assert tree.locator(".st-row").count() == 2
    tree.screenshot(path=PICTURES / "live-running.png")

    allow(notebook, 1)
    page.wait_for_function(
        "root => document.querySelectorAll(root + ' .st-row').length === 3",
        arg=ROOT,
        timeout=LONG,
    )
    top = tree.bounding_box()["y"]
    allow(notebook, 2)
    allow(notebook, 3)
    kernel_is_idle(page)
    page.wait_for_function(
        "root => document.querySelectorAll(root + ' .st-row').length === 4",
        arg=ROOT,
        timeout=LONG,
    )

    resting = strip.inner_text()
    page.wait_for_timeout(600)
    assert strip.inner_text() == resting, "the time ticks after the end"
    assert page.locator(ROOT).count() == 1
    assert tree.bounding_box()["y"] == pytest.approx(top, abs=30)
    tree.screenshot(path=PICTURES / "live-ended.png")


def test_what_a_reader_opened_stays_while_the_cell_runs(notebook):
    page = notebook(RUNNING)
    tree = tree_under_cell(page, 1)
    tree.wait_for(timeout=LONG)
    tree.locator(".st-row .st-name").first.click()
    tree.locator(".st-detail").wait_for()

    for step in (1, 2, 3):
        allow(notebook, step)
    kernel_is_idle(page)
    page.wait_for_timeout(500)

    assert tree.locator(".st-detail").count() == 1
    assert tree.locator(".st-row[aria-selected=true]").count() == 1


def test_a_thread_that_ends_later_changes_its_own_cell(notebook):
    page = notebook(THREAD, "1 + 1", "wait_for('step-7'); thread.join()")
    tree = tree_under_cell(page, 1)
    tree.wait_for(timeout=LONG)
    page.wait_for_selector(".jp-CodeCell >> nth=2 >> text=2", timeout=LONG)
    assert (
        "running" in tree.inner_text().lower()
        or tree.locator(".st-running, [class*=running]").count()
    )
    tree.screenshot(path=PICTURES / "live-thread.png")

    allow(notebook, 7)
    kernel_is_idle(page)
    page.wait_for_timeout(800)

    assert page.locator(ROOT).count() == 1
    assert "running" not in tree.inner_text().lower()
    assert tree.locator(".st-row").count() == 2


def test_an_interrupted_cell_rests_as_failed(notebook):
    page = notebook(INTERRUPTED)
    tree = tree_under_cell(page, 1)
    tree.wait_for(timeout=LONG)

    page.click(".lm-MenuBar >> text=Kernel")
    page.click(".lm-Menu >> text=Interrupt Kernel")
    kernel_is_idle(page)
    deadline = time.monotonic() + 20
    while "2 errors" not in tree.inner_text() and time.monotonic() < deadline:
        page.wait_for_timeout(200)

    assert "2 errors" in tree.inner_text()
    assert page.locator(ROOT).count() == 1
    page.locator(".jp-CodeCell").nth(1).screenshot(
        path=PICTURES / "live-interrupted.png"
    )
