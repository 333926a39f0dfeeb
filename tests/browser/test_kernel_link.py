"""Values that the notebook does not hold come from its kernel, also while it works."""

from __future__ import annotations

import pytest
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    run_all,
    save,
    write_notebook,
)

NAME = "linked.ipynb"
# The status bar goes back to idle with every answer of a subshell; the prompt does not.
RUNNING = ".jp-CodeCell >> nth=1 >> .jp-InputPrompt:text-is('[*]:')"
TRACED = """
%load_ext spantree
import random
import spantree

@spantree.trace
def read(seed):
    # Nothing that deflates: it cannot stay in the notebook.
    letters = random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=60_000)
    return {"seed": seed, "text": "".join(letters), "last": f"end of {seed}"}

@spantree.trace
def work():
    return len([read(n) for n in range(3)])

work();1
"""


@pytest.fixture(scope="module")
def linked(folder, desk):
    """The notebook with its first cell run and saved, and the second one running."""
    write_notebook(folder.path / NAME, TRACED, "import time; time.sleep(600)")
    open_file(desk, folder, NAME)
    run_all(desk)
    desk.wait_for_selector(ROOT, timeout=LONG)
    desk.wait_for_selector(RUNNING, timeout=LONG)
    save(desk)
    return desk


def open_values(page, number, tab="Output"):
    """Select the nth `read` and show one of its tabs; give the panel."""
    page.locator(f"{ROOT} .st-row:has-text('read')").nth(number).click()
    page.locator(f"{ROOT} [role=tab]:text-is('{tab}')").click()
    return page.locator(f"{ROOT} .st-panel")


def test_a_cut_value_arrives_while_a_cell_runs(linked):
    panel = open_values(linked, 1)

    panel.get_by_text("end of 1").wait_for(timeout=10_000)

    assert linked.locator(RUNNING).count() == 1


def test_feedback_reaches_the_store_while_a_cell_runs(linked):
    panel = open_values(linked, 2, "Feedback")
    panel.locator("input[name=value]").fill("yes")
    panel.locator("input[name=why]").fill("It read well.")

    panel.locator("button[type=submit]").click()

    panel.locator(".st-card").wait_for(timeout=10_000)
    assert "It read well." in panel.inner_text()
    assert linked.locator(RUNNING).count() == 1


def test_values_that_are_not_here_are_searched(linked):
    linked.locator(f"{ROOT} .st-tree").press("/")
    linked.locator(f"{ROOT} .st-search input").fill("end of 2")

    linked.locator(f"{ROOT} .st-search >> text=search values in the kernel").click()

    linked.locator(f"{ROOT} .st-search >> text=values searched").wait_for()
    said = linked.locator(f"{ROOT} .st-search [role=status]").inner_text()
    assert said.split(",")[0] in ("1 found", "1 of 1")


def test_without_a_kernel_the_pane_says_how_to_get_it(linked, folder, second_desk):
    open_file(second_desk, folder, NAME, kernel=False)
    second_desk.wait_for_selector(ROOT, timeout=LONG)

    panel = open_values(second_desk, 1)

    assert "ot saved in this notebook" in panel.inner_text()
    assert "spantree.get_trace('tr-" in panel.inner_text()
    assert panel.locator("button[aria-label='Copy Python']").count() == 1
    assert panel.locator("text=fetch it from the kernel").count() == 0


def test_drawing_asks_nothing_and_a_kernel_without_spantree_is_told_how_to_load_it(
    linked, folder, second_desk
):
    sent = []

    def listen(socket):
        socket.on("framesent", lambda data: sent.append(str(data)))

    def opened_comms():
        return [data for data in sent if "comm_open" in data and "spantree" in data]

    second_desk.on("websocket", listen)
    saved = (folder.path / NAME).read_text()
    (folder.path / "copy.ipynb").write_text(saved.replace("time.sleep(600)", "1"))
    open_file(second_desk, folder, "copy.ipynb")
    second_desk.wait_for_selector(ROOT, timeout=LONG)
    kernel_is_idle(second_desk)
    assert opened_comms() == []

    # One that no other test has left open here: what is open already waits for a click.
    panel = open_values(second_desk, 0)

    panel.get_by_text("%load_ext spantree").wait_for(timeout=10_000)
    assert len(opened_comms()) == 1
    second_desk.remove_listener("websocket", listen)
