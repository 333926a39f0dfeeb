"""Rules of loading, of cells and of magics that no other file tells of."""

from __future__ import annotations

import json

import pytest
from support.magics_page import NAMES

MIME = "application/vnd.spantree.trace.v1+json"
LOAD = "%load_ext spantree"
TRACED = """
import spantree

@spantree.trace
def work(n=1):
    if n < 0: raise ValueError("below zero")
    return n
"""
HOOKS = (
    "ip = get_ipython()\n"
    "def hooks(): return [len(ip.events.callbacks[e]) for e in "
    "('pre_run_cell', 'post_run_cell')] + [len(ip.Completer.custom_matchers)]"
)


def names(bundle) -> list[str]:
    return [trace["name"] for trace in bundle[MIME]["traces"]]


def test_the_first_trace_registers_the_cells_hooks_alone(run_cells):
    result = run_cells(
        HOOKS,
        "before = hooks()\nimport spantree\nprint(hooks() == before)",
        TRACED,
        "print(hooks() == before)",
        "work()",
        "now = hooks()\nprint([n - b for n, b in zip(now, before)])",
    )

    assert result.text(1).strip() == "True"
    assert result.text(3).strip() == "True"
    assert [names(tree) for tree in result.trees(4)] == [["work"]]
    assert result.text(5).strip() == "[1, 1, 0]"


def test_autoload_can_be_switched_off(run_cells, monkeypatch):
    monkeypatch.setenv("SPANTREE_AUTOLOAD", "0")

    result = run_cells(TRACED, "work()", LOAD, "work()")

    assert result.trees(1) == []
    assert [names(tree) for tree in result.trees(3)] == [["work"]]


def test_loading_imports_neither_pandas_nor_widgets(run_cells):
    result = run_cells(
        "import sys\nbefore = set(sys.modules)\n%load_ext spantree\n"
        "print(sorted({m.partition('.')[0] for m in set(sys.modules) - before}"
        " & {'pandas', 'ipywidgets', 'anywidget', 'opentelemetry', 'openai'}))"
    )

    assert result.text(0).splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def cells(module_run_cells):
    """What each of these shows; one kernel for all of them."""
    lines = {
        "load": LOAD + "\n" + TRACED,
        "metadata": "work()",
        "metadata kept": "t = %trace\nprint(t.info.trace_metadata['spantree.cell.exec_count'])",
        "remote": (
            "import threading\n"
            "sent = {'traceparent': '00-' + '1' * 32 + '-' + '2' * 16 + '-01'}\n"
            "with spantree.continue_trace(sent): work()"
        ),
        "display": "_ = spantree.TraceClient().get_trace(t.info.trace_id, display=True)",
        "fluent": "_ = spantree.get_trace(t.info.trace_id)",
        "search": "_ = spantree.search_traces(return_type='list')",
        "by hand": "spantree.search_traces(return_type='list', max_results=1)",
        "output": ("import ipywidgets\nwith ipywidgets.Output(): work()"),
        "max": "%trace_display --max 3 --once\nfor n in range(4): work(n)",
        "max after": "for n in range(4): work(n)",
        "table": "%trace_display table --once\nwork()",
        "rows": "%trace_display rows --once\nwork()",
        "closed": "%trace_display --no-open-errors --once\nwork(-1)",
        "off": "%trace_display off\n_ = work()",
        "off sets": "print(spantree._runtime.RUNTIME.display)",
        "on": "%trace_display on\nwork()",
        "error": "work(-1)",
        "v": "df = %traces --errors --name w* -v",
        "q": "%traces -q",
        "spans": "df = %traces --spans -n 2\nprint('span_id' in df, 'self_ms' in df)",
        "sort": "df = %traces --sort duration_ms\nprint(df['duration_ms'].is_monotonic_decreasing)",
        "columns": "df = %traces --columns name,status\nprint(list(df))",
        "no column": "%traces --sort error --columns all -n 1;",
        "expands": "wanted = 'work'\ndf = %traces --name $wanted -n 1\nprint(list(df['name']))",
        "braces": "df = %traces -n {1 + 1}\nprint(len(df))",
        "into": "%traces -n 1 --into kept",
        "into kept": "print(len(kept))",
        "prefix": "prefix = t.info.trace_id[3:11]\nfound = %trace $prefix\nprint(found.info.trace_id == t.info.trace_id)",
        "whole id": "whole = t.info.trace_id\nfound = %trace $whole\nprint(found.info.trace_id == whole)",
        "variable": "found = %trace t\nprint(found.info.trace_id == whole)",
        "text": "%trace t --text",
        "json": "found = %trace t --json\nimport json\nprint(json.loads(str(found))['info']['trace_id'] == whole)",
        "html": "%trace t --html page.html\nprint(open('page.html').read()[:15].lower())",
        "feedback": (
            "for word in ('up', 'bad', '3', '0.5', 'so so'):\n"
            "    get_ipython().run_line_magic('feedback', f'last {word!r} --name n-{word[:2].strip()}')\n"
            "last = %trace\n"
            "print([a.value for a in last.info.assessments])"
        ),
        "export": "%trace_export t kept.spantree.json",
        "import": "%trace_import kept.spantree.json",
    }
    lines["helps"] = (
        "ip = get_ipython()\n"
        "def said(name): return ip.object_inspect_mime(name)['text/plain']\n"
        f"print([n for n in {NAMES!r} if 'examples:' not in said('%' + n)],\n"
        "      'examples:' in said('%%trace'))"
    )  # fmt: skip
    result = module_run_cells(*lines.values())
    return {
        name: (result.text(n), result.trees(n), result.outputs(n))
        for n, name in enumerate(lines)
    }


def modes(cells, name) -> list[str]:
    return [tree[MIME]["view"]["mode"] for tree in cells[name][1]]


SAID = {
    "metadata kept": "2",
    "off sets": "False",
    "v": "filter: name LIKE 'w%' AND status = 'ERROR'",
    "spans": "True True",
    "sort": "True",
    "columns": "['name', 'status']",
    "expands": "['work']",
    "braces": "2",
    "into kept": "1",
    "prefix": "True",
    "whole id": "True",
    "variable": "True",
    "json": "True",
    "feedback": "[True, False, 3, 0.5, 'so so']",
    "helps": "[] True",
}


@pytest.mark.parametrize("name", SAID)
def test_a_magic_does_what_the_page_says(cells, name):
    assert cells[name][0].strip().splitlines()[-1] == SAID[name]


@pytest.mark.parametrize("name", ["fluent", "search", "q", "into", "off", "no column"])
def test_some_show_nothing(cells, name):
    assert cells[name][2] == []


def test_what_was_found_draws_itself_as_last_expression(run_cells):
    found = "spantree.search_traces(return_type='list', max_results={})"
    result = run_cells(
        TRACED,
        "for n in range(12): work(n)",
        found.format(2),
        found.format(12),
        "(" + found.format(1) + ", 1)",
        found.format(1)[:-1] + ", include_spans=False)",
        "work(5)\n" + found.format(1),
        found.format(1) + "[0].data.spans[0]",
        "%unload_ext spantree",
        found.format(2),
        "%load_ext spantree",
        "with spantree.start_span('live') as span: pass\nspan",
    )

    assert len(result.trees(11)) == 1
    assert [tree[MIME]["view"]["mode"] for tree in result.trees(2)] == ["tree"]
    assert result.trees(2)[0]["text/plain"].count("work  OK") == 2
    assert [tree[MIME]["view"]["mode"] for tree in result.trees(3)] == ["table"]
    assert result.text(4).startswith("([Trace(trace_id=tr-")
    assert result.text(5).startswith("[Trace(trace_id=tr-")
    assert len(result.trees(6)) == 1  # not drawn a second time
    (span,) = result.trees(7)
    assert span[MIME]["traces"][0]["cols"]["names"] == ["work"]
    assert [names(tree) for tree in result.trees(9)] == [["work", "work"]]


def test_a_trace_that_goes_on_with_a_caller_s_belongs_to_its_cell(cells):
    assert [names(tree) for tree in cells["remote"][1]] == [["work"]]


def test_the_client_shows_the_trace_it_gets_if_asked(cells):
    assert [names(tree) for tree in cells["display"][1]] == [["work"]]


def test_a_tree_belongs_to_the_cell_also_inside_of_an_output_widget(cells):
    assert [names(tree) for tree in cells["output"][1]] == [["work"]]


def test_the_border_to_the_table_holds_for_one_cell(cells):
    assert modes(cells, "max") == ["table"]
    assert modes(cells, "max after") == ["rows"]


@pytest.mark.parametrize("mode", ["table", "rows"])
def test_a_mode_can_be_chosen(cells, mode):
    assert modes(cells, mode) == [mode]


def test_errors_are_opened_unless_asked_not_to(cells):
    (closed,), (opened,) = cells["closed"][1], cells["error"][1]

    assert json.dumps(closed[MIME]["view"]) != json.dumps(opened[MIME]["view"])


def test_the_display_comes_back(cells):
    assert [names(tree) for tree in cells["on"][1]] == [["work"]]


def test_a_page_is_written_for_any_browser(cells):
    assert "<!doctype html>" in cells["html"][0]


def test_what_is_exported_can_be_imported(cells):
    assert "1" in cells["export"][0]
    assert "1" in cells["import"][0]


def test_traces_outside_of_cells_are_told_of_once(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "import threading\n"
        "def between(*_):\n"
        "    ip.events.unregister('post_run_cell', between)\n"
        "    thread = threading.Thread(target=work)\n"
        "    thread.start(); thread.join()\n"
        "ip = get_ipython()\n"
        "ip.events.register('post_run_cell', between)",
        "%traces -q",
        "%traces -q",
        "df = %traces --no-cell\nprint(len(df))",
    )

    assert [result.trees(n) for n in range(5)] == [[]] * 5
    assert "1 trace recorded outside cells: %traces --no-cell" in result.text(2)
    assert "outside cells" not in result.text(3)
    assert result.text(4).strip() == "1"


def test_our_threads_in_plain_scripts_draw_nothing(tmp_path):
    import subprocess
    import sys

    program = (
        TRACED
        + "work()\nprint(str(spantree.get_trace(spantree.get_last_active_trace_id())).split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
    )

    assert (done.stdout.strip(), done.stderr) == ("work", "")
