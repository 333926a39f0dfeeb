"""The magics: what they answer, and how they answer mistakes."""

from __future__ import annotations

import pytest

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
    "%autolog off": "%autolog off needs a library. Try: %autolog openai off",
    "%traces --eror": "%traces has no option '--eror'. Did you mean '--errors'?",
    "%traces -n many": "invalid int value: 'many'",
    "%traces --columns nmae": "Unknown column 'nmae'.",
    "%traces --filter \"stauts = 'OK'\"": "did you mean 'status'?",
    "%traces --filter 'status = '": "a value is missing here (column 10)",
    "%spantree onn": "%spantree does not know 'onn'. Did you mean 'on'?",
}
HELP = ["%spantree -h", "%autolog --help", "%traces -h"]


@pytest.fixture(scope="module")
def answers(module_run_cells):
    """What each line answers; one kernel for all of them."""
    lines = [*MISTAKES, *HELP]
    result = module_run_cells(LOAD, TRACED + "work(1)", *lines)
    return {line: result.outputs(n + 2) for n, line in enumerate(lines)}


@pytest.mark.parametrize("line", HELP)
def test_every_magic_explains_itself_with_two_examples(answers, line):
    text = "".join(output.text for output in answers[line])

    assert "examples:" in text
    assert text.count(line.split()[0]) >= 3


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_answered_in_one_line_without_a_traceback(answers, line):
    outputs = answers[line]

    assert [o.output_type for o in outputs] == ["stream"]
    assert "UsageError" in outputs[0].text
    assert MISTAKES[line].lower() in outputs[0].text.lower()
    assert "Traceback" not in outputs[0].text


def test_a_mistake_loses_nothing(run_cells):
    result = run_cells(
        LOAD,
        TRACED + "work(1)",
        "%traces --filter 'nope ='",
        "n = %traces\nprint(len(n))",
    )

    assert result.text(3).strip() == "1"
