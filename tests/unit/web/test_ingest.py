"""OTLP over HTTP: both forms, parts of traces, and what is refused."""

from __future__ import annotations

import gzip
import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from support.traces import make_trace

from spantree.entities.otlp import to_otlp
from spantree.store import StoreUnavailableError, Trouble
from spantree.web import bodies

TRACE = "0af7651916cd43dd8448eb211c80319c"
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def span(number, parent=None, **fields):
    made = {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": f"span {number}",
        "startTimeUnixNano": str(10**18 + number),
        "endTimeUnixNano": str(10**18 + number + 10**6),
        **fields,
    }
    return made if parent is None else {**made, "parentSpanId": f"{parent:016x}"}


def envelope(*spans, resource=()):
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in resource]
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes} if attributes else {},
                "scopeSpans": [{"scope": {"name": "lib"}, "spans": list(spans)}],
            }
        ]
    }


def as_protobuf(data):
    request = ExportTraceServiceRequest()
    for by_resource in data["resourceSpans"]:
        to_resource = request.resource_spans.add()
        for by_scope in by_resource["scopeSpans"]:
            to_scope = to_resource.scope_spans.add()
            to_scope.scope.name = "lib"
            for one in by_scope["spans"]:
                made = to_scope.spans.add()
                made.trace_id = bytes.fromhex(one["traceId"])
                made.span_id = bytes.fromhex(one["spanId"])
                made.parent_span_id = bytes.fromhex(one.get("parentSpanId", ""))
                made.name = one["name"]
                made.start_time_unix_nano = int(one["startTimeUnixNano"])
                made.end_time_unix_nano = int(one["endTimeUnixNano"])
                made.flags = one.get("flags", 0)
    return request.SerializeToString()


def kept(store):
    return store.get(int(TRACE, 16))


def test_json_and_protobuf_say_the_same(site, store):
    data = envelope(span(1), span(2, parent=1))

    assert site.post("/v1/traces", json=data).json() == {}
    as_json = kept(store).to_dict()
    store.delete([int(TRACE, 16)])
    answer = site.post("/v1/traces", content=as_protobuf(data), headers=PROTOBUF)

    assert (answer.status_code, answer.content) == (200, b"")
    assert kept(store).to_dict() == as_json
    assert [s.name for s in kept(store).data.spans] == ["span 1", "span 2"]


def test_our_own_traces_come_back_the_same(site, store):
    trace = make_trace(7, tags={"a": "b"}, root={"raw_inputs": b'{"q":[1,2.5]}'})
    site.post("/v1/traces", content=json.dumps(to_otlp([trace])), headers=JSON)

    found = store.get(trace.key)

    assert found.data.spans[0].inputs == {"q": [1, 2.5]}
    assert found.info.tags["a"] == "b"
    assert found.info.state == trace.info.state


SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz012345"


@pytest.mark.parametrize("form", ["json", "mlflow"])
def test_secrets_that_others_send_are_not_stored(site, store, form):
    texts = {"text": f"use {SECRET}", "authorization": "Bearer abcdefghijklmnop"}
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in texts.items()]
    attributes += [{"key": "input.value", "value": {"stringValue": f'["{SECRET}"]'}}]
    event = {"name": "e", "timeUnixNano": "5", "attributes": attributes}
    if form == "json":
        site.post(
            "/v1/traces",
            json=envelope(
                span(1, name=f"call {SECRET}", attributes=attributes, events=[event])
            ),
        )
    else:
        info = {
            "trace_id": f"tr-{TRACE}",
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": "0"},
            },
            "request_time": "2026-11-21T00:00:00.123Z",
            "state": "OK",
            "request_preview": f"use {SECRET}",
            "tags": {"password": "hunter22", "t": SECRET},
            "trace_metadata": {"mlflow.traceInputs": f'{{"a": "{SECRET}"}}'},
        }
        answer = site.post(
            "/api/3.0/mlflow/traces", json={"trace": {"trace_info": info}}
        )
        assert answer.status_code == 200

    found = json.dumps(kept(store).to_dict())

    assert "masked" in found
    for secret in (SECRET, "abcdefghijklmnop", "hunter22"):
        assert secret not in found


def test_sending_it_twice_changes_nothing(site, store):
    for _ in range(2):
        site.post("/v1/traces", json=envelope(span(1), span(2, parent=1)))

    assert len(kept(store).data.spans) == 2


def test_a_child_waits_for_its_root(site, store):
    site.post("/v1/traces", json=envelope(span(2, parent=1)))
    assert kept(store).info.state == "IN_PROGRESS"

    site.post("/v1/traces", json=envelope(span(1, status={"code": 2})))
    assert kept(store).info.state == "ERROR"

    site.post("/v1/traces", json=envelope(span(3, parent=1)))
    assert kept(store).info.state == "ERROR"
    assert len(kept(store).data.spans) == 3


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_a_span_called_from_afar_is_the_root_here(site, store, form):
    data = envelope(span(2, parent=1, flags=0x301))

    if form == "json":
        site.post("/v1/traces", json=data)
    else:
        site.post("/v1/traces", content=as_protobuf(data), headers=PROTOBUF)

    assert kept(store).info.state == "OK"


def test_the_conventions_for_models_are_read(site, store):
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "small"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "5"}},
    ]
    site.post("/v1/traces", json=envelope(span(1, attributes=attributes)))

    found = kept(store)

    assert found.data.spans[0].span_type == "CHAT_MODEL"
    assert found.info.token_usage["total_tokens"] == 12


def test_packed_bodies_are_unpacked(site, store):
    body = gzip.compress(json.dumps(envelope(span(1))).encode())

    site.post("/v1/traces", content=body, headers=JSON | {"Content-Encoding": "gzip"})

    assert kept(store) is not None


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"{}", {"Content-Type": "application/xml"}, 415, "not as 'application/xml'"),
        (b"{}", {}, 415, "not as 'nothing'"),
        (b"{", JSON, 400, "no JSON"),
        (b"[]", JSON, 400, "resourceSpans"),
        (b"[" * 3000 + b"]" * 3000, JSON, 400, "no JSON"),
        (b"\xff\xff", PROTOBUF, 400, "no ExportTraceServiceRequest"),
        (b"xx", JSON | {"Content-Encoding": "gzip"}, 400, "unpacked"),
        (b"xx", JSON | {"Content-Encoding": "br"}, 400, "not 'br'"),
        (json.dumps(envelope(span(0))).encode(), JSON, 400, "spans[0]: spanId"),
    ],
)
def test_what_is_refused_is_told(site, store, body, headers, status, words):
    answer = site.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert kept(store) is None


def test_a_body_beyond_the_limit_is_refused(site, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 1000)
    bomb = gzip.compress(b"[" + b" " * 100_000 + b"]")

    told = site.post("/v1/traces", content=b" " * 1001, headers=JSON)
    streamed = site.post("/v1/traces", content=iter([b" " * 600] * 2), headers=JSON)
    packed = site.post(
        "/v1/traces", content=bomb, headers=JSON | {"Content-Encoding": "gzip"}
    )

    assert [a.status_code for a in (told, streamed, packed)] == [413, 413, 413]


def test_the_header_names_the_experiment(site, store):
    made = store.create_experiment("here", {})

    header = {"x-mlflow-experiment-id": made.experiment_id}
    assert site.post("/v1/traces", json=envelope(span(1)), headers=header).is_success
    header = {"x-mlflow-experiment-id": "99"}
    refused = site.post("/v1/traces", json=envelope(span(2)), headers=header)

    assert kept(store).info.experiment_id == made.experiment_id
    assert refused.status_code == 404
    assert refused.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_a_store_in_trouble_asks_to_come_again(site, store, monkeypatch):
    def fail(_):
        raise StoreUnavailableError(Trouble.LOCKED, "/x.db")

    monkeypatch.setattr(store, "write", fail)

    answer = site.post("/v1/traces", json=envelope(span(1)))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
