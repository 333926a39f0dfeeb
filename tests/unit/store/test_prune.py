from __future__ import annotations

import pytest

from spantree.search import parse_query
from spantree.store import prune


@pytest.fixture
def full(store, make_trace):
    store.write(
        [
            make_trace(
                n,
                root={"start_time_ns": n, "end_time_ns": n, "raw_inputs": "x" * 9_000},
                tags={"keep": "no" if n % 2 else "yes"},
            )
            for n in range(1, 401)
        ]
    )
    return store


def left(store):
    return sorted(trace.key for trace in store.search(parse_query()).traces)


def test_old_traces_are_deleted(full):
    assert prune(full, before_ns=301) == 300

    assert left(full) == list(range(301, 401))


def test_only_those_that_match_are_deleted(full):
    query = parse_query("tag.keep = 'no'")

    assert prune(full, before_ns=10, query=query) == 5

    assert left(full)[:5] == [2, 4, 6, 8, 10]


def test_store_is_made_small_enough(sqlite_store, make_trace, file):
    big = {"raw_inputs": "x" * 20_000, "end_time_ns": 9}
    sqlite_store.write(
        [make_trace(n, root={"start_time_ns": n, **big}) for n in range(1, 601)]
    )
    before = sqlite_store.shrink()

    count = prune(sqlite_store, max_bytes=before // 2)

    assert count == 400
    assert file.stat().st_size <= before // 2
    assert left(sqlite_store) == list(range(401, 601))


def test_nothing_to_do_deletes_nothing(full):
    assert prune(full, before_ns=0, max_bytes=10**12) == 0
    assert len(left(full)) == 400


def test_store_without_a_file_is_small(sqlite_store, file):
    assert prune(sqlite_store, max_bytes=0) == 0
    assert not file.exists()
