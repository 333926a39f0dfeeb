"""Brings a store that an older spantree made up to date."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from spantree.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def _index_sessions(connection: sqlite3.Connection) -> None:
    session = "(SELECT session FROM trace WHERE trace.id = assessment.trace)"
    connection.execute(  # A patch of the trace alone had not been copied.
        f"UPDATE assessment SET session = {session} WHERE session IS NOT {session}"  # noqa: S608 - ours
    )
    connection.execute(schema.ASSESS_SESSION)


STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _index_sessions}
"""By version: what makes a store of that version one of the next."""


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
    return sqlite3.connect(path, isolation_level=None, timeout=5)


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
