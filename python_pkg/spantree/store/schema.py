"""The tables of a SQLite store, how a file is made, and whether one is ours."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
from typing import TYPE_CHECKING

from spantree.entities.experiment import DEFAULT_ID, DEFAULT_NAME
from spantree.store.filesystem import network_type
from spantree.store.protocol import StoreUnavailableError, Trouble
from spantree.store.sessions import OF_SESSION

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID = 0x5350544E  # "SPTN"
SCHEMA_VERSION = 3
# The oldest spantree that may read and write a store made by this one.
OLDEST_READER = OLDEST_WRITER = 3
MIN_SQLITE = (3, 31)
HEADER_BYTES = 100
# SQLite file format, 1.3: offsets in the database header.
_MAGIC = b"SQLite format 3\x00"
_USER_VERSION = slice(60, 64)
_APPLICATION_ID = slice(68, 72)

ASSESS_SESSION = f"""
CREATE INDEX assess_session ON assessment(session, kind, name)
  WHERE instr(meta, {OF_SESSION}) > 0"""
"""The index of the judgements of whole sessions."""
CREATE_TRACE = """CREATE TABLE {0}(
  id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE, experiment INTEGER NOT NULL,
  state INTEGER NOT NULL, start_ns INTEGER NOT NULL, dur_ns INTEGER,
  texts TEXT NOT NULL, name TEXT, session TEXT, user TEXT, client_request_id TEXT,
  models TEXT, input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER,
  cached_tokens INTEGER, cost REAL, llm_calls INTEGER, span_count INTEGER,
  error_count INTEGER, error TEXT, cell TEXT,
  pid INTEGER, boot TEXT, version INTEGER NOT NULL DEFAULT 1)"""
TRACE_INDEXES = """
CREATE INDEX trace_recent ON trace(experiment, start_ns DESC, trace_id);
CREATE INDEX trace_dur ON trace(experiment, dur_ns DESC, start_ns DESC, trace_id);
CREATE INDEX trace_state ON trace(experiment, state, start_ns DESC, trace_id)
  WHERE state <> 1;
CREATE INDEX trace_session ON trace(session, start_ns) WHERE session IS NOT NULL;
CREATE INDEX trace_user ON trace(user, start_ns) WHERE user IS NOT NULL;
CREATE INDEX trace_creq ON trace(client_request_id)
  WHERE client_request_id IS NOT NULL"""
_TABLES = f"""
CREATE TABLE experiment(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state INTEGER NOT NULL DEFAULT 0,
  created_ns INTEGER, updated_ns INTEGER, tags TEXT);
INSERT INTO experiment(id, name) VALUES({DEFAULT_ID}, '{DEFAULT_NAME}');
{CREATE_TRACE.format("trace")};
{TRACE_INDEXES.strip()};
CREATE TABLE tag(
  ns INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, trace INTEGER NOT NULL,
  PRIMARY KEY(ns, key, value, trace)) WITHOUT ROWID;
CREATE TABLE span_class(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, model TEXT NOT NULL,
  status INTEGER NOT NULL, UNIQUE(name, type, model, status));
CREATE TABLE span_group(
  trace INTEGER NOT NULL, class INTEGER NOT NULL, count INTEGER NOT NULL,
  max_dur_ns INTEGER, PRIMARY KEY(trace, class)) WITHOUT ROWID;
CREATE INDEX group_class ON span_group(class, trace);
CREATE TABLE chunk(
  id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, lists TEXT, spans TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX chunk_trace ON chunk(trace);
CREATE TABLE msg(
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, refs INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE TABLE mlist(
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, parent INTEGER,
  suffix TEXT NOT NULL, refs INTEGER NOT NULL);
CREATE TABLE assessment(
  id TEXT PRIMARY KEY, trace INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
  span_id INTEGER, kind INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, num REAL,
  error TEXT, source_type TEXT, source_id TEXT, rationale TEXT, meta TEXT,
  session TEXT, created_ns INTEGER, updated_ns INTEGER, overrides TEXT,
  valid INTEGER NOT NULL DEFAULT 1, remote_id TEXT);
CREATE INDEX assess_nv ON assessment(kind, name, num, value, trace);
CREATE INDEX assess_trace ON assessment(trace);
{ASSESS_SESSION.strip()};
CREATE TABLE outbox(
  dest TEXT NOT NULL, trace INTEGER NOT NULL, what INTEGER NOT NULL,
  version INTEGER NOT NULL, state INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, next_ns INTEGER, lease TEXT,
  lease_until INTEGER, error TEXT, PRIMARY KEY(dest, trace)) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox(dest, state, next_ns);
CREATE TABLE info(key TEXT PRIMARY KEY, value TEXT);
INSERT INTO info(key, value) VALUES
  ('min_reader', '{OLDEST_READER}'), ('min_writer', '{OLDEST_WRITER}');
"""


def check_file(path: Path, *, writing: bool = False) -> bool:
    """Look at a file's header; at more of it only if a newer spantree made it.

    Args:
        path: The file.
        writing: Whether it is to be written; a newer one may be readable only.

    Returns:
        True for a store of ours, False if the file is to be made or is empty.

    Raises:
        StoreUnavailableError: If it is someone else's, a newer spantree's, or can't
            be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except FileNotFoundError:
        if path.is_symlink():
            detail = "it is a symbolic link to nothing"
            raise StoreUnavailableError(
                Trouble.UNREACHABLE, str(path), detail
            ) from None
        return False
    except OSError as error:
        detail = error.strerror or str(error)
        raise StoreUnavailableError(Trouble.UNREACHABLE, str(path), detail) from error
    if not header:
        return False
    trouble = _trouble_of(header)
    if trouble is Trouble.NEWER and _admits(path, writing=writing):
        return True
    if trouble is not None:
        raise StoreUnavailableError(trouble, str(path))
    return True


def is_older(path: Path) -> bool:
    """Tell whether a file of ours has an older schema."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    return 0 < int.from_bytes(header[_USER_VERSION], "big") < SCHEMA_VERSION


def is_garbage(path: Path) -> bool:
    """Tell whether a file is there, with something in it, but no SQLite file at all."""
    try:
        with path.open("rb") as file:
            header = file.read(len(_MAGIC))
    except OSError:
        return False
    return bool(header) and header != _MAGIC


def create_file(path: Path) -> None:
    """Make an empty store, readable by its owner only, unless there is one.

    It is made complete under another name and then linked into place, so that no
    other process ever sees half of it.
    """
    _make_folder(path.parent)
    if path.exists():
        _initialise(path)
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(draft, flags, 0o600))
    try:
        _initialise(draft)
        _publish(draft, path)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                draft.with_name(draft.name + suffix).unlink()


def _trouble_of(header: bytes) -> Trouble | None:
    is_ours = int.from_bytes(header[_APPLICATION_ID], "big") == APPLICATION_ID
    if not header.startswith(_MAGIC) or not is_ours:
        return Trouble.FOREIGN
    version = int.from_bytes(header[_USER_VERSION], "big")
    return Trouble.NEWER if version > SCHEMA_VERSION else None


def _admits(path: Path, *, writing: bool) -> bool:
    """Ask a newer store whether this version may use it."""
    key = "min_writer" if writing else "min_reader"
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            sql = "SELECT value FROM info WHERE key = ?"
            found = connection.execute(sql, (key,)).fetchone()
    except sqlite3.Error:
        return False
    return found is not None and int(found[0]) <= SCHEMA_VERSION


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    found = folder.lstat()
    # Another user's link in a shared folder could lead our file anywhere.
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in _trusted_users():
        detail = "its folder is another user's symbolic link"
        raise StoreUnavailableError(Trouble.UNREACHABLE, str(folder), detail)


def _trusted_users() -> tuple[int, ...]:
    return (0, os.getuid()) if hasattr(os, "getuid") else (0,)


def _initialise(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        connection.execute("PRAGMA page_size=16384")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("BEGIN EXCLUSIVE")
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
            # Before WAL: later it would stand in the log first, not in the header.
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
        connection.execute("COMMIT")
        if network_type(path.parent) is None:
            # Where SQLite refuses, the file keeps its rollback journal.
            connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        return
    except (OSError, NotImplementedError):
        # A file system without hard links.
        if not path.exists():
            draft.rename(path)
