"""Rows on their way into the tables, many with one statement.

For each row that a statement writes, sqlite3 lets other threads run and then waits for
its turn again, which takes 5 ms while a thread of the program computes. A statement of
many rows waits once.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from spantree.store.rows import TRACE_COLUMNS, Row, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.store.dialect import Connection

OWNED_COLUMNS = (*TRACE_COLUMNS, "pid", "boot")
TAG_COLUMNS = ("ns", "key", "value", "trace")
OR_LEAVE = "ON CONFLICT DO NOTHING"
# SQLite before 3.32 takes at most 999 values.
_LONGEST_STATEMENTS = (32, 8, 1)


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
_STATEMENTS = {
    (table[0], rows): insert_sql(*table, rows=rows)
    for table in (("trace", ("id", *OWNED_COLUMNS)), _TAG, _GROUP, _CHUNK)
    for rows in _LONGEST_STATEMENTS
}


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
        for table, rows in (
            ("trace", self.traces),
            ("tag", self.tags),
            ("span_group", self.groups),
            ("chunk", self.chunks),
        ):
            self._insert(table, rows)
            rows.clear()

    def _insert(self, table: str, rows: list[Row]) -> None:
        at = 0
        for count in _LONGEST_STATEMENTS:
            while len(rows) - at >= count:
                values = [*chain.from_iterable(rows[at : at + count])]
                self._execute(_STATEMENTS[table, count], values)
                at += count
