"""What the store does when processes die and disks fill up.

Everything that can go wrong with a store has a test, in this folder and the others::

    another process writes for long   test_locked_store_delays_traces_and_warns_once,
                                      test_writer_spills_while_the_store_is_locked
    disk full                         test_full_disk_delays_traces
    disk nearly full, store large     test_disk_with_little_left_is_warned_of,
                                      test_large_store_is_warned_of_once_a_day
    folder or file read-only          test_read_only_disk_delays_traces,
                                      test_read_only_folder_delays_traces,
                                      test_temporary_folder_takes_what_the_stores_…
    broken header, malformed          test_garbage_at_the_default_path_is_kept_aside,
                                      test_malformed_store_at_the_default_path_…,
                                      test_malformed_store_that_was_named_is_left_alone
    0 bytes                           test_empty_file_becomes_a_store
    deleted or replaced while open    test_file_deleted_while_traces_come,
                                      test_deleted_file_is_made_anew,
                                      test_replaced_file_gets_all_spans
    network file system               test_store_keeps_a_rollback_journal_and_warns_once
                                      (a mount table made for the test)
    schema newer, schema older        test_newer_store_…, test_older_store_…
    killed at any moment              test_killed_writers_lose_nothing_acknowledged,
                                      test_trace_of_a_kernel_that_died_is_read_as_…
    fork while writing                test_forked_child_writes_for_itself
    clock going back                  test_clock_that_goes_back_loses_nothing
    end of the interpreter            test_close_with_a_locked_store_ends_in_time,
                                      test_closing_spills_what_the_next_process_stores
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest
from faults import store_writes
from faults.store_writes import main

from spantree.entities import TraceState
from spantree.search import parse_query
from spantree.store import Writer, open_store, parse_tracking_uri

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")

_WRITERS = 4
# Random moments at which all of them are killed: 100 processes; four times as many in
# a long run, which takes minutes.
_POINTS = int(os.environ.get("SPANTREE_KILL_POINTS", "25"))
_LONGEST_S = 0.1


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@pytest.fixture(scope="module")
def forks():
    """Give processes that need not import the package anew."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faults.store_writes"])
    # Now, as a test's own folder is too deep for the path of a socket.
    forkserver.ensure_running()
    return context


def test_killed_writers_lose_nothing_acknowledged(forks, tmp_path, seed):
    chance = random.Random(seed)
    file = tmp_path / "traces.db"
    lost, acknowledged, first = [], 0, 1
    for _ in range(_POINTS):
        writers = []
        for _ in range(_WRITERS):
            said = tmp_path / f"{first}.said"
            given = (str(file), first, 100_000, str(said))
            writers.append((first, said, forks.Process(target=main, args=given)))
            first += 1_000_000
        for _, _, program in writers:
            program.start()
        wait_for([said for _, said, _ in writers])
        time.sleep(chance.uniform(0, _LONGEST_S))
        for _, _, program in writers:
            time.sleep(chance.uniform(0, 0.02))
            program.kill()
            program.join()
        store = open_store(parse_tracking_uri(file))
        for begun, said, program in writers:
            assert program.exitcode == -signal.SIGKILL
            lines = said.read_bytes().splitlines(keepends=True)
            count = max(int(line) for line in lines if line.endswith(b"\n"))
            acknowledged += count
            lost += [
                key for key in range(begun, begun + count) if not whole(store, key)
            ]
        store.close()
    store = open_store(parse_tracking_uri(file))
    states = {t.info.state for t in store.search(parse_query()).traces}
    store.close()
    connection = sqlite3.connect(file)
    checked = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()

    assert lost == []
    assert acknowledged > 0
    assert checked == ("ok",)
    assert states == {TraceState.OK, TraceState.INTERRUPTED}


def wait_for(files):
    deadline = time.monotonic() + 60
    while not all(file.exists() and file.stat().st_size for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def whole(store, key):
    found = store.get(key)
    return found is not None and found.to_dict() == store_writes.made(key).to_dict() | {
        "info": found.info.to_dict()
    }


_DIE_WITHIN_A_SPAN = """
import os, signal, sys, time
import spantree
spantree.set_tracking_uri(sys.argv[1])

@spantree.trace
def step(x): return x

with spantree.start_span("agent") as span:
    span.set_inputs({"q": 1})
    step(7)
    print(span.trace_id, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_trace_of_a_kernel_that_died_is_read_as_interrupted(tmp_path):
    file = tmp_path / "traces.db"
    command = [sys.executable, "-c", _DIE_WITHIN_A_SPAN, str(file)]
    store = open_store(parse_tracking_uri(file))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as kernel:
        trace_id = kernel.stdout.readline().strip()
        everything = parse_query()
        wait_until(lambda: store.search(everything).traces)
        (running,) = store.search(everything).traces
        wait_until(lambda: len(store.get(running.key).data.spans) > 1)
        assert running.trace_id == trace_id
        assert running.info.state is TraceState.IN_PROGRESS
        kernel.stdin.write("\n")
        kernel.stdin.flush()
        assert kernel.wait(60) == -signal.SIGKILL

    (found,) = store.search(parse_query("state = 'INTERRUPTED'")).traces
    assert store.search(parse_query("state = 'IN_PROGRESS'")).traces == []
    assert found.info.state is TraceState.INTERRUPTED
    assert found.data.root.end_time_ns is None
    assert [s.name for s in found.data.spans] == ["agent", "step"]
    assert found.data.spans[1].outputs == 7
    assert running.info.state is TraceState.IN_PROGRESS
    store.close()


def wait_until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_delays_traces(small_disk, caplog):
    file = small_disk / "traces.db"
    store = open_store(parse_tracking_uri(file))
    writer = Writer(lambda: store)
    writer.submit(1, lambda: store_writes.made(1))
    assert writer.flush(60)
    ballast = small_disk / "ballast"
    fill(ballast)
    for key in range(2, 502):
        writer.submit(key, lambda key=key: store_writes.made(key))

    assert not writer.flush(2.5)
    assert store.get(1) is not None
    assert writer.stats()["dropped"] == 0
    assert writer.stats()["waiting"] > 0
    assert [r.message for r in caplog.records if "disk is full" in r.message]
    ballast.unlink()

    assert writer.flush(60)
    assert writer.stats()["waiting"] == 0
    assert len(store.search(parse_query()).traces) == 501
    assert writer.close()


def fill(path):
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


@pytest.fixture
def read_only_disk(tmp_path):
    """Make a folder on a disk that can be remounted read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a disk needs root")

    def remount(mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)

    yield folder, remount
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_read_only_disk_delays_traces(read_only_disk):
    folder, remount = read_only_disk
    file = folder / "traces.db"
    store = open_store(parse_tracking_uri(file))
    store.write([store_writes.made(1)])
    store.close()
    remount("ro")
    writer = Writer(lambda: store)
    writer.submit(2, lambda: store_writes.made(2))

    assert not writer.flush(2.5)
    assert store.get(1) is not None
    assert writer.stats()["spilled"] == 1
    remount("rw")

    assert writer.flush(60)
    assert store.get(2) is not None
    assert writer.close()


def test_file_deleted_while_traces_come(tmp_path):
    file = tmp_path / "folder" / "traces.db"
    store = open_store(parse_tracking_uri(file))
    writer = Writer(lambda: store)
    writer.submit(1, lambda: store_writes.made(1))
    assert writer.flush(60)

    for path in Path(file.parent).iterdir():
        path.unlink()
    writer.submit(2, lambda: store_writes.made(2))

    assert writer.flush(60)
    assert [t.key for t in store.search(parse_query()).traces] == [2]
    assert writer.close()
