from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from spantree.search import parse_query
from spantree.store import StoreUnavailableError, Trouble, open_store
from spantree.store import parse_tracking_uri as parse
from spantree.store import writer as writer_module
from spantree.store.spool import Spool


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def spool(file):
    return Spool(file)


@pytest.fixture
def lock(sqlite_store, file, make_trace):
    """Hold the file as another process would; call to release."""
    sqlite_store.write([make_trace(999)])
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    yield lambda: other.execute("ROLLBACK")
    other.close()


def dead_pid():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def leave(spool, traces, pid):
    """Leave a spill file as a process that is gone would."""
    folder = spool.append(traces)
    (path,) = folder.iterdir()
    return path.rename(path.with_name(path.name.replace(str(os.getpid()), str(pid))))


def stored(file):
    return len(open_store(parse(file)).search(parse_query()).traces)


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_spilled_traces_come_back_whole(spool, make_trace):
    traces = [
        make_trace(
            1,
            tags={"k": "\ud800 \x00 é"},
            spans=[{"name": "n", "raw_inputs": b'{"a":[1,2,1e5]}'}],
        ),
        make_trace(2, root={"raw_outputs": {"x": float("nan")}}),
    ]
    found = []

    spool.append(traces[:1])
    spool.append(traces[1:])

    assert spool.adopt(found.extend) == 2
    # A lone surrogate comes back as stores show it.
    traces[0].info.tags["k"] = "\\ud800 \x00 é"
    assert found[0].to_dict() == traces[0].to_dict()
    assert (
        found[1].data.spans[0].raw_outputs
        == traces[1]
        .data.spans[0]
        .to_dict()["attributes"]["mlflow.spanOutputs"]
        .encode()
    )
    assert spool.adopt(found.extend) == 0


def test_file_is_the_owners_alone(spool, make_trace, file):
    folder = spool.append([make_trace(1)])

    assert folder == file.parent / "spool"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()] == [0o600]


def test_torn_and_changed_records_are_counted(spool, make_trace):
    folder = spool.append([make_trace(n) for n in (1, 2, 3)])
    (path,) = folder.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"agent", b"agenT") + lines[2][:-9])
    found = []

    assert spool.adopt(found.extend) == 1
    assert [trace.key for trace in found] == [1]
    assert spool.damaged == 2


def test_file_of_a_running_process_is_left_alone(spool, make_trace, file):
    leave(spool, [make_trace(1)], os.getppid())

    assert Spool(file).adopt(lambda _: None) == 0


def test_file_of_a_dead_process_is_adopted_once(spool, make_trace, file):
    leave(spool, [make_trace(1)], dead_pid())
    found = []

    assert Spool(file).adopt(found.extend) == 1
    assert Spool(file).adopt(found.extend) == 0
    assert len(found) == 1


def test_failed_adoption_is_made_up_for(spool, make_trace):
    spool.append([make_trace(1)])
    found = []

    def fail(_):
        raise StoreUnavailableError(Trouble.LOCKED, "x")

    with pytest.raises(StoreUnavailableError):
        spool.adopt(fail)
    assert spool.adopt(found.extend) == 1


def test_other_stores_of_the_folder_are_left_alone(spool, make_trace, file):
    leave(spool, [make_trace(1)], dead_pid())

    assert Spool(file.with_name("other.db")).adopt(lambda _: None) == 0


def test_temporary_folder_takes_what_the_stores_folder_does_not(
    tmp_path, make_trace, file
):
    (tmp_path / "tmp").mkdir()
    file.parent.write_text("not a folder")
    spool = Spool(file)
    found = []

    folder = spool.append([make_trace(1)])

    assert tmp_path / "tmp" in folder.parents
    assert spool.adopt(found.extend) == 1


def test_writer_spills_while_the_store_is_locked(make_writer, make_trace, lock, file):
    writer = make_writer()
    for n in range(1, 4):
        writer.submit(n, lambda n=n: make_trace(n))

    wait_until(lambda: writer.stats()["spilled"] == 3)
    assert writer.stats()["queue"] == 0
    assert writer.stats()["waiting"] == 3
    lock()

    assert writer.flush(60)
    assert stored(file) == 4
    assert writer.stats()["spilled"] == 0
    assert writer.stats()["saved"] == 3
    assert list((file.parent / "spool").iterdir()) == []


def test_later_state_of_a_spilled_trace_wins(make_writer, make_trace, lock, file):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1, tags={"k": "early"}))
    wait_until(lambda: writer.stats()["spilled"] == 1)
    writer.submit(1, lambda: make_trace(1, tags={"k": "late"}))
    lock()

    assert writer.flush(60)
    assert open_store(parse(file)).get(1).info.tags["k"] == "late"


def test_closing_spills_what_the_next_process_stores(
    make_writer, make_trace, lock, file, caplog
):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))

    assert not writer.close(1.3)

    assert "1 traces could not be saved before the end; they wait" in caplog.text
    assert writer.stats()["spilled"] == 1
    lock()
    following = make_writer()
    following.submit(2, lambda: make_trace(2))
    assert following.flush(60)
    wait_until(lambda: stored(file) == 3)


def test_full_queue_drops_and_counts(make_writer, make_trace, lock, monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_WAITING_BYTES", 1000)
    monkeypatch.setattr(Spool, "append", _fail)
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1), size=2000)
    wait_until(lambda: writer.stats()["queue_bytes"] == 2000)

    writer.submit(2, lambda: make_trace(2), size=2000)

    assert writer.stats()["dropped"] == 1
    lock()
    assert writer.flush(60)
    assert writer.stats()["queue_bytes"] == 0


def _fail(*_):
    raise OSError
