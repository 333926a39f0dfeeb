"""What only a PostgreSQL store meets: other writers, a server that goes, long keys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from spantree.entities import Feedback
from spantree.entities.errors import MissingExtraError
from spantree.search import parse_query
from spantree.store import (
    StoreUnavailableError,
    Trouble,
    Writer,
    open_store,
    parse_tracking_uri,
)

WRITES = Path(__file__).parents[2] / "faults" / "store_writes.py"
EVERYTHING = parse_query()


@pytest.fixture
def pg(postgres_url):
    opened = open_store(parse_tracking_uri(postgres_url))
    yield opened
    opened.close()


def keys_in(store):
    return {trace.key for trace in store.search(EVERYTHING).traces}


def start_writing(url, first, count):
    command = [sys.executable, str(WRITES), url, str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own


def test_many_processes_write_at_once(pg, postgres_url):
    writers = [start_writing(postgres_url, n * 1_000, 60) for n in range(1, 7)]

    outputs = [writer.communicate(timeout=120)[0] for writer in writers]

    assert all(output.split()[-1] == "60" for output in outputs)
    expected = {n * 1_000 + number for n in range(1, 7) for number in range(60)}
    assert expected <= keys_in(pg)


def test_writers_of_one_trace_and_of_the_same_messages_lose_nothing(
    postgres_url, make_trace
):
    import threading

    conversation = b'{"messages":[%s]}' % b",".join(
        b'{"role":"user","content":"%s"}' % (b"%d" % n * 90) for n in range(4)
    )

    def write(which):
        store = open_store(parse_tracking_uri(postgres_url))
        for number in range(1, 21):
            span = {
                "name": f"part {which}",
                "raw_inputs": conversation,
                "parent_key": None if which == 0 else 1,
            }
            trace = make_trace(number, spans=[span])
            root, part = trace.data.spans
            part.span_key = 100 + which
            trace.data.spans[:] = [root, part]
            store.write([trace])
        store.close()

    threads = [threading.Thread(target=write, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    store = open_store(parse_tracking_uri(postgres_url))
    for number in range(1, 21):
        spans = store.get(number).data.spans
        assert {s.span_key for s in spans} == {1, 100, 101, 102, 103}
        assert all(s.raw_inputs == conversation for s in spans if s.span_key != 1)
    assert store.delete(range(1, 21)) == 20
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for table in ("msg", "mlist", "chunk", "span_group", "trace"):
            left = connection.execute(f"SELECT count(*) FROM spantree.{table}")  # noqa: S608 - our own
            assert left.fetchone()[0] == 0, table
    store.close()


def test_writer_that_is_killed_leaves_whole_traces_only(pg, postgres_url):
    writer = start_writing(postgres_url, 1_000, 3_000)
    acknowledged = int(writer.stdout.readline())
    deadline = time.monotonic() + 30
    while acknowledged < 20 and time.monotonic() < deadline:
        acknowledged = int(writer.stdout.readline())

    writer.send_signal(signal.SIGKILL)
    for line in writer.communicate()[0].split():
        acknowledged = int(line)

    found = keys_in(pg)
    assert {1_000 + number for number in range(acknowledged)} <= found
    for trace in pg.search(EVERYTHING).traces:
        # A part of an open trace is all that was there; of a finished one, all.
        assert len(trace.data.spans) == 4


def test_traces_wait_for_a_server_that_went(postgres, postgres_url, make_trace):
    store = open_store(parse_tracking_uri(postgres_url))
    writer = Writer(lambda: store)
    writer.submit(1, lambda: make_trace(1))
    assert writer.flush(60)

    postgres.stop()
    try:
        writer.submit(2, lambda: make_trace(2))
        assert not writer.flush(0.5)
        assert writer.stats()["waiting"] == 1
        with pytest.raises(StoreUnavailableError) as caught:
            store.get(1)
        assert caught.value.trouble is Trouble.UNREACHABLE
    finally:
        postgres.start()

    assert writer.flush(60)
    assert keys_in(store) == {1, 2}
    writer.close(5)


def test_traces_of_a_program_that_ended_while_the_server_was_away_arrive_later(
    postgres, postgres_url, make_trace
):
    target = parse_tracking_uri(postgres_url)
    postgres.stop()
    try:
        first = Writer(lambda: open_store(target))
        first.submit(1, lambda: make_trace(1))
        assert not first.close(1.5)
        assert first.stats()["spilled"] == 1
    finally:
        postgres.start()

    second = Writer(lambda: open_store(target))
    second.submit(2, lambda: make_trace(2))
    assert second.flush(60)
    second.close(5)

    store = open_store(target)
    deadline = time.monotonic() + 60
    while keys_in(store) != {1, 2} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keys_in(store) == {1, 2}
    store.close()


def test_password_is_never_said():
    url = "postgresql://me:s3cret@127.0.0.1:1/none"
    target = parse_tracking_uri(url)
    store = open_store(target)

    with pytest.raises(StoreUnavailableError) as caught:
        store.get(1)

    assert "s3cret" not in f"{caught.value}{target!r}{store.location}"
    assert "127.0.0.1:1" in str(caught.value)


def test_without_psycopg_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("spantree.store.uri.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"pip install 'spantree\[postgres\]'"):
        open_store(parse_tracking_uri("postgresql://host/db"))


def test_store_of_a_newer_spantree_is_left_alone(pg, postgres_url, make_trace):
    import psycopg

    pg.write([make_trace(1)])
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE spantree.info SET value = '99'")
    store = open_store(parse_tracking_uri(postgres_url))

    for use in (lambda: store.write([make_trace(2)]), lambda: store.get(1)):
        with pytest.raises(StoreUnavailableError, match="newer version"):
            use()
    store.close()


def test_nothing_is_made_by_reading(pg, postgres_url):
    import psycopg

    assert pg.get(1) is None
    assert pg.search(EVERYTHING).traces == []
    with psycopg.connect(postgres_url) as connection:
        made = connection.execute("SELECT to_regnamespace('spantree')").fetchone()
    assert made == (None,)


def test_long_and_odd_texts_are_kept(pg, make_trace):
    long = "s" * 9_000
    odd = "NUL \x00 surrogate \ud800"
    trace = make_trace(
        1,
        root={"name": "n" * 4_000},
        spans=[{"name": odd, "span_type": "T" * 5_000}],
        tags={"k" * 250: long, "mlflow.trace.session": long},
        client_request_id=long,
        assessments=[Feedback(name="f" * 3_000, value=odd)],
    )

    pg.write([trace])

    found = pg.get(1)
    assert found.info.session == long
    assert found.info.tags["k" * 250] == long
    assert found.info.assessments[0].value == "NUL \x00 surrogate \\ud800"
    assert keys_in(pg) == {1}
    for text in (f"session = '{long}'", f"client_request_id = '{long}'"):
        assert len(pg.search(parse_query(text)).traces) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_opens_its_own_connection(pg, make_trace):
    pg.write([make_trace(1)])

    child = os.fork()
    if child == 0:
        try:
            pg.write([make_trace(2)])
            os._exit(0 if keys_in(pg) == {1, 2} else 1)
        except BaseException:  # noqa: BLE001 - the child must not run the other tests
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert status == 0
    pg.write([make_trace(3)])
    assert keys_in(pg) == {1, 2, 3}


@pytest.mark.parametrize(
    ("text", "index"),
    [
        (None, "trace_recent"),
        ("tag.env = 'rare'", "tag_pkey"),
        ("session = 's7'", "trace_session"),
        ("client_request_id = 'c7'", "trace_creq"),
        ("span.type = 'RARE'", "group_class"),
        ("feedback.rare = 1", "assess_name"),
        ("feedback.common IS NULL", "assess_session"),
    ],
)
def test_indexes_serve(pg, postgres_url, make_trace, text, index):
    import psycopg

    from spantree.store.compile import Compiler, conjuncts
    from spantree.store.dialect import POSTGRES
    from spantree.store.find import _lookup, build
    from spantree.store.known import known_of
    from spantree.store.postgres_connections import PostgresConnection
    from spantree.store.reads import read_classes

    pg.write(
        [
            make_trace(
                number,
                root={"start_time_ns": number * 10**9, "end_time_ns": number * 10**9},
                spans=[{"name": "c", "span_type": "RARE" if number == 7 else "TOOL"}],
                tags={
                    "env": "rare" if number == 7 else "common",
                    "mlflow.trace.session": f"s{number}",
                },
                client_request_id=f"c{number}",
                assessments=[
                    Feedback(
                        name="rare" if number == 7 else "common",
                        value=1,
                        metadata={"mlflow.trace.session": f"s{number}"},
                    )
                ],
            )
            for number in range(1, 1_500)
        ]
    )
    with psycopg.connect(postgres_url, autocommit=True) as raw:
        raw.execute("SET search_path TO spantree")
        raw.execute("ANALYZE")
        connection = PostgresConnection(raw)
        query = parse_query(text, None, ["0"])
        statement = build(known_of(connection), query)
        sql, parameters = f"{statement.sql} LIMIT 100", statement.parameters
        if index in ("tag_pkey", "group_class", "assess_name"):
            compiler = Compiler(POSTGRES, read_classes(connection))
            sql = _lookup(compiler, conjuncts(query.filter)[0], query)
            parameters = compiler.parameters
        plan = connection.execute(f"EXPLAIN {sql}", parameters).fetchall()

    assert any(index in row[0] for row in plan), plan


_BEFORE_TEXTS = """
ALTER TABLE trace ADD COLUMN tags text, ADD COLUMN metadata text,
  ADD COLUMN request_preview text, ADD COLUMN response_preview text;
UPDATE trace SET tags = CAST(texts AS json) ->> 0, metadata = CAST(texts AS json) ->> 1,
  request_preview = CAST(texts AS json) ->> 2,
  response_preview = CAST(texts AS json) ->> 3;
ALTER TABLE trace ALTER COLUMN tags SET NOT NULL, ALTER COLUMN metadata SET NOT NULL,
  DROP COLUMN texts CASCADE;
DO $$ BEGIN
  IF to_regclass('outbox') IS NOT NULL THEN
    CREATE TRIGGER outbox_texts
      AFTER UPDATE OF tags, metadata, session, "user", name ON trace
      FOR EACH ROW EXECUTE FUNCTION trace_changed(2);
  END IF;
END $$;
DROP INDEX assess_session;
UPDATE info SET value = '1' WHERE key IN ('min_reader', 'min_writer');
DELETE FROM info WHERE key = 'version'"""


def _make_older(url):
    """Make the tables those of the first version."""
    import psycopg

    with psycopg.connect(url) as raw:
        raw.execute("SET search_path TO spantree")
        raw.execute(_BEFORE_TEXTS)


def _columns(url):
    import psycopg

    sql = """
    SELECT column_name, data_type, is_nullable, collation_name
    FROM information_schema.columns
    WHERE table_schema = 'spantree' AND table_name = 'trace' ORDER BY 1"""
    with psycopg.connect(url) as raw:
        return raw.execute(sql).fetchall()


@pytest.mark.parametrize("is_sent", [False, True])
def test_older_store_is_upgraded_by_who_opens_it_first(
    pg, postgres_url, make_trace, is_sent
):
    import psycopg

    if is_sent:
        pg.serve_outbox(lambda connection: None, lambda: None)
    session = {"mlflow.trace.session": "s"}
    said = [Feedback(name="ok", value=True, metadata=session)]
    pg.write(
        [
            make_trace(1, trace_metadata=session, assessments=said),
            make_trace(2, trace_metadata=session),
        ]
    )
    before = [trace.to_dict() for trace in pg.search(EVERYTHING).traces]
    pg.close()
    columns = _columns(postgres_url)
    _make_older(postgres_url)
    with psycopg.connect(postgres_url) as raw:
        raw.execute("UPDATE spantree.assessment SET session = 'before'")

    again = open_store(parse_tracking_uri(postgres_url))
    after = [trace.to_dict() for trace in again.search(EVERYTHING).traces]

    assert after == before
    assert len(after) == 2
    assert _columns(postgres_url) == columns
    with psycopg.connect(postgres_url) as raw:
        raw.execute("SET search_path TO spantree")
        there = raw.execute("SELECT to_regclass('assess_session') IS NOT NULL")
        assert there.fetchone() == (True,)
        said = dict(raw.execute("SELECT key, value FROM info").fetchall())
        assert said == {"version": "3", "min_reader": "3", "min_writer": "3"}
        sql = "SELECT count(*) FROM pg_trigger WHERE tgname = 'outbox_texts'"
        assert raw.execute(sql).fetchone() == (int(is_sent),)
    again.write([make_trace(3)])
    found = again.search(parse_query("feedback.ok = true")).traces
    again.close()
    assert {trace.key for trace in found} == {1, 2}


def test_older_store_of_somebody_else_is_refused(pg, postgres_url, make_trace):
    import psycopg

    pg.write([make_trace(1)])
    pg.close()
    _make_older(postgres_url)
    with psycopg.connect(postgres_url) as raw:
        raw.execute("SET search_path TO spantree")
        raw.execute("DROP ROLE IF EXISTS guest")
        raw.execute("CREATE ROLE guest LOGIN PASSWORD 'g'")
        raw.execute("GRANT USAGE ON SCHEMA spantree TO guest")
        raw.execute("GRANT ALL ON ALL TABLES IN SCHEMA spantree TO guest")
    parts = urlsplit(postgres_url)
    host = parts.netloc.rpartition("@")[2]
    guest = open_store(
        parse_tracking_uri(parts._replace(netloc=f"guest:g@{host}").geturl())
    )

    uses = (lambda: guest.search(EVERYTHING), lambda: guest.write([make_trace(2)]))
    for use in (*uses, *uses):
        with pytest.raises(StoreUnavailableError, match="its owner has to open it"):
            use()
    assert keys_in(pg) == {1}
    guest.write([make_trace(2)])
    assert keys_in(guest) == {1, 2}
    guest.close()


def test_same_attachment_is_kept_once_and_goes_with_its_last_trace(
    pg, postgres_url, make_trace
):
    import psycopg

    pg.write([make_trace(1), make_trace(2)])
    for key in (1, 2):
        pg.attachments.put(key, f"id-{key}", b"\x00picture")
        pg.attachments.put(key, f"id-{key}", b"\x00picture")

    def contents():
        with psycopg.connect(postgres_url) as connection:
            found = connection.execute("SELECT count(*) FROM spantree.content")
            return found.fetchone()[0]

    assert pg.attachments.get(1, "id-1") == b"\x00picture"
    assert pg.attachments.get(1, "id-2") is None
    assert contents() == 1
    pg.delete([1])
    assert pg.attachments.get(1, "id-1") is None
    assert pg.attachments.get(2, "id-2") == b"\x00picture"
    pg.delete([2])
    assert contents() == 0


def test_attachment_waits_while_the_server_is_away(postgres, postgres_url):
    store = open_store(parse_tracking_uri(postgres_url))
    postgres.stop()
    try:
        with pytest.raises(OSError, match="can't be opened"):
            store.attachments.put(1, "id", b"content")
    finally:
        postgres.start()

    store.attachments.put(1, "id", b"content")
    assert store.attachments.get(1, "id") == b"content"
    store.close()
