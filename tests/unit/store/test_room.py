from __future__ import annotations

import contextlib
import shutil
from collections import namedtuple
from types import SimpleNamespace

import pytest

from spantree.store import open_store, parse_tracking_uri, room

Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def disk(monkeypatch):
    """Say how large the disk is and how much of it is left."""

    def of(total, free):
        found = Disk(total, total - free, free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: found)

    return of


@pytest.fixture
def clock(monkeypatch):
    """Hold the clock; call it to let seconds pass."""
    now = [1_000_000.0]
    held = SimpleNamespace(
        monotonic=lambda: now[0], time_ns=lambda: int(now[0] * 10**9)
    )
    monkeypatch.setattr(room, "time", held)

    def wait(seconds):
        now[0] += seconds

    return wait


def warnings(caplog):
    return [r.message for r in caplog.records if "spantree.prune" in r.message]


def test_large_store_is_warned_of_once_a_day(
    sqlite_store, make_trace, file, disk, clock, caplog, monkeypatch
):
    disk(10**12, 10**11)
    monkeypatch.setattr(room, "LARGE_BYTES", 1_000)
    for key in range(1, 5):
        sqlite_store.write([make_trace(key)])
        clock(700)

    (said,) = warnings(caplog)
    assert said.startswith(f"The trace store {file} takes 0.0 GB. spantree.prune(")

    clock(86_400)
    sqlite_store.write([make_trace(9)])

    assert len(warnings(caplog)) == 2


def test_other_programs_of_the_day_do_not_warn_again(
    file, make_trace, disk, clock, caplog, monkeypatch
):
    disk(10**12, 10**11)
    monkeypatch.setattr(room, "LARGE_BYTES", 1_000)

    def write_as_another_program(key):
        with contextlib.closing(open_store(parse_tracking_uri(file))) as store:
            store.write([make_trace(key)])

    write_as_another_program(1)
    write_as_another_program(2)

    assert len(warnings(caplog)) == 1

    clock(86_400)
    write_as_another_program(3)

    assert len(warnings(caplog)) == 2


def test_disk_with_little_left_is_warned_of(sqlite_store, make_trace, disk, caplog):
    disk(10**12, 4 * 10**8)

    sqlite_store.write([make_trace(1)])

    (said,) = warnings(caplog)
    assert "is on a disk with 400 MB left" in said


def test_small_disk_may_be_nearly_empty(sqlite_store, make_trace, disk, caplog):
    disk(10**8, 9 * 10**7)

    sqlite_store.write([make_trace(1)])

    assert warnings(caplog) == []


def test_disk_is_looked_at_every_ten_minutes_only(
    sqlite_store, make_trace, disk, clock, caplog
):
    disk(10**12, 10**11)
    sqlite_store.write([make_trace(1)])
    disk(10**12, 10**8)
    sqlite_store.write([make_trace(2)])

    assert warnings(caplog) == []

    clock(601)
    sqlite_store.write([make_trace(3)])

    assert len(warnings(caplog)) == 1
