"""JSON of ours is JSON: what it has no form for is said by a note."""

from __future__ import annotations

import json
import math

import pytest

import spantree
from spantree.entities import Link, SpanEvent, Trace
from spantree.entities.values import encode_exactly, loads


def strictly(text):
    """Read as a strict parser does, which knows no NaN."""
    return json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "value",
    [
        [1, math.inf],
        {"a": [{"b": [-math.inf, 2**70]}]},
        [[2**70, "text"], None],
        math.inf,
    ],
)
def test_what_orjson_refuses_is_written_strictly(value):
    text = encode_exactly(value)

    strictly(text)
    assert loads(text) == value


def test_a_lone_surrogate_becomes_visible():
    assert encode_exactly(["\ud800", {"\ud800": 2**70}]) == (
        rb'["\\ud800",{"\\ud800":1180591620717411303424}]'
    )


@pytest.mark.parametrize("pretty", [True, False])
def test_a_trace_with_a_nan_comes_back(pretty):
    spantree.set_tracking_uri("memory:")
    bad = {"values": [math.nan, {"x": math.inf}], "n": -math.inf}
    with spantree.start_span("root", links=[Link("1" * 32, "2" * 16, bad)]) as root:
        root.set_inputs(bad)
        root.set_attribute("a", bad)
        root.add_event(SpanEvent("event", attributes=bad))
    spantree.log_feedback(trace_id=root.trace_id, value=bad)
    text = spantree.get_trace(root.trace_id).to_json(pretty)

    strictly(text)
    again = Trace.from_json(text)
    span = again.data.root
    for kept in (
        span.inputs,
        span.get_attribute("a"),
        span.events[0].attributes,
        span.links[0].attributes,
        again.info.assessments[0].value,
    ):
        assert math.isnan(kept["values"][0])
        assert kept["values"][1] == {"x": math.inf}
        assert kept["n"] == -math.inf


@pytest.mark.parametrize("pretty", [True, False])
def test_a_lone_surrogate_in_an_event_can_be_written_to_a_file(pretty):
    spantree.set_tracking_uri("memory:")
    with spantree.start_span("root") as root:
        root.add_event(SpanEvent("event", attributes={"a": "\ud800"}))

    text = spantree.get_trace(root.trace_id).to_json(pretty)

    strictly(text.encode().decode())
    event = Trace.from_json(text).data.root.events[0]
    assert event.attributes == {"a": r"\ud800"}
