"""Programs that run and convert notebooks keep the trees, and bring them up to date."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from nbconvert import HTMLExporter

MIME = "application/vnd.spantree.trace.v1+json"
CELLS = (
    "%load_ext spantree\n"
    "import contextvars, threading, time, spantree\n"
    "@spantree.trace\n"
    "def work(n): return n",
    "work(1)",
    "go = threading.Event()\n"
    "@spantree.trace\n"
    "def late(): go.wait(30)\n"
    "context = contextvars.copy_context()\n"
    "thread = threading.Thread(target=context.run, args=(late,))\n"
    "thread.start(); time.sleep(0.1)",
    "go.set(); thread.join()",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A notebook that was never run, in a folder of its own."""
    path = tmp_path_factory.mktemp("runner") / "in.ipynb"
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(made, path)
    return path


def run(folder, *command: str) -> None:
    environment = {**os.environ, "SPANTREE_DATA_DIR": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**environment, "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=["papermill", "nbconvert"])
def executed(request, notebook):
    folder = notebook.parent
    if request.param == "papermill":
        run(folder, "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar")
    else:
        run(
            folder,
            *("nbconvert", "--to", "notebook", "--execute", "in.ipynb"),
            *("--output", "out.ipynb"),
        )
    return nbformat.read(folder / "out.ipynb", as_version=4)


def trees(cell) -> list:
    return [o.data for o in cell.outputs if MIME in o.get("data", {})]


def test_each_cell_keeps_its_tree_in_three_forms(executed):
    cells = [c for c in executed.cells if c.cell_type == "code"]

    [tree] = trees(cells[1])
    assert set(tree) == {MIME, "text/html", "text/plain"}
    assert "work  OK" in tree["text/plain"]


def test_a_thread_that_ended_later_is_drawn_as_ended(executed):
    cells = [c for c in executed.cells if c.cell_type == "code"]

    [tree] = trees(cells[2])
    assert tree[MIME]["traces"][0]["state"] == "OK"
    assert trees(cells[3]) == []


def test_html_keeps_the_static_tree_also_without_running(executed):
    page, _ = HTMLExporter().from_notebook_node(executed)

    assert '<div class="spantree">' in page
    assert "widget-view" not in page
