"""The store in memory keeps what there is room for."""

from __future__ import annotations

import pytest

import spantree
from spantree._runtime import RUNTIME
from spantree.entities import TraceState
from spantree.search import parse_query
from spantree.store import memory, open_store, parse_tracking_uri


@pytest.fixture
def kept():
    return open_store(parse_tracking_uri("memory:"))


def numbers(store):
    return sorted(trace.key for trace in store.search(parse_query()).traces)


def fat(make_trace, number, **info):
    return make_trace(number, root={"raw_inputs": b'"' + b"x" * 10_000 + b'"'}, **info)


def test_oldest_finished_traces_go_first(kept, make_trace, monkeypatch, caplog):
    monkeypatch.setattr(memory, "MAX_BYTES", 50_000)
    kept.attachments.put(2, "a" * 32, b"of a trace that goes")

    kept.write([fat(make_trace, 1, state=TraceState.IN_PROGRESS)])
    kept.write([fat(make_trace, number) for number in range(2, 9)])

    assert numbers(kept) == [1, 6, 7, 8]
    assert kept.forgotten == 4
    assert kept.attachments.get(2, "a" * 32) is None
    (said,) = caplog.messages
    assert said.startswith("The store in memory is full (7 traces, 0 MB): ")
    assert "SPANTREE_TRACKING_URI" in said


def test_room_of_what_is_deleted_or_shrinks_is_free_again(
    kept, make_trace, monkeypatch
):
    monkeypatch.setattr(memory, "MAX_BYTES", 50_000)

    for number in range(1, 5):
        kept.write([fat(make_trace, number)])
        kept.write([fat(make_trace, number)])
    kept.delete([1, 2])
    kept.write([fat(make_trace, number) for number in (5, 6)])

    assert numbers(kept) == [3, 4, 5, 6]
    assert kept.forgotten == 0


def test_stats_count_what_had_to_go(make_trace, monkeypatch):
    spantree.set_tracking_uri("memory:")
    monkeypatch.setattr(memory, "MAX_TRACES", 2)

    RUNTIME.write(lambda store: store.write([make_trace(n) for n in range(1, 6)]))

    assert spantree.stats()["dropped"] == 3
