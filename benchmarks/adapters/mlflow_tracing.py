"""mlflow-tracing, which can only ship: to a stand-in server in another process.

The server's CPU is not counted; what this process does to ship is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # nothing leaves the machine

import mlflow
from mlflow.entities.trace_location import MlflowExperimentLocation

_address = ""
_server: subprocess.Popen[str]

traced = mlflow.trace


def set_up(folder: Path, *, enabled: bool) -> None:
    """Start the server and ship to it."""
    del folder
    # The server is held, since it lives as long as its standard input is open.
    global _address, _server  # noqa: PLW0603 - the adapter's state
    _server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("_mlflow_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert _server.stdout is not None
    _address = _server.stdout.readline().strip()
    mlflow.set_tracking_uri(_address)
    # Without one, 3.17.2 fails to look its default experiment up and records nothing.
    mlflow.tracing.set_destination(MlflowExperimentLocation("0"))
    if not enabled:
        mlflow.tracing.disable()


def block(value: int) -> int:
    """Give `value + 1`."""
    with mlflow.start_span("block") as span:
        span.set_inputs({"value": value})
        result = value + 1
        span.set_outputs(result)
    return result


def flush() -> None:
    """Wait for the export queue."""
    mlflow.flush_trace_async_logging()


def count_spans() -> int:
    """Ask the server how many spans it was sent."""
    return int(_ask("/spans/count"))


def read_back() -> str:
    """Ask the server for the newest spans it was sent."""
    return _ask("/spans/newest")


def _ask(path: str) -> str:
    with urllib.request.urlopen(_address + path, timeout=30) as reply:  # noqa: S310
        return str(reply.read().decode())
