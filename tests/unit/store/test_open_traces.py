from __future__ import annotations

import sqlite3

import orjson
import pytest

from spantree.entities import Trace, TraceData, TraceState
from spantree.store import StoreUnavailableError

START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def grow(make_trace):
    """Give an open trace of so many ended spans, which are the same objects each time."""
    whole = make_trace(
        1,
        root={"end_time_ns": None},
        state=TraceState.IN_PROGRESS,
        spans=[{"name": f"s{i}", "raw_inputs": f"input {i}"} for i in range(300)],
    )

    def of(count):
        return Trace(whole.info, TraceData(whole.data.spans[: count + 1]))

    return of


@pytest.fixture
def rows_written(sqlite_store, file):
    """Count the rows of spans that a call adds."""

    def chunks():
        connection = sqlite3.connect(file)
        found = connection.execute("SELECT id, spans, body FROM chunk").fetchall()
        connection.close()
        return set(found)

    def during(work):
        before = chunks()
        work()
        written = chunks() - before
        return sum(len(orjson.loads(rows)["s"]) for _, rows, _ in written)

    return during


def test_only_new_spans_are_written(sqlite_store, grow, rows_written):
    sqlite_store.write([grow(200)])

    assert rows_written(lambda: sqlite_store.write([grow(203)])) == 3
    assert rows_written(lambda: sqlite_store.write([grow(203)])) == 0
    assert len(sqlite_store.get(1).data.spans) == 204


def test_the_end_writes_what_is_left(sqlite_store, grow, make_trace, rows_written):
    sqlite_store.write([grow(300)])
    ended = make_trace(1)
    final = Trace(ended.info, TraceData([ended.data.root, *grow(300).data.spans[1:]]))

    assert rows_written(lambda: sqlite_store.write([final])) == 1
    found = sqlite_store.get(1)
    assert found.info.state is TraceState.OK
    assert [s.inputs for s in found.data.spans[1:]] == [
        f"input {i}" for i in range(300)
    ]


def test_open_span_is_written_again_when_it_changes(
    sqlite_store, make_trace, rows_written
):
    def running(inputs):
        return make_trace(
            1,
            root={"end_time_ns": None, "raw_inputs": inputs},
            state=TraceState.IN_PROGRESS,
        )

    sqlite_store.write([running("a")])

    assert rows_written(lambda: sqlite_store.write([running("a")])) == 0
    assert rows_written(lambda: sqlite_store.write([running("b")])) == 1
    assert sqlite_store.get(1).data.root.inputs == "b"


def test_failed_write_is_made_up_for(sqlite_store, grow, file):
    sqlite_store.write([grow(10)])
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnavailableError):
        sqlite_store.write([grow(20)])
    other.execute("ROLLBACK")
    other.close()
    sqlite_store.write([grow(20)])

    assert len(sqlite_store.get(1).data.spans) == 21


def test_rolled_back_spans_are_written_again(sqlite_store, grow, make_trace):
    sqlite_store.write([grow(10)])
    unwritable = make_trace(2)
    unwritable.data.root.raw_inputs = object()

    with pytest.raises(TypeError):
        sqlite_store.write([grow(20), unwritable])
    unwritable.data.root.end_time_ns = None
    unwritable.info.state = TraceState.IN_PROGRESS
    with pytest.raises(TypeError):
        sqlite_store.write([grow(20), unwritable])
    sqlite_store.write([grow(20)])

    assert len(sqlite_store.get(1).data.spans) == 21


def test_deleted_open_trace_is_written_whole_again(sqlite_store, grow):
    sqlite_store.write([grow(10)])
    sqlite_store.delete([1])

    sqlite_store.write([grow(11)])

    assert len(sqlite_store.get(1).data.spans) == 12


def test_replaced_file_gets_all_spans(sqlite_store, grow, file):
    sqlite_store.write([grow(10)])
    for path in file.parent.iterdir():
        path.unlink()

    sqlite_store.write([grow(11)])

    assert len(sqlite_store.get(1).data.spans) == 12


def test_what_another_process_wrote_stays(sqlite_store, grow, make_trace, file):
    from spantree.store import open_store, parse_tracking_uri

    sqlite_store.write([grow(10)])
    other = open_store(parse_tracking_uri(file))
    other.patch(1, tags={"mlflow.trace.user": "ann", "k": "v"})
    part = make_trace(1, state=TraceState.IN_PROGRESS, root={"end_time_ns": None})
    part.data.spans[0].span_key = 4711
    part.data.spans[0].parent_key = 1
    other.write([part])

    sqlite_store.write([grow(12)])

    found = sqlite_store.get(1)
    assert len(found.data.spans) == 14
    assert found.info.user == "ann"
    assert found.info.tags["k"] == "v"
    other.close()
