"""`aggregate`, `prune`, and searches that are told when to stop."""

from __future__ import annotations

import logging
import time

import pytest
from support.traces import START_NS, make_trace

import spantree
from spantree import searching
from spantree._runtime import RUNTIME
from spantree.exceptions import SpantreeException

DAY_NS = 86_400_000_000_000


def keep(*traces):
    RUNTIME.write(lambda store: store.write(list(traces)))


def took(number, milliseconds, *, model="m", after_ns=0, tags=None):
    begin = START_NS + after_ns
    return make_trace(
        number,
        tags=tags or {},
        root={"start_time_ns": begin, "end_time_ns": begin + milliseconds * 1_000_000},
        spans=[
            {
                "name": "chat",
                "span_type": "CHAT_MODEL",
                "raw_attributes": {
                    "mlflow.llm.model": model,
                    "mlflow.chat.tokenUsage": b'{"input_tokens":1,"output_tokens":1}',
                },
            }
        ],
    )


def test_percentiles_and_tokens_by_model():
    keep(*(took(n, 10 * n, model="ab"[n > 4]) for n in range(1, 6)))

    frame = spantree.aggregate("model", ["count", "tokens", "cost", "p50", "p95"])

    assert list(frame.columns) == ["model", "count", "tokens", "cost", "p50", "p95"]
    assert list(frame["model"]) == ["a", "b"]
    assert list(frame["count"]) == [4, 1]
    assert list(frame["tokens"]) == [8, 2]
    assert frame["cost"].isna().all()
    assert list(frame["p50"]) == [25.0, 50.0]
    assert frame["p95"].iloc[0] == pytest.approx(38.5)


def test_groups_by_day_and_tag():
    keep(
        took(1, 5, tags={"env": "prod"}),
        took(2, 5, tags={"env": "prod"}),
        took(3, 5, after_ns=DAY_NS),
    )

    rows = spantree.aggregate(["day", "tag.env"], "count", as_="records")

    assert rows == [
        {"day": "2023-11-14", "tag.env": "prod", "count": 2},
        {"day": "2023-11-15", "tag.env": None, "count": 1},
    ]


def test_no_traces_keep_columns_and_types():
    keep(took(1, 5))

    full, empty = (
        spantree.aggregate("name"),
        spantree.aggregate("name", filter="cost > 1"),
    )

    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert (empty.dtypes[1:] == full.dtypes[1:]).all()


def test_unknown_field_or_measure_is_said():
    with pytest.raises(SpantreeException, match="Group by day, hour or a field"):
        spantree.aggregate("span.name")
    with pytest.raises(SpantreeException, match="Did you mean 'tokens'"):
        spantree.aggregate("name", "token")


def test_prune_by_age_takes_the_old_ones():
    now = time.time_ns() - START_NS
    keep(took(1, 5), took(2, 5, after_ns=now - DAY_NS), took(3, 5, after_ns=now))

    assert spantree.prune(older="30d") == 1
    assert spantree.prune(older="12h", filter="name = 'nothing'") == 0
    assert spantree.prune(older="12h", experiment="no such") == 0
    steps = []
    found = spantree.prune(older="12h", experiment="Default", progress=steps.append)
    assert (found, steps) == (1, [1])

    assert list(spantree.traces()["trace_id"]) == [f"tr-{3:032x}"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs older='30d' or max_bytes"),
        ({"older": "soon"}, "such as '30d', not 'soon'"),
        ({"max_bytes": -1}, "from 0 or None, not -1"),
    ],
)
def test_prune_says_what_it_needs(given, said):
    with pytest.raises(SpantreeException, match=said):
        spantree.prune(**given)


def test_search_stops_in_time_and_says_how_far_it_came(tmp_path, caplog):
    spantree.set_tracking_uri(tmp_path / "traces.db")
    keep(*(took(n, 5, after_ns=n) for n in range(1, 400)))

    with caplog.at_level(logging.WARNING, "spantree"):
        found = spantree.search_traces(
            "text CONTAINS 'no such word'", timeout=1e-9, return_type="list"
        )
        whole = spantree.search_traces("name = 'agent'", timeout=1e-9)

    assert found == []
    assert len(whole) == 399, "what an index serves is not stopped"
    (record,) = caplog.records
    assert "back at 2023-11-1" in record.getMessage()


def test_a_long_look_into_traces_is_told_how_to_be_shorter(
    tmp_path, caplog, monkeypatch
):
    spantree.set_tracking_uri(tmp_path / "traces.db")
    keep(*(took(n, 5, after_ns=n) for n in range(1, 150)))
    monkeypatch.setattr(searching, "_LONG_SEARCH_S", 0.0)

    with caplog.at_level(logging.WARNING, "spantree"):
        spantree.search_traces("name = 'agent'", return_type="list")
        spantree.search_traces("text CONTAINS 'absent word'", return_type="list")

    (record,) = caplog.records
    assert "look into what 149 traces carry" in record.getMessage()
    assert "timeout=" in record.getMessage()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"timeout": 0}, "above 0, not 0"),
        ({"experiment_ids": "0"}, r"a list of ids: \['0'\]"),
        ({"where": "remote"}, "where is 'local', or left out .*, not 'remote'"),
    ],
)
def test_search_says_what_is_allowed(given, said):
    with pytest.raises(SpantreeException, match=said):
        spantree.search_traces(**given)
