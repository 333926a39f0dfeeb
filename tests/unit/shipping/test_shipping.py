"""A trace is kept here, and sent on from here, whatever the server does."""

from __future__ import annotations

import logging
import os

import pytest
from support.loopback import Loopback
from support.waiting import until

import spantree
from spantree._runtime import RUNTIME
from spantree.cli import main
from spantree.exceptions import SpantreeException
from spantree.recording import RECORDER


def traced(count=1, **options):
    ids = []
    for number in range(count):
        with spantree.start_span(f"s{number}", **options) as span:
            span.set_inputs({"n": number})
        ids.append(span.trace_id)
    return ids


def delivered():
    spantree.flush_trace_async_logging()
    assert spantree.stats()["waiting"] == 0


def test_traces_arrive_with_spans_and_info(server, send_to):
    send_to(server.uri)
    spantree.set_experiment("mine")

    ids = traced(100)
    delivered()

    assert set(server.infos) == set(ids)
    assert {f"tr-{trace}" for trace, _ in server.spans} == set(ids)
    assert len(server.of("POST", "/mlflow/traces")) == 100
    number = server.experiments["mine"]
    assert server.infos[ids[0]]["trace_location"]["mlflow_experiment"] == {
        "experiment_id": number
    }
    assert spantree.stats()["shipped"] == 100
    assert spantree.stats()["saved"] == 100


class _Flushing:
    """Saves, and lets be sent, what a trace is at the moment it ends."""

    def trace_started(self, trace): ...

    def trace_changed(self, trace): ...

    def trace_ended(self, trace):
        for _ in range(2):
            spantree.flush_trace_async_logging()


def test_a_trace_is_sent_once_though_it_is_saved_while_it_ends(server, send_to):
    # The writer copies what is open every quarter of a second, and met a trace between
    # the end of its root and its leaving: two writes of the same, sent one by one.
    send_to(server.uri)
    listener = _Flushing()
    RECORDER.traces.add_listener(listener)
    try:
        traced(2)
    finally:
        RECORDER.traces.remove_listener(listener)
    delivered()

    assert len(server.of("POST", "/mlflow/traces")) == 2


def test_a_trace_is_not_sent_again_while_a_late_span_does_nothing(server, send_to):
    send_to(server.uri)
    with spantree.start_span("root") as root:
        late = spantree.start_span_no_context("late", parent_span=root)
    delivered()
    for _ in range(3):
        spantree.flush_trace_async_logging()
    assert len(server.of("POST", "/mlflow/traces")) == 1

    late.end()
    delivered()
    assert len(server.of("POST", "/mlflow/traces")) == 2


def test_an_open_trace_is_sent_when_it_has_ended(server, send_to):
    send_to(server.uri)

    with spantree.start_span("root"):
        traced()
        assert spantree.flush()
        assert server.infos == {}
    delivered()

    assert len(server.infos) == 1


def test_a_span_that_comes_late_follows(server, send_to):
    send_to(server.uri)
    with spantree.start_span("root") as root:
        late = spantree.start_span_no_context("late", parent_span=root)
    delivered()
    late.end()
    delivered()

    assert {span["name"] for span in server.spans.values()} == {"root", "late"}
    late = next(s for s in server.spans.values() if s["name"] == "late")
    assert "spantree.open" not in {a["key"] for a in late["attributes"]}


def test_a_tag_is_sent_without_the_spans(server, send_to):
    send_to(server.uri)
    (trace_id,) = traced()
    delivered()
    before = len(server.of("POST", "/v1/traces"))

    spantree.set_trace_tag(trace_id, "k", "v")
    delivered()

    assert server.infos[trace_id]["tags"]["k"] == "v"
    assert len(server.of("POST", "/v1/traces")) == before


def test_what_is_deleted_before_it_is_sent_is_never_sent(send_to):
    with Loopback("500") as server:
        send_to(server.uri)
        (trace_id,) = traced()
        until(lambda: server.requests)
        # It may have arrived in part, and the server can't be told.
        with pytest.raises(SpantreeException, match="Deleted here only: .* 500"):
            spantree.delete_traces([trace_id])

        assert spantree.stats()["waiting"] == 0
        assert spantree.get_trace(trace_id, silent=True) is None


def test_what_is_deleted_while_it_is_sent_is_taken_back(server, send_to):
    trace_ids = []

    def mode(request):
        if request.path.endswith("/mlflow/traces"):
            # As delete_traces begins, before it asks this server as well.
            keys = [int(trace_id[3:], 16) for trace_id in trace_ids]
            RUNTIME.write(lambda store: store.delete(keys))
        return "up"

    server.mode = mode
    send_to(server.uri)
    with spantree.start_span("s") as span:
        trace_ids.append(span.trace_id)

    until(lambda: server.deleted == trace_ids)


def test_a_server_that_comes_back_gets_all(send_to):
    spantree.set_tracking_uri("memory:")
    with Loopback() as server:
        port = server.port
    send_to(f"http://127.0.0.1:{port}")

    ids = traced(20)
    assert spantree.flush()
    assert spantree.stats()["waiting"] == 20
    with Loopback(port=port) as server:
        until(lambda: set(server.infos) == set(ids))
        delivered()

    assert len(server.spans) == 20


def test_retry_after_is_obeyed(send_to):
    with Loopback("429") as server:
        send_to(server.uri)
        (trace_id,) = traced()
        until(lambda: server.requests)
        server.mode = "up"
        until(lambda: server.infos)

        first, second = server.requests[:2]
        assert second.at - first.at >= 1
        assert list(server.infos) == [trace_id]


def test_what_is_refused_is_parked_alone_with_the_servers_words(
    server, caplog, send_to
):
    server.words = "the name is odd"
    server.mode = lambda r: "400" if b'"odd"' in r.body else "up"
    send_to(server.uri)

    with spantree.start_span("odd"):
        pass
    traced(5)
    spantree.flush_trace_async_logging()

    assert len(server.infos) == 5
    assert spantree.stats()["rejected"] == 1
    assert spantree.stats()["waiting"] == 0
    until(lambda: "the name is odd" in caplog.text)


def test_without_credentials_traces_wait(monkeypatch, caplog, send_to):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token-secret-1")
    with Loopback("401") as server:
        server.words = "token-secret-1 is not known"
        send_to(server.uri)
        traced()
        # Said a moment after the trace was put aside.
        until(lambda: "check the credentials" in caplog.text)

        assert spantree.stats()["blocked"] == 1
        assert "token-secret-1" not in caplog.text
        assert "*** is not known" in caplog.text
        assert server.requests[0].headers["Authorization"] == "Bearer token-secret-1"

        server.mode = "up"
        send_to(server.uri)
        spantree.flush_trace_async_logging()
        until(lambda: server.infos)


def test_two_servers_are_independent(server, send_to):
    with Loopback("hang") as other:
        send_to(server.uri, other.uri)
        ids = traced(3)
        until(lambda: set(server.infos) == set(ids))
        # Its rows are taken out a moment after it has answered.
        until(lambda: spantree.stats()["waiting"] == 3)

        assert spantree.stats()["shipped"] == 3
        assert spantree.get_tracking_uri().endswith(f"{server.uri},{other.uri}")


def test_secrets_are_shown_nowhere(caplog, capsys):
    caplog.set_level(logging.DEBUG)
    with Loopback("500") as server:
        uri = server.uri.replace("http://", "http://me:pass-word@")
        spantree.set_tracking_uri(uri)
        traced()
        until(lambda: server.requests)
        until(lambda: "answered 500" in caplog.text)
        said = f"{spantree.get_tracking_uri()} {spantree.stats()}"

        assert server.requests[0].headers["Authorization"].startswith("Basic ")
        assert "pass-word" not in caplog.text + said + str(capsys.readouterr())


def test_a_redirect_is_refused_not_followed(server, caplog, send_to):
    server.mode = "302"
    send_to(server.uri)
    traced()
    until(lambda: "answered 302" in caplog.text)

    assert spantree.stats()["rejected"] == 1


def test_an_experiment_known_by_id_is_the_servers(server, monkeypatch):
    server.experiments["theirs"] = "7"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "7")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    spantree.set_tracking_uri(None)
    spantree.tracing.reset()
    (trace_id,) = traced()
    delivered()

    found = server.infos[trace_id]["trace_location"]["mlflow_experiment"]
    assert found == {"experiment_id": "7"}


def test_places_that_can_not_send():
    with pytest.raises(SpantreeException, match="can't be sent"):
        spantree.set_tracking_uri(["memory:", "http://127.0.0.1:9"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_sends_its_own(server, send_to):
    send_to(server.uri)
    ours = traced(3)
    delivered()

    child = os.fork()
    if child == 0:
        try:
            traced(4)
            spantree.flush_trace_async_logging()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    ours += traced(3)
    delivered()

    assert len(server.infos) == 10
    assert set(ours) < set(server.infos)
    assert len(server.of("POST", "/mlflow/traces")) == 10


def test_what_waits_is_not_pruned(send_to):
    send_to("http://127.0.0.1:9")
    traced(3)

    assert spantree.prune(older="0s") == 0
    send_to()
    assert len(spantree.search_traces(return_type="list")) == 3


def test_shipping_by_hand(server, capsys, send_to):
    server.mode = lambda r: "400" if b'"s1"' in r.body else "up"
    server.words = "odd"
    send_to(server.uri)
    traced(3)
    spantree.flush_trace_async_logging()

    assert main(["ship"]) == 1
    out, err = capsys.readouterr()
    assert "2 traces sent, 0 wait, 1 refused" in out
    assert "400: odd" in err

    server.mode = "up"
    assert main(["ship", "--retry-rejected", "--timeout", "20"]) == 0
    assert len(server.infos) == 3

    spantree.set_tracking_uri("memory:")
    assert main(["ship"]) == 2
    assert "No server is named" in capsys.readouterr().err
