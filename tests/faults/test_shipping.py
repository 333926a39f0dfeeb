"""200 traces, a bad server or a killed client: all arrive in the end, none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.loopback import Loopback
from support.postgres import running_server
from support.waiting import until

import spantree
from spantree.store import open_store, parse_tracking_uri

PROGRAM = Path(__file__).parent / "shipping_client.py"
COUNT = 200
# Not a measure of speed: a guard against hanging for ever.
GUARD_S = 60


@pytest.fixture
def client(tmp_path):
    """Start the program, with a store of the test's own."""
    started = []

    def start(mode, uri, **environment):
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), mode],
            env={
                **os.environ,
                "SPANTREE_DATA_DIR": str(tmp_path / "data"),
                "SPANTREE_TRACKING_URI": uri,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def postgres():
    """Where a server is that no other test writes to."""
    with running_server() as server:
        yield server.url


@pytest.fixture
def saved(tmp_path):
    """Give the ids of the traces in that store, or in another."""

    def ids(place=tmp_path / "data/traces.db"):
        store = open_store(parse_tracking_uri(place))
        found = store.search(spantree.search.parse_query()).traces
        store.close()
        return {trace.trace_id for trace in found}

    return ids


def ended(process):
    out, err = process.communicate(timeout=GUARD_S)
    assert process.returncode == 0, err
    return out, err


def deliver(client, server, expected, uri=None):
    """Run processes that only deliver, until nothing waits."""
    for _ in range(10):
        ended(client("deliver", uri or server.uri))
        if set(server.infos) == expected:
            return
    assert set(server.infos) == expected


def all_once(server, expected):
    assert set(server.infos) == expected
    ids = {trace_id.removeprefix("tr-") for trace_id in expected}
    assert {trace for trace, _ in server.spans} == ids
    assert len(server.spans) == 2 * len(expected)


@pytest.mark.parametrize("mode", ["down", "slow", "hang", "500", "429", "flap", "401"])
def test_a_bad_server_gets_all_when_it_is_well(client, saved, mode):
    with Loopback("up" if mode == "down" else mode) as server:
        port = server.port
        if mode != "down":
            out, _ = ended(client("record", server.uri))
    if mode == "down":
        out, _ = ended(client("record", f"http://127.0.0.1:{port}"))
    expected = saved()

    assert out == "saved\n"
    assert len(expected) == COUNT

    with Loopback(port=port) as well:
        well.infos, well.spans = server.infos, server.spans
        deliver(client, well, expected)
        all_once(well, expected)
        if mode not in ("slow", "hang", "flap"):
            # It had said yes to none before, so each is sent to this one, and once.
            assert len(well.of("POST", "/mlflow/traces")) == COUNT


def test_a_server_that_changes_its_mind_gets_all_once(client, saved, seed):
    rng = random.Random(seed)
    with Loopback("flap") as server:
        process = client("linger", server.uri)
        assert process.stdout.readline() == "saved\n"
        expected = saved()
        for _ in range(60):
            server.mode = rng.choice(["flap", "up", "500", "429"])
            time.sleep(0.05)
        server.mode = "up"
        process.kill()

        deliver(client, server, expected)
        all_once(server, expected)


KILLS = pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])


def kill_and_deliver(client, saved, kill, many, *place):
    """End a client when so many traces have arrived: others send what it saved."""
    before = saved(*place)
    with Loopback() as server:
        uri = ",".join([*place, server.uri])
        process = client("slowly", uri)
        until(lambda: len(server.infos) >= many or process.poll() is not None)
        process.send_signal(kill)
        process.communicate(timeout=GUARD_S)
        expected = saved(*place) - before

        assert len(expected) >= many
        deliver(client, server, expected, uri)
        assert {f"tr-{trace}" for trace, _ in server.spans} == expected


@KILLS
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_what_a_killed_client_saved_is_delivered(client, saved, kill, share, seed):
    many = int(share * COUNT) + random.Random(seed + round(share * 100)).randrange(5)
    kill_and_deliver(client, saved, kill, many)


@KILLS
def test_what_it_saved_on_postgresql_is_delivered(client, saved, postgres, kill, seed):
    many = random.Random(seed).randrange(1, COUNT)
    kill_and_deliver(client, saved, kill, many, postgres)


def test_two_processes_share_the_work(client, saved):
    with Loopback("500") as server:
        ended(client("record", server.uri))
    expected = saved()

    with Loopback(port=server.port) as server:
        for process in [client("deliver", server.uri) for _ in range(3)]:
            ended(process)
        all_once(server, expected)
        sent = server.of("POST", "/mlflow/traces")
        assert len(sent) == COUNT
