"""The first tutorials, run by a person in real JupyterLab from top to bottom."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    run_all,
)

REPOSITORY = Path(__file__).parents[2]
PICTURES = REPOSITORY / "out" / "pictures"
# Tall, as JupyterLab draws only the cells in sight.
TALL = {"width": 1200, "height": 6500}
NAMES = [
    "00_first_trace",
    "01_trace_your_code",
    "02_rag_debugging",
    "03_agents_and_tools",
]


def trees_in(path):
    """Count the trees that a notebook was saved with."""
    outputs = [o for c in nbformat.read(path, 4).cells for o in c.get("outputs", ())]
    kinds = [kind for output in outputs for kind in output.get("data", ())]
    return len([kind for kind in kinds if kind.startswith("application/vnd.spantree.")])


@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_runs_from_top_to_bottom(folder, second_desk, name):
    page = second_desk
    shutil.copy(REPOSITORY / "notebooks" / f"{name}.ipynb", folder.path)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size(TALL)
    open_file(page, folder, f"{name}.ipynb")

    run_all(page)
    cells = page.locator(".jp-CodeCell")
    # The last cell asserts, and has its number once it is done.
    page.wait_for_function(
        "n => document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[n - 1]"
        "?.innerText === `[${n}]:`",
        arg=cells.count(),
        timeout=LONG,
    )
    kernel_is_idle(page)

    prompts = cells.locator(".jp-InputPrompt").all_inner_texts()
    assert prompts == [f"[{n}]:" for n in range(1, cells.count() + 1)]
    errors = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    assert errors.all_inner_texts() == []
    assert page.locator(ROOT).count() == trees_in(
        REPOSITORY / "notebooks" / f"{name}.ipynb"
    )
    page.screenshot(path=PICTURES / f"tutorial-{name[:2]}.png")
    folder.server.end_kernels(folder.path.name)
