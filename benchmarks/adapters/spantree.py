"""spantree with its default store, an SQLite file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import spantree

if TYPE_CHECKING:
    from pathlib import Path

_file: Path

traced = spantree.trace
flush = spantree.flush


def set_up(folder: Path, *, enabled: bool) -> None:
    """Store into a file of the folder."""
    global _file  # noqa: PLW0603 - the adapter's one piece of state
    _file = folder / "traces.db"
    spantree.set_tracking_uri(f"sqlite:///{_file}")
    if not enabled:
        spantree.tracing.disable()


def block(value: int) -> int:
    """Give `value + 1`."""
    with spantree.start_span("block") as span:
        span.set_inputs({"value": value})
        result = value + 1
        span.set_outputs(result)
    return result


def count_spans() -> int:
    """Count the rows in the file, which another process would see."""
    if not _file.exists():
        return 0
    connection = sqlite3.connect(f"file:{_file}?mode=ro", uri=True)
    try:
        sql = "SELECT coalesce(sum(count), 0) FROM span_group"
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


def read_back() -> str:
    """Search for the newest trace."""
    found = spantree.search_traces(max_results=1, return_type="list")
    return str([trace.to_dict() for trace in found])
