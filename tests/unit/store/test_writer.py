from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time

import pytest

from spantree.entities import TraceState
from spantree.entities.errors import SpantreeException, StoreError
from spantree.search import parse_query
from spantree.shipping.backoff import Backoff as ShippingBackoff
from spantree.store import SqliteStore, Writer, jobs, open_store, parse_tracking_uri
from spantree.store import writer as writer_module
from spantree.store.backoff import Backoff
from spantree.store.protocol import StoreUnavailableError, Trouble

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def stored(file):
    return len(open_store(parse_tracking_uri(file)).search(parse_query()).traces)


def wait_until(condition, seconds=60.0):
    """Poll; the writer is a thread of its own."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def lock(sqlite_store, file, make_trace):
    """Hold the file as another process would; call to release."""
    sqlite_store.write([make_trace(999)])
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    yield lambda: other.execute("ROLLBACK")
    other.close()


def test_no_thread_before_the_first_trace(make_writer, file):
    writer = make_writer()

    assert writer.flush(60)
    assert "spantree-writer" not in {t.name for t in threading.enumerate()}
    assert not file.exists()


def test_flushed_traces_are_stored(make_writer, make_trace, file):
    writer = make_writer()
    for n in range(1, 201):
        writer.submit(n, lambda n=n: make_trace(n))

    assert writer.flush(60)
    assert stored(file) == 200
    assert writer.stats() == {
        "saved": 200,
        "waiting": 0,
        "queue": 0,
        "queue_bytes": 0,
        "spilled": 0,
        "dropped": 0,
        "damaged": 0,
    }


@pytest.fixture
def written(sqlite_store, monkeypatch):
    """Note how many traces each transaction holds."""
    found = []
    write = type(sqlite_store).write

    def noted(store, traces):
        found.append(len(traces))
        write(store, traces)

    monkeypatch.setattr(type(sqlite_store), "write", noted)
    return found


def test_traces_of_one_moment_are_written_together(
    make_writer, make_trace, written, monkeypatch
):
    monkeypatch.setattr(writer_module, "GATHER_S", 60.0)
    writer = make_writer()
    for n in (1, 2, 3):
        writer.submit(n, lambda n=n: make_trace(n))
        time.sleep(0.02)

    assert written == []
    # Somebody who asks waits for no others.
    assert writer.flush(60)
    assert written == [3]


def test_who_asked_before_hurries_nobody_later(
    make_writer, make_trace, written, monkeypatch
):
    monkeypatch.setattr(writer_module, "GATHER_S", 0.5)
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))
    assert writer.flush(60)

    for n in (2, 3):
        writer.submit(n, lambda n=n: make_trace(n))
        time.sleep(0.02)
    wait_until(lambda: writer.stats()["saved"] == 3)

    assert written == [1, 2]


def test_trace_that_ends_at_once_is_written_once(make_writer, make_trace, written):
    open_traces = [make_trace(1, state=TraceState.IN_PROGRESS)]
    writer = make_writer(lambda: open_traces)
    writer.watch()
    time.sleep(0.05)
    open_traces.clear()
    writer.submit(1, lambda: make_trace(1))

    assert writer.flush(60)
    assert written == [1]


def test_submitted_trace_is_pending_until_committed(make_writer, make_trace, lock):
    writer = make_writer()

    writer.submit(1, lambda: make_trace(1))

    assert writer.pending(1).trace_id == make_trace(1).trace_id
    assert writer.pending(2) is None
    lock()
    assert writer.flush(60)
    assert writer.pending(1) is None


def test_locked_store_delays_traces_and_warns_once(
    make_writer, make_trace, lock, file, caplog
):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))
    begun = time.perf_counter()
    writer.submit(2, lambda: make_trace(2))
    took = time.perf_counter() - begun

    wait_until(lambda: "is locked" in caplog.text)
    assert not writer.flush(0.1)
    assert writer.stats()["waiting"] == 2
    assert took < 1, "or it waited for the lock"
    lock()
    assert writer.flush(60)

    assert stored(file) == 3
    (warning,) = [r for r in caplog.records if r.name == "spantree.store"]
    assert warning.levelno == logging.WARNING
    assert str(file) in warning.message
    assert "is locked by another process; 2 traces are waiting" in warning.message


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write all")
def test_read_only_folder_delays_traces(make_writer, make_trace, file):
    file.parent.mkdir(mode=0o500)
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))

    assert not writer.flush(0.3)
    file.parent.chmod(0o700)
    assert writer.flush(60)


def test_store_that_does_not_open_yet_is_tried_again(make_trace, file):
    failures = [SpantreeException("not yet")]

    def open_late():
        if failures:
            raise failures.pop()
        return open_store(parse_tracking_uri(file))

    writer = Writer(open_late)
    writer.submit(1, lambda: make_trace(1))

    assert writer.flush(60)
    assert stored(file) == 1
    writer.close(2)


def test_an_error_that_nobody_foresaw_is_soon_tried_again():
    backoff, waits = Backoff(), []
    for _ in range(10):
        backoff.failed_oddly()
        waits.append(backoff.retry_at - time.monotonic())

    assert waits[0] <= 0.1
    assert 2 < waits[-1] <= 5


def test_trace_that_can_not_be_built_is_dropped_alone(
    make_writer, make_trace, file, caplog
):
    writer = make_writer()

    def fail():
        raise ZeroDivisionError

    writer.submit(1, lambda: make_trace(1))
    writer.submit(2, fail)
    unwritable = make_trace(3)
    unwritable.data.root.raw_inputs = object()
    writer.submit(3, lambda: unwritable)

    assert writer.flush(60)
    assert stored(file) == 1
    assert writer.stats()["dropped"] == 2
    assert writer.stats()["waiting"] == 0


def test_open_traces_are_stored_while_they_run(make_writer, make_trace, file):
    running = [make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)]
    writer = make_writer(lambda: running)

    writer.watch()

    wait_until(lambda: stored(file) == 1)


@pytest.mark.parametrize("pause_s", [0, 0.2, 0.249, 0.25, 0.251, 0.3])
def test_trace_opened_after_a_write_is_stored_while_it_runs(
    make_writer, make_trace, file, pause_s
):
    running = []
    writer = make_writer(lambda: running)
    writer.submit(9, lambda: make_trace(9))
    assert writer.flush(60)

    time.sleep(pause_s)
    running.append(
        make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)
    )
    writer.watch()

    wait_until(lambda: stored(file) == 2)


def test_trace_opened_soon_after_a_write_wakes_nobody(make_writer, make_trace):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))
    assert writer.flush(60)
    nudges = []
    writer._backlog.nudge = lambda: nudges.append(1)

    writer.watch()
    assert not nudges
    wait_until(lambda: not writer._is_watching)
    wait_until(lambda: not writer._attentive_until)
    writer.watch()
    assert nudges


def test_flush_stores_the_present_state_of_open_traces(make_writer, make_trace, file):
    running = []
    writer = make_writer(lambda: running)
    writer.submit(9, lambda: make_trace(9))
    assert writer.flush(60)
    running.append(
        make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)
    )

    assert writer.flush(60)

    assert stored(file) == 2
    assert writer.stats()["saved"] == 1


def test_idle_writer_looks_at_nothing(make_writer, make_trace):
    looks = []
    writer = make_writer(lambda: looks.append(1) or ())
    writer.submit(1, lambda: make_trace(1))
    writer.watch()
    assert writer.flush(60)
    seen = len(looks)

    time.sleep(0.6)

    assert len(looks) <= seen + 1


def test_open_traces_that_take_long_are_looked_at_less_often(make_writer, make_trace):
    looks = []
    running = make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)

    def look():
        looks.append(time.monotonic())
        time.sleep(0.05)
        return [running]

    make_writer(look).watch()
    wait_until(lambda: len(looks) == 2)

    assert looks[1] - looks[0] >= 0.45


def test_call_runs_after_what_was_submitted(make_writer, make_trace):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))

    deleted = writer.call(lambda store: store.delete([1]))

    assert deleted == 1


def test_call_passes_errors_on(make_writer, make_trace):
    with pytest.raises(SpantreeException, match="no trace"):
        make_writer().call(lambda store: store.patch(5, tags={"a": "b"}))


def test_call_that_came_too_late_never_runs(make_writer, make_trace, lock, file):
    writer = make_writer()
    ran = []

    with pytest.raises(StoreError, match=r"did not answer within 0\.3 s.*locked"):
        writer.call(lambda store: (store.delete([999]), ran.append(1)), timeout=0.3)

    lock()
    assert writer.flush(60)
    assert ran == []
    assert stored(file) == 1


def test_closed_writer_starts_again(make_writer, make_trace, file):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))
    assert writer.close(60)
    assert "spantree-writer" not in {t.name for t in threading.enumerate()}

    writer.submit(2, lambda: make_trace(2))

    assert writer.flush(60)
    assert stored(file) == 2


def test_close_waits_for_a_store_that_is_slow(
    make_writer, make_trace, file, monkeypatch, caplog
):
    monkeypatch.setattr(jobs, "MAX_BATCH", 1)
    write = SqliteStore.write
    monkeypatch.setattr(
        SqliteStore, "write", lambda *given: (time.sleep(0.2), write(*given))
    )
    writer = make_writer()
    for n in range(1, 21):
        writer.submit(n, lambda n=n: make_trace(n))

    assert writer.close(1.7)

    assert stored(file) == 20
    assert caplog.text == ""


def test_close_with_a_locked_store_ends_in_time(make_writer, make_trace, lock, caplog):
    writer = make_writer()
    writer.submit(1, lambda: make_trace(1))
    begun = time.monotonic()

    assert not writer.close(1.5)

    assert time.monotonic() - begun < 20, "or it waited for the lock"
    assert "could not be saved" in caplog.text


def test_threads_submit_at_once(make_writer, make_trace, file):
    writer = make_writer()

    def submit(first):
        for n in range(first, first + 100):
            writer.submit(n, lambda n=n: make_trace(n))

    threads = [threading.Thread(target=submit, args=(1 + 100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert writer.flush(60)
    assert stored(file) == 400


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_writes_for_itself(make_writer, make_trace, file):
    writer = make_writer()
    for n in range(1, 101):
        writer.submit(n, lambda n=n: make_trace(n))
    children = []
    for c in range(1, 4):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                clean = writer.stats()["waiting"] == 0
                for n in range(1000 * c, 1000 * c + 50):
                    writer.submit(n, lambda n=n: make_trace(n))
                status = 0 if writer.flush(60) and clean else 2
            finally:
                os._exit(status)
        children.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]

    assert statuses == [0, 0, 0]
    assert writer.flush(60)
    assert stored(file) == 250
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_clock_that_goes_back_loses_nothing(make_writer, make_trace, file, monkeypatch):
    writer = make_writer()
    now = time.time_ns()
    for n in range(1, 6):
        monkeypatch.setattr(time, "time_ns", lambda n=n: now - n * 10**12)
        at = {"start_time_ns": now - n * 10**12, "end_time_ns": now - n * 10**12 - 5}
        writer.submit(n, lambda n=n, at=at: make_trace(n, root=at))
        assert writer.flush(60)

    found = open_store(parse_tracking_uri(file)).search(parse_query()).traces
    assert [trace.key for trace in found] == [1, 2, 3, 4, 5]


def test_more_than_the_writer_can_keep_up_with_is_not_lost(
    make_writer, make_trace, file, monkeypatch
):
    monkeypatch.setattr(writer_module, "MAX_WAITING", 50)
    writer = make_writer()

    for n in range(1, 501):
        writer.submit(n, lambda n=n: make_trace(n))

    assert writer.flush(60)
    assert writer.stats()["dropped"] == 0
    assert stored(file) == 500


def test_trouble_takes_no_number_from_the_users_generator():
    random.seed(7)
    before = random.getstate()

    Backoff().failed(StoreUnavailableError(Trouble.LOCKED, "traces.db"))
    ShippingBackoff().failed("no answer")

    assert random.getstate() == before
