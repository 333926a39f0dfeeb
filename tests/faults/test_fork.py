"""A child process has ids of its own and can trace at once."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
from faults.fork import leaf, traced_ids
from support.loopback import Loopback

from spantree.recording import RECORDER, clock, start_span, warn
from spantree.testing import recorded_traces

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(autouse=True)
def _quiet():
    # Python 3.12 warns of forks in processes with threads, which these tests mean.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def in_child(function):
    """Run a function in a forked child and give the text it returns."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, str(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


def draw():
    return [clock.new_trace_key() for _ in range(50)]


def test_children_draw_other_ids_than_the_parent_and_each_other():
    one = in_child(draw)
    two = in_child(draw)
    mine = str(draw())

    assert one and two
    assert len({*one.strip("[]").split(", "), *two.strip("[]").split(", ")}) == 100
    assert not set(mine.strip("[]").split(", ")) & set(one.strip("[]").split(", "))


def test_a_child_of_a_child_draws_others_too():
    ids = in_child(lambda: in_child(draw)).strip("[]").split(", ")

    assert not set(ids) & {str(n) for n in draw()}


def test_a_child_below_an_open_span_joins_its_trace():
    with recorded_traces() as traces, start_span("parent"):

        def child():
            leaf(1)
            return [f"{s.name} {s.trace_id}" for s in traces[0].data.spans]

        seen = in_child(child)
        trace_id = traces[0].trace_id

    assert seen == str([f"parent {trace_id}", f"leaf {trace_id}"])
    assert [s.name for s in traces[0].data.spans] == ["parent"]


def test_a_fork_while_another_thread_warns_does_not_block_the_child(monkeypatch):
    # The handlers' files have locks of their own, which nobody renews.
    monkeypatch.setattr(logging.getLogger("spantree"), "propagate", False)
    stop = threading.Event()

    def warn_on():
        n = 0
        while not stop.is_set():
            warn(f"kind {n % 50}", "a warning")
            n += 1

    thread = threading.Thread(target=warn_on)
    thread.start()
    try:
        answers = [
            in_child(lambda: (warn("child", "warned"), "alive")[1]) for _ in range(20)
        ]
    finally:
        stop.set()
        thread.join()

    assert answers == ["alive"] * 20


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_gives_every_trace_ids_of_its_own(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map(traced_ids, range(12))

    ids = [i for one in found for i in one]
    assert len(ids) == len(set(ids)) == 12 * 3
    assert not RECORDER.traces.all()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_calls_a_traced_function(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(leaf, range(6)) == list(range(6))


def test_a_fork_leaves_the_users_random_numbers_alone():
    random.seed(1)
    before = random.getstate()
    in_child(lambda: leaf(1))

    assert random.getstate() == before


STORM = """
import json, os, signal, sys, threading, time
import spantree

spantree.set_tracking_uri(sys.argv[1])
forks = int(sys.argv[2])
stop = threading.Event()
recorded = [1]

@spantree.trace
def leaf(n):
    return [n]

@spantree.trace
def parent(n):
    return leaf(n)

def work():
    count = 0
    while not stop.is_set():
        parent(count)
        count += 1
        time.sleep(0.001)
    recorded.append(count)

threads = [threading.Thread(target=work) for _ in range(4)]
parent(0)
spantree.flush()
for thread in threads:
    thread.start()
hung = failed = 0
for n in range(forks):
    pid = os.fork()
    if pid == 0:
        with spantree.start_span("child"):
            leaf(n)
        os._exit(0 if spantree.flush(60) else 1)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            hung += 1
            os.kill(pid, signal.SIGKILL)
            deadline += 60
        time.sleep(0.001)
    failed += ended[1] != 0
stop.set()
for thread in threads:
    thread.join()
saved = spantree.flush(60)
found = spantree.search_traces(return_type="list", flush=True)
ids = [s.span_id for t in found for s in t.data.spans]
print(json.dumps({
    "hung": hung, "failed": failed, "saved": saved, "dropped": spantree.stats()["dropped"],
    "lost": sum(recorded) - sum(t.name == "parent" for t in found),
    "children": sum(t.name == "child" for t in found),
    "doubled": len(ids) - len(set(ids)), "whole": all(len(t.data.spans) == 2 for t in found),
}))
"""
FORKS = int(os.environ.get("SPANTREE_FORKS", "40"))


def test_forks_while_four_threads_record_lose_and_block_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STORM, str(tmp_path / "traces.db"), str(FORKS)],
        capture_output=True,
        text=True,
        timeout=120 + FORKS,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {
        "hung": 0,
        "failed": 0,
        "saved": True,
        "dropped": 0,
        "lost": 0,
        "children": FORKS,
        "doubled": 0,
        "whole": True,
    }


def run(name, *words, environment):
    """Run a program that stands beside this one; give what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__).with_name(name), *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout, done.stderr


def test_a_fork_waits_for_a_store_that_is_being_opened(tmp_path):
    environment = {**os.environ, "SPANTREE_DATA_DIR": str(tmp_path)}

    said = run("fork_while_opening.py", environment=environment)

    assert said == ("child saved\nparent saved\n", "")


@pytest.mark.parametrize("place", ["{folder}/traces.db", "{server}", "otlp+{server}"])
def test_our_threads_import_nothing_that_a_fork_could_meet_half_done(place, tmp_path):
    # The user's own folder, as without any setting.
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("SPANTREE_DATA_DIR", None)
    environment.pop("SPANTREE_RUNTIME_DIR", None)

    with Loopback() as server:
        # Then it has to be protobuf, which is imported when that is known.
        server.reads_json = not place.startswith("otlp")
        address = place.format(folder=tmp_path, server=server.uri)
        said = run("imports_of_threads.py", address, environment=environment)

    assert said == ("saved 2\n", "")
    assert bool(server.requests) == ("{server}" in place)
