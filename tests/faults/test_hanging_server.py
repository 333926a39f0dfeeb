"""A server that takes connections and never answers makes nobody wait.

Nothing here is timed: a call that waited for the server would wait for ten seconds each
time, which the program does not live to see; and a program that waited as it ends would
hang up before it has said its last word.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from spantree.search import parse_query
from spantree.store import open_store, parse_tracking_uri

CALLS = 100
PROGRAM = """
import atexit, os, sys

# What is registered first runs last: when spantree has done all it does at an exit.
atexit.register(lambda: (print("last word", flush=True), sys.stdin.readline()))

import spantree

spantree.set_tracking_uri(sys.argv[1])

@spantree.trace
def work(n):
    return n

for n in range(int(sys.argv[2])):
    assert work(n) == n
    assert spantree.get_trace(spantree.get_last_active_trace_id()).data.root.outputs == n
print("worked", flush=True)
assert sys.stdin.readline() == "go on\\n"
"""


class Hanging:
    """Takes connections, reads whatever comes, and says nothing.

    Attributes:
        connected: Set when somebody has sent something.
        left: Set when one who did has hung up.
    """

    def __init__(self):
        self.connected, self.left = threading.Event(), threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._hold, args=(connection,), daemon=True).start()

    def _hold(self, connection):
        while connection.recv(65536):
            self.connected.set()
        self.left.set()

    def close(self):
        self._socket.close()


@pytest.fixture
def server():
    made = Hanging()
    yield made
    made.close()


@pytest.fixture
def program(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path / "data"))
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{server.port}", str(CALLS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield started
    started.kill()
    started.communicate()


def test_calls_and_exit_wait_for_no_answer(server, program, tmp_path):
    assert program.stdout.readline() == "worked\n"
    assert server.connected.wait(60)
    has_hung_up = server.left.is_set()

    program.stdin.write("go on\n")
    program.stdin.flush()
    last_word = program.stdout.readline()
    left_before_the_end = server.left.is_set()
    program.communicate("\n")

    assert last_word == "last word\n"
    assert not has_hung_up
    assert not left_before_the_end
    assert program.returncode == 0
    store = open_store(parse_tracking_uri(tmp_path / "data" / "traces.db"))
    assert len(store.search(parse_query()).traces) == CALLS
    store.close()
