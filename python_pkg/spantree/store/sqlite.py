"""The default store: one SQLite file in WAL mode, shared by any number of processes."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from spantree.store.attachments import AttachmentFiles
from spantree.store.connections import Connections
from spantree.store.protocol import StoreUnavailableError, Trouble
from spantree.store.room import RoomWatch, claim_warning
from spantree.store.sql import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from spantree.store.dialect import Connection
    from spantree.store.inserts import Inserter

T = TypeVar("T")

_ATTEMPTS = 3


class SqliteStore(SqlStore):
    """A :class:`~spantree.store.protocol.Store` in one file.

    Writes go through one connection, reads through a few of their own, so a reader
    never waits for a writer. The file is made by the first write.

    Args:
        path: Where the file is or will be.
        replace_damaged: Keep a damaged file under another name and begin a new one.
    """

    def __init__(self, path: Path, *, replace_damaged: bool = False) -> None:
        super().__init__(str(path), AttachmentFiles(path))
        self._connections = Connections(path, replace_damaged=replace_damaged)
        self._room = RoomWatch(path, self._may_warn)

    def shrink(self) -> int:
        """See the protocol."""
        with self._connections.turn():
            return self._connections.shrink()

    def close(self) -> None:
        """See the protocol."""
        self._connections.close()

    def _reader(self) -> AbstractContextManager[Connection | None]:
        return self._connections.reader()

    def _serve(self, prepare: Callable[[Connection], object]) -> None:
        self._connections.serve(prepare)

    def _commit_with_connection(self, work: Callable[[Inserter, Connection], T]) -> T:
        result = super()._commit_with_connection(work)
        self._room.look()
        return result

    def _may_warn(self, kind: str) -> bool:
        try:
            return self._run(lambda _, connection: claim_warning(connection, kind))
        except StoreUnavailableError:
            # The disk may be full already.
            return True

    def _run(self, work: Callable[[Inserter, Connection], T]) -> T:
        """Run some work in one transaction, again if the file was replaced."""
        connections = self._connections
        with connections.turn():
            for _ in range(_ATTEMPTS):
                try:
                    result = self._attempt(work)
                except StoreUnavailableError as error:
                    if error.trouble is Trouble.FULL:
                        connections.shrink_log()
                    if connections.is_current() and not connections.replaced(error):
                        raise
                else:
                    if connections.is_current():
                        return result
                # The writer's file is no longer at the path.
                connections.close_writer()
        detail = "it is being replaced all the time"
        raise StoreUnavailableError(Trouble.UNREACHABLE, self.location, detail)

    def _attempt(self, work: Callable[[Inserter, Connection], T]) -> T:
        connection = self._connections.writer()
        inserter = self._inserter_for(connection, self._connections.generation)
        with self._connections.explained():
            # A deferred transaction that turns to writing fails at once when
            # another process has written; this one waits its turn.
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(inserter, connection)
                connection.execute("COMMIT")
            except BaseException:
                self._inserter = None
                # A full disk has ended the transaction already.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        return result
