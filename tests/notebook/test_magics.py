"""The magics: what they answer, and how they answer mistakes."""

from __future__ import annotations

import re

import pytest
from support.magics_page import NAMES

LOAD = "%load_ext spantree"
TRACED = """
import spantree

@spantree.trace
def work(n):
    if n > 1:
        raise ValueError(n)
    return n
"""


def test_traces_gives_a_frame_newest_first(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "work(0); work(1)",
        "df = %traces -n 5\nprint(type(df).__name__, list(df['name']), list(df['request']))",
    )

    assert "DataFrame ['work', 'work']" in result.text(2)
    assert result.text(2).index('"n":1') < result.text(2).index('"n":0')


def test_traces_finds_errors_and_filters(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "work(0)",
        "work(2)",
        "a = %traces --errors\nb = %traces --filter \"name = 'work' AND status = 'OK'\"\nprint(len(a), len(b))",
    )

    assert "1 1" in result.text(3)


def test_a_comment_behind_a_magic_is_no_argument(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "work(0)",
        "df = %traces -n 5   # the latest\nprint(len(df))",
        "df = %traces --grep '# not a comment'\nprint(len(df))",
    )

    assert "1" in result.text(2)
    assert "0" in result.text(3)


def test_traces_before_any_trace_says_how_to_begin(run_cells):
    result = run_cells(LOAD, "%traces", "%traces;")

    assert "No traces yet. Try: `%autolog openai`" in result.text(1)


def test_autolog_status_and_switching(run_cells):
    result = run_cells(LOAD, "%autolog", "%autolog openai", "%autolog openai off")

    assert "openai" in result.text(1)
    assert "waiting for import" in result.text(2)
    assert " off " in result.text(3)


MISTAKES = {
    "%autolog opena": "Unknown library 'opena'. Did you mean 'openai'?",
    "%autolog off openai": "off comes last. Try: %autolog openai off",
    "%autolog all openai": "all stands for every library, and stands alone",
    "%autolog --no-inputs": "Options need a library.",
    "%autolog off": "%autolog off needs a library. Try: %autolog openai off",
    "%traces --eror": "%traces has no option '--eror'. Did you mean '--errors'?",
    "%traces -n many": "invalid int value: 'many'",
    "%traces -n 0": "-n is a count from 1, not 0.",
    "%traces --columns nmae": "Unknown column 'nmae'. Did you mean 'name'?",
    "%traces --sort nmae": "Unknown column 'nmae'. Did you mean 'name'?",
    "%traces --filter \"stauts = 'OK'\"": "did you mean 'status'?",
    "%traces --filter 'status = '": "a value is missing here (column 10)",
    "%traces --name a --name b": "%traces takes --name once. See %traces -h",
    "%traces --slow 3x": "'3x' is not a duration. Use 500ms, 2s, 5m, 1h or 3d",
    "%traces --since yesterday": "'yesterday' is no time. Use 500ms, 2s, 5m, 1h or 3d",
    "%traces --tag version": "'version' is no tag. Write key=value",
    "%traces --into 3": "--into takes a variable's name, not '3'.",
    "%traces --into class": "--into takes a variable's name, not 'class'.",
    "%traces --since -1h": "expected one argument, and one that begins with - is",
    "%traces 'open": "No closing quotation. Close the quote.",
    "%traces more": "%traces does not know what 'more' is for. See %traces -h",
    "%spantree onn": "%spantree does not know 'onn'. Did you mean 'on'?",
    "%spantree --doctor": "%spantree has no option '--doctor'.",
    "%trace ab12": "No trace starts with 'ab12'. Prefixes need 6 characters; see %traces",
    "%trace abcdef012345": "No trace starts with 'abcdef012345'.",
    "%trace tr-" + "0" * 32: "There is no trace tr-",
    "%trace work": "'work' is a function, not a Trace. See %traces",
    "%trace nothing": "No trace is called 'nothing'.",
    "%trace -99": "There is no -99: the store holds 1 trace.",
    "%trace --span zz": "starts with 'zz'.",
    "%trace --text --depth 1": "--depth is for the drawn tree",
    "%trace dif -2 last": "%trace has no 'dif'. Did you mean 'diff'? See %trace diff -h",
    "%trace compare -2 last": "%trace does not know what '-2' is for.",
    "%trace lats": "No trace is called 'lats'. Did you mean 'last'?",
    "%trace --text --json": "not allowed with argument",
    "%trace diff last nothing": "No trace is called 'nothing'.",
    "%trace diff last": "last is the last trace itself. Name two: %trace diff -2 last",
    "%trace diff": "the following arguments are required: TARGET",
    "%trace_display sideways": "%trace_display does not know 'sideways'. Known: on, off",
    "%trace_display --max 0": "--max is a count from 1, not 0.",
    "%trace_display --once": "--once needs a setting.",
    "%trace_display tabel": "Did you mean 'table'?",
    "%session a b": "does not know what 'b' is for",
    "%session a --new": "%session takes a name or --new, not both.",
    "%trace_tag last": "the following arguments are required",
    "%trace_tag last word": "'word' is no tag. Write key=value",
    "%feedback last": "the following arguments are required: VALUE",
    "%feedback last ''": "takes a value and a name that are not empty.",
    "%feedback last good --name ''": "takes a value and a name that are not empty.",
    "%feedback nothing good": "No trace is called 'nothing'.",
    "%tracking_uri ftp://x": "ftp",
    "%tracking_uri a b": "does not know what 'b' is for",
    "%trace_export last x.exe": ".html, .parquet, .csv.",
    "%trace_export last": "%trace_export last needs a FILE: last answer.html",
    "%trace_export last --filter \"name = 'w'\" x.html": "takes TARGETs, or --filter",
    "%trace_import nowhere.json": "nowhere.json can't be read: No such file",
    "%trace_import ~nobody-here": "~nobody-here can't be read: No such file",
    "%trace_export last ~nobody-here/x.html": "can't be written: No such file",
    f"%trace -{'9' * 5_000}": "No trace is called '-999",
    "%trace_import": "the following arguments are required: FILE",
    "%%trace --tpye X\n1": "has no option '--tpye'. Did you mean '--type'?",
    "%%trace --compare answer\n1": "To name the cell: %%trace answer --compare",
    "%%trace -t word\n1": "'word' is no tag. Write key=value",
}
HELP = [f"%{name} {flag}" for name in NAMES for flag in ("-h", "--help")]
HELP += ["%trace diff -h"]
SILENT = [
    "%spantree ;",
    "%spantree stats ;",
    "%traces -n 1;",
    "%trace ;",
    "%trace_display ;",
    "%session ;",
    "%tracking_uri ;",
    "%autolog ;",
    "%autolog ;  # quiet",
]
COMMENTED = {
    "%traces -n 1 --columns name  # as people write after code": "work",
    "%traces --name '# none' --columns name # none": "Empty DataFrame",
    "%session # the name": "no session",
}


@pytest.fixture(scope="module")
def answers(module_run_cells):
    """What each line answers; one kernel for all of them."""
    lines = [
        *MISTAKES,
        *HELP,
        *SILENT,
        *COMMENTED,
        *(f"%{name}?" for name in NAMES),
        "%%trace?",
    ]
    result = module_run_cells(LOAD, TRACED + "work(1)", *lines)
    return {line: result.outputs(n + 2) for n, line in enumerate(lines)}


@pytest.mark.parametrize("line", HELP)
def test_every_magic_explains_itself_with_two_examples(answers, line):
    text = "".join(output.text for output in answers[line])

    examples = text.partition("examples:")[2].strip().splitlines()
    assert len(examples) >= 2
    assert all(line.split()[0] in example for example in examples)


def test_help_of_the_cell_s_magic_is_shown_and_the_cell_not_run(run_cells):
    result = run_cells(LOAD, "%%trace -h\nprint('ran')")

    printed, said = result.outputs(1)
    assert printed.text.startswith("usage: %%trace [--into VAR]")
    assert "  %%trace answer --compare" in printed.text.splitlines()
    assert said.name == "stderr"
    assert said.text.startswith(
        "UsageError: %%trace -h shows its help; the cell did not"
    )


@pytest.mark.parametrize("line", SILENT)
def test_a_semicolon_silences_the_answer(answers, line):
    assert answers[line] == []


@pytest.mark.parametrize("line", COMMENTED)
def test_a_comment_after_a_magic_is_none_of_its_words(answers, line):
    [output] = answers[line]

    assert COMMENTED[line] in output.data["text/plain"]


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_answered_in_one_line_without_a_traceback(answers, line):
    assert {o.get("name") for o in answers[line]} == {"stderr"}
    text = "".join(output.text for output in answers[line])
    assert text.startswith("UsageError")
    assert MISTAKES[line].lower() in text.lower()
    assert "Traceback" not in text


def test_every_example_runs_as_it_stands(run_cells):
    from support.magics_page import examples

    lines = [line for _, lines in examples() for line in lines]
    cells = [
        f"{line}\nwork(1)" if line.startswith("%%") else line
        for line in lines
        if not line.endswith(" off") or "autolog" in line
    ]
    setup = TRACED + "work(1); work(0)\ntry: work(2)\nexcept ValueError: pass"

    result = run_cells(LOAD, setup, *cells)

    for n, cell in enumerate(cells):
        kinds = [(o.output_type, o.get("name")) for o in result.outputs(n + 2)]
        assert ("stream", "stderr") not in kinds, (cell, result.outputs(n + 2))
        assert ("error", None) not in kinds, cell


def test_every_magic_answers_before_there_is_a_trace(run_cells):
    lines = [
        "%spantree",
        "%spantree doctor",
        "%autolog",
        "%traces",
        "%trace",
        "%trace diff -2 last",
        "%trace_display",
        "%session",
        "%trace_tag last a=b",
        "%feedback last good",
        "%tracking_uri",
        "%trace_export last x.html",
    ]

    result = run_cells(LOAD, *lines)

    for n, line in enumerate(lines, 1):
        assert {o.output_type for o in result.outputs(n)} <= {
            "stream",
            "execute_result",
        }
        if "last" in line or line == "%trace":
            assert result.text(n).startswith("No traces yet. Try: `%autolog openai`")


def test_tracing_that_is_off_is_told(run_cells):
    result = run_cells(LOAD, "%spantree off", "%traces", "%%trace\n1 + 1")

    hint = "Nothing is recorded: tracing is off. Turn it on: %spantree on"
    assert hint in result.text(2)
    assert hint in result.text(3)
    assert "2" in result.text(3)


def test_results_are_bound_by_into_and_by_assignment(run_cells):
    lines = {
        "%traces": "DataFrame",
        "%trace": "StoredTrace",
        "%trace --text": "Report",
        "%trace diff -2 last": "TraceDiff",
        "%spantree": "Report",
        "%spantree stats": "Report",
        "%autolog": "Report",
        "%session": "Report",
        "%trace_display": "Report",
        "%tracking_uri": "Report",
        "%trace_tag last a=b": "Report",
        "%feedback last good": "Report",
        "%trace_export last x.html": "Report",
    }
    cells = []
    for line in lines:
        cells.append(f"{line} --into found")
        cells.append(f"same = {line}\nprint(type(found).__name__, type(same).__name__)")

    result = run_cells(LOAD, TRACED + "work(0); work(1);", *cells)

    for n, (line, kind) in enumerate(lines.items()):
        assert result.outputs(2 + 2 * n) == [], line
        assert result.text(3 + 2 * n).split() == [kind, kind], line


def test_what_is_said_of_a_trace_is_found_again(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "%session trip\nwork(1);",
        "%trace_tag last team=search draft=1\n%trace_tag last draft-\n"
        '%feedback last no --why "wrong year" --name accuracy',
        "a = %traces --tag team=search --session trip --columns all\n"
        "b = %traces --tag draft=1\n"
        "found = a['feedback'][0]\n"
        "print(len(a), len(b), found)\n"
        "t = %trace\nprint(t.info.assessments[0].rationale)",
    )

    assert result.text(3).startswith("1 0 ")
    assert "accuracy" in result.text(3)
    assert "False" in result.text(3)
    assert "wrong year" in result.text(3)


def test_each_option_of_traces_narrows(run_cells):
    options = {
        "--errors": 1,
        "--name work": 3,
        "--name w*k": 3,
        "--name nothing": 0,
        "--slow 1h": 0,
        "--since 1h": 3,
        "--since 2001-01-01": 3,
        "--last-cell": 2,
        "--cell 3": 1,
        "--no-cell": 0,
        "--grep nowhere": 0,
        "-n 2": 2,
        "--errors --last-cell": 1,
    }
    cells = [f"found = %traces {option}\nprint(len(found))" for option in options]

    result = run_cells(
        LOAD,
        TRACED,
        "work(0);",
        "work(1)\ntry: work(2)\nexcept ValueError: pass",
        *cells,
    )

    found = {o: int(result.text(n + 4)) for n, o in enumerate(options)}
    assert found == options


def test_names_and_tags_are_taken_to_the_letter(run_cells):
    result = run_cells(
        LOAD,
        "import spantree\n"
        "for name in ('50% off', '500 off', 'my_step', 'my-step'):\n"
        "    with spantree.start_span(name):\n"
        "        spantree.update_current_trace(tags={'a`b': name})",
        "for glob in ('50%*', 'my_*', 'my?step', '5*'):\n"
        '    df = %traces --name "$glob"\n'
        "    print(sorted(df['name']))",
        "df = %traces --tag 'a`b=my-step'\nprint(list(df['name']))",
    )

    assert result.text(2).splitlines() == [
        "['50% off']",
        "['my_step']",
        "['my-step', 'my_step']",
        "['50% off', '500 off']",
    ]
    assert result.text(3).strip() == "['my-step']"


def test_spans_are_sorted_by_their_own_values(run_cells):
    result = run_cells(
        LOAD,
        "import spantree\n"
        "def record(name, start, end, parent=None):\n"
        "    span = spantree.start_span_no_context(\n"
        "        name, parent_span=parent, start_time_ns=start)\n"
        "    return span, lambda: span.end(end_time_ns=end)\n"
        "for name, at, took in (('long', 1, 9), ('short', 20, 5)):\n"
        "    root, end = record(name, at * 10**9, (at + took) * 10**9)\n"
        "    record(name + ' child', at * 10**9, at * 10**9 + 1, root)[1]()\n"
        "    end()",
        "df = %traces --spans --sort duration_ms\nprint(list(df['name']))",
    )

    assert result.text(2).strip() == "['long', 'short', 'long child', 'short child']"


def test_a_column_that_the_store_does_not_order_sorts_what_is_shown(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "for n in range(3): work(n)",
        "df = %traces -n 2 --sort trace_id\nprint(len(df))",
        "df = %traces -n 4 --sort trace_id\nprint(len(df))",
    )

    first, count = result.text(2).splitlines()
    assert first.startswith("the newest 2 traces, sorted; -n asks for more")
    assert count == "2"
    assert result.text(3).strip() == "3"


def test_a_filter_that_is_surely_not_meant_is_told_in_one_line(run_cells):
    result = run_cells(LOAD, "df = %traces --filter \"status = 'ok'\"")

    (said,) = result.outputs(1)
    assert said.name == "stdout"
    assert said.text.endswith("upper and lower case differ. Write 'OK'.\n")
    assert said.text.count("\n") == 1


def test_numbers_are_numbers_and_other_words_texts(run_cells):
    words = {"-1": -1, "0.5": 0.5, "1e3": 1000.0, "nan": "nan", "1_000": "1_000"}
    cell = "f = %feedback last {0}\nprint(repr(f.facts.value))"

    result = run_cells(LOAD, TRACED + "work(1)", *map(cell.format, words))

    said = [result.text(n).strip() for n in range(2, 2 + len(words))]
    assert said == [repr(value) for value in words.values()]


def test_a_table_is_exported_also_without_rows(run_cells):
    result = run_cells(
        LOAD,
        "import spantree\n"
        "for name in ('=1+1', 'work'):\n"
        "    with spantree.start_span(name): pass",
        "%trace_export all.csv --filter \"name != 'nobody'\"",
        "%trace_export none.csv --filter \"name = 'nobody'\"",
        "import pandas as pd\n"
        "df = pd.read_csv('all.csv')\n"
        "print(len(df), list(df['name']))\n"
        "print(len(pd.read_csv('none.csv')))",
    )

    assert "wrote 2 traces to all.csv" in result.text(2)
    assert "wrote 0 traces to none.csv" in result.text(3)
    # Not =1+1, which a spreadsheet would compute.
    assert result.text(4).splitlines() == ["""2 ['work', "'=1+1"]""", "0"]


def test_long_work_shows_a_bar(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "for n in (0, 1): work(n)",
        "%trace_export all.otlp.jsonl --filter \"name = 'work'\"",
        "import spantree.notebook.progress as progress\n"
        "progress._PATIENCE_S = 0\n"
        "%trace_import all.otlp.jsonl",
        "spantree.prune(older='0s')",
    )

    shown = [o.data["text/plain"] for o in result.outputs(3) if "data" in o]
    assert any("all.otlp.jsonl" in text and "traces" in text for text in shown)
    assert shown[-1] == "stored 2 traces of all.otlp.jsonl"
    shown = [o.data["text/plain"] for o in result.outputs(4) if "data" in o]
    assert any(text.startswith("prune: ") for text in shown)
    assert shown[-1] == "2"


def test_a_tag_that_was_not_set_is_not_said_to_be_removed(run_cells):
    result = run_cells(
        LOAD, TRACED + "work(1)", "%trace_tag last a=b", "%trace_tag last a- c-"
    )

    assert result.text(3).endswith("a removed · c was not set")


def test_a_search_in_texts_says_how_far_back_it_came(run_cells):
    result = run_cells(
        LOAD,
        "import spantree\n"
        "@spantree.trace\n"
        "def say(text): return len(text)\n"
        "say('needle')\n"
        "for n in range(1500): say('hay')",
        "found = %traces --grep needle\nprint(len(found))",
        "import spantree.notebook.magics.traces as magic\nmagic._TEXT_SECONDS = 0.0",
        "found = %traces --grep needle\nprint(len(found))",
        "found = %traces --filter \"text CONTAINS 'needle'\" --sort spans\nprint(len(found))",
    )

    assert result.text(2).strip() == "1"
    said = result.text(4)
    assert re.match(r"0 found in 0 s back to 20\d\d-", said)
    assert "older ones were not looked at. Narrow it: --since, --session" in said
    assert said.split()[-1] == "0"
    assert result.text(5).startswith("0 found in 0 s; older ones")


def test_a_mistake_loses_nothing(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "work(1)",
        "%traces --filter 'nope ='",
        "n = %traces\nprint(len(n))",
    )

    assert result.text(3).strip() == "1"


def test_the_page_of_magics_is_the_one_they_write():
    from support.magics_page import page, written

    assert written() == page(), "run: make cheatsheet"
