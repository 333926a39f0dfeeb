"""Which cell shows a trace, whatever the cell does."""

from __future__ import annotations

import json
import re

import pytest

MIME = "application/vnd.spantree.trace.v1+json"
LOAD = """%load_ext spantree
import asyncio, contextvars, threading, time
import spantree

@spantree.trace
def work(n=1):
    return n

@spantree.trace
async def awork(n=1):
    await asyncio.sleep(0.001)
    return n

ip = get_ipython()
"""
# By name: the cells, and what each of them shows: a list of outputs of ours, each the
# names of its traces.
CASES = {
    "an awaited coroutine": [("await awork()", [["awork"]])],
    "gather": [
        ("_ = await asyncio.gather(*(awork(n) for n in range(3)))", [["awork"] * 3])
    ],
    "a task that ends after its cell": [
        (
            "async def later():\n"
            "    await asyncio.sleep(0.2)\n"
            "    return work()\n"
            "task = asyncio.ensure_future(later())\nwork()",
            [["work", "work"]],
        ),
        ("_ = await task", []),
    ],
    "a task that ends between two cells": [
        (
            "async def later():\n"
            "    await asyncio.sleep(0.1)\n"
            "    return work()\n"
            "task = asyncio.ensure_future(later())\nwork()",
            [["work", "work"]],
        ),
        ("# after a look at the last one\ntask.done()", []),
    ],
    "a root between cells": [
        (
            "done = threading.Event()\n"
            "def late():\n"
            "    time.sleep(0.5); work(); done.set()\n"
            "threading.Thread(target=late).start()\n"
            "1",
            [],
        ),
        ("time.sleep(0.8); done.wait(30)", [["work"]]),
    ],
    "a thread with the context of an ended cell that showed nothing": [
        (
            "context = contextvars.copy_context()\n"
            "go = threading.Event()\n"
            "def late(): go.wait(30); work()\n"
            "thread = threading.Thread(target=context.run, args=(late,))\n"
            "thread.start()",
            [],
        ),
        ("go.set(); thread.join()", []),
    ],
    "500 roots": [("for n in range(500): work(n)", ["table"])],
    "2,500 roots": [("for n in range(2500): work(n)", ["table"])],
    "four roots": [("for n in range(4): work(n)", [["work"] * 4])],
    "displayed by hand and last expression": [
        (
            "work()\n"
            "t = spantree.get_trace(spantree.get_last_active_trace_id())\n"
            "display(t)\nt",
            [["work"], ["work"]],
        )
    ],
    "%trace as last expression": [("work()\n%trace", [["work"]])],
    "a trailing semicolon and a comment": [("work();  # quiet", ["compact"])],
    "a hash and a semicolon in a string": [("work(); print('#;')", [["work"]])],
    "an empty cell": [("", [])],
    "a syntax error": [("work(", [])],
    "%%time": [("%%time\nwork()", [["work"]])],
    "%%timeit": [("%%timeit -n 5 -r 3\nwork()", ["table"])],
    "%%capture": [
        ("%%capture kept\nwork()", []),
        ("kept.show()", [["work"]]),
    ],
    "a nested run": [
        ("_ = ip.run_cell('work()'); work(2)", [["work"], ["work"]]),
    ],
    "display off for one cell": [
        ("%trace_display off --once\nwork()", []),
        ("work()", [["work"]]),
    ],
    "one trace compact by choice": [
        ("%trace_display compact --once\nwork()", ["compact"]),
    ],
    "a search": [("_ = spantree.search_traces(max_results=2)", [])],
    "show": [
        ("work()", [["work"]]),
        ("spantree.show(spantree.traces(limit=1))", [["work"]]),
    ],
    "%%trace": [("%%trace\nwork()", ["cell"])],
    "%%trace with a name and await": [("%%trace answer\nawait awork()", [["answer"]])],
    "%%trace and nothing": [("%%trace empty", [["empty"]])],
    "%%trace and a semicolon": [("%%trace quiet\nwork();", ["compact"])],
    "%%trace under %%time": [("%%time\n%%trace timed\nwork()", [["timed"]])],
    "%%trace above %%time": [("%%trace timed\n%%time\nwork()", [["timed"]])],
    "%%trace under %%prun": [("%%prun -q\n%%trace pruned\nwork()", [["pruned"]])],
    "%%trace under %%capture": [
        ("%%capture kept\n%%trace captured\nwork()", []),
        ("kept.show()", [["captured"]]),
    ],
    "%%trace nested": [
        ("_ = ip.run_cell('%%trace inner\\nwork()')", [["inner"]]),
    ],
    "%%trace by run_cell_magic": [
        ("ip.run_cell_magic('trace', 'called', 'work()')", [["called"]]),
    ],
    "%%trace -q": [("%%trace -q --into kept\nwork()", []), ("kept", ["cell"])],
    "a task below %%trace": [
        ("%%trace with_task\n_ = await asyncio.ensure_future(awork())", [["with_task"]])
    ],
}


@pytest.fixture(scope="module")
def shown(module_run_cells):
    """What each cell of each case shows; one kernel for all of them."""
    cells = [cell for case in CASES.values() for cell, _ in case]
    result = module_run_cells(LOAD, *cells)
    at = iter(range(1, len(cells) + 1))
    return {
        name: [
            (result.outputs(n), result.trees(n)) for _, n in zip(case, at, strict=False)
        ]
        for name, case in CASES.items()
    }


def described(tree) -> object:
    payload = tree[MIME]
    mode = payload["view"]["mode"]
    if mode in ("table", "compact"):
        return mode
    names = [trace["name"] for trace in payload["traces"]]
    return "cell" if names[0].startswith("cell [") else names


@pytest.mark.parametrize("name", CASES)
def test_each_cell_shows_its_own_traces(shown, name):
    found = [[described(tree) for tree in trees] for _, trees in shown[name]]

    assert found == [expected for _, expected in CASES[name]]


def test_500_roots_are_counted_in_a_table(shown):
    (_, [tree]) = shown["500 roots"][0]

    assert tree[MIME]["total"] == 500
    assert tree[MIME]["table"]["groups"][0]["count"] == 500
    assert len(json.dumps(tree)) < 1_000_000


def test_of_very_many_roots_the_first_are_summed_up_and_it_is_said(shown):
    (_, [tree]) = shown["2,500 roots"][0]

    assert tree[MIME]["total"] == 2500
    said = "; the first 2,000 are summed up"
    assert f"2,500 traces{said}" in tree["text/plain"]
    assert f"<b>2,500 traces</b>{said}" in tree["text/html"]


def test_what_the_cell_did_is_below_the_trace_of_the_cell(shown):
    (_, [tree]) = shown["a task below %%trace"][0]

    trace = tree[MIME]["traces"][0]
    assert trace["cols"]["names"] == ["with_task", "awork"]


def test_tracebacks_of_a_traced_cell_name_the_right_line(run_cells):
    result = run_cells(
        LOAD,
        "%%trace broken\nfine = 1\nraise ValueError('line three')",
        "%%trace broken\nif True\n    pass",
    )

    [error] = [o for o in result.outputs(1) if o.output_type == "error"]
    [tree] = result.trees(1)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    assert "----> 3 raise ValueError" in shown
    assert tree[MIME]["traces"][0]["state"] == "ERROR"
    assert [o.output_type for o in result.outputs(2)] == ["error"]
    assert result.outputs(2)[0].ename == "SyntaxError"


def test_a_bad_argument_of_a_traced_cell_keeps_its_body_from_running(run_cells):
    result = run_cells(LOAD, "%%trace --tpye X\nprint('ran')", "%%trace -t novalue\n1")

    assert "'--tpye'. Did you mean '--type'?" in result.text(1)
    assert "ran" not in result.text(1).splitlines()
    assert "Write key=value" in result.text(2)


def test_a_comparison_stands_in_one_line_above_the_tree(run_cells):
    cell = "%%trace answer --compare\nwork({})"

    result = run_cells(LOAD, cell.format(1), cell.format(2))

    assert "nothing to compare yet" in result.text(1)
    shown = [o for o in result.outputs(2) if o.output_type == "display_data"]
    [compared, tree] = [o for o in shown if MIME in o.data]
    assert compared.data[MIME]["view"]["mode"] == "compare"
    assert compared.data[MIME]["closed"]
    assert "1 output changed" in compared.data["text/plain"]
    assert "→" in compared.data["text/plain"]
    assert "<details>" in compared.data["text/html"]
    assert tree.data[MIME]["traces"][0]["name"] == "answer"


def test_a_cell_without_a_name_is_compared_with_its_own_last_run(new_kernel):
    kernel = new_kernel()
    kernel.run(LOAD)
    cell = "%%trace --compare\nwork({})"

    def said(messages):
        contents = [message["content"] for message in messages]
        return " ".join(
            c.get("text") or c.get("data", {}).get("text/plain", "") for c in contents
        )

    first = said(kernel.run(cell.format(1), cell_id="one"))
    other = said(kernel.run(cell.format(2), cell_id="two"))
    again = said(kernel.run(cell.format(3), cell_id="one"))
    unknown = said(kernel.run(cell.format(4)))

    nothing = "nothing to compare yet: {}, or give --compare a trace"
    assert nothing.format("run this cell again") in first
    assert nothing.format("run this cell again") in other
    assert "1 output changed" in again
    assert nothing.format("name the cell") in unknown


def test_a_cell_run_again_replaces_its_output(run_cells):
    result = run_cells(LOAD, "work(1)", "work(1)")

    keys = {result.trees(n)[0][MIME]["key"] for n in (1, 2)}
    assert len(keys) == 2


def test_a_failing_renderer_leaves_one_line(run_cells):
    result = run_cells(
        "import os; os.environ.pop('SPANTREE_RAISE_INTERNAL_ERRORS', None)\n" + LOAD,
        "import spantree.notebook.display as d\n"
        "def broken(*_, **__): raise ZeroDivisionError\n"
        "d.mime_bundle = broken",
        "work()",
    )

    texts = [o.data["text/plain"] for o in result.outputs(2) if "data" in o]
    assert (
        "● work · 1 span (view failed: ZeroDivisionError; %trace last --text)" in texts
    )


def test_progress_bars_are_left_alone(run_cells):
    result = run_cells(
        LOAD,
        "from tqdm.auto import tqdm\nfor n in tqdm(range(3), desc='bar'): work(n)",
    )

    assert len(result.trees(1)) == 1
    others = [o for o in result.outputs(1) if MIME not in o.get("data", {})]
    assert len(others) == 1
    assert "bar" in str(others[0])
