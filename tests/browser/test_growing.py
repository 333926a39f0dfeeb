"""A tree grows under the cell that runs, and rests when the cell has ended."""

from __future__ import annotations

import json
import re
from datetime import datetime

import nbformat
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

from spantree.render import MIME

NAME = "live.ipynb"
STEPS = 14
# Each step waits until the test lets it go.
TRACED = """
%load_ext spantree
import pathlib, time
import spantree

@spantree.trace(span_type="TOOL")
def step(n):
    while not pathlib.Path(f"go{n}").exists():
        time.sleep(0.02)
    return n

@spantree.trace(span_type="AGENT")
def work():
    return [step(n) for n in range(STEPS)]

""".replace("STEPS", str(STEPS))
# What a person would see move: heights and scroll positions, frame by frame.
WATCH = """() => {
  window.seen = { heights: [], tops: [] };
  const outer = document.querySelector('.jp-WindowedPanel-outer');
  const note = () => {
    if (!window.seen) return;
    const root = document.querySelector('.jp-CodeCell .st-root');
    if (root && root.isConnected && root.offsetHeight) {
      window.seen.heights.push(root.offsetHeight);
      window.seen.tops.push(outer.scrollTop);
    }
    requestAnimationFrame(note);
  };
  note();
}"""
# The header of a message that draws; its keys come in any order.
HEADER = re.compile(rb'\{[^{}]*"msg_type": ?"(?:update_)?display_data"[^{}]*\}')
DATE = re.compile(rb'"date": ?"([^"]+)"')
IN_SIGHT = f"(document.querySelector('{ROOT}')?.getBoundingClientRect().bottom > 0)"
SPANS = f"document.querySelector('{ROOT} .st-tree').ariaLabel.includes"


@pytest.fixture(scope="module")
def watched(folder, desk):
    """The notebook while its first cell runs, and the messages that came."""
    fillers = ["print('\\n' * 60)"] * 12
    write_notebook(folder.path / NAME, TRACED, "_ = work()", *fillers)
    frames = []
    desk.set_viewport_size({"width": 1280, "height": 900})

    def listen(socket):
        socket.on("framereceived", lambda data: frames.append(data))

    desk.on("websocket", listen)
    open_file(desk, folder, NAME)
    desk.evaluate(WATCH)
    run_all(desk)
    desk.wait_for_selector(f"{ROOT} .st-row:has-text('step')", timeout=LONG)
    yield desk, frames
    desk.remove_listener("websocket", listen)
    desk.evaluate("window.seen = null")


def let_go(folder, *numbers):
    for number in numbers:
        (folder.path / f"go{number}").touch()


def wait_for_spans(page, count):
    page.wait_for_function(f"{SPANS}(' {count} spans')", timeout=LONG)


def test_it_grows_without_a_jump_and_ends_at_rest(folder, watched):
    page, frames = watched
    tree = page.locator(f".jp-CodeCell {ROOT}").first

    # The first step runs, and is there before it ends.
    assert tree.locator(".st-running-bar").count() == 2
    assert tree.locator(".st-strip .st-state-running").count() == 1
    assert tree.locator("[role=status]").inner_text() == "running, 2 spans"

    elapsed = tree.locator(".st-strip .st-fact").first
    before = elapsed.inner_text()
    page.wait_for_function(
        "before => document.querySelector('.st-root .st-fact').textContent !== before",
        arg=before,
        timeout=LONG,
    )

    for number in range(4):
        let_go(folder, number)
        wait_for_spans(page, number + 3)

    # The notebook takes the output out of the page, and puts it back.
    tree.locator(".st-row:has-text('step')").nth(1).click()
    outer = page.locator(".jp-WindowedPanel-outer").first
    outer.evaluate("node => { node.scrollTop = 40_000 }")
    let_go(folder, 4, 5)
    page.wait_for_function(f"!{IN_SIGHT}", timeout=LONG)
    outer.evaluate("node => { node.scrollTop = 0 }")
    wait_for_spans(page, 8)
    assert tree.locator(".st-selected .st-name").inner_text() == "step"
    assert tree.locator(".st-detail").count() == 1
    page.evaluate("window.seen.heights.length = window.seen.tops.length = 0")

    let_go(folder, *range(6, STEPS))
    wait_for_spans(page, STEPS + 1)
    kernel_is_idle(page)
    page.wait_for_selector(f"{ROOT} .st-state-ok", timeout=LONG)
    page.wait_for_timeout(600)

    seen = page.evaluate("window.seen")
    assert seen["heights"] == sorted(seen["heights"])
    assert set(seen["tops"]) == {0}
    assert tree.locator(".st-running-bar").count() == 0
    assert tree.locator(".st-selected .st-name").inner_text() == "step"

    save(page)
    [_, cell, *_] = nbformat.read(folder.path / NAME, as_version=4).cells
    [output] = cell.outputs
    payload = output.data[MIME]
    assert payload["live"] is False
    assert payload["traces"][0]["state"] == "OK"
    assert payload["traces"][0]["cut"] == {}
    assert "text/html" in output.data
    assert_at_most_four_a_second(frames)


def assert_at_most_four_a_second(frames):
    """Check the kernel's own times of its messages about the tree."""
    times = set()
    for frame in frames:
        data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        if MIME.encode() not in data:
            continue
        for header in HEADER.findall(data):
            times.update(one.decode() for one in DATE.findall(header))
    dates = sorted(datetime.fromisoformat(one.replace("Z", "+00:00")) for one in times)
    gaps = [b - a for a, b in zip(dates, dates[1:], strict=False)]
    assert len(dates) >= 4
    # The last one, with the cell's end, waits for nobody.
    assert min(gap.total_seconds() for gap in gaps[:-1]) >= 0.2
