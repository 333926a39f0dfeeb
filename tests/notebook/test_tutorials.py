"""The tutorial notebooks run as they stand, and show what they were saved with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MAX_BYTES = 1_000_000
# What differs from run to run: ids, clock times, durations, and the bars that show them.
MASKS = (
    (re.compile(r"tr-[0-9a-f]{32}|tr-[0-9a-f]{6,}\.\.\."), "tr-…"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*(\+00:00)?"), "TIME"),
    (re.compile(r"\b1\d{12}\b"), "MILLISECONDS"),
    (re.compile(r"\d+(\.\d+)?(µs|ms|s)\b"), "DURATION"),
    (re.compile(r"\b\d+\.\d{3,}\b"), "NUMBER"),
    (re.compile(r"[·█▏▎▍▌▋▊▉]+"), "BAR"),
    (re.compile(r"traces → \S+"), "traces → FILE"),
    (re.compile(r" +"), " "),
)


def masked(outputs) -> list[str]:
    """The plain text of outputs without what differs from run to run."""
    texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]
    for pattern, word in MASKS:
        texts = [pattern.sub(word, text) for text in texts]
    return texts


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request, module_run_notebook):
    saved = nbformat.read(request.param, as_version=4)
    return saved, module_run_notebook(request.param)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_runs_without_an_error_and_shows_what_it_was_saved_with(notebook):
    saved, executed = notebook

    for before, after in zip(code_cells(saved), code_cells(executed), strict=True):
        assert [o for o in after.outputs if o.output_type == "error"] == []
        assert masked(after.outputs) == masked(before.outputs)


def test_its_outputs_are_small_and_hold_no_widget(notebook):
    saved, executed = notebook

    for version in (saved, executed):
        text = json.dumps(version)
        assert len(text.encode()) < MAX_BYTES
        assert "widget-view" not in text
