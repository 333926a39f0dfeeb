"""An outbox that processes on several hosts share."""

from __future__ import annotations

import threading
from functools import partial

import psycopg
import pytest
from support.traces import make_trace

from spantree.shipping.outbox import Outbox, State, What
from spantree.shipping.triggers import install
from spantree.store import open_store, parse_tracking_uri

THERE = "http://there:5000"


@pytest.fixture
def open_sending(postgres_url):
    """Open the store as a process does that sends on what it writes."""
    opened = []

    def open_it(*destinations):
        store = open_store(parse_tracking_uri(postgres_url))
        if destinations:
            store.serve_outbox(partial(install, destinations=destinations), str)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


def test_each_destination_has_its_rows_and_others_have_none(open_sending):
    sending, other = open_sending(THERE, "it's"), open_sending()
    sending.write([make_trace(1)])
    other.write([make_trace(2)])

    for name in (THERE, "it's"):
        (entry,) = Outbox(sending, name).lease()
        assert (entry.key, entry.what) == (1, What.SPANS | What.INFO)
    assert other.unsent() == {1}


def test_no_two_send_the_same(open_sending):
    stores = [open_sending(THERE) for _ in range(4)]
    stores[0].write([make_trace(key) for key in range(1, 201)])
    leased, barrier = [], threading.Barrier(len(stores))

    def take(store):
        box = Outbox(store, THERE)
        barrier.wait()
        while entries := box.lease(7):
            leased.extend(entry.key for entry in entries)
            box.done(entries)

    threads = [threading.Thread(target=take, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(leased) == list(range(1, 201))


def test_a_lease_of_another_host_is_lost_when_its_time_is_over(
    open_sending, postgres_url
):
    store = open_sending(THERE)
    store.write([make_trace(1)])
    Outbox(store, THERE).lease()
    box = Outbox(store, THERE)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE spantree.outbox SET lease = '7 x elsewhere:b:1'")
        assert box.lease() == []
        assert box.counts() == {State.LEASED: 1}
        connection.execute("UPDATE spantree.outbox SET lease_until = 1")

    assert [entry.key for entry in box.lease()] == [1]


def test_a_change_while_it_is_sent_is_sent_as_well(open_sending):
    store = open_sending(THERE)
    store.write([make_trace(1)])
    box = Outbox(store, THERE)
    entries = box.lease()
    store.patch(1, tags={"k": "v"})
    assert box.done(entries) == []

    (entry,) = box.lease()
    assert entry.what == What.INFO
    assert box.done([entry]) == []
    assert box.counts() == {}


def test_what_is_deleted_while_it_is_sent_is_told(open_sending):
    store = open_sending(THERE)
    store.write([make_trace(1), make_trace(2)])
    box = Outbox(store, THERE)
    entries = box.lease()
    store.delete([2])

    assert [entry.key for entry in box.done(entries)] == [2]


def test_a_store_without_an_outbox_is_given_one(open_sending, postgres_url):
    earlier = open_sending()
    earlier.write([make_trace(1)])
    assert earlier.unsent() == set()
    with psycopg.connect(postgres_url) as connection:
        there = connection.execute("SELECT to_regclass('spantree.outbox')").fetchone()
    assert there == (None,)

    sending = open_sending(THERE)
    sending.write([make_trace(2)])

    assert earlier.unsent() == {2}
