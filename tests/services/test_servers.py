"""Requests to real servers are parts of the callers' traces, and none gets lost."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from services.conftest import stop

import spantree

UVICORN = ("uvicorn", "--port", "PORT", "services.app:app")
GUNICORN = ("gunicorn", "--preload", "-w", "2", "-b", "127.0.0.1:PORT")


def test_a_client_and_a_service_make_one_trace(serve):
    address, server = serve(*UVICORN)

    with spantree.start_span("ask") as ask:
        sent = {**spantree.headers(), "X-Session-ID": "s-1", "X-User-ID": "ada"}
        answer = httpx.post(f"{address}/answer/3", headers=sent, trust_env=False)
        ask.set_outputs(os.getpid())
    stop(server)
    spantree.flush()

    trace = spantree.get_trace(ask.trace_id)
    spans = {s.span_id: s for s in trace.data.spans}
    assert [
        (s.name, spans[s.parent_id].name if s.parent_id else None)
        for s in trace.data.spans
    ] == [
        ("ask", None),
        ("POST /answer/{number}", "ask"),
        ("answer", "POST /answer/{number}"),
        ("look_up", "answer"),
    ]
    pids = {s.outputs for s in trace.data.spans if s.name in ("ask", "answer")}
    assert pids == {os.getpid(), answer.json()}
    assert trace.info.state == "OK"
    assert (trace.name, trace.info.session, trace.info.user) == ("ask", "s-1", "ada")


def test_a_malformed_header_begins_a_trace_and_is_answered(serve):
    address, server = serve(*UVICORN)

    answer = httpx.post(
        f"{address}/answer/3", headers={"traceparent": "nonsense"}, trust_env=False
    )
    stop(server)

    assert answer.status_code == 200
    (trace,) = spantree.search_traces(
        "name = 'POST /answer/{number}'", return_type="list"
    )
    assert [s.name for s in trace.data.spans][1:] == ["answer", "look_up"]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("-k", "asgi", "services.app:app"), id="asgi"),
        pytest.param(("-k", "sync", "services.app:wsgi"), id="sync"),
        pytest.param(
            ("-k", "gthread", "--threads", "4", "services.app:wsgi"), id="threads"
        ),
    ],
)
def test_workers_forked_after_the_first_trace_store_every_request_once(serve, words):
    address, server = serve(*GUNICORN, *words)

    with httpx.Client(base_url=address, trust_env=False) as client:
        with ThreadPoolExecutor(8) as threads:
            answers = list(
                threads.map(lambda n: client.post(f"/answer/{n}"), range(60))
            )
    stop(server)

    assert {a.status_code for a in answers} == {200}
    assert server.pid not in {a.json() for a in answers}
    found = spantree.search_traces(
        "span.name = 'look_up'", max_results=1000, return_type="list"
    )
    spans = [s for trace in found for s in trace.data.spans]
    asked = [s.inputs["number"] for s in spans if s.name == "look_up"]
    assert sorted(asked) == list(range(60))
    assert len({s.span_id for s in spans}) == len(spans)
    assert len({trace.trace_id for trace in found}) == 60
