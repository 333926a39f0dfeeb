"""A service and its callers, instrumented with OpenTelemetry's own instrumentations."""

from __future__ import annotations

import contextlib
import gc
import threading
import time

import fastapi
import httpx
import opentelemetry.context
import pytest
import requests
import uvicorn
from opentelemetry import trace as trace_api
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    InMemorySpanExporter,
)
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

import spantree
from spantree import otel
from spantree.integrations import _otel_context
from spantree.integrations import otel as bridge
from spantree.testing import outline, recorded_traces

STARTS_WITHIN_S = 30


@pytest.fixture
def traces():
    with recorded_traces() as found:
        yield found


@pytest.fixture(autouse=True)
def _as_it_was():
    """Each test installs the bridge and the instrumentations anew."""
    # A provider that was handed out serves for good: other tests of the run had one.
    _otel_context.unfollow("tracer_provider")
    bridge._bridge.provider = None
    before = (trace_api._TRACER_PROVIDER, trace_api._TRACER_PROVIDER_SET_ONCE)
    context = opentelemetry.context._RUNTIME_CONTEXT
    yield
    otel.uninstall()
    gc.collect()
    assert opentelemetry.context._RUNTIME_CONTEXT is context
    trace_api._TRACER_PROVIDER, trace_api._TRACER_PROVIDER_SET_ONCE = before


def users_provider(sampler=ALWAYS_ON):
    """Make the user's own provider global; gives what its exporter gets."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(sampler))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_api._TRACER_PROVIDER = provider
    return exporter


@contextlib.contextmanager
def instrumented(app):
    """Instrument a service and both clients as a user does, after the provider."""
    clients = HTTPXClientInstrumentor(), RequestsInstrumentor()
    FastAPIInstrumentor.instrument_app(app)
    for client in clients:
        client.instrument()
    try:
        yield
    finally:
        for client in clients:
            client.uninstrument()
        FastAPIInstrumentor.uninstrument_app(app)


@contextlib.contextmanager
def serving(app):
    """Serve an application on this machine; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def service():
    """A service whose traced functions call another of its routes; gives its address.

    What each route was sent is in ``received``.
    """
    app = fastapi.FastAPI()
    app.state.received = []

    @app.middleware("http")
    async def keep(request, call_next):
        app.state.received.append(
            (request.url.path, request.headers.get("traceparent"))
        )
        return await call_next(request)

    @app.get("/look-up")
    def look_up():
        return [1, 2]

    @app.get("/answer")
    @spantree.trace
    def answer(request: fastapi.Request):
        return find(str(request.base_url))

    @spantree.trace(span_type="RETRIEVER")
    def find(base):
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{base}look-up").json()

    with instrumented(app), serving(app) as address:
        yield address, app.state.received


def ask(address):
    with httpx.Client(base_url=address, trust_env=False) as client:
        assert client.get("/answer").json() == [1, 2]


def tree(trace):
    """The outline of a trace, without what a server sends in how many pieces."""
    lines = outline(trace).replace(" UNKNOWN", "").splitlines()
    return [line for line in lines if not line.endswith(" http send")]


def theirs(exporter):
    """Name and name of the parent of all that the user's exporter got."""
    spans = exporter.get_finished_spans()
    names = {None: None} | {s.context.span_id: s.name for s in spans}
    above = [s.parent.span_id if s.parent else None for s in spans]
    pairs = [(s.name, names.get(a, "lost")) for s, a in zip(spans, above, strict=True)]
    return [pair for pair in pairs if not pair[0].endswith(" http send")]


WHOLE = {
    ("GET", None),
    ("GET /answer", "GET"),
    ("GET", "GET /answer"),
    ("GET /look-up", "GET"),
}


WITH_OURS = {
    ("ask", None),
    ("GET", "ask"),
    ("GET /answer", "GET"),
    ("answer", "GET /answer"),
    ("find", "answer"),
    ("GET", "find"),
    ("GET /look-up", "GET"),
}


def run(mode="auto", *, installed=True):
    """Ask the service within a span of ours; gives the mode and what was received."""
    how = otel.install(mode) if installed else None
    # The service has ended, with all its spans, before the caller's does.
    with spantree.start_span("ask"), service() as (address, received):
        ask(address)
    return how, dict(received)


def parent_of(spans, name, received):
    """The span of ours that a route was called from, by the header it received."""
    _, trace_id, span_id, flags = received[name].split("-")
    (span,) = [s for s in spans if s.span_id == span_id]
    assert (span.trace_id, flags) == (f"tr-{trace_id}", "01")
    return span.name


def test_without_a_provider_all_of_it_is_one_tree_of_ours(traces):
    how, received = run()

    assert how == "own"
    (trace,) = traces
    # The service's own spans are web spans: they are no part of it by themselves.
    assert tree(trace) == [
        "ask",
        "  GET",
        "    answer",
        "      find RETRIEVER",
        "        GET",
    ]
    assert [s.kind for s in trace.data.spans if s.name == "GET"] == ["CLIENT", "CLIENT"]
    spans = trace.data.spans
    assert parent_of(spans, "/answer", received) == "GET"
    assert parent_of(spans, "/look-up", received) == "GET"


def test_spans_that_are_only_shown_are_what_clients_send(traces):
    how, received = run("context")

    assert how == "context"
    (trace,) = traces
    assert tree(trace) == ["ask", "  answer", "    find RETRIEVER"]
    assert parent_of(trace.data.spans, "/answer", received) == "ask"
    assert parent_of(trace.data.spans, "/look-up", received) == "find"


def test_the_users_backend_gets_its_whole_tree_and_ours_holds_both(traces):
    users = users_provider()
    how, received = run()

    assert how == "mirror"
    (trace,) = traces
    assert tree(trace) == [
        "ask",
        "  GET",
        "    GET /answer",
        "      answer",
        "        find RETRIEVER",
        "          GET",
        "            GET /look-up",
    ]
    exported = theirs(users)
    assert (len(exported), set(exported)) == (7, WITH_OURS)
    spans = trace.data.spans
    assert {s.span_id for s in spans} == {
        f"{s.context.span_id:016x}" for s in users.get_finished_spans()
    }
    clients = [s for s in users.get_finished_spans() if s.name == "GET"]
    sent = {header.split("-")[2] for header in received.values()}
    assert sent == {f"{s.context.span_id:016x}" for s in clients}


def test_listened_to_the_users_backend_gets_its_own_tree(traces):
    users = users_provider()
    how, _ = run("listen")

    assert how == "listen"
    assert len(traces[0].data.spans) >= 7
    exported = theirs(users)
    assert (len(exported), set(exported)) == (4, WHOLE)


def test_the_users_sampler_decides_what_their_backend_gets(traces):
    users = users_provider(ALWAYS_OFF)
    _, received = run()

    assert theirs(users) == []
    (trace,) = traces
    assert tree(trace) == ["ask", "answer", "  find RETRIEVER"]
    flags = {int(header.rpartition("-")[2], 16) & 1 for header in received.values()}
    assert flags == {0}


@pytest.mark.parametrize("before", [False, True], ids=["never", "uninstalled"])
def test_without_the_bridge_nothing_is_changed(traces, before):
    users = users_provider()
    if before:
        otel.install()
        otel.uninstall()
    run(installed=False)

    exported = theirs(users)
    assert (len(exported), set(exported)) == (4, WHOLE)
    assert sorted(map(tree, traces)) == [["answer", "  find RETRIEVER"], ["ask"]]


def test_what_instrumentations_read_of_a_span_is_there(traces):
    otel.install()
    tracer = trace_api.get_tracer("any.library")
    kind = trace_api.SpanKind.SERVER
    with spantree.start_span("ours") as ours:
        recorded = tracer.start_span("GET /", kind=kind, attributes={"a": 1})
        shown = trace_api.get_current_span()
    waiting = tracer.start_span("GET /", kind=kind, attributes={"a": 1})

    for span in (recorded, waiting):
        assert (span.name, span.kind, span.attributes["a"]) == ("GET /", kind, 1)
        assert span.start_time > 0
        assert span.end_time is None
        assert span.context == span.get_span_context()
        assert span.status.is_unset
    assert f"{recorded.parent.span_id:016x}" == ours.span_id
    assert waiting.parent is None
    assert (shown.name, shown.kind.name, shown.parent) == ("ours", "INTERNAL", None)
    recorded.set_status(trace_api.StatusCode.ERROR, "no")
    recorded.end()
    assert recorded.status.description == "no"
    assert recorded.end_time >= recorded.start_time
    waiting.end()
