"""Tab completion: in the lines of our magics, and nowhere else."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import spantree
from spantree._runtime import RUNTIME
from spantree.notebook import load, unload


@pytest.fixture
def shell(capsys):
    made = InteractiveShell()
    load(made, RUNTIME)
    with spantree.start_span("answer") as span:
        span.set_attribute("mlflow.llm.model", "small-1")
        spantree.update_current_trace(
            tags={"team": "search"}, session_id="trip", user="ada"
        )
    spantree.flush()
    made.user_ns["kept"] = spantree.get_trace(spantree.get_last_active_trace_id())
    yield made
    unload(made)
    made.history_manager.end_session()


def completions(shell, line: str) -> list[str]:
    with provisionalcompleter():
        found = shell.Completer.completions(line, len(line))
        return [line[: one.start] + one.text for one in found]


def words(shell, line: str) -> list[str]:
    """What is offered for the last word of a line."""
    return [text.split()[-1] for text in completions(shell, line)]


CASES = {
    "%traces --er": ["--errors"],
    "%traces --s": ["--slow", "--since", "--session", "--spans", "--sort", "--show"],
    "%traces --session t": ["trip"],
    "%traces --user a": ["ada"],
    "%traces --model s": ["small-1"],
    "%traces --tag te": ["team="],
    "%traces --name an": ["answer"],
    "%traces --sort dur": ["duration_ms"],
    "df = %traces --er": ["--errors"],
    "%spantree do": ["doctor"],
    "%autolog open": ["openai"],
    "%autolog openai o": ["openai", "otel", "off"],
    "%autolog ag": ["ag2"],
    "%trace la": ["last"],
    "%trace ke": ["kept"],
    "%trace di": ["diff"],
    "%trace diff la": ["last"],
    "%trace --h": ["--html"],
    "%trace_display ta": ["table"],
    "%trace_display --save f": ["full"],
    "%trace_display --no-l": ["--no-live"],
    "%feedback last g": ["good"],
    "%trace_tag last te": ["team="],
    "%session t": ["trip"],
    "%tracking_uri m": ["memory:"],
    "%%trace --ty": ["--type"],
    "%%trace --type CHAT": ["CHAT_MODEL"],
    "%%trace --session t": ["trip"],
}


@pytest.mark.parametrize("line", CASES)
def test_flags_and_values_are_completed(shell, line):
    found = words(shell, line)

    assert [word for word in found if word in CASES[line]] == CASES[line]
    typed = line.split()[-1]
    assert all(word.startswith(typed) for word in found)


def test_trace_ids_are_completed(shell):
    known = shell.user_ns["kept"].trace_id

    assert words(shell, f"%trace {known[:8]}") == [known]


def test_fields_are_completed_inside_a_filter(shell):
    found = completions(shell, '%traces --filter "stat')

    assert found == ['%traces --filter "status', '%traces --filter "state']


def test_fields_are_completed_after_an_operator(shell):
    found = completions(shell, "%traces --filter \"status = 'OK' AND dur")

    assert found[0].endswith("AND duration")


def test_python_is_completed_as_before(shell):
    shell.user_ns["some_long_name"] = 1

    assert "some_long_name" in words(shell, "x = some_lo")
    assert "some_long_name" not in words(shell, "%traces --er")


def test_unloading_takes_completion_back():
    shell = InteractiveShell()
    before = list(shell.Completer.custom_matchers)
    load(shell, RUNTIME)
    assert len(shell.Completer.custom_matchers) == len(before) + 1

    unload(shell)

    assert shell.Completer.custom_matchers == before
    shell.history_manager.end_session()
