"""Two traces side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.render.drawn_traces import agent_trace, later_agent_trace, wide_trace

import spantree
from spantree.render import MIME
from spantree.render.budget import Budget, bundle_bytes
from spantree.render.diff import Side, TraceDiff, percent
from spantree.render.diff_bundle import diff_bundle


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


def html_of(diff) -> str:
    return diff._repr_mimebundle_()["text/html"]


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
    assert html_of(diff).count("<p>") <= 202
    assert len(diff.to_dict()["rows"]) == 301


def test_hostile_names_and_values_are_text():
    hostile = "<img src=x onerror=alert(1)>\x1b[31m"
    before = recorded(lambda: child(hostile, "a"))
    after = recorded(lambda: child(hostile, hostile))

    diff = TraceDiff(before, after)

    assert "<img" not in html_of(diff)
    assert "\x1b" not in str(diff)


FIXTURE = Path(__file__).parents[2] / "fixtures" / "payload" / "v1" / "compare.json"


def test_the_payload_pairs_the_rows_of_both_traces():
    payload = diff_bundle(TraceDiff(agent_trace(), later_agent_trace()))[MIME]

    kept = json.loads(FIXTURE.read_text(encoding="utf-8"))
    assert payload == {**kept, "by": payload["by"]}
    before, after = (one["cols"] for one in payload["traces"])
    pairs = payload["pairs"]
    gone = [a for a, b in zip(pairs["a"], pairs["b"], strict=True) if b < 0]
    new = [b for a, b in zip(pairs["a"], pairs["b"], strict=True) if a < 0]
    names = [before["names"][before["n"][row]] for row in gone]
    names += [after["names"][after["n"][row]] for row in new]
    assert names == ["retrieve", "rerank", "check_answer"]
    assert sorted(pairs["c"])[-2:] == [2, 6]


@pytest.mark.parametrize("count", [10, 100, 1000, 10_000])
def test_a_comparison_keeps_the_budgets_of_both_traces(count):
    value = "x" * 3000 + "<&>" * 200
    diff = TraceDiff(wide_trace(count, value), wide_trace(count, value + "y"))

    bundle = diff_bundle(diff)

    assert bundle_bytes(bundle) <= 2 * Budget().ceiling(count)
    cut = sum(bool(one["cut"]) for one in bundle[MIME]["traces"])
    assert cut == (0 if count == 100 else 2)
    assert bundle["text/plain"].count("not saved here") == cut
    assert bundle["text/html"].count("not saved here") == cut


def test_rows_that_are_not_carried_are_in_no_pair():
    diff = TraceDiff(wide_trace(3000), wide_trace(2900))
    small = Budget(cell_bytes=20_000, by_size=False)

    payload = diff_bundle(diff, budget=small)[MIME]

    assert [one["cut"].get("rows", 0) > 0 for one in payload["traces"]] == [True] * 2
    pairs = payload["pairs"]
    carried = [one["n"] - one["cut"]["rows"] for one in payload["traces"]]
    for side, most in zip("ab", carried, strict=True):
        rows = [row for row in pairs[side] if row >= 0]
        assert len(set(rows)) == len(rows)
        assert max(rows) < most
