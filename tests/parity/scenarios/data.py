"""Entities and their serialised forms."""

from __future__ import annotations

import json
import re

from parity.lab import last, raised, scenario


def recorded(m):
    with m.start_span("root", span_type="CHAIN") as root:
        root.set_inputs({"q": [1, None, "ü"]})
        with m.start_span("child") as child:
            child.set_outputs(True)
            child.add_event(m.entities.SpanEvent("e", attributes={"a": 1}))
    return last(m)


@scenario()
def a_trace_survives_json(m):
    trace = recorded(m)
    again = m.entities.Trace.from_json(trace.to_json())
    return [
        again.info.trace_id == trace.info.trace_id,
        [s.name for s in again.data.spans],
        again.data.spans[0].inputs,
        again.to_dict() == trace.to_dict(),
    ]


@scenario()
def the_form_of_a_span(m):
    found = recorded(m).data.spans[0].to_dict()
    attributes = found["attributes"]
    return [
        sorted(found),
        len(found["trace_id"]),
        len(found["span_id"]),
        found["parent_span_id"],
        found["status"],
        attributes["mlflow.spanType"],
        json.loads(attributes["mlflow.spanInputs"]),
    ]


@scenario()
def the_form_of_a_trace(m):
    found = recorded(m).to_dict()
    info = found["info"]
    return [
        sorted(found),
        info["trace_location"]["type"],
        bool(
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", info["request_time"])
        ),
        type(info["execution_duration_ms"]).__name__,
        info["state"],
        sorted(found["data"]),
    ]


@scenario()
def finding_spans(m):
    trace = recorded(m)
    return [
        [s.name for s in trace.search_spans(name="child")],
        [s.name for s in trace.search_spans(name=re.compile("^r"))],
        [s.name for s in trace.search_spans(span_type="CHAIN")],
        len(trace.search_spans(span_id=trace.data.spans[0].span_id)),
    ]


@scenario()
def request_and_response(m):
    trace = recorded(m)
    return [json.loads(trace.data.request), trace.data.response]


@scenario()
def the_columns(m):
    trace = recorded(m)
    return [
        m.entities.Trace.pandas_dataframe_columns(),
        sorted(trace.to_pandas_dataframe_row()),
    ]


@scenario()
def older_names_of_info(m):
    info = recorded(m).info
    return [
        info.request_id == info.trace_id,
        info.timestamp_ms == info.request_time,
        info.execution_time_ms == info.execution_duration,
        info.status == info.state or str(info.status.value),
        info.request_metadata == info.trace_metadata,
    ]


@scenario()
def span_types(m):
    kinds = m.entities.SpanType
    return sorted(n for n in vars(kinds) if n.isupper())


@scenario()
def statuses(m):
    status = m.entities.SpanStatus
    return [
        status("OK").status_code.value,
        status(m.entities.SpanStatusCode.ERROR, "x").description,
        sorted(c.name for c in m.entities.SpanStatusCode),
    ]


@scenario()
def an_event_of_an_exception(m):
    event = m.entities.SpanEvent.from_exception(ValueError("x"))
    keys = ("exception.type", "exception.message")
    return [event.name, [event.attributes[k] for k in keys], sorted(event.attributes)]


@scenario()
def broken_json(m):
    trace = m.entities.Trace
    return [
        raised(lambda: trace.from_json("{")) is not None,
        raised(lambda: trace.from_dict({})) is not None,
    ]


@scenario()
def documents(m):
    document = m.entities.Document(page_content="x", metadata={"a": 1}, id="d")

    @m.trace(span_type="RETRIEVER")
    def retrieve():
        return [document]

    retrieve()
    return last(m).data.spans[0].outputs


@scenario()
def an_info_made_by_hand(m):
    location = m.entities.TraceLocation.from_experiment_id("7")
    info = m.entities.TraceInfo(
        "tr-" + "1" * 32, location, 5, m.entities.TraceState.OK, "asked", "answered"
    )
    return [info.experiment_id, info.request_preview, info.response_preview]


@scenario(
    ours=[1.5, True, 3],
    why="numbers of numpy stay numbers; the reference writes '3'",
)
def numbers_of_numpy(m):
    import numpy as np

    with m.start_span("s") as span:
        span.set_inputs({"f": np.float64(1.5), "b": np.bool_(True), "i": np.int64(3)})
    return list(last(m).data.spans[0].inputs.values())


@scenario()
def values(m):
    import datetime
    import decimal
    import uuid

    with m.start_span("s") as span:
        span.set_inputs(
            {
                "tuple": (1, 2),
                "date": datetime.datetime(2024, 1, 1),
                "decimal": decimal.Decimal("1.5"),
                "uuid": uuid.UUID(int=1),
                "nested": {"a": [{"b": None}]},
            }
        )
    return last(m).data.spans[0].inputs


@scenario()
def dataclasses_and_models(m):
    import dataclasses

    @dataclasses.dataclass
    class Point:
        x: int
        y: int

    with m.start_span("s") as span:
        span.set_inputs({"point": Point(1, 2)})
    return last(m).data.spans[0].inputs
