"""Runs cells in a real kernel and gives back their outputs."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

MIME = "application/vnd.spantree.trace.v1+json"


class Result:
    """A notebook after it ran."""

    def __init__(self, notebook) -> None:
        self.notebook = notebook

    def outputs(self, cell: int) -> list:
        return self.notebook.cells[cell].outputs

    def trees(self, cell: int) -> list:
        """The bundles of ours under a cell."""
        return [
            output["data"]
            for output in self.outputs(cell)
            if MIME in output.get("data", {})
        ]

    def text(self, cell: int) -> str:
        """What a cell printed or gave as its result, as plain text."""
        parts = []
        for output in self.outputs(cell):
            if output.output_type == "stream":
                parts.append(output.text)
            elif output.output_type == "error":
                parts.append(f"{output.ename}: {output.evalue}")
            elif MIME not in output.data:
                parts.append(output.data.get("text/plain", ""))
        return "\n".join(parts)


def execute(cells: tuple[str, ...], folder: Path) -> Result:
    """Run cells in a fresh kernel that keeps its traces below the folder."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    run_kernel(notebook, folder, allow_errors=True)
    return Result(notebook)


def run_kernel(notebook, folder: Path, *, allow_errors: bool) -> None:
    """Execute a notebook in place."""
    client = NotebookClient(
        notebook,
        timeout=60,
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(
        env={
            **os.environ,
            "IPYTHONDIR": str(folder / "ipython"),
            "SPANTREE_DATA_DIR": str(folder / "data"),
            "OPENAI_API_KEY": "",
        }
    )


@pytest.fixture
def run_cells(tmp_path):
    """Run cells in a fresh kernel: `run_cells("a = 1", "a")`."""
    return lambda *cells: execute(cells, tmp_path)


@pytest.fixture(scope="module")
def module_run_cells(tmp_path_factory):
    """The same for results that a module's tests share."""
    return lambda *cells: execute(cells, tmp_path_factory.mktemp("kernel"))
