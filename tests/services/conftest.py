"""Real servers on this machine, in processes of their own, on the test's store."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import spantree

TESTS = Path(__file__).parents[1]
STARTS_WITHIN_S = 60


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Let this process and all it starts share a store of the test's own."""
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    spantree.set_tracking_uri(None)
    yield
    spantree.set_tracking_uri("memory:")


@pytest.fixture
def serve(store, tmp_path):
    """Start a server by the words after `python -m`; gives its address."""
    running = []

    def start(*words):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [word.replace("PORT", str(port)) for word in words]
        log = (tmp_path / "server.log").open("w")
        server = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=log, stderr=log, cwd=tmp_path
        )
        running.append(server)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return f"http://127.0.0.1:{port}", server
            assert server.poll() is None, (tmp_path / "server.log").read_text()
            time.sleep(0.05)
        raise AssertionError((tmp_path / "server.log").read_text())

    yield start
    for server in running:
        stop(server)


def stop(server):
    """End a server as an administrator would, and wait for it."""
    if server.poll() is None:
        os.kill(server.pid, signal.SIGTERM)
        server.wait(30)
