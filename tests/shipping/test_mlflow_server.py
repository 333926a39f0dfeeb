"""What is sent to a real MLflow server is there, as MLflow's own client reads it."""

from __future__ import annotations

import json
import urllib.request

import pytest

import spantree
from spantree._runtime import RUNTIME
from spantree.entities import AssessmentSource, Link


def delivered():
    spantree.flush_trace_async_logging()
    assert spantree.stats()["waiting"] == 0
    assert spantree.stats()["rejected"] == 0


@spantree.trace(span_type="CHAT_MODEL")
def chat(question):
    span = spantree.get_current_active_span()
    span.set_attribute("mlflow.llm.model", "gpt-4o-mini")
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    span.set_attribute("mlflow.chat.tokenUsage", usage)
    return {"answer": question * 2, "list": [1, 2.5, None, True]}


@spantree.trace(span_type="AGENT", attributes={"team": "red", "n": 5, "d": {"a": [1]}})
def agent(question):
    spantree.update_current_trace(
        tags={"k": "v"},
        metadata={"m": "x"},
        session_id="s-1",
        user="ada",
        client_request_id="c-1",
    )
    return chat(question)


def test_a_trace_is_there_whole(shipping, mlflow_client):
    agent("hé")
    delivered()

    (found,) = mlflow_client("traces(name)", name=shipping)

    info, spans = found["info"], found["data"]["spans"]
    assert info["trace_id"] == spantree.get_last_active_trace_id()
    assert info["state"] == "OK"
    assert info["client_request_id"] == "c-1"
    assert info["request_preview"] == '{"question":"hé"}'
    assert info["tags"]["mlflow.traceName"] == "agent"
    assert info["tags"]["k"] == "v"
    assert info["trace_metadata"]["m"] == "x"
    for texts in (info["tags"], info["trace_metadata"]):
        assert texts["mlflow.trace.session"] == "s-1"
        assert texts["mlflow.trace.user"] == "ada"
    usage = json.loads(info["trace_metadata"]["mlflow.trace.tokenUsage"])
    assert usage["total_tokens"] == 1100
    cost = json.loads(info["trace_metadata"]["mlflow.trace.cost"])
    assert cost["total_cost"] == 0.00021
    assert [span["name"] for span in spans] == ["agent", "chat"]
    assert spans[1]["parent_span_id"] == spans[0]["span_id"]
    attributes = {k: json.loads(v) for k, v in spans[0]["attributes"].items()}
    assert attributes["mlflow.spanType"] == "AGENT"
    assert attributes["mlflow.spanInputs"] == {"question": "hé"}
    assert attributes["mlflow.spanOutputs"]["list"] == [1, 2.5, None, True]
    assert attributes["team"] == "red"
    assert attributes["d"] == {"a": [1]}


def test_an_error_is_there_with_its_event_and_links(shipping, mlflow_client):
    link = Link("tr-" + "0" * 31 + "1", "0" * 15 + "2")

    @spantree.trace(links=[link])
    def bad():
        raise ValueError("no")

    try:
        bad()
    except ValueError:
        delivered()

    (found,) = mlflow_client("traces(name)", name=shipping)

    (span,) = found["data"]["spans"]
    assert found["info"]["state"] == "ERROR"
    assert span["status"] == {
        "code": "STATUS_CODE_ERROR",
        "message": "ValueError: no",
    }
    assert span["events"][0]["attributes"]["exception.message"] == "no"
    assert span["links"][0]["trace_id"] == link.trace_id
    assert span["links"][0]["span_id"] == link.span_id


def test_what_comes_later_follows(shipping, mlflow_client):
    agent("hello")
    trace_id = spantree.get_last_active_trace_id()
    delivered()

    spantree.set_trace_tag(trace_id, "later", "yes")
    person = AssessmentSource("HUMAN", "bob")
    spantree.log_feedback(trace_id=trace_id, name="right", value=True, source=person)
    spantree.log_expectation(trace_id=trace_id, name="want", value={"a": [1, 2]})
    delivered()
    (found,) = mlflow_client("traces(name)", name=shipping)

    assert found["info"]["tags"]["later"] == "yes"
    assert found["info"]["tags"]["k"] == "v"
    judged = {a["assessment_name"]: a for a in found["info"]["assessments"]}
    assert judged["right"]["feedback"] == {"value": True}
    assert judged["right"]["source"]["source_id"] == "bob"
    assert mlflow_client(
        "client.get_trace(i).search_assessments(name='want')[0].value", i=trace_id
    ) == {"a": [1, 2]}


def test_attachments_are_there(shipping, server):
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    with spantree.start_span("s") as span:
        kept = spantree.tracing.attachments.Attachment("image/png", picture)
        span.set_inputs({"picture": kept})
    delivered()
    trace = spantree.get_trace(span.trace_id)
    address = trace.data.spans[0].inputs["picture"]
    attachment_id = address.partition("://")[2].partition("?")[0]

    # As its page and its client ask for it.
    query = f"request_id={span.trace_id}&path={attachment_id}"
    url = f"{server.uri}/ajax-api/3.0/mlflow/get-trace-artifact?{query}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == picture
    RUNTIME.store().attachments.delete([trace.key])
    assert RUNTIME.attachment(trace, attachment_id) == picture
    assert "spantree.attachments.unsent" not in trace.info.tags


def test_what_was_overridden_stays_so(shipping, mlflow_client):
    agent("hello")
    trace_id = spantree.get_last_active_trace_id()
    first = spantree.log_feedback(trace_id=trace_id, name="right", value=1)
    delivered()
    second = spantree.override_feedback(
        trace_id=trace_id, assessment_id=first.assessment_id, value=2
    )
    delivered()
    third = spantree.override_feedback(
        trace_id=trace_id, assessment_id=second.assessment_id, value=3
    )
    spantree.set_trace_tag(trace_id, "again", "1")
    delivered()
    third.value = 4
    spantree.update_assessment(trace_id, third.assessment_id, third)
    delivered()

    (found,) = mlflow_client("traces(name)", name=shipping)

    judged = {a["feedback"]["value"]: a["valid"] for a in found["info"]["assessments"]}
    assert judged == {1: False, 2: False, 4: True}


def test_odd_text_gets_there(shipping, mlflow_client):
    odd = "nul \0 lone \ud800 漢 " + "x" * 5000
    with spantree.start_span("odd \ud800") as span:
        deep = []
        for _ in range(60):
            deep = [deep]
        numbers = {"big": 2**70, "nan": float("nan")}
        span.set_inputs({"text": odd, "deep": deep, **numbers})
        spantree.update_current_trace(tags={"long": "y" * 5000}, metadata={"m": odd})
    delivered()

    (found,) = mlflow_client("traces(name)", name=shipping)

    assert found["info"]["tags"]["long"].endswith("… [cut]")
    assert len(found["info"]["tags"]["long"]) == 4096
    assert len(found["info"]["trace_metadata"]["m"]) == 250
    inputs = json.loads(found["data"]["spans"][0]["attributes"]["mlflow.spanInputs"])
    assert "漢" in inputs["text"]
    assert inputs["big"] == str(2**70)


def test_filters_of_the_server_find_it(shipping, mlflow_client):
    agent("hello")
    with spantree.start_span("other"):
        pass
    delivered()

    for wanted in (
        "name = 'agent'",
        "span.type = 'AGENT'",
        "status = 'OK' AND tags.k = 'v'",
        "metadata.`mlflow.trace.session` = 's-1'",
    ):
        found = mlflow_client("traces(name, filter_string=f)", name=shipping, f=wanted)
        assert [t["info"]["tags"]["mlflow.traceName"] for t in found] == ["agent"]


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_its_otlp_receiver_takes_ours(
    server, mlflow_client, monkeypatch, request, protocol
):
    if protocol == "http/protobuf":
        pytest.importorskip("opentelemetry.proto")
    name = request.node.name
    number = mlflow_client("client.create_experiment(n)", n=name)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-mlflow-experiment-id={number}")
    spantree.set_tracking_uri(f"otlp+{server.uri}")
    try:
        agent("hé")
        delivered()
        (found,) = mlflow_client("traces(name)", name=name)
    finally:
        spantree.set_tracking_uri("memory:")

    assert found["info"]["trace_id"] == spantree.get_last_active_trace_id()
    assert [span["name"] for span in found["data"]["spans"]] == ["agent", "chat"]


def test_sent_twice_is_there_once(shipping, server, mlflow_client):
    with spantree.start_span("again") as span:
        pass
    delivered()
    for number in range(3):
        spantree.set_trace_tag(span.trace_id, "n", str(number))
        with spantree.continue_trace({"traceparent": _parent(span)}):
            with spantree.start_span(f"late{number}"):
                pass
        delivered()

    (found,) = mlflow_client("traces(name)", name=shipping)

    assert found["info"]["tags"]["n"] == "2"
    names = [span["name"] for span in found["data"]["spans"]]
    assert sorted(names) == ["again", "late0", "late1", "late2"]


def _parent(span):
    return f"00-{span.trace_id.removeprefix('tr-')}-{span.span_id}-01"
