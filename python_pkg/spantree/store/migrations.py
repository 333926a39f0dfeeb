"""Brings a store that an older spantree made up to date."""

# ruff: noqa: S608 - no values; what is pasted are our own names

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from spantree.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


_TEXTS_SINCE = 3


def _index_sessions(connection: sqlite3.Connection) -> None:
    session = "(SELECT session FROM trace WHERE trace.id = assessment.trace)"
    connection.execute(  # A patch of the trace alone had not been copied.
        f"UPDATE assessment SET session = {session} WHERE session IS NOT {session}"
    )
    connection.execute(schema.ASSESS_SESSION)


# Of the table trace as versions 1 and 2 had it.
_GATHERED = """
SELECT id, trace_id, experiment, state, start_ns, dur_ns,
  json_array(json(tags), json(metadata), request_preview, response_preview,
    client_request_id, name, session, user) AS texts,
  name, session, user, client_request_id, models, input_tokens, output_tokens,
  total_tokens, cached_tokens, cost, llm_calls, span_count, error_count, error, cell,
  pid, boot, version
FROM main.trace"""


def _gather_texts(connection: sqlite3.Connection) -> None:
    # SQLite before 3.35 drops no columns.
    connection.execute(schema.CREATE_TRACE.format("gathered"))
    connection.execute(f"INSERT INTO gathered {_GATHERED}")
    connection.execute("DROP TABLE trace")
    connection.execute("ALTER TABLE gathered RENAME TO trace")
    for statement in schema.TRACE_INDEXES.split(";\n"):
        connection.execute(statement)
    connection.execute(
        "UPDATE info SET value = '3' WHERE key IN ('min_reader', 'min_writer')"
    )


STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    1: _index_sessions,
    2: _gather_texts,
}
"""By version: what makes a store of that version one of the next."""


def show_as_upgraded(connection: sqlite3.Connection) -> bool:
    """Let an older store that nobody could bring up to date be read as if it were.

    Args:
        connection: To read through; it is of no use once the store is upgraded.

    Returns:
        Whether that was needed.
    """
    if _version_of(connection) >= _TEXTS_SINCE:
        return False
    connection.execute("PRAGMA query_only=OFF")
    # Names are looked up among temporary objects first.
    connection.execute(f"CREATE TEMP VIEW trace AS {_GATHERED}")
    connection.execute("PRAGMA query_only=ON")
    return True


def upgrade(path: Path) -> None:
    """Take a store through all steps to this version's schema, in one transaction.

    A copy named ``<file>.bak-v<version>`` is kept beside it. Another process that does
    the same at the same time waits, and then finds it done.

    Raises:
        sqlite3.Error: If it can't be written now; then it is as it was.
        OSError: If the copy can't be made.
    """
    with contextlib.closing(_connect(path)) as connection:
        version = _version_of(connection)
        if version >= schema.SCHEMA_VERSION:
            return
        _copy(connection, path.with_name(f"{path.name}.bak-v{version}"))
        connection.execute("BEGIN EXCLUSIVE")
        try:
            for number in range(_version_of(connection), schema.SCHEMA_VERSION):
                STEPS[number](connection)
            connection.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    # What is deleted later is not to be left over in pages that were given up here.
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def _version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _copy(connection: sqlite3.Connection, copy: Path) -> None:
    """Write a copy that only the owner reads; one that is there is left alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    draft = copy.with_name(f"{copy.name}.{os.getpid()}")
    if copy.exists():
        return
    os.close(os.open(draft, flags, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(draft),))
        draft.rename(copy)
    finally:
        draft.unlink(missing_ok=True)
