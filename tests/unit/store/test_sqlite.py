from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from spantree.entities import TraceState
from spantree.search import parse_query
from spantree.store import (
    StoreUnavailableError,
    Trouble,
    open_store,
    parse_tracking_uri,
)
from spantree.store.find import build
from spantree.store.known import known_of

posix_only = pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")


def plan(file, text=None, order=None):
    """Give SQLite's plan for a query, one line a step."""
    with open_store(parse_tracking_uri(file))._connections.reader() as connection:
        statement = build(known_of(connection), parse_query(text, order, ["0"]))
        rows = connection.execute(
            f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters
        ).fetchall()
    return "\n".join(row[3] for row in rows)


@pytest.fixture
def full(sqlite_store, file, make_trace):
    sqlite_store.write(
        [
            make_trace(
                n,
                tags={"env": "prod" if n % 2 else "dev"},
                trace_metadata={"mlflow.trace.session": f"s{n % 5}"},
                spans=[{"name": "chat", "span_type": "TOOL"}],
            )
            for n in range(1, 200)
        ]
    )
    return file


@posix_only
def test_file_is_the_owners_alone(sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1)])

    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in file.parent.iterdir()}
    assert modes == dict.fromkeys(
        ("traces.db", "traces.db-wal", "traces.db-shm"), 0o600
    )


def test_file_is_marked_as_ours(sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1)])

    header = file.read_bytes()[:100]
    assert header[68:72] == b"SPTN"
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA page_size").fetchone() == (16384,)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


def test_reading_makes_no_file(sqlite_store, file):
    assert sqlite_store.get(1) is None
    assert sqlite_store.search(parse_query()).traces == []
    assert sqlite_store.summaries(parse_query()) == []
    assert not file.parent.exists()


def test_empty_file_becomes_a_store(sqlite_store, file, make_trace):
    file.parent.mkdir()
    file.touch()

    sqlite_store.write([make_trace(1)])

    assert sqlite_store.get(1) is not None


def test_traces_are_looked_up_by_a_list_of_ids(full):
    ids = ", ".join(f"'tr-{number:032x}'" for number in (3, 5, 7))

    steps = plan(full, f"trace_id IN ({ids})")

    assert "trace_id=?" in steps
    found = open_store(parse_tracking_uri(full)).search(
        parse_query(f"trace_id IN ({ids}, 'tr-0')")
    )
    assert len(found.traces) == 3


@pytest.mark.parametrize("content", ["database", b"not a database at all " * 20])
def test_foreign_file_is_refused_untouched(file, make_trace, content):
    file.parent.mkdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        other = sqlite3.connect(file)
        other.execute("CREATE TABLE precious(x)")
        other.commit()
        other.close()
    before = file.read_bytes()

    with pytest.raises(StoreUnavailableError, match="not a spantree store") as caught:
        open_store(parse_tracking_uri(file))

    assert caught.value.trouble is Trouble.FOREIGN
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["traces.db"]


@pytest.fixture
def newer(sqlite_store, file, make_trace):
    """Make the file one of schema 99, which says whom it admits."""
    sqlite_store.write([make_trace(1)])
    sqlite_store.close()

    def admit(**lowest):
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA user_version=99")
        for key, value in lowest.items():
            connection.execute(
                "UPDATE info SET value = ? WHERE key = ?", (str(value), key)
            )
        connection.commit()
        connection.close()

    return admit


def test_newer_store_is_refused(newer, file):
    newer(min_reader=99, min_writer=99)

    with pytest.raises(StoreUnavailableError, match="newer version"):
        open_store(parse_tracking_uri(file))


def test_newer_store_that_admits_readers_is_read(newer, file, make_trace):
    newer(min_reader=1, min_writer=99)
    store = open_store(parse_tracking_uri(file))

    assert store.get(1) is not None
    with pytest.raises(StoreUnavailableError, match="newer version"):
        store.write([make_trace(2)])


def test_newer_store_that_admits_writers_is_written(newer, file, make_trace):
    newer(min_reader=1, min_writer=1)
    store = open_store(parse_tracking_uri(file))

    store.write([make_trace(2)])

    assert store.get(2) is not None
    store.close()


@posix_only
def test_dangling_link_is_not_followed(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere.db")

    with pytest.raises(StoreUnavailableError, match="symbolic link"):
        open_store(parse_tracking_uri(file))
    assert not (tmp_path / "elsewhere.db").exists()


def test_deleted_file_is_made_anew(sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1)])
    for path in file.parent.iterdir():
        path.unlink()

    sqlite_store.write([make_trace(2)])

    assert sqlite_store.get(1) is None
    assert sqlite_store.get(2) is not None


def test_locked_store_says_so(sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1)])
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreUnavailableError) as caught:
        sqlite_store.write([make_trace(2)])
    other.execute("ROLLBACK")
    other.close()

    assert caught.value.trouble is Trouble.LOCKED
    sqlite_store.write([make_trace(2)])
    assert sqlite_store.get(2) is not None


def test_failed_batch_leaves_nothing_behind(sqlite_store, make_trace):
    bad = make_trace(2)
    bad.data.root.raw_inputs = object()

    with pytest.raises(TypeError):
        sqlite_store.write([make_trace(1), bad])

    assert sqlite_store.get(1) is None
    sqlite_store.write([make_trace(3, tags={"k": "v"}, spans=[{"name": "new"}])])
    assert sqlite_store.get(3).data.spans[1].name == "new"


def test_rewritten_spans_leave_no_old_payload(sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1, root={"raw_inputs": "first"})])
    sqlite_store.write([make_trace(1, root={"raw_inputs": "second"})])

    connection = sqlite3.connect(file)
    (bodies,) = zip(*connection.execute("SELECT body FROM chunk").fetchall())
    connection.close()
    assert len(bodies) == 1
    assert b"second" in bodies[0]


def test_unchanged_open_trace_is_not_written_again(sqlite_store, file, make_trace):
    running = make_trace(
        1,
        root={"end_time_ns": None},
        state=TraceState.IN_PROGRESS,
        spans=[{"name": "done", "raw_inputs": "x"}],
    )
    sqlite_store.write([running])
    size = file.with_name("traces.db-wal").stat().st_size

    for _ in range(5):
        sqlite_store.write([running])

    assert file.with_name("traces.db-wal").stat().st_size == size


def test_deleted_text_is_gone_from_the_file(sqlite_store, file, make_trace):
    marker = "marker-5f1c"
    sqlite_store.write([make_trace(1, root={"raw_inputs": marker}, tags={"k": marker})])
    sqlite_store.write([make_trace(2)])

    sqlite_store.delete([1])
    sqlite_store.close()

    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert marker.encode() not in file.read_bytes()


def test_chunk_is_json_that_sql_can_read(sqlite_store, file, make_trace):
    sqlite_store.write([make_trace(1, root={"raw_inputs": b'{"q":\n [1, 2]}'})])

    connection = sqlite3.connect(file)
    (found,) = connection.execute(
        "SELECT json_extract(body, '$[0].i.q[1]') FROM chunk"
    ).fetchone()
    connection.close()
    assert found == 2
    assert sqlite_store.get(1).data.root.inputs == {"q": [1, 2]}


def test_large_traces_take_several_chunks(sqlite_store, file, make_trace):
    spans = [{"name": f"s{i}", "raw_inputs": f"{i}" * 20_000} for i in range(12)]
    sqlite_store.write([make_trace(1, spans=spans)])

    connection = sqlite3.connect(file)
    (count,) = connection.execute("SELECT count(*) FROM chunk").fetchone()
    connection.close()
    assert count > 2
    assert [s.inputs[:1] for s in sqlite_store.get(1).data.spans[1:4]] == [
        "0",
        "1",
        "2",
    ]


def test_newest_walks_its_index(full):
    assert "trace_recent" in plan(full)
    assert "SCAN trace" not in plan(full)
    assert "FOR ORDER BY" not in plan(full)


@pytest.mark.parametrize(
    ("text", "order", "index"),
    [
        ("session = 's1'", None, "trace_session (session=?"),
        ("user = 'u'", None, "trace_user (user=?"),
        ("client_request_id = 'r'", None, "trace_creq (client_request_id=?"),
        ("status = 'ERROR'", None, "trace_state (experiment=? AND state=?"),
        ("trace_id = '00000000000000000000000000000005'", None, "(trace_id=?"),
        (None, ["duration DESC"], "trace_dur (experiment=?"),
        ("timestamp > 0", None, "trace_recent (experiment=? AND start_ns>?"),
        ("tag.env = 'prod'", None, "trace USING INTEGER PRIMARY KEY"),
        ("duration > 1s", None, "trace USING INTEGER PRIMARY KEY"),
        ("span.type = 'TOOL'", None, "trace USING INTEGER PRIMARY KEY"),
    ],
)
def test_filters_are_served_by_an_index(full, text, order, index):
    found = plan(full, text, order)

    assert index in found
    assert "SCAN trace" not in found


@pytest.mark.parametrize(
    "text", ["feedback.f IS NULL", "NOT feedback.f = 1", "HAS assessment.f"]
)
def test_judgements_are_looked_up_for_each_trace(full, text):
    found = plan(full, text)

    assert "judged USING INDEX assess_trace (trace=?" in found
    assert "judged USING INDEX assess_session (session=? AND kind=? AND name=?" in found
    assert "SCAN" not in found


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("tag.env = 'prod'", "tag USING PRIMARY KEY (ns=? AND key=? AND value=?)"),
        ("duration > 1s", "trace_dur (experiment=? AND dur_ns>?)"),
        ("span.type = 'TOOL'", "group_class (class=?"),
        ("span.name LIKE 'ch%'", "group_class (class=?"),
        ("span.model = 'm'", "group_class (class=?"),
        ("span.status = 'ERROR'", "group_class (class=?"),
        ("span(type = 'TOOL' AND inputs.k = 5)", "group_class (class=?"),
        ("model = 'm'", "group_class (class=?"),
        ("metadata.m = 'x'", "tag USING PRIMARY KEY (ns=? AND key=? AND value=?)"),
        ("feedback.f = 1", "assess_nv (kind=? AND name=?"),
        ("feedback.f = 1", "trace_session (session=?"),
        ("HAS assessment.f", "assess_nv (kind=? AND name=?"),
        ("expectation.f != 1", "assess_nv (kind=? AND name=?"),
        ("HAS tag.env AND tag.env = 'prod'", "tag USING PRIMARY KEY (ns=? AND key=?"),
    ],
)
def test_conditions_are_looked_up_by_an_index(full, text, index):
    from spantree.store.compile import Compiler, conjuncts
    from spantree.store.dialect import SQLITE
    from spantree.store.find import _lookup
    from spantree.store.reads import read_classes

    query = parse_query(text, None, ["0"])
    connection = sqlite3.connect(full)
    compiler = Compiler(SQLITE, read_classes(connection))
    sql = _lookup(compiler, conjuncts(query.filter)[-1], query)
    rows = connection.execute(
        f"EXPLAIN QUERY PLAN {sql}", compiler.parameters
    ).fetchall()
    connection.close()

    assert any(index in row[3] for row in rows), rows


WRITE_AND_DIE = """
import os, signal, sys, time
from pathlib import Path
from spantree.entities import Span, Trace, TraceData, TraceInfo, TraceLocation, TraceState
from spantree.store import Writer, open_store, parse_tracking_uri

def trace(key, state=TraceState.OK):
    end = None if state is TraceState.IN_PROGRESS else 2
    root = Span(trace_key=key, span_key=1, parent_key=None, name="n", start_time_ns=key,
                end_time_ns=end)
    info = TraceInfo(f"tr-{key:032x}", TraceLocation.from_experiment_id("0"), 0, state)
    return Trace(info, TraceData([root]))

first, count, ending = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
store = open_store(parse_tracking_uri(Path(sys.argv[1])))
is_open = ending == "kill"
running = [trace(10**9 + first, TraceState.IN_PROGRESS)] if is_open else []
writer = Writer(lambda: store, lambda: running)
for key in range(first, first + count):
    writer.submit(key, lambda key=key: trace(key))
assert writer.flush(30)
print("flushed", flush=True)
if ending == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
writer.close()
"""


def run(file, first, count, ending):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            WRITE_AND_DIE,
            str(file),
            str(first),
            str(count),
            ending,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


@posix_only
def test_kill_after_flush_loses_nothing_and_marks_what_was_open(sqlite_store, file):
    program = run(file, 1, 300, "kill")
    said, _ = program.communicate(timeout=60)

    assert said == "flushed\n"
    assert program.returncode == -9
    assert len(sqlite_store.search(parse_query("status = 'OK'")).traces) == 300
    (interrupted,) = sqlite_store.search(parse_query("state = 'INTERRUPTED'")).traces
    assert interrupted.info.state is TraceState.INTERRUPTED
    assert sqlite_store.get(interrupted.key).info.state is TraceState.INTERRUPTED
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@posix_only
def test_an_interrupted_trace_yields_to_a_late_end(sqlite_store, file, make_trace):
    run(file, 1, 1, "kill").communicate(timeout=60)
    (found,) = sqlite_store.search(parse_query("state = 'INTERRUPTED'")).traces

    sqlite_store.write([make_trace(found.key)])

    assert sqlite_store.get(found.key).info.state is TraceState.OK
    assert sqlite_store.search(parse_query("state = 'INTERRUPTED'")).traces == []


def test_processes_share_one_file(sqlite_store, file):
    programs = [run(file, 1 + 1_000 * n, 200, "end") for n in range(3)]
    for program in programs:
        program.communicate(timeout=60)

    assert [program.returncode for program in programs] == [0, 0, 0]
    assert len(sqlite_store.search(parse_query(None, None, ["0"])).traces) == 600
