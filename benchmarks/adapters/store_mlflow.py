"""The full mlflow package with its `sqlite:///` store.

Its own writer takes some 50 ms a trace, so a large store is filled by SQL: the rows
that it wrote for one trace of the same shape, with other ids, times and texts.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sqlite3
from typing import TYPE_CHECKING, Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # nothing leaves the machine
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

import mlflow

from adapters.store_shape import BATCH, Shape, described

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_Row = dict[str, Any]


class Store:
    """A file in a folder."""

    library: Any = mlflow
    get = staticmethod(mlflow.get_trace)

    def __init__(self, folder: Path) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self._file = folder / "mlflow.db"
        mlflow.set_tracking_uri(f"sqlite:///{self._file}")
        mlflow.set_experiment(experiment_id="0")
        mlflow.search_traces(max_results=1, return_type="list")

    def search(self, **given: Any) -> Any:
        """Search the one experiment."""
        return mlflow.search_traces(locations=["0"], **given)

    def flush(self) -> None:
        """Wait for the export queue."""
        mlflow.flush_trace_async_logging()

    def fill(self, first: int, last: int) -> None:
        """Copy the rows of a trace that mlflow itself writes for the shape."""
        tables = self._sample()
        connection = sqlite3.connect(self._file)
        connection.execute("PRAGMA synchronous=OFF")
        for start in range(first, last, BATCH * 10):
            rows: dict[str, list[_Row]] = {table: [] for table in tables}
            for number in range(start, min(last, start + BATCH * 10)):
                for table, made in _copied(tables, number).items():
                    rows[table] += made
            for table, made in rows.items():
                columns = ", ".join(tables[table][0])
                marks = ", ".join(f":{column}" for column in tables[table][0])
                sql = f"INSERT INTO {table}({columns}) VALUES({marks})"
                connection.executemany(sql, made)
            connection.commit()
        connection.close()

    def _sample(self) -> dict[str, list[_Row]]:
        """Record one trace of the shape and give its rows by table."""
        shape = described(0)

        @mlflow.trace(span_type="AGENT")
        def agent(q: object) -> object:
            mlflow.update_current_trace(
                tags=shape.tags, metadata={"mlflow.trace.session": shape.session}
            )
            child(q)
            child(q)
            return step(q)

        @mlflow.trace
        def step(x: object) -> object:
            return child(x)

        @mlflow.trace(span_type="TOOL")
        def child(x: object) -> object:
            return x

        agent("sample")
        self.flush()
        (trace,) = self.search(max_results=1, return_type="list")
        connection = sqlite3.connect(self._file)
        connection.row_factory = sqlite3.Row
        key = {"spans": "trace_id"}
        tables = ("trace_info", "trace_tags", "trace_request_metadata", "spans")
        found = {}
        for table in tables:
            column = key.get(table, "request_id")
            sql = f"SELECT * FROM {table} WHERE {column} = ?"  # noqa: S608 - mlflow's own names
            rows = connection.execute(sql, (trace.info.trace_id,)).fetchall()
            found[table] = [dict(row) for row in rows]
            for row in found[table]:
                row.pop("duration_ns", None)  # computed by the table itself
        connection.close()
        return found

    def ids(self, count: int) -> Iterator[str]:
        """Give the ids of some stored traces."""
        total = self.count() - 1
        for n in range(count):
            yield _id(n * total // count)

    def count(self) -> int:
        """Count the traces that another process would see."""
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        (count,) = connection.execute("SELECT count(*) FROM trace_info").fetchone()
        connection.close()
        return int(count)

    def size(self) -> int:
        """Give the bytes on disk."""
        return self._file.stat().st_size


def _key(number: int) -> int:
    # Spread like random ids, and known again.
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 1) % 2**128


def _id(number: int) -> str:
    return f"tr-{_key(number):032x}"


def _copied(tables: dict[str, list[_Row]], number: int) -> dict[str, list[_Row]]:
    shape, trace_id = described(number), _id(number)
    start_ms, dur_ms = shape.start_ns // 10**6, shape.dur_ns // 10**6
    texts = {
        "mlflow.trace.session": shape.session,
        "mlflow.traceInputs": shape.spans[0][3],
        "mlflow.traceOutputs": shape.spans[0][4],
    }
    info = {
        **tables["trace_info"][0],
        "request_id": trace_id,
        "timestamp_ms": start_ms,
        "execution_time_ms": dur_ms,
        "session_id": shape.session,
        "request_preview": shape.spans[0][3],
        "response_preview": shape.spans[0][4],
    }
    metadata = [
        {**row, "request_id": trace_id, "value": texts.get(row["key"], row["value"])}
        for row in tables["trace_request_metadata"]
    ]
    kept = [row for row in tables["trace_tags"] if row["key"].startswith("mlflow.")]
    tags = [{**row, "request_id": trace_id} for row in kept]
    tags += [
        {"key": key, "value": value, "request_id": trace_id}
        for key, value in shape.tags.items()
    ]
    return {
        "trace_info": [info],
        "trace_tags": tags,
        "trace_request_metadata": metadata,
        "spans": list(_spans(tables["spans"][0], shape, number)),
    }


def _spans(sample: _Row, shape: Shape, number: int) -> Iterator[_Row]:
    trace_id = _id(number)
    for at, (name, span_type, parent, inputs, outputs) in enumerate(shape.spans):
        start, end = shape.start_ns + at * 1000, shape.start_ns + shape.dur_ns
        span_id = f"{_span_key(number, at):016x}"
        above = None if parent is None else _span_key(number, parent)
        content = json.loads(sample["content"])
        content.update(
            trace_id=_base64(_key(number), 16),
            span_id=_base64(_span_key(number, at), 8),
            parent_span_id=None if above is None else _base64(above, 8),
            name=name,
            start_time_unix_nano=start,
            end_time_unix_nano=end,
        )
        content["attributes"] = {
            "mlflow.traceRequestId": json.dumps(trace_id),
            "mlflow.spanType": json.dumps(span_type),
            "mlflow.spanFunctionName": json.dumps(name),
            "mlflow.spanInputs": inputs,
            "mlflow.spanOutputs": outputs,
            "mlflow.spanLogLevel": "10",
        }
        yield {
            **sample,
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": None if above is None else f"{above:016x}",
            "name": name,
            "type": span_type,
            "start_time_unix_nano": start,
            "end_time_unix_nano": end,
            "content": json.dumps(content),
        }


def _span_key(number: int, at: int) -> int:
    return (number * 8 + at + 1) * 0x9E3779B97F4A7C15 % 2**64


def _base64(key: int, size: int) -> str:
    return base64.b64encode(key.to_bytes(size, "big")).decode()
