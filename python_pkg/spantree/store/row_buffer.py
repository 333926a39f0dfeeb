"""Rows on their way into the tables, many with one statement.

For each row that a statement writes, sqlite3 lets other threads run and then waits for
its turn again, which takes 5 ms while a thread of the program computes. A statement of
many rows waits once.

Before it binds a value that is no int, float, str or bytearray, sqlite3 looks for an
adapter, and fails twice, which takes longer than to write the value. So columns that
are NULL in all rows are left out, and bytes are given as bytearrays.
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from spantree.store.rows import TRACE_COLUMNS, Row, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.store.dialect import Connection

OWNED_COLUMNS = (*TRACE_COLUMNS, "pid", "boot")
TAG_COLUMNS = ("ns", "key", "value", "trace")
OR_LEAVE = "ON CONFLICT DO NOTHING"
# SQLite before 3.32 takes at most 999 values.
_LONGEST_STATEMENTS = (
    (128, 32, 8, 1) if sqlite3.sqlite_version_info >= (3, 32) else (32, 8, 1)
)


def insert_sql(
    table: str, columns: Sequence[str], conflict: str = "", *, rows: int = 1
) -> str:
    """Write the statement that inserts so many rows.

    Args:
        table: Its name.
        columns: Their names.
        conflict: What to do about rows that are there.
        rows: How many.
    """
    marks = f"({', '.join('?' * len(columns))})"
    values = ", ".join([marks] * rows)
    return f"INSERT INTO {table}({names(columns)}) VALUES{values} {conflict}".rstrip()


_TRACE = ("trace", OWNED_COLUMNS, OR_LEAVE)
_TAG = ("tag", TAG_COLUMNS, OR_LEAVE)
_GROUP = ("span_group", ("trace", "class", "count", "max_dur_ns"))
_CHUNK = ("chunk", ("trace", "lists", "spans", "body"))
INSERT_TRACE = insert_sql(*_TRACE)
PUT_TAG = insert_sql(*_TAG)
PUT_GROUP = insert_sql(*_GROUP)
INSERT_CHUNK = insert_sql(*_CHUNK)


class RowBuffer:
    """Rows of new traces, for each table.

    Args:
        connection: To write through.
    """

    def __init__(self, connection: Connection) -> None:
        self._execute = connection.execute
        self.traces: list[Row] = []
        self.tags: list[Row] = []
        self.groups: list[Row] = []
        self.chunks: list[Row] = []

    def flush(self) -> None:
        """Write them all."""
        if not self.traces:
            return
        for (table, columns, *conflict), rows in (
            (("trace", ("id", *OWNED_COLUMNS), OR_LEAVE), self.traces),
            (_TAG, self.tags),
            (_GROUP, self.groups),
            (_CHUNK, self.chunks),
        ):
            self._insert(table, columns, "".join(conflict), rows)
            rows.clear()

    def _insert(
        self, table: str, columns: tuple[str, ...], conflict: str, rows: list[Row]
    ) -> None:
        at = 0
        for count in _LONGEST_STATEMENTS:
            while len(rows) - at >= count:
                given, values = _bindable(columns, rows[at : at + count])
                self._execute(_statement(table, given, conflict, count), values)
                at += count


def _bindable(
    columns: tuple[str, ...], rows: list[Row]
) -> tuple[tuple[str, ...], list[Any]]:
    """Give the columns that any of the rows has, and the values row by row."""
    given: list[str] = []
    found: list[Sequence[Any]] = []
    for name, values in zip(columns, zip(*rows, strict=True), strict=True):
        first = values[0]
        if first is None and values.count(None) == len(values):
            continue
        given.append(name)
        found.append([*map(bytearray, values)] if type(first) is bytes else values)
    return tuple(given), [*chain.from_iterable(zip(*found, strict=True))]


@lru_cache(maxsize=256)
def _statement(table: str, columns: tuple[str, ...], conflict: str, rows: int) -> str:
    return insert_sql(table, columns, conflict, rows=rows)
