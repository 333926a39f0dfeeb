"""The connections to one SQLite file, and what becomes of them when a process forks."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING

from spantree.search.texts import clean_text
from spantree.store.damage import inode_of, set_aside
from spantree.store.dialect import SQLITE
from spantree.store.durability import synchronous
from spantree.store.filesystem import network_type
from spantree.store.forks import handlers
from spantree.store.functions import register
from spantree.store.migrations import show_as_upgraded, upgrade
from spantree.store.protocol import StoreUnavailableError, Trouble
from spantree.store.schema import (
    MIN_SQLITE,
    check_file,
    create_file,
    is_garbage,
    is_older,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from spantree.store.known import Known

_logger = logging.getLogger("spantree.store")
_WRITER_BUSY_MS = 250
_READER_BUSY_MS = 5_000
_FORK_WAIT_S = 2.0
_TURN_S = 0.001
_MAX_IDLE_READERS = 2
_PRAGMAS = (
    "cache_size=-65536",
    "temp_store=MEMORY",
)
_LOCAL_PRAGMAS = ("mmap_size=268435456",)
# Neither shared memory nor a mapped file is to be trusted across machines.
_NETWORK_PRAGMAS = ("mmap_size=0",)
# secure_delete: what a user deletes is overwritten, not only unlinked.
_WRITER_PRAGMAS = (
    "foreign_keys=ON",
    "journal_size_limit=67108864",
    "secure_delete=ON",
    f"busy_timeout={_WRITER_BUSY_MS}",
)
_READER_PRAGMAS = ("query_only=ON", f"busy_timeout={_READER_BUSY_MS}")
_COMPLAINTS = (sqlite3.DatabaseError, OSError)
_TROUBLE_BY_TEXT = (
    ("locked", Trouble.LOCKED),
    ("locking protocol", Trouble.LOCKED),
    ("is full", Trouble.FULL),
    ("readonly", Trouble.READ_ONLY),
    ("malformed", Trouble.CORRUPT),
    ("not a database", Trouble.CORRUPT),
    ("unable to open", Trouble.UNREACHABLE),
    ("I/O error", Trouble.UNREACHABLE),
)


class SqliteConnection(sqlite3.Connection):
    """What the code that is shared with other engines asks of a connection."""

    dialect = SQLITE
    known: Known | None = None

    def insert(self, sql: str, parameters: Sequence[object], /) -> int:
        """Insert a row; give its number, 0 if it was left out for another one."""
        inserted = self.execute(sql, parameters)
        return (inserted.lastrowid or 0) if inserted.rowcount else 0

    # Rows are always fetched as they are asked for.
    stream = sqlite3.Connection.execute

    def version(self) -> int | None:
        """Give a number that changes when others commit."""
        (number,) = self.execute("PRAGMA data_version").fetchone()
        return int(number)


class Connections:
    """One connection that writes and a few that read, opened when first needed.

    SQLite's locks belong to a process: a child must neither use nor close what its
    parent opened. So a fork waits a moment for transactions to end and closes all
    connections first; each side then opens its own.

    Args:
        path: The file; made by the first write.
        replace_damaged: Keep a damaged file under another name and make a new one.
    """

    def __init__(self, path: Path, *, replace_damaged: bool = False) -> None:
        self.path = path
        self._replace_damaged = replace_damaged
        self.lock = threading.RLock()
        """Held during every write."""
        self.generation = 0
        """Counts the openings of the writer; what was cached of the file ends there."""
        self._network: str | None = None
        self._writer: SqliteConnection | None = None
        self._synchronous = ""
        self._prepare: Callable[[SqliteConnection], object] | None = None
        self._inode: tuple[int, int] | None = None
        self._pool = threading.Condition(threading.Lock())
        self._idle: list[SqliteConnection] = []
        self._idle_inode: tuple[int, int] | None = None
        self._borrowed = 0
        self._is_cut_off = False
        self._held_for_fork = False
        self._is_fork_waiting = False
        _all.add(self)

    def serve(self, prepare: Callable[[SqliteConnection], object]) -> None:
        """Call something with each connection that writes, when it is opened."""
        with self.lock:
            self._prepare = prepare
            self.close_writer()

    def writer(self) -> SqliteConnection:
        """Give the connection that writes; the caller holds :attr:`lock`."""
        self._check_usable()
        if self._writer is None:
            with self.explained():
                connection = self._open_writer()
                if self._prepare is not None:
                    self._prepare(connection)
                self._writer = connection
            self._inode = inode_of(self.path)
            self.generation += 1
            self._synchronous = ""
        if self._synchronous != synchronous():
            self._synchronous = synchronous()
            self._writer.execute(f"PRAGMA synchronous={self._synchronous}")
        return self._writer

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Hold :attr:`lock`, after a fork that waits for it."""
        # A lock that is released and taken again at once would never reach it.
        deadline = time.monotonic() + _FORK_WAIT_S
        while self._is_fork_waiting and time.monotonic() < deadline:
            time.sleep(_TURN_S)
        with self.lock:
            yield

    def is_current(self) -> bool:
        """Tell whether the path still has the file that the writer has, if any."""
        return self._writer is None or self._inode == inode_of(self.path)

    @contextlib.contextmanager
    def reader(self) -> Iterator[SqliteConnection | None]:
        """Lend a read-only connection, None while there is no file."""
        self._check_usable()
        connection = self._borrow()
        is_sound, is_lasting = False, True
        try:
            if connection is None and self._is_there():
                connection, is_lasting = self._open_reader()
            yield connection
            is_sound = is_lasting
        except _COMPLAINTS as error:
            self._explain(error)
            raise
        finally:
            self._give_back(connection, is_sound=is_sound)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Say in our words what SQLite complains of; its own bugs pass unchanged."""
        try:
            yield
        except _COMPLAINTS as error:
            self._explain(error)
            raise

    def replaced(self, error: StoreUnavailableError) -> bool:
        """Put a damaged file aside, if that may be done; the caller holds the lock."""
        if error.trouble is not Trouble.CORRUPT or not self._replace_damaged:
            return False
        self.close_writer()
        with self._pool:
            self._close_idle()
        with self.explained():
            set_aside(self.path, self._inode)
        return True

    def shrink_log(self) -> None:
        """Move the log into the file, which gives a full disk some room."""
        if self._writer is not None:
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self) -> int:
        """Give free pages and the log back; the caller holds :attr:`lock`."""
        if not self.path.exists():
            return 0
        with self.explained():
            # Each step gives one page back; execute() takes but one.
            self.writer().executescript("PRAGMA incremental_vacuum")
        self.shrink_log()
        log = self.path.with_name(f"{self.path.name}-wal")
        return sum(file.stat().st_size for file in (self.path, log) if file.exists())

    def close_writer(self) -> None:
        """Close the connection that writes; the caller holds :attr:`lock`."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(sqlite3.Error):
                writer.close()

    def close(self) -> None:
        """Close everything that is not in use."""
        with self.lock:
            self.close_writer()
        with self._pool:
            self._close_idle()

    def before_fork(self, deadline: float) -> None:
        """Close everything, and keep it closed until the fork is over."""
        self._is_fork_waiting = True
        self._held_for_fork = self.lock.acquire(timeout=_left(deadline))
        if self._held_for_fork:
            self.close_writer()
        self._pool.acquire()
        self._pool.wait_for(lambda: self._borrowed == 0, timeout=_left(deadline))
        self._close_idle()

    def after_fork_in_parent(self) -> None:
        """Go on as before; connections open again when needed."""
        self._is_fork_waiting = False
        self._pool.release()
        if self._held_for_fork:
            self.lock.release()

    def after_fork_in_child(self) -> None:
        """Start anew, or stay away when the parent was in the midst of something."""
        self._is_cut_off = not self._held_for_fork or self._borrowed > 0
        if self._writer is not None:
            _kept_for_parent.append(self._writer)
        self._writer = None
        self._borrowed = 0
        self._is_fork_waiting = False
        self.lock = threading.RLock()
        self._pool = threading.Condition(threading.Lock())
        self.generation += 1

    def _explain(self, error: Exception) -> None:
        """Raise it in our words; return if it is a bug."""
        if isinstance(error, OSError):
            trouble, detail = _os_trouble(error), error.strerror or str(error)
        elif (known := _trouble_of(error)) is not None:
            trouble, detail = known, _detail(known, error)
        else:
            return
        raise StoreUnavailableError(trouble, str(self.path), detail) from error

    def _check_usable(self) -> None:
        if self._is_cut_off:
            raise StoreUnavailableError(Trouble.FORKED, str(self.path))

    def _open_writer(self) -> SqliteConnection:
        if sqlite3.sqlite_version_info < MIN_SQLITE:
            detail = f"SQLite {sqlite3.sqlite_version} is older than 3.31"
            raise StoreUnavailableError(Trouble.UNREACHABLE, str(self.path), detail)
        if not self._is_there(writing=True):
            if is_garbage(self.path):
                set_aside(self.path, inode_of(self.path))
            create_file(self.path)
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = _connect(uri, (*self._pragmas(), *_WRITER_PRAGMAS))
        if self._network is not None:
            connection.execute("PRAGMA journal_mode=DELETE")
        return connection

    def _pragmas(self) -> tuple[str, ...]:
        network = network_type(self.path.parent)
        if network is not None and self._network is None:
            _logger.warning(
                "The trace store %s lies on a network file system (%s), where it is "
                "slow and more easily damaged. Name a file on this machine in "
                "SPANTREE_DB.",
                self.path,
                network,
            )
        self._network = network
        return (*_PRAGMAS, *(_NETWORK_PRAGMAS if network else _LOCAL_PRAGMAS))

    def _is_there(self, *, writing: bool = False) -> bool:
        is_replaceable = self._replace_damaged and is_garbage(self.path)
        is_there = not is_replaceable and check_file(self.path, writing=writing)
        if is_there and is_older(self.path):
            try:
                upgrade(self.path)
            except (OSError, sqlite3.Error):
                # It can be read as it is.
                if writing:
                    raise
        return is_there

    def _open_reader(self) -> tuple[SqliteConnection, bool]:
        """Open a connection; the flag tells whether it may be used again."""
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            return self._connect_reader(uri)
        except sqlite3.OperationalError:
            # SQLite makes its log's index even to read. Where nothing can be made, and
            # there is no log, the file is all there is, and nobody changes it.
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() or os.access(self.path.parent, os.W_OK):
                raise
            connection, _ = self._connect_reader(f"{uri}&immutable=1")
            return connection, False

    def _connect_reader(self, uri: str) -> tuple[SqliteConnection, bool]:
        connection = _connect(uri, (*self._pragmas(), *_READER_PRAGMAS))
        register(connection)
        connection.execute("SELECT 1 FROM info LIMIT 1")
        return connection, not show_as_upgraded(connection)

    def _borrow(self) -> SqliteConnection | None:
        inode = inode_of(self.path)
        with self._pool:
            self._borrowed += 1
            if inode != self._idle_inode:
                self._close_idle()
                self._idle_inode = inode
            return self._idle.pop() if self._idle else None

    def _give_back(
        self, connection: SqliteConnection | None, *, is_sound: bool
    ) -> None:
        with self._pool:
            self._borrowed -= 1
            if connection is not None:
                if is_sound and len(self._idle) < _MAX_IDLE_READERS:
                    self._idle.append(connection)
                else:
                    connection.close()
            if self._is_fork_waiting:
                self._pool.notify_all()

    def _close_idle(self) -> None:
        while self._idle:
            with contextlib.suppress(sqlite3.Error):
                self._idle.pop().close()


def _connect(uri: str, pragmas: tuple[str, ...]) -> SqliteConnection:
    # Threads take turns, by the lock and by the pool; SQLite itself is built for it.
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=SqliteConnection,
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _trouble_of(error: Exception) -> Trouble | None:
    text = str(error)
    for part, trouble in _TROUBLE_BY_TEXT:
        if part in text:
            return trouble
    return None


def _detail(trouble: Trouble, error: Exception) -> str:
    is_said = trouble in (Trouble.LOCKED, Trouble.FULL, Trouble.READ_ONLY)
    return "" if is_said else clean_text(str(error))


def _os_trouble(error: OSError) -> Trouble:
    if isinstance(error, PermissionError):
        return Trouble.READ_ONLY
    by_number = {28: Trouble.FULL, 30: Trouble.READ_ONLY}  # ENOSPC, EROFS
    return by_number.get(error.errno or 0, Trouble.UNREACHABLE)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


_all: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []
# A finaliser in the child would close files and drop locks of the parent.
_kept_for_parent: list[SqliteConnection] = []


def _before_fork() -> None:
    deadline = time.monotonic() + _FORK_WAIT_S
    for connections in list(_all):
        if connections not in _forking:
            _forking.append(connections)
            connections.before_fork(deadline)


def _after_fork_in_parent() -> None:
    for connections in _forking:
        connections.after_fork_in_parent()
    _forking.clear()


def _after_fork_in_child() -> None:
    for connections in _forking:
        connections.after_fork_in_child()
    _forking.clear()


handlers.append(_before_fork)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
