"""What leaves the process, and what comes in: headers, protobuf, judgements by order."""

from __future__ import annotations

from parity.lab import last, names, own, read, scenario

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@scenario()
def headers_are_those_of_w3c(m):
    with m.start_span("a") as span:
        sent = m.tracing.get_tracing_context_headers_for_http_request()
    version, trace_id, span_id, _ = sent["traceparent"].split("-")
    return [
        sorted(sent),
        version,
        trace_id == span.trace_id[3:],
        span_id == span.span_id,
    ]


@scenario()
def a_request_continues_the_trace_of_its_header(m):
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    with (
        m.tracing.set_tracing_context_from_http_request_headers(headers),
        m.start_span("serve") as span,
    ):
        pass
    return [span.trace_id, span.parent_id]


@scenario()
def a_malformed_header(m):
    with (
        m.tracing.set_tracing_context_from_http_request_headers({"traceparent": "x"}),
        m.start_span("serve") as span,
    ):
        pass
    return [span.parent_id, span.trace_id != f"tr-{TRACE}"]


@scenario(
    ours=f"tr-{TRACE}", why="header names know no case; mlflow knows two spellings"
)
def a_header_in_capitals(m):
    headers = {"TRACEPARENT": f"00-{TRACE}-{SPAN}-01"}
    with (
        m.tracing.set_tracing_context_from_http_request_headers(headers),
        m.start_span("serve") as span,
    ):
        pass
    return span.trace_id


@scenario()
def a_span_and_its_protobuf(m):
    with m.start_span("a", span_type="LLM", attributes={"n": 1}) as span:
        span.set_inputs({"q": 1})
    stored = last(m).data.spans[0]
    message = stored.to_otel_proto()
    back = m.entities.Span.from_otel_proto(message)
    return [
        message.name,
        message.trace_id.hex() == stored.trace_id[3:],
        {"mlflow.spanInputs", "mlflow.spanType"} <= {a.key for a in message.attributes},
        [back.name, back.span_type, back.inputs, own(back.attributes)],
        back.trace_id == stored.trace_id,
    ]


@scenario()
def positional_feedback_and_expectation(m):
    source = m.entities.AssessmentSource("HUMAN", "ada")
    feedback = m.entities.Feedback("right", True, None, source)
    expectation = m.entities.Expectation("answer", "Paris", source)
    return [
        [feedback.name, feedback.value, feedback.source.source_id],
        [expectation.name, expectation.value, expectation.source.source_id],
        m.entities.Feedback().source.source_type,
    ]


@scenario(
    ours=["iss-1", "CODE", {"issue_name": "Slow"}],
    why="there is no tracker of issues here, so any id may be named",
)
def an_issue(m):
    with m.start_span("a") as span:
        pass
    read(m, span.trace_id)
    m.log_issue(trace_id=span.trace_id, issue_id="iss-1", issue_name="Slow")
    (found,) = m.get_trace(span.trace_id).info.assessments
    return [found.name, found.source.source_type, found.to_dictionary()["issue"]]


@scenario()
def sizes_and_sources_are_noted(m):
    with m.start_span("a"):
        pass
    found = last(m).info.trace_metadata
    wanted = (
        "mlflow.trace.sizeBytes",
        "mlflow.trace.sizeStats",
        "mlflow.source.name",
        "mlflow.source.type",
        "mlflow.user",
        "mlflow.trace_schema.version",
    )
    return [
        [key for key in wanted if key in found],
        found["mlflow.trace_schema.version"],
    ]


@scenario()
def a_cost_from_a_table(m):
    with m.start_span("a", span_type="CHAT_MODEL") as span:
        span.set_attribute("mlflow.llm.model", "gpt-4o-mini")
        span.set_attribute(
            "mlflow.chat.tokenUsage",
            {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
        )
    found = last(m)
    cost = found.data.spans[0].llm_cost
    return [
        {key: round(value, 9) for key, value in cost.items()},
        round(found.info.cost["total_cost"], 9),
    ]


@scenario(
    ours=["root", ["late"]], why="an explicit parent extends a trace that has ended"
)
def a_child_of_an_ended_trace(m):
    client = m.MlflowClient()
    with m.start_span("root") as root:
        pass
    read(m, root.trace_id)
    late = client.start_span("late", trace_id=root.trace_id, parent_id=root.span_id)
    client.end_span(root.trace_id, late.span_id)
    return names(read(m, root.trace_id))[0]
