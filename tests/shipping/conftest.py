"""A real MLflow server, and MLflow's own client to ask it, in an environment of theirs.

That environment is named by SPANTREE_MLFLOW_PYTHON, as `make test-mlflow` does, or
stands in ``.venv-mlflow``; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

import spantree

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def mlflow_python():
    named = os.environ.get("SPANTREE_MLFLOW_PYTHON")
    # Absolute, as the server runs in a folder of its own; links make an environment.
    python = Path(named or HERE.parents[1] / ".venv-mlflow/bin/python").absolute()
    if not python.exists() and not named:
        pytest.skip("no environment with mlflow: run `make test-mlflow`")
    return str(python)


class Server:
    """An MLflow server that can be stopped and started again on its port."""

    def __init__(self, python, folder):
        self._python, self._folder = python, folder
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [
                *(self._python, "-m", "mlflow", "server", "--workers", "1"),
                *("--host", "127.0.0.1", "--port", str(self.port)),
                *("--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db"),
                *("--artifacts-destination", f"{self._folder}/artifacts"),
            ],
            cwd=self._folder,
            env={
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            stdout=(self._folder / "server.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return self
            except OSError:
                assert self._process.poll() is None, "the server did not start"
                time.sleep(0.2)
        raise AssertionError("the server does not answer")

    def stop(self):
        os.killpg(self._process.pid, 15)
        self._process.wait(30)


@pytest.fixture(scope="session")
def server(mlflow_python, tmp_path_factory):
    made = Server(mlflow_python, tmp_path_factory.mktemp("mlflow")).start()
    yield made
    made.stop()


@pytest.fixture
def new_server(mlflow_python, tmp_path_factory):
    """A server of the test's own, to be stopped and started."""
    made = Server(mlflow_python, tmp_path_factory.mktemp("mlflow")).start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def mlflow_client(mlflow_python, server):
    """Evaluate an expression of MLflow's client in a process of its own."""
    process = subprocess.Popen(
        [mlflow_python, str(HERE / "client.py"), server.uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        },
    )

    def ask(expression, **names):
        process.stdin.write(json.dumps([expression, names]) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    yield ask
    process.stdin.close()
    process.wait(30)


@pytest.fixture
def shipping(server, request):
    """Send traces to the server, in an experiment of the test's own."""
    spantree.tracing.reset()
    spantree.set_tracking_uri(server.uri)
    spantree.set_experiment(request.node.name)
    yield request.node.name
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
