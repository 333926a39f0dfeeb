"""The ASGI middleware: callers' traces and identities, with no framework and with one."""

from __future__ import annotations

import asyncio

import fastapi
import pytest
from fastapi.testclient import TestClient

import spantree
from spantree.asgi import TraceMiddleware
from spantree.entities.errors import SpantreeException

TRACE, SPAN = "1" * 32, "2" * 16
HTTP = {"type": "http", "method": "POST", "path": "/chat", "headers": []}


@spantree.trace
def answer():
    return "an answer"


async def app(scope, receive, send):
    """Answer in two chunks, as a stream does, and work on afterwards."""
    answer()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"an ", "more_body": True})
    await send({"type": "http.response.body", "body": b"answer"})
    with spantree.start_span("background"):
        pass


def ask(served, scope, **headers):
    """Send one request; gives what was sent back."""
    sent = []

    async def send(message):
        sent.append(message)

    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    asyncio.run(served({**scope, "headers": pairs}, None, send))
    return sent


def traced(name):
    (found,) = spantree.search_traces(f"span.name = '{name}'", return_type="list")
    return found


def test_a_request_goes_on_with_its_callers_trace():
    ask(TraceMiddleware(app), HTTP, traceparent=f"00-{TRACE}-{SPAN}-01")

    trace = traced("answer")
    assert trace.trace_id == f"tr-{TRACE}"
    assert [(s.name, s.parent_id) for s in trace.data.spans] == [
        ("answer", SPAN),
        ("background", SPAN),
    ]


def test_every_trace_of_a_request_has_its_session_user_and_id():
    ask(
        TraceMiddleware(app),
        HTTP,
        x_session_id="s-1",
        x_user_id="ada",
        x_request_id="r-1",
    )

    for name in ("answer", "background"):
        info = traced(name).info
        assert (info.session, info.user) == ("s-1", "ada")
        assert info.client_request_id == "r-1"
    with spantree.start_span("after"):
        pass
    info = traced("after").info
    assert (info.session, info.user, info.client_request_id) == (None, None, None)


def test_identity_comes_by_baggage_too():
    ask(
        TraceMiddleware(app),
        HTTP,
        traceparent=f"00-{TRACE}-{SPAN}-01",
        baggage="session.id=s-1,user.id=ada",
    )

    assert (traced("answer").info.session, traced("answer").info.user) == ("s-1", "ada")


def test_the_names_of_headers_can_be_chosen():
    served = TraceMiddleware(app, headers={"session": "X-Chat", "user": None})

    ask(served, HTTP, x_chat="s-1", x_session_id="other", x_user_id="ada")

    assert (traced("answer").info.session, traced("answer").info.user) == ("s-1", None)


def test_a_misspelt_header_is_named():
    with pytest.raises(SpantreeException, match="Did you mean 'session'"):
        TraceMiddleware(app, headers={"sesion": "X-Chat"})


def test_a_value_too_long_for_an_identifier_is_ignored():
    ask(TraceMiddleware(app), HTTP, x_session_id="s" * 257)

    assert traced("answer").info.session is None


def test_what_is_sent_passes_unchanged():
    for has_span in (False, True):
        sent = ask(TraceMiddleware(app, span=has_span), HTTP)

        assert [m["type"].rpartition(".")[2] for m in sent] == ["start", "body", "body"]
        assert sent[1:] == [
            {"type": "http.response.body", "body": b"an ", "more_body": True},
            {"type": "http.response.body", "body": b"answer"},
        ]


def test_the_requests_span_ends_with_the_last_byte():
    ask(TraceMiddleware(app, span=True), HTTP, traceparent=f"00-{TRACE}-{SPAN}-01")

    request, answered, background = traced("answer").data.spans
    assert (request.name, request.kind, request.parent_id) == (
        "POST /chat",
        "SERVER",
        SPAN,
    )
    assert answered.parent_id == request.span_id
    assert request.end_time_ns <= background.start_time_ns
    assert background.parent_id == SPAN
    assert request.attributes["http.response.status_code"] == 200


def test_an_exception_goes_on_and_fails_the_span():
    async def broken(scope, receive, send):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(TraceMiddleware(broken, span=True), HTTP)

    (span,) = traced("POST /chat").data.spans
    assert span.status.status_code == "ERROR"
    assert span.events[0].attributes["exception.type"] == "ZeroDivisionError"


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_connections_reach_the_application(kind):
    seen = []

    async def other(scope, receive, send):
        seen.append(scope["type"])
        await send({"type": f"{kind}.x"})

    assert ask(TraceMiddleware(other), {"type": kind}) == [{"type": f"{kind}.x"}]
    assert seen == [kind]


def test_nothing_is_recorded_where_tracing_is_off():
    spantree.tracing.disable()
    try:
        ask(TraceMiddleware(app, span=True), HTTP)
    finally:
        spantree.tracing.enable()

    assert spantree.search_traces(return_type="list") == []


def fast_app():
    service, part = fastapi.FastAPI(), fastapi.FastAPI()

    @service.get("/items/{number}")
    @spantree.trace
    def item(number: int):
        return {"number": number}

    @part.get("/{number}")
    def broken(number: int):
        raise fastapi.HTTPException(503)

    service.mount("/part", part)
    service.add_middleware(
        spantree.asgi.TraceMiddleware, span=True, headers={"session": "X-Chat"}
    )
    return service


def test_a_fastapi_request_is_named_by_its_route():
    client = TestClient(fast_app())

    assert client.get("/items/3", headers={"X-Chat": "s-1"}).json() == {"number": 3}
    assert client.get("/part/3").status_code == 503

    trace = traced("GET /items/{number}")
    assert [s.name for s in trace.data.spans] == ["GET /items/{number}", "item"]
    assert trace.info.session == "s-1"
    (failed,) = traced("GET /part/{number}").data.spans
    assert (failed.status.status_code, failed.status.description) == (
        "ERROR",
        "HTTP 503",
    )
