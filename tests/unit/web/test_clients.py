"""Real clients log to ``spantree ui``: OpenTelemetry's SDK and spantree itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from support.ui import served

CLIENT = """
import sys
import spantree

spantree.set_tracking_uri(sys.argv[1])
spantree.set_experiment("from spantree")


@spantree.trace(span_type="TOOL")
def look_up(key):
    picture = spantree.tracing.attachments.Attachment("image/png", b"a picture")
    spantree.get_current_active_span().set_inputs({"key": key, "picture": picture})
    return {"found": [key, 2.5]}


@spantree.trace(span_type="AGENT")
def agent(question):
    spantree.update_current_trace(tags={"team": "red"}, session_id="s1")
    return look_up(question)


agent("why?")
spantree.flush_trace_async_logging()
trace_id = spantree.get_last_active_trace_id()
spantree.log_feedback(trace_id=trace_id, name="good", value=True)
spantree.flush_trace_async_logging()
stats = spantree.stats()
print(trace_id, stats["shipped"], stats["waiting"], stats["rejected"])
"""


@pytest.fixture
def site(tmp_path):
    with served("traces.db", tmp_path) as site:
        yield site


def asked(site, path, body=None):
    request = urllib.request.Request(
        site.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {site.token}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def found(site, text):
    return asked(site, "/api/v1/search", {"filter": text})["traces"]


@pytest.mark.parametrize("packed", [False, True])
def test_opentelemetry_s_sdk_logs_here(site, packed):
    exporter = OTLPSpanExporter(
        endpoint=f"{site.url}/v1/traces",
        headers={"Authorization": f"Bearer {site.token}"},
        compression=Compression.Gzip if packed else Compression.NoCompression,
    )
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("order", kind=SpanKind.SERVER) as order:
        order.set_attribute("session.id", "s7")
        with tracer.start_as_current_span("pay") as pay:
            pay.set_attribute("amount", 2.5)
            pay.record_exception(ValueError("no money"))
            pay.set_status(Status(StatusCode.ERROR, "no money"))
    assert provider.force_flush()
    provider.shutdown()

    (row,) = found(site, "session = 's7'")
    trace = asked(site, f"/api/v1/traces/{row['trace_id']}")

    assert (row["name"], row["spans"], row["status"]) == ("order", 2, "OK")
    assert row["errors"] == 1
    pay = trace["data"]["spans"][1]
    assert pay["events"][0]["attributes"]["exception.message"] == "no money"
    assert json.loads(pay["attributes"]["amount"]) == 2.5
    (row,) = found(site, "span.name = 'pay' AND span.attributes.amount = 2.5")
    assert row["name"] == "order"


def test_spantree_logs_here_without_being_told_the_token(site, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, site.url],
        capture_output=True,
        text=True,
        check=False,
        # Another store than the server's, as on another machine.
        env=_environment(tmp_path),
    )

    assert done.returncode == 0, done.stderr
    trace_id, *counts = done.stdout.split()
    (row,) = found(site, "session = 's1'")
    assert row["trace_id"] == trace_id
    assert counts[1:] == ["0", "0"]
    assert (row["name"], row["spans"], row["status"]) == ("agent", 2, "OK")
    assert row["tags"]["team"] == "red"
    assert row["feedback"] == {"good": True}
    known = asked(site, "/api/v1/status")["experiments"]
    assert known[row["experiment"]] == "from spantree"
    trace = asked(site, f"/api/v1/traces/{trace_id}")
    names = [span["name"] for span in trace["data"]["spans"]]
    assert names == ["agent", "look_up"]


READER = """
import json
import sys
import spantree
from spantree._runtime import RUNTIME

spantree.set_tracking_uri(sys.argv[1])
spantree.set_experiment("from spantree")
found = {}


def search(text="", **options):
    return spantree.search_traces(text, return_type="list", **options)


def names(*args, **options):
    return [trace.info.tags["mlflow.traceName"] for trace in search(*args, **options)]


found["all"] = names()
# MLflow can't say it, so it is finished here.
found["filter"] = names("inputs.question = 'why?' OR name = 'none'")
found["status"] = names("status = 'OK' AND tags.team = 'red'", max_results=5)
(trace,) = search(include_spans=True)
key = trace.info.trace_id
found["spans"] = [span.name for span in spantree.get_trace(key).data.spans]
found["outputs"] = spantree.get_trace(key).data.spans[0].outputs
address = spantree.get_trace(key).data.spans[1].inputs["picture"]
attachment_id = address.partition("://")[2].partition("?")[0]
found["picture"] = RUNTIME.attachment(spantree.get_trace(key), attachment_id).decode()
spantree.set_trace_tag(key, "later", "yes")
spantree.delete_trace_tag(key, "team")
feedback = spantree.log_feedback(trace_id=key, name="kind", value=0.5)
spantree.log_expectation(trace_id=key, name="want", value={"a": [1]})
(trace,) = search("tag.later = 'yes'")
found["tags"] = [trace.info.tags.get(name) for name in ("later", "team")]
found["judged"] = sorted(a.name for a in trace.info.assessments)
spantree.delete_assessment(trace_id=key, assessment_id=feedback.assessment_id)
found["left"] = sorted(a.name for a in spantree.get_trace(key).info.assessments)
found["deleted"] = spantree.delete_traces([key])
found["gone"] = [spantree.get_trace(key, silent=True), search()]
print(json.dumps(found))
"""


def test_spantree_reads_back_what_another_one_has_logged_here(site, tmp_path):
    for who, program in (("writer", CLIENT), ("reader", READER)):
        done = subprocess.run(
            [sys.executable, "-c", program, site.url],
            capture_output=True,
            text=True,
            check=False,
            # Each with a local store of its own.
            env=_environment(tmp_path)
            | {"SPANTREE_DATA_DIR": str(tmp_path / who), "SPANTREE_DB": ""},
        )
        assert done.returncode == 0, done.stderr

    assert json.loads(done.stdout) == {
        "all": ["agent"],
        "filter": ["agent"],
        "status": ["agent"],
        "spans": ["agent", "look_up"],
        "outputs": {"found": ["why?", 2.5]},
        "picture": "a picture",
        "tags": ["yes", None],
        "judged": ["good", "kind", "want"],
        "left": ["good", "want"],
        "deleted": 1,
        "gone": [None, []],
    }
    assert found(site, "") == []


def test_a_secret_that_an_exporter_sends_is_not_kept(site):
    exporter = OTLPSpanExporter(
        endpoint=f"{site.url}/v1/traces",
        headers={"Authorization": f"Bearer {site.token}"},
    )
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("tests").start_as_current_span("call") as call:
        call.set_attribute("api_key", "abcdefgh12345678")
    provider.shutdown()

    (row,) = found(site, "name = 'call'")
    text = json.dumps(asked(site, f"/api/v1/traces/{row['trace_id']}"))
    assert "abcdefgh12345678" not in text
    assert "<masked: api_key>" in text


def _environment(folder):
    return os.environ | {
        "SPANTREE_RUNTIME_DIR": str(folder / "run"),
        "SPANTREE_DATA_DIR": str(folder / "client"),
    }
