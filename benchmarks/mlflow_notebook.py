"""Runs in MLflow's environment: a server, traces in it, and its notebook outputs.

    python mlflow_notebook.py FOLDER PORT

Reads `{size: [[id, parent, name, type, start, ms], …]}` as one line of JSON, answers
`{size: {"html": …}}` with "error" where MLflow failed, and serves until its input ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # nothing leaves the machine
# A trace is shown once all of it is there.
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
# Its workers for other jobs would take the processor from what is measured.
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"

import mlflow
from mlflow.tracing.display.display_handler import get_notebook_iframe_html

_START_SECONDS = 120.0
_EXPORT_SECONDS = 60.0


def main(folder: Path, port: str) -> None:
    """Serve, log, answer, and wait."""
    url = f"http://127.0.0.1:{port}"
    store = f"sqlite:///{folder / 'mlflow.db'}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    # The notebook's page has another origin, and may embed and ask this one.
    command += ["--port", port, "--backend-store-uri", store, "--workers", "1"]
    command += ["--x-frame-options", "NONE", "--cors-allowed-origins", "*"]
    # A group of its own: MLflow's server leaves its workers behind.
    server = subprocess.Popen(
        command, stdout=sys.stderr, stderr=sys.stderr, start_new_session=True
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        _wait_for(url, server)
        mlflow.set_tracking_uri(url)
        orders = json.loads(sys.stdin.readline())
        outputs = {size: _answer(spans) for size, spans in orders.items()}
        print(json.dumps(outputs), flush=True)
        sys.stdin.read()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2)  # noqa: S310 - our own
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return


def _answer(
    spans: list[tuple[int, int | None, str, str, float, float]],
) -> dict[str, str]:
    try:
        return {"html": _log(spans)}
    except (TimeoutError, mlflow.MlflowException) as error:
        return {"error": str(error).splitlines()[0]}


def _log(spans: list[tuple[int, int | None, str, str, float, float]]) -> str:
    """Log one trace and give the output that a notebook would show."""
    zero = time.time_ns() - 10**9
    made = {}
    for key, parent, name, kind, start_ms, _ in spans:
        made[key] = mlflow.start_span_no_context(
            name,
            span_type=kind,
            parent_span=made.get(parent),
            start_time_ns=zero + round(start_ms * 1e6),
        )
    for key, _, _, _, start_ms, ms in reversed(spans):
        made[key].end(end_time_ns=zero + round((start_ms + ms) * 1e6))
    mlflow.flush_trace_async_logging()
    deadline = time.monotonic() + _EXPORT_SECONDS
    while (trace := mlflow.get_trace(made[1].trace_id, silent=True)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"its server had not all spans {_EXPORT_SECONDS:.0f} s after the flush"
            )
        time.sleep(0.3)
    return get_notebook_iframe_html([trace])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
