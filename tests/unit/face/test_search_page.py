"""The page on search says what is so: its examples run, its filters find something."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import spantree
from spantree.search import parse_filter
from spantree.search.fields import OPERATORS, SPAN_FIELDS, TRACE_FIELDS

PAGE = Path(__file__).parents[3] / "docs" / "search.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = re.compile(r"^\|.*\| (`.+`) \|$", re.MULTILINE)
# Finds none of the page's traces, on purpose or for want of judgements.
EMPTY = ("feedback.good = TRUE", "issue.id = 'I-7'", "cell = '3'")


def filters_in_tables():
    before, _, _ = TEXT.partition("## Where it differs")
    for found in ROW.findall(before):
        ticks = "``" if found.startswith("``") else "`"
        yield found.removeprefix(ticks).removesuffix(ticks).replace("\\|", "|")


@pytest.fixture
def recorded():
    """Run the page from its first example to its last."""
    examples = doctest.DocTestParser().get_doctest(
        re.sub(r"^```.*$", "", TEXT, flags=re.MULTILINE), {}, "page", str(PAGE), 0
    )
    problems: list[str] = []
    runner = doctest.DocTestRunner()
    result = runner.run(examples, out=problems.append, clear_globs=False)
    return examples.globs, result, "\n".join(problems)


def test_examples_run(recorded):
    _, result, problems = recorded

    assert result.failed == 0, problems
    assert result.attempted > 25


def test_filters_of_the_tables_find_something(recorded):
    found = recorded[0]["found"]
    filters = list(filters_in_tables())

    assert len(filters) > 35
    for text in filters:
        assert bool(found(text)) is (text not in EMPTY), text


def test_every_operator_and_field_is_on_the_page():
    words = set(re.findall(r"\w+", TEXT)) | set(re.findall(r"`([^`\w]+)`", TEXT))
    operators = {op.value for ops in OPERATORS.values() for op in ops}

    missing = [op for op in operators if op not in words and op not in TEXT]
    missing += [name for name in (*TRACE_FIELDS, *SPAN_FIELDS) if name not in words]

    assert set(missing) <= {
        "timestamp_ms",
        "execution_time_ms",
        "end_time_ms",
        "session_id",
    }


def test_error_on_the_page_is_the_error():
    with pytest.raises(ValueError, match="durration") as caught:
        parse_filter("status = 'OK' AND durration > 2s")

    assert str(caught.value) in TEXT
    assert isinstance(caught.value, spantree.exceptions.SpantreeException)
