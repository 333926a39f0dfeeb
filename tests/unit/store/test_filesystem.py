"""A store on a network file system does without shared memory, and says so."""

from __future__ import annotations

import sqlite3

import pytest

from spantree.store import filesystem


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Let the mount table say that the test's folder is of some type."""

    def as_type(name):
        table = tmp_path / "mountinfo"
        table.write_text(
            "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
            f"30 21 0:40 / {tmp_path} rw,relatime shared:2 - {name} host:/x rw\n"
            "31 21 0:41 / /elsewhere rw - tmpfs tmpfs rw\n"
        )
        monkeypatch.setattr(filesystem, "MOUNTS", table)

    return as_type


@pytest.mark.parametrize("name", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_network_file_systems_are_known(mounted, tmp_path, name):
    mounted(name)

    assert filesystem.network_type(tmp_path / "not" / "there") == name
    assert filesystem.network_type(tmp_path.parent) is None


def test_store_keeps_a_rollback_journal_and_warns_once(
    mounted, sqlite_store, file, make_trace, caplog
):
    mounted("nfs4")

    sqlite_store.write([make_trace(1)])
    sqlite_store.write([make_trace(2)])

    assert sqlite_store.get(1) is not None
    assert [p.name for p in file.parent.iterdir()] == ["traces.db"]
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
    (warning,) = [r.getMessage() for r in caplog.records]
    assert "network file system (nfs4)" in warning
    assert str(file) in warning


def test_store_that_had_a_log_loses_it(mounted, sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1)])
    sqlite_store.close()
    mounted("nfs")

    sqlite_store.write([make_trace(2)])

    assert sqlite_store.get(1) is not None
    assert not file.with_name("traces.db-wal").exists()


def test_without_a_mount_table_all_is_local(tmp_path, monkeypatch):
    monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "missing")

    assert filesystem.network_type(tmp_path) is None
