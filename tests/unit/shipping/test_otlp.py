"""Traces go to any OpenTelemetry backend, as JSON or protobuf."""

from __future__ import annotations

import base64
import re

import pytest
from support.loopback import Loopback

import spantree
from spantree.entities.otlp import from_otlp
from spantree.shipping.otlp import endpoint, resource_attributes

EXPORT = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"


@pytest.fixture
def traced():
    """Record a trace, send it, and give it as it is here."""

    def record(uri, **options):
        spantree.set_tracking_uri(uri)
        with spantree.start_span("root", span_type="AGENT", **options) as root:
            root.set_inputs({"q": "hé \ud800", "n": 2**70})
            spantree.update_current_trace(tags={"k": "v"}, session_id="s-1")
            with spantree.start_span("chat", span_type="CHAT_MODEL") as chat:
                chat.set_inputs({"messages": [{"role": "user", "content": "hi"}]})
                chat.set_attribute("mlflow.llm.model", "gpt-4o-mini")
                usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
                chat.set_attribute("mlflow.chat.tokenUsage", usage)
        spantree.flush_trace_async_logging()
        assert spantree.stats()["waiting"] == 0
        return spantree.get_trace(root.trace_id)

    return record


def plain(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def test_json_is_what_gives_the_trace_back(server, traced):
    trace = traced(f"otlp+{server.uri}")

    (request,) = server.requests
    assert request.path == "/v1/traces"
    assert request.headers["Content-Type"] == "application/json"
    (found,) = from_otlp(request.json)
    assert found.trace_id == trace.trace_id
    assert [s.name for s in found.data.spans] == ["root", "chat"]
    assert found.data.spans[0].inputs == trace.data.spans[0].inputs
    assert found.info.tags["k"] == "v"
    assert found.info.session == "s-1"
    assert not [k for s in found.data.spans for k in s.attributes if "gen_ai" in k]
    (by_resource,) = request.json["resourceSpans"]
    assert "/schemas/gen-ai" in by_resource["scopeSpans"][0]["schemaUrl"]
    chat = by_resource["scopeSpans"][0]["spans"][1]
    assert plain(chat)["gen_ai.operation.name"] == "chat"
    assert plain(chat)["gen_ai.response.model"] == "gpt-4o-mini"
    assert plain(chat)["gen_ai.usage.input_tokens"] == "3"


def test_protobuf_says_the_same(server, traced, monkeypatch):
    service = pytest.importorskip(EXPORT)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    server.reads_json = False

    trace = traced(f"otlp+{server.uri}")

    (request,) = server.requests
    assert request.headers["Content-Type"] == "application/x-protobuf"
    message = service.ExportTraceServiceRequest.FromString(request.body)
    spans = message.resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == ["root", "chat"]
    assert spans[0].trace_id.hex() == trace.trace_id.removeprefix("tr-")
    assert spans[1].parent_span_id == spans[0].span_id
    assert spans[0].start_time_unix_nano == trace.data.spans[0].start_time_ns


def test_the_standard_variables(server, traced, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{server.uri}/otlp/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=se%20cret-1,x=y")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "chatbot")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=red,service.name=no")

    traced("otlp")

    (request,) = server.requests
    assert request.path == "/otlp/v1/traces"
    assert request.headers["api-key"] == "se cret-1"
    assert request.headers["x"] == "y"
    (by_resource,) = request.json["resourceSpans"]
    resource = plain(by_resource["resource"])
    assert resource["service.name"] == "chatbot"
    assert resource["team"] == "red"
    assert resource["telemetry.sdk.name"] == "spantree"


def test_those_for_traces_come_first(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:2/as/it/stands")

    assert endpoint("otlp") == "http://b:2/as/it/stands"
    assert endpoint("otlp+http://c:3") == "http://c:3/v1/traces"
    assert resource_attributes()["service.name"]


def test_a_partial_success_is_a_refusal(caplog):
    with Loopback("partial") as server:
        spantree.set_tracking_uri(f"otlp+{server.uri}")
        with spantree.start_span("s"):
            pass
        spantree.flush_trace_async_logging()

        assert spantree.stats()["rejected"] == 1
        assert "1 spans were rejected: no thanks" in caplog.text


def test_a_trace_of_many_spans_goes_in_pieces(server):
    spantree.set_tracking_uri(f"otlp+{server.uri}")
    with spantree.start_span("root"):
        for number in range(1500):
            with spantree.start_span(f"s{number}"):
                pass
    spantree.flush_trace_async_logging()

    assert len(server.spans) == 1501
    assert len(server.requests) >= 3
    sizes = [re.findall(rb'"spanId"', r.body) for r in server.requests]
    assert max(len(found) for found in sizes) <= 512


def test_a_tag_set_later_has_no_place_in_otlp(server, traced):
    trace = traced(f"otlp+{server.uri}")

    spantree.set_trace_tag(trace.trace_id, "later", "x")
    spantree.flush_trace_async_logging()

    assert len(server.requests) == 1
    assert spantree.stats()["waiting"] == 0


def test_searching_stays_here(server, traced):
    traced(f"otlp+{server.uri}")

    found = spantree.search_traces("name = 'root'", return_type="list")

    assert [t.info.tags["k"] for t in found] == ["v"]
    assert len(server.requests) == 1


def test_ids_are_hex_not_base64(server, traced):
    trace = traced(f"otlp+{server.uri}")

    ((trace_id, span_id), *_) = server.spans
    assert f"tr-{trace_id}" == trace.trace_id
    assert base64.b16decode(span_id.upper())
