"""Layout and search, held to the vectors that the viewer's own tests read as well.

Rows, numbers and runs are computed by the package and by the viewer. Self time and the
critical path are the viewer's alone, so a slow reference written from their definition
stands in for the package here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.render.drawn_traces import captured, span, trace

from spantree.entities.span import SpanStatusCode
from spantree.notebook.kernel_link import answer
from spantree.render import COMPLETE, build_output
from spantree.render.lines import find_runs
from spantree.render.tree import NO_END, RUNNING, TraceTree

FIXTURES = Path(__file__).parents[2] / "fixtures"
LAYOUTS = json.loads((FIXTURES / "layout.json").read_text(encoding="utf-8"))
SEARCHES = json.loads((FIXTURES / "find.json").read_text(encoding="utf-8"))


def by_name(vector):
    return vector["name"]


def laid_out(vector):
    """Build the trace of a vector; its spans are `[id, parent, name, type, start, ms]`.

    Times are in ms; no length means that the span runs, `"!"` at the end that it failed.
    """
    spans = []
    for number, parent, name, kind, start, length, *failed in vector["spans"]:
        status = SpanStatusCode.ERROR if failed else None
        made = span(number, parent, name, kind, start, length, status=status)
        spans.append(made)
    return trace(spans)


@pytest.mark.parametrize("vector", LAYOUTS, ids=by_name)
def test_rows_and_runs_follow_the_vectors(vector):
    made = laid_out(vector)
    tree = TraceTree(made)
    [drawn] = build_output([made], key="0" * 16, budget=COMPLETE)["traces"]
    runs, _ = find_runs(tree)

    for column in ("p", "n", "names", "t", "types", "s", "d", "e", "f"):
        assert drawn["cols"][column] == vector["cols"][column], column
    assert list(tree.level) == vector["depth"]
    numbers = [one.display_number if one else 0 for one in tree.spans]
    assert numbers == vector["ordinal"]
    assert {str(row): len(run) for row, run in runs.items()} == vector["runs"]


@pytest.mark.parametrize("vector", LAYOUTS, ids=by_name)
def test_times_follow_the_definition(vector):
    columns, now = vector["cols"], vector["now"]

    rows = range(len(columns["p"]))
    assert [self_time(columns, row, now) for row in rows] == vector["self"]
    assert sorted(critical_rows(columns, now)) == vector["critical"]


def end_of(columns, row, now):
    start, length = columns["s"][row], columns["d"][row]
    if length >= 0:
        return start + length
    return max(start, now) if columns["e"][row] in (RUNNING, NO_END) else start


def self_time(columns, row, now):
    """Count the milliseconds of a span in which none of its children ran."""
    covered = set()
    for child, parent in enumerate(columns["p"]):
        if parent == row:
            covered.update(milliseconds(columns, child, now))
    return 1000 * len(milliseconds(columns, row, now) - covered)


def milliseconds(columns, row, now):
    start = columns["s"][row]
    return set(range(start // 1000, end_of(columns, row, now) // 1000))


def critical_rows(columns, now):
    """Walk back from each root's end, each time into the child that ends last by then."""
    waiting = [
        row
        for row, parent in enumerate(columns["p"])
        if parent < 0 and not columns["f"][row] & (2 | 4)
    ]
    found = []
    while waiting:
        row = waiting.pop()
        found.append(row)
        stop = cursor = end_of(columns, row, now)
        left = [child for child, up in enumerate(columns["p"]) if up == row]
        while left:
            ends = {child: min(end_of(columns, child, now), stop) for child in left}
            inside = [child for child in left if ends[child] <= cursor]
            if not inside:
                break
            last = max(inside, key=lambda child: (ends[child], -child))
            waiting.append(last)
            cursor = columns["s"][last]
            left = [child for child in inside if child != last]
    return found


class Shelf:
    """A host whose store holds one trace."""

    def __init__(self, held):
        self.held = held

    def get_trace(self, trace_id):
        return self.held if trace_id == self.held.trace_id else None


def searched(vector):
    spans = []
    for at, one in enumerate(vector["spans"]):
        made = span(
            at + 1,
            1 if at else None,
            one["name"],
            one.get("type", "TOOL"),
            at,
            error=tuple(one["error"]) if "error" in one else None,
            inputs=one.get("input"),
            outputs=one.get("output"),
            model=one.get("model"),
        )
        # What else the recorder notes would be found as well.
        made.raw_attributes = {
            key: captured(value) for key, value in one.get("attributes", {}).items()
        }
        spans.append(made)
    return trace(spans)


@pytest.mark.parametrize("vector", SEARCHES, ids=by_name)
def test_values_are_found_as_in_the_viewer(vector):
    held = searched(vector)

    asked = {"id": 1, "op": "grep", "trace": held.trace_id, "text": vector["query"]}
    content = answer(asked, Shelf(held)).content

    assert content["rows"] == vector["inside"]


@pytest.mark.parametrize("vector", SEARCHES, ids=by_name)
def test_names_are_found_by_the_definition(vector):
    needle = vector["query"].strip().lower()
    rows = []
    for row, one in enumerate(vector["spans"]):
        texts = [one["name"], one.get("type", "TOOL"), one.get("model", "")]
        texts += one.get("error", [])
        if needle and any(needle in text.lower() for text in texts):
            rows.append(row)

    assert rows == vector["named"]
