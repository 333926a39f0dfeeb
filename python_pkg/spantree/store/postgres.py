"""A team's store: PostgreSQL, written by any number of processes on any hosts."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

# For the folder of its spill files: no thread of ours may import it later.
import platformdirs  # noqa: F401
from psycopg import errors

from spantree.store.backoff import jitter
from spantree.store.postgres_attachments import AttachmentRows
from spantree.store.postgres_connections import PostgresConnections
from spantree.store.postgres_schema import SCHEMA, has_outbox
from spantree.store.protocol import StoreUnavailableError, Trouble
from spantree.store.sql import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from spantree.store.dialect import Connection
    from spantree.store.inserts import Inserter

T = TypeVar("T")

_ATTEMPTS = 8
_PAUSE_S = 0.02
# Two writers met at a row; the one that is told so has changed nothing.
_CLASHES = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
)
_LIVE_BYTES = (
    "SELECT coalesce(sum(octet_length(spans) + octet_length(body)), 0) FROM chunk",
    "SELECT coalesce(sum(octet_length(body)), 0) FROM msg",
    "SELECT coalesce(sum(octet_length(suffix)), 0) FROM mlist",
    "SELECT coalesce(sum(pg_column_size(trace.*)), 0) FROM trace",
)


class PostgresStore(SqlStore):
    """A :class:`~spantree.store.protocol.Store` in a schema ``spantree``.

    Writers lock the rows they change, not the store. The tables are made by the first
    write of a user who may.

    Args:
        url: A libpq URI, such as ``postgresql://user:password@host/database``.
        location: The same, safe to show.
    """

    def __init__(self, url: str, location: str) -> None:
        self._connections = PostgresConnections(url, location)
        super().__init__(location, AttachmentRows(self._connections))

    def look(self, work: Callable[[Connection], T]) -> T | None:
        """Read the outbox on any thread; None while there is none."""
        with self._reader() as connection:
            if connection is None or not has_outbox(connection):
                return None
            return work(connection)

    def shrink(self) -> int:
        """Let the room of deleted rows be used again; give the bytes of live ones."""
        with self._connections.lock, self._connections.explained():
            connection = self._connections.writer()
            for table in ("trace", "chunk", "msg", "mlist", "tag", "span_group"):
                connection.execute(f"VACUUM {SCHEMA}.{table}")
            return sum(int(connection.execute(q).fetchone()[0]) for q in _LIVE_BYTES)

    def close(self) -> None:
        """See the protocol."""
        self._connections.close()

    def _reader(self) -> AbstractContextManager[Connection | None]:
        return self._connections.reader()

    def _serve(self, prepare: Callable[[Connection], object]) -> None:
        self._connections.serve(prepare)

    def _run(self, work: Callable[[Inserter, Connection], T]) -> T:
        """Run some work in one transaction, again if it met another writer's."""
        with self._connections.lock:
            for attempt in range(_ATTEMPTS):
                with contextlib.suppress(*_CLASHES):
                    return self._attempt(work)
                time.sleep(_PAUSE_S * attempt * jitter.random())
        detail = "other processes change the same rows all the time"
        raise StoreUnavailableError(Trouble.LOCKED, self.location, detail)

    def _attempt(self, work: Callable[[Inserter, Connection], T]) -> T:
        try:
            with self._connections.transaction() as connection:
                generation = self._connections.generation
                return work(self._inserter_for(connection, generation), connection)
        except BaseException:
            # What it remembers was not committed.
            self._inserter = None
            raise
