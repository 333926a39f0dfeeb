"""What a reader does with traces under their cells, in real JupyterLab."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.lab import (
    LONG,
    kernel_is_idle,
    open_file,
    run_all,
    tree_under_cell,
    write_notebook,
    write_outputs,
)
from unit.render.drawn_traces import agent_trace, span, trace

from spantree.entities import TraceState
from spantree.render import COMPLETE, MIME, build_output

FIXTURES = Path(__file__).parents[1] / "fixtures" / "payload" / "v1"
AGENT, MANY, ODD, CHAT = range(4)
DEEP = 150


def many_steps():
    """Fifty steps, one after the other, in a chain that goes deeper and deeper."""
    steps = [span(n + 2, 1, f"step {n}", "TOOL", n * 10, 9) for n in range(50)]
    first = len(steps) + 2
    chain = [
        span(first + n, first + n - 1 if n else 1, f"level {n}", "TASK", 500 + n, 200)
        for n in range(DEEP)
    ]
    return trace([span(1, None, "work", "AGENT", 0, 1000), *steps, *chain])


def talk():
    """A model call that thinks, and asks for a tool whose answer is there."""
    call = {"id": "c1", "function": {"name": "weather", "arguments": '{"city":"Graz"}'}}
    told = [
        {"role": "user", "content": "Is it warm in Graz?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "21 degrees"},
    ]
    reply = {"role": "assistant", "content": "Yes.", "reasoning_content": "21 is warm."}
    outputs = {"choices": [{"message": reply, "finish_reason": "stop"}]}
    model = span(
        2,
        1,
        "chat",
        "CHAT_MODEL",
        10,
        80,
        inputs={"messages": told},
        outputs=outputs,
        tokens=(30, 12),
        cost=0.0004,
    )
    return trace([span(1, None, "ask", "AGENT", 0, 100), model])


@pytest.fixture(scope="module")
def notebook(folder, desk):
    """One page with a notebook of these traces, opened without a kernel."""
    running = trace(
        [
            span(1, None, "job", "CHAIN", 0, 90),
            span(2, 1, "lost its end", "TOOL", 10, None),
        ],
        TraceState.OK,
    )
    odd = build_output([running], key="2" * 16, budget=COMPLETE)
    odd["traces"][0]["lost"] = {"n": 7, "why": "queue"}
    outputs = [
        build_output([agent_trace()], key="0" * 16, budget=COMPLETE),
        build_output([many_steps()], key="1" * 16, budget=COMPLETE),
        odd,
        build_output([talk()], key="3" * 16, budget=COMPLETE),
        json.loads((FIXTURES / "orphan.json").read_text()),
    ]
    write_outputs(folder.path / "reading.ipynb", *({MIME: one} for one in outputs))
    # Tall, so that all outputs are drawn and none has to be scrolled to.
    desk.set_viewport_size({"width": 1280, "height": 4000})
    open_file(desk, folder, "reading.ipynb", kernel=False)
    tree_under_cell(desk, len(outputs) - 1).locator(".st-row").first.wait_for(
        timeout=LONG
    )
    return desk


@pytest.fixture
def tree(notebook, request):
    """The viewer that a test asks for, as it is at first."""
    tree = tree_under_cell(notebook, request.param)
    yield tree
    tree.locator(".st-tree").focus()
    for key in ("Escape", "Escape", "0", "1", "3"):
        if tree.locator(".st-tree:focus").count() == 0:
            tree.locator(".st-tree").focus()
        notebook.keyboard.press(key)


def names(tree):
    return tree.locator(".st-row .st-name").all_inner_texts()


def press(tree, *keys):
    tree.locator(".st-tree").focus()
    for key in keys:
        tree.page.keyboard.press(key)


@pytest.mark.parametrize("tree", [AGENT], indirect=True)
def test_rows_open_to_a_level_all_and_by_hand(tree):
    press(tree, "[")
    assert names(tree) == ["answer_question"]
    assert tree.locator(".st-count").inner_text() == "+15"

    press(tree, "2")
    assert tree.locator(".st-row:has-text('retrieve') .st-count").inner_text() == "×6"
    press(tree, "Home", "ArrowDown", "ArrowDown", "ArrowRight")
    assert names(tree).count("retrieve") == 7

    press(tree, "]")
    assert len(names(tree)) == 17


@pytest.mark.parametrize("tree", [AGENT], indirect=True)
def test_the_critical_path_is_shown_and_hidden(tree):
    marked = tree.locator(".st-critical")
    before = marked.count()

    press(tree, "c")
    hidden = marked.count()
    press(tree, "c")

    assert (before >= 5, hidden, marked.count()) == (True, 0, before)
    # Parents are pale where their children worked.
    assert tree.locator(".st-row:has-text('research') .st-mixed").count() == 1


@pytest.mark.parametrize("tree", [AGENT], indirect=True)
def test_kinds_are_shown_alone_and_errors_found(tree):
    tree.get_by_title("Show failed spans alone (t)").click()
    assert names(tree) == ["answer_question", "research", "lookup_city"]
    tree.get_by_title("Show slow spans alone (t)").click()
    assert set(names(tree)) == {"answer_question", "research", "openai.chat"}
    tree.get_by_title("Show slow spans alone (t)").click()

    press(tree, "Home", "e")
    assert tree.locator(".st-selected .st-name").inner_text() == "lookup_city"


@pytest.mark.parametrize("tree", [AGENT], indirect=True)
def test_a_search_counts_and_steps(tree):
    press(tree, "Home", "/")
    tree.page.keyboard.type("chat")
    status = tree.locator(".st-search [role=status]")
    status.get_by_text("4 found").wait_for()

    tree.page.keyboard.press("Enter")
    assert status.inner_text() == "1 of 4"
    tree.page.keyboard.press("Escape")
    press(tree, "n", "N", "N")
    assert tree.locator(".st-selected .st-name").inner_text() == "openai.chat"


@pytest.mark.parametrize("tree", [MANY], indirect=True)
def test_the_minimap_zooms_and_deep_rows_say_how_deep(tree):
    ticks = tree.locator(".st-tick")
    whole = ticks.all_inner_texts()
    track = tree.locator(".st-minimap-track").bounding_box()
    mouse = tree.page.mouse
    mouse.move(track["x"] + track["width"] * 0.2, track["y"] + 8)
    mouse.down()
    mouse.move(track["x"] + track["width"] * 0.4, track["y"] + 8, steps=3)
    mouse.up()
    tree.locator(".st-brush").wait_for()
    assert ticks.all_inner_texts() != whole
    press(tree, "0")
    assert ticks.all_inner_texts() == whole

    press(tree, "]", "End")
    assert tree.locator(".st-selected .st-name").inner_text() == f"level {DEEP - 1}"
    assert tree.locator(".st-selected .st-deep").inner_text() == f"⋯{DEEP}"
    assert tree.locator("*").count() <= 600


def test_what_is_missing_is_said(notebook):
    odd = tree_under_cell(notebook, ODD)
    assert "no end recorded" in odd.inner_text()
    assert re.search(r"7 spans not recorded", odd.inner_text())
    orphan = tree_under_cell(notebook, CHAT + 1)
    assert "… not received" in orphan.inner_text()


def open_values(tree, name, tab):
    tree.locator(f".st-row:has-text('{name}')").last.click()
    tree.locator(f"[role=tab]:text-is('{tab}')").click()
    return tree.locator(".st-panel")


@pytest.mark.parametrize("tree", [CHAT], indirect=True)
def test_a_talk_shows_its_tool_call_and_folds_what_was_thought(tree):
    chat = open_values(tree, "chat", "Chat")

    assert "weather(" in chat.inner_text()
    assert "21 degrees" in chat.inner_text()
    assert "21 is warm." not in chat.inner_text()
    chat.locator("[aria-expanded=false]").first.click()
    assert "21 is warm." in chat.inner_text()
    facts = tree.locator(".st-detail").inner_text()
    assert "in 30 · out 12" in facts
    assert "finish stop" in facts


@pytest.mark.parametrize("tree", [CHAT], indirect=True)
def test_a_value_and_its_path_are_copied(tree):
    values = open_values(tree, "chat", "Output")
    copied = "navigator.clipboard.readText()"
    row = values.locator(".st-json-row:has-text('Yes.')").last

    row.locator(".st-json-key").click()
    assert tree.page.evaluate(copied) == "choices[0].message.content"
    row.hover()
    row.get_by_label("Copy value").click()
    assert tree.page.evaluate(copied) == "Yes."


TWO_RUNS = """
%load_ext spantree
import spantree

@spantree.trace
def look(n):
    return n

@spantree.trace
def work(n):
    return [look(k) for k in range(n)]

_ = work(2)
_ = work(3)
"""


def test_two_runs_are_compared_under_the_cell(folder, second_desk):
    write_notebook(folder.path / "diff.ipynb", TWO_RUNS, "%trace diff -2 last")
    open_file(second_desk, folder, "diff.ipynb")
    run_all(second_desk)
    compared = tree_under_cell(second_desk, 1)
    compared.locator(".st-row").first.wait_for(timeout=LONG)
    kernel_is_idle(second_desk)

    assert "1 span new" in compared.locator(".st-strip").inner_text()
    assert compared.locator(".st-change:text-is('new')").count() == 1
    compared.locator(".st-row").first.click()
    compared.locator("[role=tab]:text-is('Changes')").click()
    assert "Output before" in compared.locator(".st-panel").inner_text()
