"""Names that MLflow reserves: attributes that are fields of a span."""

from __future__ import annotations

import pytest

import spantree
from spantree.entities import SpanLogLevel

RESERVED = {
    "mlflow.spanInputs": {"q": [1]},
    "mlflow.spanOutputs": ["a"],
    "mlflow.spanType": "TOOL",
    "mlflow.spanDescription": 5,
    "mlflow.spanLogLevel": "error",
    "mlflow.traceRequestId": "tr-" + "0" * 32,
    "mlflow.llm.model": "m",
}


def by_a_block():
    with spantree.start_span("s", attributes=RESERVED):
        pass


def by_hand():
    spantree.start_span_no_context("s", attributes=RESERVED).end()


def by_the_client():
    client = spantree.TraceClient()
    root = client.start_trace("s", attributes=RESERVED)
    client.end_trace(root.trace_id)


def later():
    with spantree.start_span("s") as span:
        span.set_attributes(RESERVED)


def one_by_one():
    with spantree.start_span("s") as span:
        for key, value in RESERVED.items():
            span.set_attribute(key, value)


def at_the_end():
    spantree.start_span_no_context("s").end(attributes=RESERVED)


@pytest.mark.parametrize(
    "record", [by_a_block, by_hand, by_the_client, later, one_by_one, at_the_end]
)
def test_reserved_names_set_their_fields(record):
    record()

    span = spantree.get_trace(spantree.get_last_active_trace_id()).data.root
    assert (span.inputs, span.outputs) == ({"q": [1]}, ["a"])
    assert (span.span_type, span.description, span.model_name) == ("TOOL", "5", "m")
    assert span.log_level is SpanLogLevel.ERROR
    assert span.attributes == {
        **RESERVED,
        "mlflow.spanDescription": "5",
        "mlflow.spanLogLevel": 40,
        "mlflow.traceRequestId": span.trace_id,
    }


def test_a_function_may_be_described_by_reserved_names():
    @spantree.trace(attributes=RESERVED)
    def work(n):
        return n

    work(7)

    span = spantree.get_trace(spantree.get_last_active_trace_id()).data.root
    assert (span.inputs, span.outputs) == ({"q": [1]}, ["a"])
    assert (span.span_type, span.log_level) == ("TOOL", SpanLogLevel.ERROR)


def test_attributes_of_one_span_can_be_given_to_another():
    with spantree.start_span("one", "LLM") as one:
        one.set_inputs("in")
    found = spantree.get_trace(one.trace_id).data.root.attributes
    with spantree.start_span("other") as other:
        other.set_attributes(found)

    copy = spantree.get_trace(other.trace_id).data.root
    assert (copy.inputs, copy.span_type) == ("in", "LLM")
    assert copy.attributes["mlflow.traceRequestId"] == other.trace_id
