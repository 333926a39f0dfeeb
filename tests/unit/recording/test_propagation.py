"""A trace goes on in another process, by W3C's headers and by explicit parents."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading

import pytest

import spantree
from spantree.entities.propagation import read_headers, write_headers

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(autouse=True)
def _fresh():
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
    yield
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")


def served(headers):
    with spantree.continue_trace(headers), spantree.start_span("serve") as span:
        pass
    return span


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": PARENT},
        {"TraceParent": PARENT, "accept": "*/*"},
        {"HTTP_TRACEPARENT": PARENT, "wsgi.version": (1, 0)},
        [(b"host", b"x"), (b"traceparent", PARENT.encode())],
        [("Traceparent", f" {PARENT} ")],
        {"traceparent": f"01-{TRACE}-{SPAN}-01-what-comes-later"},
        {"traceparent": f"00-{TRACE}-{SPAN}-03"},
    ],
)
def test_the_next_span_has_the_remote_parent(headers):
    span = served(headers)

    assert (span.trace_id, span.parent_id) == (f"tr-{TRACE}", SPAN)
    assert spantree.get_trace(span.trace_id).data.root.name == "serve"


@pytest.mark.parametrize(
    "text",
    [
        "ff" + PARENT[2:],
        PARENT + "-more",
        PARENT.upper(),
        PARENT[:-1],
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "nonsense",
        "\ud800" * 9,
    ],
)
def test_a_malformed_header_begins_a_new_trace_with_a_warning(text, caplog):
    from spantree.recording import reset_internal_errors

    reset_internal_errors()
    span = served({"traceparent": text})

    assert span.parent_id is None
    assert span.trace_id != f"tr-{TRACE}"
    assert "A new trace begins" in caplog.text


@pytest.mark.parametrize("headers", [{}, {"accept": "*/*"}, None, 5, [1], ["ab"], "ab"])
def test_without_a_header_nothing_happens(headers, caplog):
    span = served(headers)

    assert span.parent_id is None
    assert caplog.text == ""


def test_headers_name_the_active_span():
    with spantree.start_span("a") as span:
        sent = spantree.headers()

    assert sent == {"traceparent": f"00-{span.trace_id[3:]}-{span.span_id}-01"}
    assert spantree.headers() == {}


def test_headers_are_empty_where_nothing_is_recorded():
    with spantree.tracing.context(enabled=False), spantree.start_span("a"):
        assert spantree.headers() == {}


def test_what_is_sent_can_be_read():
    with spantree.start_span("a") as span:
        spantree.update_current_trace(session_id="s 1,;=ü", user="me")
        parent = read_headers(spantree.headers(baggage=True))

    assert parent.trace_key == span.trace_key
    assert (parent.session, parent.user) == ("s 1,;=ü", "me")
    assert read_headers(write_headers(parent)) == parent


def test_identifiers_are_sent_only_when_asked():
    with spantree.start_span("a"):
        spantree.update_current_trace(session_id="s", user="me")

        assert set(spantree.headers()) == {"traceparent"}


def test_a_lone_surrogate_travels_visibly():
    with spantree.start_span("here"):
        spantree.update_current_trace(session_id="a\ud800")
        parent = read_headers(spantree.headers(baggage=True))

    assert parent.session == "a\\ud800"


def test_baggage_becomes_session_and_user_unless_set_otherwise():
    headers = {"traceparent": PARENT, "baggage": "session.id=s%201, user.id=me;p=1,x=y"}
    with spantree.tracing.context(user="you"):
        span = served(headers)

    info = spantree.get_trace(span.trace_id).info
    assert (info.session, info.user) == ("s 1", "you")


def test_state_and_flags_are_passed_on():
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-02", "tracestate": "a=1,b=2"}
    with spantree.continue_trace(headers), spantree.start_span("serve") as span:
        sent = spantree.headers()

    assert sent["tracestate"] == "a=1,b=2"
    assert sent["traceparent"] == f"00-{TRACE}-{span.span_id}-02"


@pytest.mark.parametrize("state", ["x" * 513, ",".join(["a=1"] * 33), "a=1\nb"])
def test_a_state_that_can_not_be_passed_on_is_left_out(state):
    assert read_headers({"traceparent": PARENT, "tracestate": state}).state == ""


def test_a_caller_that_does_not_record_can_be_respected(monkeypatch):
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-00"}

    assert served(headers)

    monkeypatch.setenv("SPANTREE_RESPECT_SAMPLED", "1")
    assert not served(headers)


def test_a_sampled_caller_decides_for_us():
    spantree.configure(sampling_ratio=0)

    assert served({"traceparent": PARENT})


def test_a_span_of_the_same_trace_stays_the_parent():
    with (
        spantree.continue_trace({"traceparent": PARENT}),
        spantree.start_span("a") as a,
    ):
        inner = served({"traceparent": PARENT})

    assert inner.parent_id == a.span_id


def test_another_trace_is_left_for_the_block_and_found_again_after_it():
    with spantree.start_span("a") as outer:
        inner = served({"traceparent": PARENT})
        after = spantree.get_current_active_span()

    assert inner.trace_id == f"tr-{TRACE}"
    assert after is outer


def test_after_the_block_roots_are_roots():
    served({"traceparent": PARENT})

    with spantree.start_span("next") as span:
        pass

    assert span.parent_id is None


def test_functions_and_generators_continue_too():
    @spantree.trace
    def call():
        return spantree.get_active_trace_id()

    @spantree.trace
    def stream():
        yield spantree.get_active_trace_id()

    with spantree.tracing.set_tracing_context_from_http_request_headers(
        {"traceparent": PARENT}
    ):
        assert [call(), *stream()] == [f"tr-{TRACE}"] * 2


def test_it_works_in_a_task():
    async def serve():
        async with spantree.continue_trace({"traceparent": PARENT}):
            with spantree.start_span("serve") as span:
                await asyncio.sleep(0)
        return span

    assert asyncio.run(serve()).parent_id == SPAN


def test_a_server_in_another_thread_joins_the_open_trace():
    found = []
    with spantree.start_span("client") as client:
        sent = spantree.tracing.get_tracing_context_headers_for_http_request()
        thread = threading.Thread(target=lambda: found.append(served(sent)))
        thread.start()
        thread.join()

    trace = spantree.get_trace(client.trace_id)
    assert [s.name for s in trace.data.spans] == ["client", "serve"]
    assert trace.data.spans[1].parent_id == client.span_id


def test_work_that_is_done_after_the_trace_has_ended_joins_it():
    with spantree.start_span("client") as client:
        client.set_inputs("hello")
        sent = spantree.headers()
    spantree.flush()

    with pytest.raises(ValueError, match="x"), spantree.continue_trace(sent):
        with spantree.start_span("serve") as span:
            span.set_inputs("other")
            raise ValueError("x")
    served(sent)

    trace = spantree.get_trace(client.trace_id)
    assert (trace.info.state, trace.info.request_preview) == ("OK", '"hello"')
    assert [s.name for s in trace.data.spans] == ["client", "serve", "serve"]
    assert trace.name == "client"
    assert trace.info.tags["mlflow.traceName"] == "client"


SERVER = """
import json, sys, spantree
with spantree.continue_trace(json.loads(sys.argv[1])), spantree.start_span("serve") as span:
    span.set_inputs("question")
assert spantree.flush(60)
"""


def test_parts_of_two_processes_on_one_store_make_one_trace(tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path))
    spantree.set_tracking_uri(None)
    with spantree.start_span("client") as client:
        client.set_inputs("hello")
        with spantree.start_span("request") as request:
            sent = json.dumps(spantree.headers())
            subprocess.run([sys.executable, "-c", SERVER, sent], check=True)
    spantree.flush()

    (trace,) = spantree.search_traces(return_type="list")
    assert trace.trace_id == client.trace_id
    assert [s.name for s in trace.data.spans] == ["client", "request", "serve"]
    assert trace.data.spans[2].parent_id == request.span_id
    assert (trace.name, trace.info.request_preview) == ("client", '"hello"')


def test_a_part_that_comes_after_the_root_renames_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path))
    spantree.set_tracking_uri(None)
    with spantree.start_span("client") as client:
        client.set_inputs("hello")
        sent = json.dumps(spantree.headers())
    spantree.flush()

    subprocess.run([sys.executable, "-c", SERVER, sent], check=True)

    (trace,) = spantree.search_traces("name = 'client'", return_type="list")
    assert [s.name for s in trace.data.spans] == ["client", "serve"]
    assert (trace.name, trace.info.request_preview) == ("client", '"hello"')


def test_the_client_puts_a_span_under_one_that_has_ended():
    client = spantree.TraceClient()
    with spantree.start_span("root") as root, spantree.start_span("child") as child:
        pass

    late = client.start_span("late", root.trace_id, child.span_id, inputs=1)
    running = spantree.get_trace(root.trace_id)
    client.end_span(root.trace_id, late.span_id, outputs=2)

    trace = spantree.get_trace(root.trace_id)
    assert running.search_spans(name="late")[0].end_time_ns is None
    assert [s.name for s in trace.data.spans] == ["root", "child", "late"]
    assert trace.data.spans[2].parent_id == child.span_id
    assert trace.data.spans[2].outputs == 2
    assert trace.info.state == "OK"


def test_an_explicit_parent_that_has_ended_is_extended():
    with spantree.start_span("root") as root:
        pass

    late = spantree.start_span_no_context("late", parent_span=root)
    running = spantree.get_trace(root.trace_id)
    late.end()

    assert [s.end_time_ns for s in running.data.spans][1] is None
    assert [s.name for s in spantree.get_trace(root.trace_id).data.spans] == [
        "root",
        "late",
    ]


def test_a_parent_that_nobody_knows_gives_no_span(caplog):
    from spantree.recording import reset_internal_errors

    reset_internal_errors()

    assert not spantree.TraceClient().start_span("x", f"tr-{TRACE}", SPAN)
    assert f"There is no span {SPAN} of trace tr-{TRACE}" in caplog.text


def test_a_trace_of_an_id_that_exists_merges_into_it():
    client = spantree.TraceClient()
    for name in ("first", "second"):
        root = client.start_trace(name, trace_id=TRACE)
        client.end_trace(root.trace_id)

    spans = spantree.get_trace(TRACE).data.spans
    assert [(s.name, s.parent_id) for s in spans] == [("first", None), ("second", None)]


def test_a_trace_of_an_id_that_is_open_merges_into_it():
    client = spantree.TraceClient()
    first = client.start_trace("first", trace_id=int(TRACE, 16))
    second = client.start_trace("second", trace_id=f"tr-{TRACE}")
    second.end()
    first.end()

    names = [s.name for s in spantree.get_trace(TRACE).data.spans]
    assert names == ["first", "second"]


@pytest.mark.parametrize("given", [0, "0" * 32, 2**128, -1])
def test_an_impossible_id_is_replaced_by_a_random_one(given):
    root = spantree.TraceClient().start_trace("t", trace_id=given)
    root.end()

    assert root.trace_key > 0


def test_spans_of_the_bridged_provider_join_ours():
    tracer = spantree.tracing.get_bridged_tracer_provider().get_tracer("x")

    with spantree.start_span("ours") as ours, tracer.start_as_current_span("theirs"):
        pass

    spans = spantree.get_trace(ours.trace_id).data.spans
    assert [(s.name, s.parent_id) for s in spans] == [
        ("ours", None),
        ("theirs", ours.span_id),
    ]
