"""A stored trace gives the same whether it was decoded or not."""

from __future__ import annotations

import copy
import pickle

import pytest

from spantree.entities import Feedback, Link, Trace
from spantree.search import parse_query

ODD_VALUES = {
    "number": 5,
    "float": 0.1,
    "large": 10**30,
    "nan": float("nan"),
    "text": 'a "quoted" line\nand ünïcode \t',
    "nothing": None,
    "true": True,
    # As another program may spell what we would write otherwise.
    "foreign number": b"1e5",
    "foreign text": rb'"\u00e9\/"',
    "foreign null": b"null",
    "list": b'[1, "two", {"three": null}]',
}
EVENT = ("exception", 5, {"exception.type": "ValueError", "exception.message": "no"})
KINDS = {
    "plain": {},
    "children": {"spans": [{"name": "a"}, {"name": "b", "raw_outputs": "x"}]},
    "deep": {"spans": [{"name": f"s{n}", "parent_key": n} for n in range(1, 9)]},
    "another order": {
        "spans": [
            {"name": "late", "start_time_ns": 1_700_000_000_000_000_009},
            {"name": "early", "start_time_ns": 1_700_000_000_000_000_002},
        ]
    },
    "two roots": {"spans": [{"name": "other", "parent_key": None}]},
    "orphan": {"spans": [{"name": "orphan", "parent_key": 77}]},
    "shared attributes": {
        "spans": [{"name": "a", "raw_attributes": ODD_VALUES} for _ in range(3)]
    },
    "events": {"root": {"raw_events": [EVENT, ("e", 6, {})]}},
    "links": {"root": {"links": [Link("tr-1", "2", {"a": 1})]}},
    "message": {"root": {"status_message": "it is so"}},
    "open": {"root": {"end_time_ns": None}},
    "several chunks": {
        "spans": [{"name": "fat", "raw_inputs": "x" * 40_000} for _ in range(4)]
    },
    "session": {
        "tags": {"mlflow.trace.user": "u", "env": "ä"},
        "trace_metadata": {"mlflow.trace.session": "s"},
    },
    "judged": {"assessments": [Feedback(name="good", value=True)]},
    **{
        name: {"root": {"raw_inputs": value, "raw_outputs": value}}
        for name, value in ODD_VALUES.items()
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_dict_and_row_are_those_of_the_decoded_trace(sqlite_store, make_trace, kind):
    sqlite_store.write([make_trace(1, **KINDS[kind])])

    def read():
        (found,) = sqlite_store.search(parse_query()).traces
        return found

    decoded = read()
    assert decoded.info.trace_id
    assert decoded.data.spans

    assert repr(read().to_dict()) == repr(Trace.to_dict(decoded))
    assert repr(read().to_pandas_dataframe_row()) == repr(
        Trace.to_pandas_dataframe_row(decoded)
    )
    assert read().to_json() == decoded.to_json()
    # Kept since the first reading.
    assert repr(read().to_dict()) == repr(Trace.to_dict(decoded))


def test_changes_to_what_was_read_stay_ones_own(sqlite_store, make_trace):
    sqlite_store.write([make_trace(1, **KINDS["children"])])
    (mine,) = sqlite_store.search(parse_query()).traces
    expected = repr(mine.to_pandas_dataframe_row())

    for _ in range(2):
        (mine,) = sqlite_store.search(parse_query()).traces
        row = mine.to_pandas_dataframe_row()
        assert repr(row) == expected
        row["spans"][0]["attributes"].clear()
        row["spans"][1]["name"] = "mine"
        row["tags"].clear()


def test_rows_without_spans_are_the_same_too(sqlite_store, make_trace):
    sqlite_store.write([make_trace(1, **KINDS["session"])])

    def read():
        (found,) = sqlite_store.search(parse_query(), include_spans=False).traces
        return found

    decoded = read()
    assert decoded.data.spans == []
    assert decoded.info.tags["env"] == "ä"
    assert read().to_pandas_dataframe_row() == Trace.to_pandas_dataframe_row(decoded)


def test_what_was_changed_is_said(sqlite_store, make_trace):
    sqlite_store.write([make_trace(1, **KINDS["children"])])
    (found,) = sqlite_store.search(parse_query()).traces

    found.info.tags["added"] = "later"
    del found.data.spans[1:]

    assert found.to_dict()["info"]["tags"]["added"] == "later"
    assert len(found.to_dict()["data"]["spans"]) == 1


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_copies_are_whole(sqlite_store, make_trace, twin):
    sqlite_store.write([make_trace(1, **KINDS["children"])])
    (found,) = sqlite_store.search(parse_query()).traces

    made = twin(found)

    assert isinstance(made, Trace)
    assert [span.name for span in made.data.spans] == ["agent", "a", "b"]
    assert made.to_dict() == found.to_dict()


def test_other_attributes_are_still_missing(sqlite_store, make_trace):
    sqlite_store.write([make_trace(1)])
    (found,) = sqlite_store.search(parse_query()).traces

    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = found.nothing_like_it
