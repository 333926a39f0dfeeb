"""What a reader did to a tree stays, whatever JupyterLab and updates do around it."""

from __future__ import annotations

import pytest
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    run_all,
    write_notebook,
)
from support.pages import serve
from unit.render.drawn_traces import span, trace

from spantree.entities import TraceState
from spantree.render import COMPLETE, build_output

NAME = "state.ipynb"
TRACED = """
%load_ext spantree
import spantree

@spantree.trace
def step(n):
    return n

@spantree.trace
def other(n):
    return n

@spantree.trace
def work():
    return [(step(n), other(n)) for n in range(40)]

_ = work()
"""
COMMAND_KEYS = "abdjkmxyzcv"


@pytest.fixture(scope="module")
def notebook(folder, desk):
    fillers = ["print('\\n' * 60)"] * 30
    write_notebook(folder.path / NAME, TRACED, *fillers)
    desk.set_viewport_size({"width": 1280, "height": 900})
    open_file(desk, folder, NAME)
    run_all(desk)
    desk.wait_for_selector(ROOT, timeout=LONG)
    kernel_is_idle(desk)
    return desk


IN_SIGHT = f"(document.querySelector('{ROOT}')?.getBoundingClientRect().bottom > 0)"


def scroll_away(page):
    scroll(page, 40_000)
    page.wait_for_function(f"!{IN_SIGHT}")


def scroll_back(page):
    scroll(page, 0)
    page.wait_for_function(IN_SIGHT)
    # JupyterLab goes on placing its cells for a while.
    page.wait_for_timeout(300)


def scroll(page, y):
    page.evaluate(
        "y => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = y }", y
    )


def test_the_view_survives_scrolling_away_and_back(notebook):
    page = notebook
    scroll_back(page)
    tree = page.locator(ROOT).first
    tree.locator(".st-more").click()
    tree.locator(".st-scroll").evaluate("box => { box.scrollTop = 600 }")
    tree.locator(".st-row").nth(12).click()
    chosen = tree.locator(".st-selected .st-name").inner_text()
    before = tree.locator(".st-scroll").evaluate("box => box.scrollTop")
    height = tree.bounding_box()["height"]

    scroll_away(page)
    scroll_back(page)

    tree.wait_for()
    assert tree.locator(".st-selected .st-name").inner_text() == chosen
    assert tree.locator(".st-detail").count() == 1
    assert tree.locator(".st-scroll").evaluate("box => box.scrollTop") == before
    assert tree.bounding_box()["height"] == height


def test_keys_inside_do_nothing_to_the_notebook(notebook):
    page = notebook
    scroll_back(page)
    cells = page.locator(".jp-Cell").count()
    tree = page.locator(ROOT).first
    tree.locator(".st-row").first.click()
    tree.locator(".st-tree").focus()

    for key in COMMAND_KEYS:
        page.keyboard.press(key)
        page.keyboard.press(key)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    assert page.locator(".jp-Cell").count() == cells
    assert page.locator(".jp-mod-editMode").count() == 0
    assert page.evaluate("!!document.activeElement.closest('.st-root')")


def test_escape_leaves_the_tree_for_the_cell(notebook):
    page = notebook
    scroll_back(page)
    tree = page.locator(ROOT).first
    tree.locator(".st-tree").focus()

    for _ in range(3):
        page.keyboard.press("Escape")

    assert not page.evaluate("!!document.activeElement.closest('.st-root')")
    assert page.evaluate("!!document.activeElement.closest('.jp-Notebook')")


@pytest.fixture
def site(tmp_path):
    with serve(tmp_path) as site:
        yield site


def live_output(count, rev, *, live=True):
    """A trace that runs, with so many finished steps."""
    steps = [
        span(n + 2, 1, f"step {n}", "TOOL", start_ms=n * 10, ms=9) for n in range(count)
    ]
    root = span(1, None, "work", "AGENT", 0, None if live else 5000)
    state = TraceState.IN_PROGRESS if live else TraceState.OK
    running = trace([root, *steps], state)
    return build_output([running], key="e" * 16, rev=rev, live=live, budget=COMPLETE)


def start_live(page, site, count):
    page.goto(site.add("live", {"v": 1}))
    page.evaluate(
        "first => { document.querySelector('.st-root').remove();"
        " window.view = spantree.mount(document.getElementById('spantree-root'), first) }",
        live_output(count, 0),
    )
    page.wait_for_selector(".st-row")


def update(page, output):
    page.evaluate("output => window.view.update(output)", output)
    page.wait_for_timeout(400)


def test_an_update_neither_jumps_nor_shrinks_nor_loses_the_selection(site, page):
    start_live(page, site, 80)
    page.locator(".st-more").click()
    page.locator(".st-scroll").evaluate("box => { box.scrollTop = 240 }")
    page.locator(".st-name >> text=step 14").click()
    page.locator("[aria-label='Close values (Esc)']").click()
    top = page.locator(".st-scroll").evaluate("box => box.scrollTop")
    height = page.locator(".st-root").bounding_box()["height"]

    update(page, live_output(90, 1))
    update(page, live_output(3, 2, live=False))
    update(page, live_output(90, 3, live=False))

    assert page.locator(".st-root").bounding_box()["height"] >= height
    assert top == 240
    assert page.locator(".st-selected .st-name").inner_text() == "step 14"


def test_new_rows_below_the_fold_are_counted_and_shown_on_a_click(site, page):
    start_live(page, site, 80)
    page.locator(".st-more").click()
    before = page.locator(".st-scroll").evaluate("box => box.scrollTop")

    update(page, live_output(83, 1))

    assert page.locator(".st-news").inner_text() == "3 new"
    assert page.locator(".st-scroll").evaluate("box => box.scrollTop") == before
    page.locator(".st-news").click()
    page.locator(".st-name >> text=step 82").wait_for()
    assert page.locator(".st-news").count() == 0


def test_a_running_trace_is_drawn_at_most_four_times_a_second(site, page):
    start_live(page, site, 2)
    outputs = [live_output(2 + n, n + 1) for n in range(20)]

    drawn = page.evaluate(
        """async (outputs) => {
          const seen = new Set();
          const note = () => seen.add(document.querySelector('.st-tree').ariaLabel);
          note();
          new MutationObserver(note).observe(document.querySelector('.st-root'),
            { subtree: true, childList: true, attributes: true });
          for (const one of outputs) {
            window.view.update(one);
            await new Promise((done) => setTimeout(done, 50));
          }
          await new Promise((done) => setTimeout(done, 400));
          return [seen.size, document.querySelector('.st-tree').ariaLabel];
        }""",
        outputs,
    )

    assert drawn[0] <= 7
    assert "22 spans" in drawn[1]
