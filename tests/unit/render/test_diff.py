"""Two traces side by side."""

from __future__ import annotations

import pytest

import spantree
from spantree.render.diff import Side, TraceDiff, percent


def recorded(build):
    with spantree.start_span("answer") as root:
        root.set_inputs({"question": "same"})
        build()
    return spantree.get_trace(root.trace_id)


def child(name, value=None, tokens=None, span_type="TOOL"):
    with spantree.start_span(name, span_type=span_type) as span:
        span.set_outputs(value)
        if tokens is not None:
            usage = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
            span.set_attribute("mlflow.chat.tokenUsage", usage)


def sides(diff) -> list[tuple[str, str]]:
    return [(row.side.value, row.span.name) for row in diff.rows]


def test_the_nth_of_a_name_stands_for_the_nth():
    before = recorded(lambda: [child("read", n) for n in range(2)])
    after = recorded(lambda: [child("read", n) for n in (0, 7, 2)])

    diff = TraceDiff(before, after)

    assert sides(diff) == [(" ", "answer"), (" ", "read"), (" ", "read"), ("+", "read")]
    assert [row.changes for row in diff.rows] == [(), (), ("outputs",), ()]
    assert "1 output changed" in diff.headline
    assert "1 span new" in diff.headline


def test_what_is_gone_keeps_its_place():
    before = recorded(lambda: [child("a"), child("b"), child("c")])
    after = recorded(lambda: [child("a"), child("c"), child("d")])

    diff = TraceDiff(before, after)

    assert sides(diff)[1:] == [(" ", "a"), ("-", "b"), (" ", "c"), ("+", "d")]
    assert "1 span gone" in diff.headline


def test_roots_stand_for_each_other_whatever_their_names():
    before = recorded(lambda: child("a"))
    with spantree.start_span("renamed") as root:
        child("a")
    after = spantree.get_trace(root.trace_id)

    diff = TraceDiff(before, after)

    assert [row.side for row in diff.rows] == [Side.BOTH, Side.BOTH]


def test_tokens_and_failures_are_compared():
    def failing():
        child("call", tokens=640, span_type="CHAT_MODEL")
        with pytest.raises(KeyError), spantree.start_span("lookup"):
            raise KeyError("city")

    def working():
        child("call", tokens=812, span_type="CHAT_MODEL")
        with spantree.start_span("lookup"):
            pass

    diff = TraceDiff(recorded(failing), recorded(working))

    assert "640 → 812 tok" in diff.headline
    assert "no longer fails" in str(diff)
    assert "now fails" in str(TraceDiff(diff.b, diff.a))


def test_a_trace_compared_with_itself_has_the_same_values():
    trace = recorded(lambda: child("a", 1))

    assert TraceDiff(trace, trace).headline.endswith("same values")


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        (100, 66, " (−34 %)"),
        (100, 150, " (+50 %)"),
        (0, 5, ""),
        (None, 5, ""),
        (5, None, ""),
    ],
)
def test_a_change_is_written_in_percent(before, after, written):
    assert percent(before, after) == written


def test_large_differences_are_cut_and_it_is_said():
    before = recorded(lambda: [child("same", 1) for _ in range(300)])
    after = recorded(lambda: [child("same", 1) for _ in range(300)])

    diff = TraceDiff(before, after)

    lines = str(diff).splitlines()
    assert len(lines) <= 42
    assert all(len(line) <= 100 for line in lines)
    assert "more rows, those without a change first" in lines[-1]
    assert diff._repr_html_().count("<p>") <= 202
    assert len(diff.to_dict()["rows"]) == 301


def test_hostile_names_and_values_are_text():
    hostile = "<img src=x onerror=alert(1)>\x1b[31m"
    before = recorded(lambda: child(hostile, "a"))
    after = recorded(lambda: child(hostile, hostile))

    diff = TraceDiff(before, after)

    assert "<img" not in diff._repr_html_()
    assert "\x1b" not in str(diff)
