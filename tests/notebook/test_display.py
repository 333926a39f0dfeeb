"""What appears under cells, and under which."""

from __future__ import annotations

import json

MIME = "application/vnd.spantree.trace.v1+json"
LOAD = "%load_ext spantree"
TRACED = """
import spantree

@spantree.trace(span_type="TOOL")
def add(a, b):
    return a + b

@spantree.trace
def work(n):
    return sum(add(i, 1) for i in range(n))
"""


def names(bundle) -> list[str]:
    return [trace["name"] for trace in bundle[MIME]["traces"]]


def test_loading_prints_one_line(run_cells):
    result = run_cells(LOAD, LOAD)

    assert result.text(0).startswith("spantree ")
    assert result.text(0).count("\n") <= 1
    assert result.text(1).strip().startswith("The spantree extension is already loaded")


def test_a_cell_shows_its_tree_once(run_cells):
    result = run_cells(LOAD, TRACED, "work(2)", "1 + 1")

    assert [names(tree) for tree in result.trees(2)] == [["work"]]
    assert result.trees(1) == []
    assert result.trees(3) == []
    assert set(result.trees(2)[0]) == {MIME, "text/html", "text/plain"}


def test_a_cell_that_raised_shows_its_tree_after_the_traceback(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "@spantree.trace\ndef bad(): raise KeyError('city')",
        "bad()",
    )

    kinds = [output.output_type for output in result.outputs(2)]
    assert kinds == ["error", "display_data"]
    assert "KeyError" in result.trees(2)[0]["text/plain"]


def test_the_tree_of_a_loading_cell_stands_under_it(run_cells):
    result = run_cells(LOAD + "\n" + TRACED + "\nwork(1)")

    assert [names(tree) for tree in result.trees(0)] == [["work"]]


def test_code_without_load_ext_shows_its_tree(run_cells):
    result = run_cells(TRACED, "work(1)", "work(2);")

    assert [names(tree) for tree in result.trees(1)] == [["work"]]
    assert result.trees(2)[0][MIME]["view"]["mode"] == "compact"


def test_the_first_trace_has_not_taken_what_it_takes_to_draw_trees(run_cells):
    result = run_cells(
        "import time, spantree, spantree.notebook as notebook\n"
        "load = notebook.activate\n"
        "def activate(shell, host):\n"
        "    load(shell, host); time.sleep(0.2); marks.append(time.time_ns())\n"
        "marks = []; notebook.activate = activate\n"
        "with spantree.start_span('first') as span: pass\n"
        "print(span.start_time_ns > marks[0] - 100_000_000)",
    )

    assert result.text(0).strip() == "True"


def test_several_roots_share_one_output(run_cells):
    result = run_cells(
        LOAD,
        TRACED,
        "work(1); work(2)",
        "for i in range(5): work(i)",
        "for i in range(20): work(1)",
    )

    assert [len(result.trees(cell)) for cell in (2, 3, 4)] == [1, 1, 1]
    modes = [result.trees(cell)[0][MIME]["view"]["mode"] for cell in (2, 3, 4)]
    assert modes == ["tree", "rows", "table"]


def test_a_trace_as_last_expression_is_not_drawn_twice(run_cells):
    result = run_cells(
        LOAD, TRACED, "work(1)\nspantree.get_trace(spantree.get_last_active_trace_id())"
    )

    assert len(result.trees(2)) == 1


def test_a_thread_that_ends_later_changes_its_own_cell_only(run_cells):
    result = run_cells(
        LOAD,
        TRACED
        + "import threading\nbegun, leave = threading.Event(), threading.Event()",
        "@spantree.trace\n"
        "def slow():\n"
        "    begun.set()\n"
        "    leave.wait(30)\n"
        "import contextvars\n"
        "context = contextvars.copy_context()\n"
        "thread = threading.Thread(target=context.run, args=(slow,))\n"
        "thread.start()\n"
        "begun.wait(30)",
        "leave.set(); thread.join(); 'joined'",
    )

    trace = result.trees(2)[0][MIME]["traces"][0]
    assert trace["state"] == "OK"
    assert result.trees(3) == []


def test_display_can_be_switched_off(run_cells):
    result = run_cells(
        LOAD, TRACED + "spantree.tracing.disable_notebook_display()", "work(1)"
    )

    assert result.trees(2) == []


def test_no_output_holds_a_widget_view(run_cells):
    result = run_cells(LOAD, TRACED, "work(3)")

    assert "widget-view" not in json.dumps(result.notebook)


def test_nothing_is_written_to_stderr(run_cells):
    result = run_cells(LOAD, TRACED, "work(3)", "%spantree", "%traces")

    streams = [
        o for c in range(5) for o in result.outputs(c) if o.output_type == "stream"
    ]
    assert [o.name for o in streams if o.name == "stderr"] == []


HOOKS = """
import spantree.recording, sys
ip = get_ipython()
def hooks():
    return {
        "events": [len(ip.events.callbacks[e]) for e in sorted(ip.events.callbacks)],
        "matchers": len(ip.Completer.custom_matchers),
        "transformers": len(ip.input_transformers_cleanup),
        "magics": sum(len(m) for m in ip.magics_manager.magics.values()),
        "settings": [type(c).__name__ for c in ip.configurables].count("SpantreeConfig"),
        "targets": len(ip.kernel.comm_manager.targets),
        "hidden": "__spantree_cell__" in ip.user_ns,
        "listeners": len(spantree.recording.RECORDER.traces._listeners),
        "attributes": hasattr(ip, "spantree"),
    }
before = hooks()
"""


def test_unloading_leaves_nothing(run_cells):
    result = run_cells(
        HOOKS,
        LOAD,
        "loaded = hooks()",
        "for i in range(10):\n    ip.run_line_magic('reload_ext', 'spantree')",
        "reloaded = hooks()\nip.run_line_magic('unload_ext', 'spantree')",
        "after = hooks()\nimport json\n"
        "print(json.dumps([before, loaded, reloaded, after]))",
        LOAD,
        "again = hooks()\nprint(again == loaded)",
    )

    before, loaded, reloaded, after = json.loads(result.text(5))
    assert before == after
    assert loaded == reloaded
    assert loaded["magics"] == before["magics"] + 12
    assert loaded["matchers"] == before["matchers"] + 1
    assert loaded["transformers"] == before["transformers"] + 1
    assert result.text(7).strip() == "True"


def test_autoreload_keeps_decorated_functions_working(run_cells, tmp_path):
    module = "import spantree\n@spantree.trace\ndef answer():\n    return {}\n"
    result = run_cells(
        LOAD,
        "%load_ext autoreload\n%autoreload 2\nimport os, pathlib, sys, time\n"
        "sys.dont_write_bytecode = True\n"
        f"pathlib.Path('reloaded.py').write_text({module.format(1)!r})\n"
        "sys.path.insert(0, '.')\nimport reloaded",
        "reloaded.answer()",
        f"pathlib.Path('reloaded.py').write_text({module.format(222)!r})\n"
        "os.utime('reloaded.py', (time.time() + 5, time.time() + 5))",
        "reloaded.answer()",
    )

    assert result.text(2).strip() == "1"
    assert result.text(4).strip() == "222"
    assert [names(tree) for tree in result.trees(4)] == [["answer"]]
