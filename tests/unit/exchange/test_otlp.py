"""OTLP/JSON: what is written comes back, what others write is read."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import examples
from support.made import any_trace
from support.traces import START_NS, make_trace, said_by

from spantree.entities import Feedback, TraceState
from spantree.entities.otlp import OtlpError, from_otlp, to_otlp

TRACE_ID = "5b8efff798038103d269b633813fc60c"


def foreign(**span):
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        {"key": "service.name", "value": {"stringValue": "shop"}}
                    ]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "lib", "version": "1"},
                        "spans": [
                            {
                                "traceId": TRACE_ID,
                                "spanId": "eee19b7ec3c1b174",
                                "name": "GET /",
                                "kind": 2,
                                "startTimeUnixNano": "1544712660000000000",
                                "endTimeUnixNano": "1544712661000000000",
                                "attributes": [
                                    {"key": "n", "value": {"intValue": "5"}},
                                    {
                                        "key": "user.id",
                                        "value": {"stringValue": "ada"},
                                    },
                                ],
                                **span,
                            }
                        ],
                    }
                ],
            }
        ]
    }


@examples(40)
@given(st.lists(any_trace(), min_size=1, max_size=2, unique_by=lambda t: t.trace_id))
def test_what_is_written_comes_back(made):
    text = json.dumps(to_otlp(made))

    back = from_otlp(json.loads(text))

    assert {t.trace_id: said_by(t) for t in back} == {
        t.trace_id: said_by(t) for t in made
    }
    for trace in made:
        found = next(t for t in back if t.trace_id == trace.trace_id)
        assert [s.kind for s in found.data.spans] == [s.kind for s in trace.data.spans]
        assert [s.scope for s in found.data.spans] == [
            s.scope for s in trace.data.spans
        ]


def test_ids_are_hex_and_long_numbers_texts():
    trace = make_trace(0xABC, spans=[{"name": "s", "raw_attributes": {"n": 2**63}}])

    spans = to_otlp([trace])["resourceSpans"][0]["scopeSpans"][0]["spans"]

    assert spans[0]["traceId"] == f"{0xABC:032x}"
    assert "parentSpanId" not in spans[0]
    assert spans[1]["parentSpanId"] == spans[0]["spanId"] == f"{1:016x}"
    assert spans[0]["startTimeUnixNano"] == str(START_NS)
    assert {"key": "n", "value": {"kvlistValue": {"values": [
        {"key": "$bigint", "value": {"stringValue": str(2**63)}}
    ]}}} in spans[1]["attributes"]  # fmt: skip


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_infinity_is_a_text(number):
    trace = make_trace(root={"raw_attributes": {"x": number}})

    text = json.dumps(to_otlp([trace]), allow_nan=False)

    assert from_otlp(json.loads(text))[0].data.spans[0].attributes["x"] == number


def test_foreign_span_keeps_kind_scope_resource_and_user():
    (trace,) = from_otlp(foreign())

    (span,) = trace.data.spans
    assert (span.name, span.kind, span.attributes["n"]) == ("GET /", "SERVER", 5)
    assert span.scope == {"name": "lib", "version": "1"}
    assert trace.info.user == "ada"
    assert trace.info.execution_duration == 1000
    written = to_otlp([trace])["resourceSpans"][0]
    assert written["resource"] == foreign()["resourceSpans"][0]["resource"]
    assert written["scopeSpans"][0]["scope"] == {"name": "lib", "version": "1"}


def test_protobufs_own_json_is_read():
    (trace,) = from_otlp(
        {
            "resource_spans": [
                {
                    "scope_spans": [
                        {
                            "spans": [
                                {
                                    "trace_id": "W47/95gDgQPSabYzgT/GDA==",
                                    "span_id": "7uGbfsPBsXQ=",
                                    "name": "s",
                                    "kind": "SPAN_KIND_CLIENT",
                                    "start_time_unix_nano": 5,
                                    "end_time_unix_nano": 6,
                                    "status": {"code": "STATUS_CODE_ERROR"},
                                }
                            ]
                        }
                    ]
                }
            ]
        }
    )

    assert trace.trace_id == f"tr-{TRACE_ID}"
    assert trace.info.state is TraceState.ERROR
    assert trace.data.spans[0].kind == "CLIENT"


def test_attributes_of_mlflow_become_fields():
    (trace,) = from_otlp(
        foreign(
            attributes=[
                {"key": key, "value": {"stringValue": text}}
                for key, text in {
                    "mlflow.spanType": '"TOOL"',
                    "mlflow.spanInputs": '{"q": 1}',
                    "mlflow.spanOutputs": '"text"',
                    "mlflow.chat.tokenUsage": '{"input_tokens": 3}',
                    "mlflow.traceTag.team": "red",
                }.items()
            ]
        )
    )

    (span,) = trace.data.spans
    assert (span.span_type, span.inputs, span.outputs) == ("TOOL", {"q": 1}, "text")
    assert span.token_usage == {"input_tokens": 3}
    assert trace.info.tags == {"team": "red"}
    assert trace.info.request_preview == '{"q": 1}'


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (5, r"\$"),
        ({}, "resourceSpans"),
        ({"resourceSpans": 5}, "resourceSpans"),
        ({"resourceSpans": [5]}, r"resourceSpans\[0\]"),
        (foreign(traceId="0" * 32), r"scopeSpans\[0\].spans\[0\]: traceId"),
        (foreign(spanId="xyz"), "spanId is 16 hex digits"),
        (foreign(startTimeUnixNano="soon"), "soon"),
        (foreign(attributes=5), "attributes are a list"),
        (foreign(attributes=[{"key": "k", "value": 5}]), "a value is an object"),
        (foreign(attributes=[{"key": "k", "value": {"intValue": "x"}}]), "intValue"),
        (foreign(name=5), "this is a text"),
        (foreign(events=5), "spans"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(envelope, said):
    with pytest.raises(OtlpError, match=said):
        from_otlp(envelope)


def test_open_span_stays_open():
    trace = make_trace(root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)

    written = to_otlp([trace])
    (back,) = from_otlp(written)

    span = written["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["endTimeUnixNano"] == str(START_NS)
    assert back.data.spans[0].end_time_ns is None
    assert back.info.state is TraceState.IN_PROGRESS


def test_feedback_travels_as_an_event_of_the_root():
    trace = make_trace(assessments=[Feedback(name="good", value=True, rationale="so")])

    (back,) = from_otlp(to_otlp([trace]))

    assert back.info.assessments[0].to_dict() == trace.info.assessments[0].to_dict()
    assert back.data.spans[0].events == []
