"""A trace laid out as rows."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import examples
from unit.render.drawn_traces import agent_trace, renumber, span, trace

from spantree.entities.rollup import roll_up
from spantree.entities.trace import TraceData
from spantree.render.tree import ORPHAN, PLACEHOLDER, TraceTree


def names(tree):
    return [one.name if one else None for one in tree.spans]


def test_siblings_stand_in_the_order_they_started():
    tree = TraceTree(
        trace([span(1, None, "a"), span(3, 1, "late", start_ms=9), span(2, 1, "early")])
    )

    assert names(tree) == ["a", "early", "late"]


def test_orphans_stand_below_a_placeholder_for_their_parent():
    tree = TraceTree(
        trace(
            [
                span(1, None, "a"),
                span(2, 99, "x", start_ms=5),
                span(3, 99, "y", start_ms=6),
            ]
        )
    )

    assert names(tree) == ["a", None, "x", "y"]
    assert tree.parent == [-1, -1, 1, 1]
    assert list(tree.flags) == [0, PLACEHOLDER, ORPHAN, ORPHAN]
    assert tree.missing_id(1) == f"{99:016x}"


def test_spans_in_a_cycle_of_parents_are_not_lost():
    made = trace([span(1, None, "a")])
    made.data.spans = [
        span(1, None, "a"),
        span(2, 3, "b"),
        span(3, 2, "c"),
        span(4, 4, "d"),
    ]

    tree = TraceTree(made)

    assert sorted(n for n in names(tree)) == ["a", "b", "c", "d"]
    assert all(parent < row for row, parent in enumerate(tree.parent))


def test_repeated_ids_do_not_multiply_rows():
    made = trace([])
    made.data.spans = [span(1 + at // 2, at // 2 or None, f"s{at}") for at in range(80)]

    tree = TraceTree(made)

    assert len(tree) == 80


def test_absurd_times_stay_in_range():
    one = span(1, None, "a")
    other = span(2, 1, "b")
    other.start_time_ns, other.end_time_ns = 10**40, 10**60

    tree = TraceTree(trace([one, other]))

    assert tree.start_us[1] < 2**53
    assert tree.duration_us[1] < 2**53


def test_first_error_path_leads_to_where_the_error_came_from():
    tree = TraceTree(agent_trace())

    path = [tree.spans[row].name for row in sorted(tree.first_error_path)]

    assert path == ["answer_question", "research", "lookup_city"]


def test_a_deep_trace_is_laid_out_without_recursion():
    spans = [span(at, at - 1 or None, f"s{at}", ms=5000 - at) for at in range(1, 5001)]

    tree = TraceTree(trace(spans))

    assert tree.level[-1] == 4999


def test_a_large_trace_is_laid_out_in_seconds():
    spans = [
        span(at, None if at == 1 else at // 8 or 1, "s", ms=3)
        for at in range(1, 30_001)
    ]
    renumber(spans)
    made = trace(spans)
    began = time.process_time()

    tree = TraceTree(made)

    assert len(tree) == 30_000
    assert time.process_time() - began < 5


reports = st.lists(
    st.tuples(
        st.integers(0, 30), st.one_of(st.none(), st.integers(0, 100)), st.booleans()
    ),
    min_size=1,
    max_size=25,
)


@examples(60)
@given(reports)
def test_tokens_follow_the_roll_up_rule_of_entities(drawn):
    spans = [
        span(
            at + 1,
            parent % at + 1 if at else None,
            "s",
            tokens=(tokens, 1) if tokens is not None else None,
            cost=0.5 if has_cost else None,
        )
        for at, (parent, tokens, has_cost) in enumerate(drawn)
    ]
    made = trace(spans)

    tokens = TraceTree(made).usage.tokens

    assert dict(tokens) == dict(roll_up(TraceData(spans).spans).tokens)


VECTORS = Path(__file__).parents[2] / "fixtures" / "rollup.json"


@pytest.mark.parametrize(
    "vector",
    json.loads(VECTORS.read_text(encoding="utf-8")),
    ids=lambda vector: vector["name"],
)
def test_totals_follow_the_shared_vectors(vector):
    keys = {one["id"]: at + 1 for at, one in enumerate(vector["spans"])}
    spans = []
    for one in vector["spans"]:
        made = span(
            keys[one["id"]], keys.get(one["parent"]), one["id"], cost=one.get("cost")
        )
        if one.get("usage"):
            made.raw_attributes["mlflow.chat.tokenUsage"] = json.dumps(
                one["usage"]
            ).encode()
        spans.append(made)

    usage = TraceTree(trace(spans)).usage

    assert dict(usage.tokens) == vector["usage"]
    assert usage.total_cost == pytest.approx(vector.get("cost"))


def test_broken_json_in_attributes_is_ignored():
    broken = span(1, None, "a", "LLM")
    broken.raw_attributes = {
        "mlflow.chat.tokenUsage": b'{"input_tokens": ',
        "mlflow.llm.cost": b"[1",
        "spantree.truncated": b"{{",
    }
    broken.raw_inputs = b"[" * 30_000

    tree = TraceTree(trace([broken]))

    assert tree.tokens is None
    assert tree.root_previews[0].startswith("[[[")


def test_absurd_reports_are_ignored():
    one = span(1, None, "a", cost=1e308)
    one.raw_attributes["mlflow.chat.tokenUsage"] = b'{"total_tokens": 1%s}' % (
        b"0" * 400
    )

    tree = TraceTree(trace([one]))

    assert tree.tokens is None
    assert tree.usage.total_cost is None


def test_a_model_call_without_usage_makes_the_total_a_lower_bound():
    tree = TraceTree(
        trace(
            [
                span(1, None, "a"),
                span(2, 1, "b", "LLM", tokens=(3, 4)),
                span(3, 1, "c", "LLM"),
            ]
        )
    )

    assert tree.tokens == 7
    assert tree.totals.is_usage_partial


def test_a_model_call_below_a_report_is_known():
    tree = TraceTree(trace([span(1, None, "a", tokens=(3, 4)), span(3, 1, "c", "LLM")]))

    assert not tree.totals.is_usage_partial
