"""A span as OpenTelemetry's protobuf message."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

import spantree
from spantree.entities import Link, Span
from spantree.exceptions import MissingExtraError, SpantreeException


@pytest.fixture(autouse=True)
def _in_memory():
    spantree.set_tracking_uri("memory:")


def recorded(value, **options):
    with spantree.start_span("outer"):
        try:
            with spantree.start_span("s", **options) as span:
                span.set_inputs(value)
                span.set_attribute("a.b", value)
                span.set_outputs([value])
                span.add_event(spantree.entities.SpanEvent("e", 5, {"k": value}))
                span.add_link(Link("tr-" + "1" * 32, "2" * 16, {"n": 1}))
                raise ValueError("no")
        except ValueError:
            pass
    return spantree.get_trace(span.trace_id).data.spans[1]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        5,
        2**70,
        -1.5,
        float("inf"),
        "text",
        '{"json": "text"}',
        {"a": [1, None, {"b": "\u2028"}], "": {}},
        [],
    ],
    ids=repr,
)
def test_it_comes_back_as_it_was(value):
    span = recorded(value, span_type="TOOL", description="d", log_level="ERROR")

    message = span.to_otel_proto()
    back = Span.from_otel_proto(Message.FromString(message.SerializeToString()))

    assert back.to_dict() == span.to_dict()
    assert type(back) is Span


def test_a_lone_surrogate_which_the_message_can_not_hold_becomes_visible():
    back = Span.from_otel_proto(recorded({"k": "\ud800"}).to_otel_proto())

    assert back.inputs == {"k": r"\ud800"}


def test_the_message_has_the_names_of_mlflow():
    span = recorded("q", span_type="LLM")

    message = span.to_otel_proto()

    named = {a.key: a.value.string_value for a in message.attributes}
    assert message.trace_id.hex() == span.trace_id[3:]
    assert message.span_id.hex() == span.span_id
    assert message.parent_span_id.hex() == span.parent_id
    assert message.links[0].span_id.hex() == "2" * 16
    assert named["mlflow.spanType"] == "LLM"
    assert named["mlflow.spanInputs"] == '"q"'
    assert message.status.code == 2


def test_a_span_that_is_open_stays_open():
    with spantree.start_span("s") as span:
        assert Span.from_otel_proto(span.to_otel_proto()).end_time_ns is None


def test_a_message_of_somebody_else_can_be_read():
    message = Message(name="x", trace_id=b"\1" * 16, span_id=b"\2" * 8, kind=3)
    message.start_time_unix_nano, message.end_time_unix_nano = 1, 2

    span = Span.from_otel_proto(message)

    assert (span.name, span.kind, span.parent_id) == ("x", "CLIENT", None)


def test_a_message_without_ids_is_refused():
    with pytest.raises(SpantreeException):
        Span.from_otel_proto(Message(name="x"))


def test_without_the_package_it_says_which(monkeypatch):
    span = recorded(1)
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.trace.v1.trace_pb2", None)

    with pytest.raises(MissingExtraError, match=r"pip install \"spantree\[ui\]\""):
        span.to_otel_proto()
