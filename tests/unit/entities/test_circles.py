"""Spans that are their own ancestors: broken, but read the same in any order."""

from __future__ import annotations

import itertools

from support.traces import make_trace

from spantree.entities import TraceData

USAGE = b'{"input_tokens":5,"output_tokens":7}'


def test_circles_read_the_same_in_any_order():
    trace = make_trace(
        1,
        spans=[
            {"name": "itself", "parent_key": 2, "raw_attributes": {"k": 1}},
            {"name": "below itself", "parent_key": 2},
            {"name": "a", "parent_key": 5},
            {"name": "b", "parent_key": 4},
        ],
    )

    orders = {
        tuple(span.span_key for span in TraceData(list(spans)).spans)
        for spans in itertools.permutations(trace.data.spans)
    }

    assert orders == {(1, 2, 3, 4, 5)}


def test_many_circles_are_ordered_in_linear_time():
    circles = [{"name": "own", "parent_key": number} for number in range(2, 50_002)]

    trace = make_trace(1, spans=circles)

    assert len(TraceData(trace.data.spans[::-1]).spans) == 50_001
