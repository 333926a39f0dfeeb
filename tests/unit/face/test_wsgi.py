"""The WSGI middleware: callers' traces and identities, with no framework and with Flask."""

from __future__ import annotations

import contextvars
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import flask
import pytest

import spantree
from spantree.entities.errors import SpantreeException
from spantree.wsgi import TraceMiddleware

TRACE, SPAN = "1" * 32, "2" * 16
CAME = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@spantree.trace
def answer():
    return b"an answer"


def app(environ, start_response):
    """Answer in pieces, with work between them."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces()


def pieces():
    yield b"first"
    yield answer()


def environment(path="/chat", **headers):
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
    }
    setup_testing_defaults(environ)
    return environ | {f"HTTP_{name.upper()}": text for name, text in headers.items()}


def ask(served, **headers):
    """Send one request; gives the status and the pieces."""
    said = []

    def start_response(status, headers, exc_info=None):
        said.append(status)
        return lambda data: None

    body = validator(served)(environment(**headers), start_response)
    try:
        return said, list(body)
    finally:
        body.close()


def traced(name):
    (found,) = spantree.search_traces(f"span.name = '{name}'", return_type="list")
    return found


@pytest.mark.parametrize("has_span", [False, True])
def test_an_answer_goes_on_with_the_callers_trace_to_its_last_piece(has_span):
    served = TraceMiddleware(app, span=has_span)

    answered = ask(served, **CAME, x_session_id="s-1", x_request_id="r-1")

    assert answered == (["200 OK"], [b"first", b"an answer"])
    trace = traced("answer")
    assert trace.trace_id == f"tr-{TRACE}"
    assert (trace.info.session, trace.info.client_request_id) == ("s-1", "r-1")
    *requests, answered = trace.data.spans
    assert [(s.name, s.kind, s.parent_id) for s in requests] == (
        [("POST /chat", "SERVER", SPAN)] if has_span else []
    )
    assert answered.parent_id == (requests[0].span_id if has_span else SPAN)
    assert all(s.end_time_ns >= answered.end_time_ns for s in requests)
    with spantree.start_span("after"):
        pass
    assert traced("after").info.session is None
    assert traced("after").trace_id != f"tr-{TRACE}"


def test_a_caller_that_goes_away_ends_the_request():
    body = TraceMiddleware(app, span=True)(environment(), lambda *_: None)
    assert next(iter(body)) == b"first"
    body.close()

    (span,) = traced("POST /chat").data.spans
    assert span.end_time_ns is not None
    assert span.status.status_code == "OK"


@pytest.mark.parametrize("where", ["call", "pieces"])
def test_an_exception_goes_on_and_fails_the_span(where):
    def broken(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        if where == "call":
            raise ZeroDivisionError
        return (1 // 0 for _ in "1")

    with pytest.raises(ZeroDivisionError):
        ask(TraceMiddleware(broken, span=True))

    (span,) = traced("POST /chat").data.spans
    assert span.status.status_code == "ERROR"
    assert span.events[0].attributes["exception.type"] == "ZeroDivisionError"


@pytest.mark.parametrize("body", [[b"whole"], (b"whole",), FileWrapper(None)])
def test_a_body_that_servers_know_stays_what_it_is(body):
    served = TraceMiddleware(lambda environ, start_response: body, span=True)
    environ = environment() | {"wsgi.file_wrapper": FileWrapper}

    assert served(environ, None) is body
    assert traced("POST /chat").data.spans[0].end_time_ns is not None


def test_between_the_pieces_nothing_of_the_request_is_current():
    served = TraceMiddleware(app, span=True)
    with spantree.start_span("server") as server:
        body = served(environment(**CAME), lambda *_: None)
        assert spantree.get_current_active_span() is server
        for _ in body:
            assert spantree.get_current_active_span() is server
        body.close()
        assert spantree.headers()["traceparent"].split("-")[2] == server.span_id

    assert spantree.headers() == {}
    assert traced("answer").trace_id == f"tr-{TRACE}"


def test_context_variables_of_the_application_stay_the_servers():
    variable = contextvars.ContextVar("variable")

    def held(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return closing(variable.set(1))

    def closing(token):
        yield b"first"
        variable.reset(token)

    body = TraceMiddleware(held)(environment(), lambda *_: None)
    assert variable.get() == 1
    assert list(body) == [b"first"]
    assert variable.get(None) is None


def test_a_misspelt_header_is_named():
    with pytest.raises(SpantreeException, match="Did you mean 'session'"):
        TraceMiddleware(app, headers={"sesion": "X-Chat"})


def test_the_names_of_headers_can_be_chosen():
    served = TraceMiddleware(app, headers={"session": "X-Chat", "user": None})

    ask(served, x_chat="s-1", x_session_id="other", x_user_id="ada")

    assert (traced("answer").info.session, traced("answer").info.user) == ("s-1", None)


def flask_app():
    service = flask.Flask(__name__)

    @service.get("/items/<int:number>")
    @spantree.trace
    def item(number):
        if number > 3:
            flask.abort(503)
        return {"number": number}

    @service.get("/stream")
    def stream():
        def words():
            yield flask.request.args["word"]
            with spantree.start_span("last word"):
                yield "!"

        return flask.Response(flask.stream_with_context(words()))

    service.wsgi_app = TraceMiddleware(service.wsgi_app, span=True)
    return service


def test_a_flask_request_is_named_by_its_route():
    client = flask_app().test_client()

    assert (
        client.get("/items/3", headers={"X-Session-ID": "s-1"}, buffered=True).json[
            "number"
        ]
        == 3
    )
    assert client.get("/items/4", buffered=True).status_code == 503

    failed, fine = spantree.search_traces(
        "name = 'GET /items/<int:number>'", return_type="list"
    )
    assert [s.name for s in fine.data.spans] == ["GET /items/<int:number>", "item"]
    assert fine.info.session == "s-1"
    status = failed.data.spans[0].status
    assert (status.status_code, status.description) == ("ERROR", "HTTP 503")


def test_a_flask_answer_that_is_streamed_is_one_trace():
    with flask_app().test_client() as client:
        assert client.get("/stream?word=hi", headers=CAME).text == "hi!"
        assert flask.request.args["word"] == "hi"

    trace = traced("last word")
    assert trace.trace_id == f"tr-{TRACE}"
    assert [s.name for s in trace.data.spans] == ["GET /stream", "last word"]
