from __future__ import annotations

import os
import sqlite3

import pytest

from spantree.search import parse_query
from spantree.store import (
    StoreUnavailableError,
    Trouble,
    check_target,
    open_store,
    parse_tracking_uri,
)


@pytest.fixture
def default(file, monkeypatch):
    """Give the target of a program that named no file."""
    file.parent.mkdir()
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(file.parent))
    monkeypatch.delenv("SPANTREE_DB", raising=False)
    return parse_tracking_uri(None)


def malformed(file, make_trace):
    """Leave a store whose pages after the first are garbage."""
    opened = open_store(parse_tracking_uri(file))
    opened.write([make_trace(n) for n in range(1, 300)])
    opened.close()
    with file.open("r+b") as raw:
        raw.seek(16384)
        raw.write(os.urandom(file.stat().st_size - 16384))
    return file.read_bytes()


def kept(file):
    return [p for p in file.parent.iterdir() if "corrupt-" in p.name]


@pytest.mark.parametrize("content", [b"garbage" * 999, b"x"])
def test_garbage_at_the_default_path_is_kept_aside(
    default, file, make_trace, content, caplog
):
    file.write_bytes(content)
    check_target(default)
    store = open_store(default)

    assert store.search(parse_query()).traces == []
    store.write([make_trace(1)])

    assert store.get(1) is not None
    (aside,) = kept(file)
    assert aside.read_bytes() == content
    assert "is damaged; it is kept as traces.db.corrupt-" in caplog.text
    store.close()


def test_malformed_store_at_the_default_path_is_kept_aside(default, file, make_trace):
    content = malformed(file, make_trace)
    store = open_store(default)

    store.write([make_trace(1)])

    assert store.get(1) is not None
    assert kept(file)[0].read_bytes() == content
    store.close()


def test_malformed_store_that_was_named_is_left_alone(sqlite_store, file, make_trace):
    content = malformed(file, make_trace)

    with pytest.raises(StoreUnavailableError) as caught:
        sqlite_store.write([make_trace(1)])

    assert caught.value.trouble is Trouble.CORRUPT
    assert file.read_bytes() == content
    assert kept(file) == []


def test_other_programs_file_at_the_default_path_is_left_alone(default, file):
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE precious(x)")
    other.commit()
    other.close()

    with pytest.raises(StoreUnavailableError, match="not a spantree store"):
        open_store(default)

    assert kept(file) == []


def test_empty_default_file_becomes_a_store(default, file, make_trace):
    file.touch()
    store = open_store(default)

    store.write([make_trace(1)])

    assert store.get(1) is not None
    assert kept(file) == []
    store.close()
