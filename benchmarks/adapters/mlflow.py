"""The full mlflow package with its `sqlite:///` store and defaults."""

from __future__ import annotations

import logging
import os
import sqlite3
from typing import TYPE_CHECKING

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # nothing leaves the machine

import mlflow

if TYPE_CHECKING:
    from pathlib import Path

_file: Path

traced = mlflow.trace


def set_up(folder: Path, *, enabled: bool) -> None:
    """Store into a file of the folder; its tables are made here, not in a round."""
    global _file  # noqa: PLW0603 - the adapter's one piece of state
    _file = folder / "mlflow.db"
    logging.getLogger("alembic").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(f"sqlite:///{_file}")
    mlflow.search_traces(max_results=1, return_type="list")
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
    """Count the rows in the file."""
    connection = sqlite3.connect(f"file:{_file}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM spans").fetchone()[0])
    finally:
        connection.close()


def read_back() -> str:
    """Search for the newest trace."""
    found = mlflow.search_traces(max_results=1, return_type="list")
    return str([trace.to_dict() for trace in found])
