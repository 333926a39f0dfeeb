"""Traces go to any OpenTelemetry backend, as JSON or protobuf."""

from __future__ import annotations

import base64
import json
import re
import ssl
import sys

import pytest
from support.loopback import Loopback
from support.waiting import until

import spantree
from spantree.entities import SpanEvent
from spantree.entities.otlp import from_otlp
from spantree.exceptions import SpantreeException
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

        until(lambda: "1 spans were rejected: no thanks" in caplog.text)
        assert spantree.stats()["rejected"] == 1


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


def test_a_receiver_that_takes_no_json_gets_protobuf(server, traced):
    service = pytest.importorskip(EXPORT)
    server.reads_json = False

    trace = traced(f"otlp+{server.uri}")

    first, second = server.requests
    assert first.headers["Content-Type"] == "application/json"
    assert second.headers["Content-Type"] == "application/x-protobuf"
    message = service.ExportTraceServiceRequest.FromString(second.body)
    assert len(message.resource_spans[0].scope_spans[0].spans) == 2
    assert spantree.stats()["shipped"] == 1
    assert spantree.get_trace(trace.info.trace_id) is not None


def test_without_protobuf_it_says_what_to_install(server, traced, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, EXPORT, None)
    server.reads_json = False
    spantree.set_tracking_uri(f"otlp+{server.uri}")
    with spantree.start_span("s"):
        pass
    spantree.flush_trace_async_logging()

    until(lambda: spantree.stats()["blocked"] == 1)
    assert "415: only protobuf here; OTLP as protobuf needs" in caplog.text
    assert 'pip install "spantree[ui]"' in caplog.text


@pytest.mark.parametrize(
    ("variable", "value", "encoding"),
    [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none", None),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none", None),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000", "gzip"),
    ],
)
def test_compression_is_as_the_variable_says(
    server, traced, monkeypatch, variable, value, encoding
):
    monkeypatch.setenv(variable, value)

    traced(f"otlp+{server.uri}", attributes={"long": "x" * 2000})

    (request,) = server.requests
    assert request.headers.get("Content-Encoding") == encoding


def test_those_of_traces_win_over_the_general_ones(server, traced, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=general,only=general")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{server.uri}/as/is")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
    server.answer = lambda request: (server.requests.append(request), (200, {}, {}))[1]

    traced("otlp")

    (request,) = server.requests
    assert request.path == "/as/is"
    assert (request.headers["a"], request.headers.get("only")) == ("traces", None)
    assert request.headers["Content-Type"] == "application/json"


def test_a_timeout_that_is_set_is_kept_to(traced, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0.2")
    with Loopback("slow") as server:
        spantree.set_tracking_uri(f"otlp+{server.uri}")
        with spantree.start_span("s"):
            pass
        spantree.flush_trace_async_logging()

        assert spantree.stats()["waiting"] == 1
        assert "does not answer in time" in caplog.text


def test_grpc_is_refused_where_the_environment_alone_decides(
    server, traced, monkeypatch, caplog
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.uri)
    spantree.set_tracking_uri("otlp")
    with spantree.start_span("s"):
        pass
    spantree.flush_trace_async_logging()
    until(lambda: spantree.stats()["blocked"] == 1)
    assert "says gRPC; set SPANTREE_OTLP_PROTOCOL to http/json" in caplog.text
    assert server.requests == []

    spantree.set_tracking_uri(None)
    traced(f"otlp+{server.uri}")
    assert len(server.requests) == 1


def test_a_client_certificate_is_shown(tmp_path, monkeypatch):
    files = {
        name: str(tmp_path / name) for name in ("CLIENT_CERTIFICATE", "CLIENT_KEY")
    }
    for name, path in files.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", path)
    loaded = []
    monkeypatch.setattr(
        ssl.SSLContext, "load_cert_chain", lambda _, *given: loaded.append(given)
    )
    spantree.set_tracking_uri("otlp+https://127.0.0.1:9")
    with spantree.start_span("s"):
        pass
    spantree.flush_trace_async_logging()

    assert loaded[0] == tuple(files.values())


@pytest.fixture
def chatted(server):
    """Send a chat with given options; give the span as the backend gets it."""

    def send(**options):
        spantree.configure(otlp=options)
        spantree.set_tracking_uri(f"otlp+{server.uri}")
        with spantree.start_span("my chat", span_type="CHAT_MODEL") as chat:
            chat.set_inputs({"messages": [{"role": "user", "content": "quéstion"}]})
            chat.set_outputs({"choices": [{"message": {"content": "ánswer"}}]})
            chat.set_attribute("mlflow.llm.model", "gpt-4o-mini")
            chat.set_attribute("own", "kept")
            for number in range(5):
                chat.add_event(SpanEvent("mlflow.chunk.item", 5, {"value": "ánswer"}))
                chat.add_event(SpanEvent(f"event {number}", 5))
        spantree.flush_trace_async_logging()
        (request,) = server.requests
        (by_resource,) = request.json["resourceSpans"]
        return by_resource["scopeSpans"][0]["spans"][0], request

    yield send
    spantree.configure(otlp=None)


@pytest.mark.parametrize(
    ("dialect", "gen_ai", "openinference"),
    [
        ("gen_ai", True, False),
        ("openinference", False, True),
        ("both", True, True),
        ("none", False, False),
    ],
)
def test_whose_words_stand_beside_ours(chatted, dialect, gen_ai, openinference):
    span, request = chatted(dialect=dialect)

    assert ("gen_ai.operation.name" in plain(span)) == gen_ai
    assert ("openinference.span.kind" in plain(span)) == openinference
    (back,) = from_otlp(request.json)
    assert back.data.spans[0].name == "my chat"
    assert back.data.spans[0].span_type == "CHAT_MODEL"
    found = back.data.spans[0].attributes
    assert not [k for k in found if k.startswith(("gen_ai", "openinference", "llm."))]


def test_names_as_the_conventions_have_them_come_back_as_ours(chatted):
    span, request = chatted(names="semconv")

    assert span["name"] == "chat gpt-4o-mini"
    (back,) = from_otlp(request.json)
    assert back.data.spans[0].name == "my chat"
    assert "spantree.name" not in back.data.spans[0].attributes


def test_content_can_be_kept_here(chatted):
    span, request = chatted(content=False, dialect="both")

    text = request.body.decode() + json.dumps(request.json, ensure_ascii=False)
    assert "quéstion" not in text
    assert "ánswer" not in text
    assert plain(span)["own"] == "kept"
    assert plain(span)["gen_ai.response.model"] == "gpt-4o-mini"
    assert [e["name"] for e in span["events"]] == [f"event {n}" for n in range(5)]
    here = spantree.get_trace(spantree.get_last_active_trace_id())
    assert "quéstion" in str(here.data.spans[0].inputs)


def test_events_left_out_are_counted(chatted):
    span, _ = chatted(max_events=3)

    assert (len(span["events"]), span["droppedEventsCount"]) == (3, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dialekt": "x"}, "Unknown option 'dialekt' of otlp. Did you mean 'dialect'"),
        ({"dialect": "genai"}, "otlp's dialect is one of 'gen_ai', 'openinference'"),
        ({"max_events": "3"}, "otlp's max_events is a whole number or None, not '3'"),
        ({"content": "no"}, "otlp's content is one of True, False, not 'no'"),
    ],
)
def test_options_that_can_not_be(options, message):
    with pytest.raises(SpantreeException, match=re.escape(message)):
        spantree.configure(otlp=options)
