"""Stores of older versions are brought up to date; a copy of them is kept."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from spantree.search import parse_query
from spantree.store import (
    StoreUnavailableError,
    migrations,
    open_store,
    parse_tracking_uri,
    schema,
)

QUERIES = [
    parse_query(filter_string, order)
    for filter_string, order in (
        (None, None),
        ("tag.env = 'prod'", "tag.env DESC"),
        ("tag.env != 'prod'", None),
        ("metadata.missing IS NULL AND tag.env LIKE 'p%'", "name ASC"),
        ("session = 's1' AND duration > 1ms", "duration ASC"),
        ("span.name = 'chat'", None),
        ("inputs CONTAINS 'question 2'", None),
        ("feedback.good = true", None),
    )
]
FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(params=sorted(FIXTURES.glob("store-v*.sql")), ids=lambda p: p.stem)
def older(request, file):
    """Make the file as a released version left it."""
    version = int(request.param.stem.partition("-v")[2])
    file.parent.mkdir(mode=0o700)
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={version}")
    connection.executescript(request.param.read_text())
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return version


@pytest.fixture
def next_version(monkeypatch):
    """Let the schema have one more version, which adds a column."""
    number = schema.SCHEMA_VERSION

    def add_column(connection):
        connection.execute("ALTER TABLE trace ADD COLUMN added INTEGER")

    monkeypatch.setattr(schema, "SCHEMA_VERSION", number + 1)
    monkeypatch.setattr(migrations, "STEPS", {**migrations.STEPS, number: add_column})
    return number + 1


def version_of(file):
    connection = sqlite3.connect(file)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return version


def test_older_store_is_read_and_written(older, file, make_trace):
    store = open_store(parse_tracking_uri(file))

    assert store.get(2).data.root.inputs == "question 2"
    store.write([make_trace(9)])
    found = store.search(parse_query("tag.env = 'prod' AND span.name = 'chat'")).traces
    assert len(found) == 3
    store.close()


def test_older_store_is_upgraded_and_a_copy_kept(older, next_version, file, make_trace):
    store = open_store(parse_tracking_uri(file))

    store.write([make_trace(9)])

    store.close()
    assert version_of(file) == next_version
    copy = file.with_name(f"traces.db.bak-v{older}")
    assert version_of(copy) == older
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.glob("*.bak*")] == [copy.name]
    again = open_store(parse_tracking_uri(file))
    assert len(again.search(parse_query()).traces) == 4
    again.close()


def tables_of(file):
    connection = sqlite3.connect(file)
    sql = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    found = {
        name: "".join(text.replace('"', "").split())
        for name, text in connection.execute(sql).fetchall()
    }
    problems = connection.execute("PRAGMA foreign_key_check").fetchall()
    problems += connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    assert problems == [("ok",)]
    return found


def test_upgraded_store_has_the_tables_of_a_new_one(older, file, make_trace, tmp_path):
    store = open_store(parse_tracking_uri(file))
    store.write([make_trace(9)])
    store.delete([2])
    store.close()
    new = open_store(parse_tracking_uri(tmp_path / "new.db"))
    new.write([make_trace(9)])
    new.close()

    assert tables_of(file) == tables_of(tmp_path / "new.db")
    connection = sqlite3.connect(file)
    judged = connection.execute("SELECT count(*) FROM assessment").fetchone()
    connection.close()
    assert judged == (2,)


def test_older_store_shows_the_same_before_and_after_the_upgrade(older, file):
    def shown():
        store = open_store(parse_tracking_uri(file))
        found = [
            [trace.to_dict() for trace in store.search(query).traces]
            for query in QUERIES
        ]
        found.append(store.summaries(parse_query()))
        found.append(store.aggregate(parse_query(), ["name"], ["count"]))
        store.close()
        return found

    in_the_way = file.with_name(f"traces.db.bak-v{older}.{os.getpid()}")
    in_the_way.mkdir()
    before = shown()
    assert version_of(file) == older
    in_the_way.rmdir()
    after = shown()

    assert version_of(file) == schema.SCHEMA_VERSION
    assert before == after
    assert [len(traces) for traces in after[: len(QUERIES)]] == [3, 3, 0, 3, 3, 3, 1, 3]
    newest = after[0][0]["info"]
    assert newest["tags"] == {
        "env": "prod",
        "mlflow.trace.session": "s1",
        "mlflow.traceName": "agent",
    }
    assert newest["trace_metadata"]["mlflow.trace.session"] == "s1"


def test_failed_upgrade_leaves_the_store_as_it_was(
    older, next_version, file, monkeypatch
):
    def fail(connection):
        connection.execute("DROP TABLE trace")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(
        migrations, "STEPS", {**migrations.STEPS, next_version - 1: fail}
    )

    with pytest.raises(sqlite3.OperationalError):
        migrations.upgrade(file)

    assert version_of(file) == older
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM trace").fetchone() == (3,)
    connection.close()


def test_judgements_of_sessions_are_found_after_the_upgrade(older, file):
    connection = sqlite3.connect(file)
    said = '{"mlflow.trace.session":"s1"}'
    # Of the second trace; version 1 left the session that it had when it was judged.
    connection.execute(
        "UPDATE assessment SET name = 'whole', meta = ?, session = ? "
        "WHERE trace = (SELECT min(trace) + 1 FROM assessment)",
        (said, "s0" if older == 1 else "s1"),
    )
    connection.commit()
    connection.close()
    store = open_store(parse_tracking_uri(file))

    assert len(store.search(parse_query("feedback.whole = true")).traces) == 3
    assert len(store.search(parse_query("feedback.good = true")).traces) == 2

    store.close()
    connection = sqlite3.connect(file)
    indexes = connection.execute("SELECT name FROM sqlite_master").fetchall()
    lowest = dict(connection.execute("SELECT key, value FROM info").fetchall())
    connection.close()
    assert ("assess_session",) in indexes
    assert (lowest["min_reader"], lowest["min_writer"]) == ("3", "3")


def test_store_that_can_not_be_upgraded_is_read(older, file, make_trace):
    in_the_way = file.with_name(f"traces.db.bak-v{older}.{os.getpid()}")
    in_the_way.mkdir()
    store = open_store(parse_tracking_uri(file))

    assert len(store.search(parse_query("feedback.good = true")).traces) == 3
    assert len(store.search(parse_query("tag.env = 'prod'")).traces) == 3
    with pytest.raises(StoreUnavailableError):
        store.write([make_trace(9)])
    assert version_of(file) == older
    in_the_way.rmdir()
    store.write([make_trace(9)])
    assert len(store.search(parse_query()).traces) == 4
    store.close()

    assert version_of(file) == schema.SCHEMA_VERSION
