"""The tool that keeps the tutorials honest finds what it is there to find."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

FILE = Path(__file__).parents[2] / "notebooks" / "execute.py"
SPEC = importlib.util.spec_from_file_location("execute_notebooks", FILE)
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)


def notebook(text, **data):
    shown = new_output("display_data", {"text/plain": text, **data})
    return new_notebook(cells=[new_code_cell("f()", id="call", outputs=[shown])])


def test_ids_times_and_durations_may_differ():
    saved = notebook(
        "tr-54de704c93c079e8 at 2026-11-21 18:13:32 OK 85.4ms ██▏· 12.3 kB"
    )
    now = notebook("tr-a07713ee91ad8a0a at 2027-01-02 03:04:05 OK 1.2s █▏·· 9 kB")

    assert TOOL.complaints(saved, now) == []


@pytest.mark.parametrize("now", ["f OK 85.4ms 4 spans", "f ERROR 85.4ms 3 spans", ""])
def test_another_output_is_told_with_its_cell(now):
    found = TOOL.complaints(notebook("f OK 85.4ms 3 spans"), notebook(now))

    assert found[0] == "the output of cell 'call' is another:"
    assert "-f OK DURATION 3 spans" in found


def test_widgets_and_large_notebooks_are_refused():
    widget = notebook("", **{"application/vnd.jupyter.widget-view+json": {}})
    large = notebook("", **{"text/html": "x" * 1_000_000})

    assert TOOL.complaints(widget, widget) == [
        "it holds a widget, which does not show in a preview"
    ]
    assert "over 1,000,000" in TOOL.complaints(large, large)[0]


def test_a_failed_cell_stops_it(tmp_path):
    path = tmp_path / "failing.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("assert 1 == 2")]), path)

    with pytest.raises(Exception, match="AssertionError"):
        TOOL.execute(path)
