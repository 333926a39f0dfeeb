"""`df.spantree`: what is usually asked of a frame."""

from __future__ import annotations

import pandas as pd
import pytest

import spantree
from spantree.exceptions import MlflowException

TOKENS = "mlflow.chat.tokenUsage"


@pytest.fixture
def recorded():
    for model, tokens in (("small", 10), ("small", 20), ("large", 100)):
        with spantree.start_span("answer"):
            with spantree.start_span("call", span_type="CHAT_MODEL") as call:
                call.set_attribute("mlflow.llm.model", model)
                call.set_attribute(
                    TOKENS,
                    {
                        "input_tokens": tokens,
                        "output_tokens": 1,
                        "total_tokens": tokens + 1,
                    },
                )
    for _ in range(2):
        with pytest.raises(KeyError), spantree.start_span("broken"):
            raise KeyError("city")


def test_latency_counts_by_name(recorded):
    found = spantree.traces().spantree.latency()

    assert dict(found["count"]) == {"answer": 3, "broken": 2}
    assert (found["p95_ms"] >= found["p50_ms"]).all()


def test_tokens_are_summed_by_model_and_unknown_stays_unknown(recorded):
    by_model = spantree.traces().spantree.tokens()
    by_name = spantree.traces().spantree.tokens(by="name")

    assert dict(by_model["total_tokens"]) == {"large": 101, "small": 32}
    assert by_name["total_tokens"]["answer"] == 133
    assert by_name["total_tokens"]["broken"] is pd.NA


def test_errors_are_counted_with_an_example(recorded):
    found = spantree.traces().spantree.errors()

    assert list(found["count"]) == [2]
    assert "city" in found.index[0]
    assert found["trace_id"].iloc[0].startswith("tr-")


def test_columns_that_a_frame_lacks_are_looked_up(recorded):
    found = spantree.search_traces()

    assert dict(found.spantree.latency()["count"]) == {"answer": 3, "broken": 2}
    assert list(spantree.traces(columns=["trace_id"]).spantree.errors()["count"]) == [2]


def test_spans_are_grouped_too(recorded):
    found = spantree.spans().spantree.tokens(by="model")

    assert dict(found["total_tokens"]) == {"large": 101, "small": 32}


def test_a_plot_without_matplotlib_has_bars_of_characters(recorded, monkeypatch):
    monkeypatch.setattr("spantree.search.accessor.find_spec", lambda _: None)

    found = spantree.traces().spantree.tokens(plot=True)

    assert [len(bar) for bar in found["bar"]] == [20, 6]


def test_an_unknown_column_is_named_with_a_hint(recorded):
    with pytest.raises(MlflowException, match=r"'nme'\. Did you mean 'name'"):
        spantree.traces().spantree.latency(by="nme")


def test_other_frames_have_no_accessor(recorded):
    spantree.traces()

    assert not hasattr(pd.DataFrame({"a": [1]}), "spantree")


def test_an_empty_frame_is_answered():
    frame = spantree.traces("name = 'none'")

    assert len(frame.spantree.latency()) == 0
    assert len(frame.spantree.tokens(plot=True)) == 0
    assert len(frame.spantree.errors()) == 0


def test_polars_and_arrow_hold_the_same(recorded):
    pandas_frame = spantree.traces(columns=["trace_id", "duration_ms", "total_tokens"])

    polars_frame = spantree.traces(
        columns=["trace_id", "duration_ms", "total_tokens"], as_="polars"
    )
    table = spantree.traces(
        columns=["trace_id", "duration_ms", "total_tokens"], as_="arrow"
    )

    assert polars_frame["trace_id"].to_list() == list(pandas_frame["trace_id"])
    assert polars_frame["total_tokens"].null_count() == 2
    assert table.column("duration_ms").to_pylist() == list(pandas_frame["duration_ms"])
