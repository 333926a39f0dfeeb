"""The connections to one PostgreSQL database."""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import weakref
from enum import IntEnum
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg

from spantree.search.texts import clean_text
from spantree.store.dialect import POSTGRES
from spantree.store.postgres_schema import (
    SCHEMA,
    create,
    create_outbox,
    is_older,
    is_there,
    upgrade,
)
from spantree.store.protocol import StoreUnavailableError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from spantree.store.dialect import Parameters
    from spantree.store.known import Known

_CONNECT_S = 5
_MAX_IDLE_READERS = 2
_SESSION = f"SET search_path TO {SCHEMA}, pg_catalog; SET TIME ZONE 'UTC'"
# A writer that hangs with its rows locked must not stop the others for ever.
_WRITER_SESSION = (
    f"{_SESSION}; SET lock_timeout = '5s'; SET statement_timeout = '60s'; "
    "SET idle_in_transaction_session_timeout = '60s'"
)
_READER_SESSION = (
    f"{_SESSION}; SET default_transaction_read_only = on; "
    "SET default_transaction_isolation = 'repeatable read'; "
    "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '5min'"
)
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TROUBLE_BY_STATE = {
    "25006": Trouble.READ_ONLY,  # read_only_sql_transaction
    "42501": Trouble.READ_ONLY,  # insufficient_privilege
    "53100": Trouble.FULL,  # disk_full
    "55P03": Trouble.LOCKED,  # lock_not_available
}
# Serialization failures and deadlocks: to be tried again at once.
_ROLLED_BACK = "40"
_names = count()


class PostgresConnection:
    """A connection as the code that is shared with other engines asks for it.

    Args:
        raw: In autocommit mode; transactions are begun in SQL.
    """

    dialect = POSTGRES
    known: Known | None = None
    Error = psycopg.Error

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    @property
    def is_lost(self) -> bool:
        """Whether there is no connection any more."""
        return bool(self._raw.closed)

    def execute(self, sql: str, parameters: Parameters = (), /) -> psycopg.Cursor[Any]:
        """Run a statement; one without parameters may be several."""
        given = _adapted(parameters) if parameters else None
        return self._raw.execute(_translated(sql) if given else sql, given)

    def executemany(
        self, sql: str, rows: Iterable[Sequence[object]], /
    ) -> psycopg.Cursor[Any]:
        """Run a statement for each row of parameters."""
        cursor = self._raw.cursor()
        adapted = [_adapted(row) for row in rows]
        if adapted:
            cursor.executemany(_translated(sql), adapted)
        return cursor

    def insert(self, sql: str, parameters: Sequence[object], /) -> int:
        """Insert a row; give its ``id``, 0 if it was left out for another one."""
        found = self.execute(f"{sql} RETURNING id", parameters).fetchone()
        return int(found[0]) if found else 0

    def stream(self, sql: str, parameters: Parameters, /) -> Stream:
        """Run a query whose rows are fetched as they are asked for."""
        name = f"spantree_{next(_names)}"
        self.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}", parameters)
        return Stream(self, name)

    def version(self) -> int | None:
        """Give None: the server does not say whether anything changed."""
        return None

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with contextlib.suppress(psycopg.Error):
            self._raw.close()


class Stream:
    """The rows of a cursor on the server; it ends with the transaction.

    Args:
        connection: Within a transaction.
        name: Of the cursor.
    """

    def __init__(self, connection: PostgresConnection, name: str) -> None:
        self._connection = connection
        self._name = name

    rowcount = -1

    def fetchmany(self, size: int, /) -> list[Any]:
        """Give the next rows."""
        return self._fetch(f"FORWARD {int(size)}")

    def fetchone(self) -> Any:
        """Give the next row, None after the last."""
        return next(iter(self.fetchmany(1)), None)

    def fetchall(self) -> list[Any]:
        """Give the rows that are left."""
        return self._fetch("ALL")

    def __iter__(self) -> Iterator[Any]:
        """Give row by row."""
        return iter(self.fetchall())

    def _fetch(self, which: str) -> list[Any]:
        rows = self._connection.execute(f"FETCH {which} FROM {self._name}")
        return list(rows.fetchall())


class PostgresConnections:
    """One connection that writes and a few that read, opened when first needed.

    A connection belongs to the process that opened it: a forked child opens its own.

    Args:
        url: A libpq URI, with the password if there is one; never shown.
        location: The same, safe to show.
    """

    def __init__(self, url: str, location: str) -> None:
        self._url = url
        self._location = location
        self.lock = threading.RLock()
        """Held during every write."""
        self.generation = 0
        """Counts the openings of the writer; what was cached of it ends there."""
        self._prepare: Callable[[PostgresConnection], object] | None = None
        self._writer: PostgresConnection | None = None
        self._idle: list[PostgresConnection] = []
        self._are_tables_known = False
        _all.add(self)

    def serve(self, prepare: Callable[[PostgresConnection], object]) -> None:
        """Call something with each connection that writes, when it is opened."""
        with self.lock:
            self._prepare = prepare
            self.close_writer()

    def writer(self) -> PostgresConnection:
        """Give the connection that writes; the caller holds :attr:`lock`."""
        if self._writer is None or self._writer.is_lost:
            connection = self._connect(_WRITER_SESSION)
            try:
                if not is_there(connection, self._location, writing=True):
                    create(connection)
                elif is_older(connection):
                    self._upgrade(connection)
                if self._prepare is not None:
                    create_outbox(connection)
                    self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._writer = connection
            self.generation += 1
        return self._writer

    @contextlib.contextmanager
    def transaction(self) -> Iterator[PostgresConnection]:
        """Lend the writer for a transaction, which an exception rolls back."""
        with self.lock, self.explained():
            connection = self.writer()
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                try:
                    connection.execute("ROLLBACK")
                except psycopg.Error:
                    self.close_writer()
                raise

    @contextlib.contextmanager
    def reader(self) -> Iterator[PostgresConnection | None]:
        """Lend a read-only connection, None while there are no tables."""
        with self.explained():
            connection = self._borrow()
            try:
                yield connection if self._has_tables(connection) else None
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            while len(self._idle) > _MAX_IDLE_READERS:
                self._idle.pop(0).close()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Say in our words what the server complains of."""
        try:
            yield
        except psycopg.Error as error:
            state = error.sqlstate or ""
            trouble = _TROUBLE_BY_STATE.get(state)
            if state.startswith(_ROLLED_BACK):
                raise
            if trouble is None and not isinstance(error, psycopg.OperationalError):
                raise
            detail = clean_text(str(error)).strip().partition("\n")[0]
            raise StoreUnavailableError(
                trouble or Trouble.UNREACHABLE, self._location, detail
            ) from error

    def close_writer(self) -> None:
        """Close the connection that writes; the caller holds :attr:`lock`."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def close(self) -> None:
        """Close everything that is not in use."""
        with self.lock:
            self.close_writer()
        while self._idle:
            self._idle.pop().close()

    def start_anew_in_child(self) -> None:
        """Leave everything to the parent process."""
        # A finaliser run here would end what the parent still uses.
        _kept_for_parent.append((self._writer, self._idle))
        self.lock = threading.RLock()
        self._writer, self._idle = None, []

    def _borrow(self) -> PostgresConnection:
        with contextlib.suppress(IndexError):
            while True:
                connection = self._idle.pop()
                # The server may have gone, or ended it, since it was last used.
                try:
                    connection.execute("SELECT 1")
                except psycopg.Error:
                    connection.close()
                    continue
                return connection
        return self._connect(_READER_SESSION)

    def _has_tables(self, connection: PostgresConnection) -> bool:
        if not self._are_tables_known:
            if not is_there(connection, self._location):
                return False
            if is_older(connection):
                with self.lock:
                    self.writer()
            self._are_tables_known = True
        return True

    def _upgrade(self, connection: PostgresConnection) -> None:
        try:
            upgrade(connection)
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreUnavailableError(Trouble.OLDER, self._location) from error

    def _connect(self, session: str) -> PostgresConnection:
        with self.explained():
            raw = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                fallback_application_name="spantree",
            )
            raw.execute(session)
        return PostgresConnection(raw)


@lru_cache(maxsize=512)
def _translated(sql: str) -> str:
    """Write our marks of parameters as psycopg has them."""
    named = re.sub(r"(?<!:):(p\d+)\b", r"%(\1)s", sql)
    return named.replace("?", "%s")


def _adapted(parameters: Parameters) -> Any:
    if isinstance(parameters, dict):
        return {name: _value(value) for name, value in parameters.items()}
    return [_value(value) for value in parameters]


def _value(value: object) -> object:
    """Keep to what a column can hold; SQLite stores NaN as NULL, too."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, IntEnum):
        return int(value)
    return value


_all: weakref.WeakSet[PostgresConnections] = weakref.WeakSet()
_kept_for_parent: list[object] = []


def _after_fork_in_child() -> None:
    for connections in list(_all):
        connections.start_anew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
