"""What is kept beside a trace goes along, or the trace says that it did not."""

from __future__ import annotations

import pytest

import spantree
from spantree._runtime import RUNTIME
from spantree.shipping.attachments import UNSENT

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def traced():
    """Record a trace with an attachment, send it, and give its id."""

    def record(uri):
        spantree.set_tracking_uri(uri)
        with spantree.start_span("s") as span:
            kept = spantree.tracing.attachments.Attachment("image/png", PICTURE)
            span.set_inputs({"picture": kept, "again": ["x", kept]})
        spantree.flush_trace_async_logging()
        assert spantree.stats()["waiting"] == 0
        assert spantree.stats()["rejected"] == 0
        return span.trace_id

    return record


def test_they_are_put_where_the_server_says(server, traced):
    trace_id = traced(server.uri)

    folder = f"/api/2.0/mlflow-artifacts/artifacts/0/traces/{trace_id}/attachments/"
    assert {path.rpartition("/")[0] + "/" for path in server.files} == {folder}
    assert set(server.files.values()) == {PICTURE}
    for path in server.files:
        here = spantree.get_trace(trace_id).to_json()
        assert f"mlflow-attachment://{path.rpartition('/')[2]}" in here
    assert UNSENT not in server.infos[trace_id]["tags"]


def test_a_tag_that_is_set_later_sends_none_again(server, traced):
    trace_id = traced(server.uri)
    spantree.set_trace_tag(trace_id, "k", "v")
    spantree.flush_trace_async_logging()

    puts = server.of("PUT", "/mlflow-artifacts/")
    assert len(puts) == len(server.files)


@pytest.mark.parametrize(
    ("artifacts", "mode", "why"),
    [
        ("s3://bucket", "up", "the server keeps artifacts elsewhere"),
        ("mlflow-artifacts:/0", "501", "answered 501: no artifacts here"),
        ("mlflow-artifacts:/0", "403", "answered 403: no artifacts here"),
    ],
)
def test_where_they_can_not_be_put_a_tag_says_so(server, traced, artifacts, mode, why):
    server.artifacts, server.words = artifacts, "no artifacts here"
    server.mode = lambda r: mode if "/mlflow-artifacts/" in r.path else "up"

    trace_id = traced(server.uri)

    said = server.infos[trace_id]["tags"][UNSENT]
    assert "in the store of the program that recorded" in said
    assert why in said


def test_otlp_says_that_it_has_no_place_for_them(server, traced):
    traced(f"otlp+{server.uri}")

    (span,) = server.spans.values()
    said = {a["key"]: a["value"].get("stringValue") for a in span["attributes"]}
    assert "attachment" in said[UNSENT]
    assert said[UNSENT].endswith("OTLP has no place for them")


def test_the_server_is_asked_for_those_that_are_not_here(server, traced):
    trace_id = traced(server.uri)
    trace = spantree.get_trace(trace_id)
    ((path, _), *_) = server.files.items()
    RUNTIME.store().attachments.delete([trace.key])
    asked = []

    def answer(request):
        asked.append(request.path)
        return "up"

    server.mode = answer
    RUNTIME.attachment(trace, path.rpartition("/")[2])

    query = f"request_id={trace_id}&path={path.rpartition('/')[2]}"
    assert asked == [f"/ajax-api/3.0/mlflow/get-trace-artifact?{query}"]
