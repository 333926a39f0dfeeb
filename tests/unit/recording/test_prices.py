"""What model calls cost, and what is said when that is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import spantree
from spantree.entities.rollup import roll_up
from spantree.recording import prices as module
from spantree.recording.prices import Price, Prices, cost_of, read_prices

TABLE = json.loads(Path(module.__file__).with_name("prices.json").read_text())


def model_span(model, tokens, **attributes):
    attributes = {
        "mlflow.llm.model": model,
        "mlflow.chat.tokenUsage": tokens,
        **attributes,
    }
    return spantree.start_span("chat", span_type="CHAT_MODEL", attributes=attributes)


def recorded(model, **tokens):
    with model_span(model, tokens) as span:
        pass
    return spantree.get_trace(span.trace_id).data.root


def test_a_call_costs_its_tokens_times_their_prices():
    root = recorded("gpt-4o-mini", input_tokens=1000, output_tokens=100)

    assert root.llm_cost == {
        "input_cost": 0.00015,
        "output_cost": 0.00006,
        "total_cost": 0.00021,
    }
    assert root.get_attribute("spantree.cost.prices") == TABLE["version"]


def test_the_live_span_knows_the_cost_once_it_has_ended():
    with model_span(
        "gpt-4o-mini", {"input_tokens": 1000, "output_tokens": 100}
    ) as span:
        pass

    assert span.llm_cost["total_cost"] == 0.00021


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-mini-2024-07-18",
        "openai/gpt-4o-mini",
        "openai/gpt-4o-mini-2024-07-18",
        "gpt-4o-mini-latest",
    ],
)
def test_prefixes_and_dates_do_not_matter(model):
    assert Prices().find(None, model) == Prices().find("openai", "gpt-4o-mini")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (None, "gpt-4o-mini-x"),
        (None, "gpt-4o-minimal"),
        (None, "my-model"),
        ("azure", "gpt-4o-mini"),
        ("openai", ""),
    ],
)
def test_a_model_is_never_guessed(provider, model):
    assert Prices().find(provider, model) is None


def test_a_snapshot_with_its_own_price_is_found_before_its_model():
    assert Prices().find(None, "gpt-4o-2024-05-13").input == 5


def test_an_unknown_model_has_no_cost_and_not_zero():
    root = recorded("my-model", input_tokens=1000, output_tokens=100)

    assert root.llm_cost is None
    assert (
        "mlflow.trace.cost" not in spantree.get_trace(root.trace_id).info.trace_metadata
    )
    assert spantree.get_trace(root.trace_id).info.cost is None


def test_a_model_of_two_providers_has_a_price_only_with_its_provider():
    both = Prices({("a", "m"): Price(1.0, 1.0), ("b", "m"): Price(2.0, 2.0)})

    assert both.find(None, "m") is None
    assert both.find("B", "m").input == 2.0


CACHING = Price(3.0, 15.0, cache_read=0.3, cache_write=3.75, cache_write_1h=6.0)


@pytest.mark.parametrize(
    ("price", "tokens", "input_cost"),
    [
        (CACHING, {"input_tokens": 1000}, 0.003),
        (CACHING, {"input_tokens": 1000, "cache_read_input_tokens": 400}, 0.00192),
        (CACHING, {"input_tokens": 1000, "cache_creation_input_tokens": 400}, 0.0033),
        (
            CACHING,
            {
                "input_tokens": 1000,
                "cache_creation_input_tokens": 400,
                "cache_creation_input_tokens_above_1hr": 100,
            },
            0.003525,
        ),
        (Price(3.0, 15.0), {"input_tokens": 1000, "cache_read_input_tokens": 0}, 0.003),
    ],
)
def test_cached_input_has_its_own_price(price, tokens, input_cost):
    cost = cost_of(price, {**tokens, "output_tokens": 10})

    assert cost["input_cost"] == pytest.approx(input_cost)
    assert cost["total_cost"] == pytest.approx(input_cost + 0.00015)


def test_reasoning_is_part_of_the_output():
    tokens = {"input_tokens": 0, "output_tokens": 100, "reasoning_output_tokens": 90}

    assert cost_of(Price(1.0, 10.0), tokens)["output_cost"] == 0.001


@pytest.mark.parametrize(
    ("price", "tokens"),
    [
        (Price(1.0, 1.0), {"input_tokens": 5}),
        (Price(1.0, 1.0), {"output_tokens": 5}),
        (
            Price(1.0, 1.0),
            {"input_tokens": 5, "output_tokens": 5, "cache_read_input_tokens": 1},
        ),
        (
            CACHING,
            {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 9},
        ),
        (CACHING, {"input_tokens": -5, "output_tokens": 1}),
        (CACHING, {"input_tokens": float("nan"), "output_tokens": 1}),
        (CACHING, {"input_tokens": float("inf"), "output_tokens": 1}),
        (
            Price(1.0, 1.0, max_input_tokens=10),
            {"input_tokens": 11, "output_tokens": 1},
        ),
    ],
)
def test_what_is_missing_or_impossible_gives_no_cost(price, tokens):
    assert cost_of(price, tokens) is None


def test_embeddings_cost_their_input_only():
    root = recorded("text-embedding-3-small", input_tokens=1_000_000)

    assert root.llm_cost == {"input_cost": 0.02, "total_cost": 0.02}


def test_a_reported_cost_stays():
    with model_span(
        "gpt-4o-mini",
        {"input_tokens": 1000, "output_tokens": 100},
        **{"mlflow.llm.cost": {"total_cost": 7.0}},
    ) as span:
        pass

    assert span.llm_cost == {"total_cost": 7.0}


@pytest.mark.parametrize("tokens", [None, 5, "many", [], {"input_tokens": "5"}])
def test_whatever_a_user_calls_usage_does_no_harm(tokens):
    with model_span("gpt-4o-mini", tokens) as span:
        pass

    assert span.llm_cost is None


def test_a_trace_costs_what_its_outermost_reporting_spans_cost():
    used = {"input_tokens": 1000, "output_tokens": 100}
    with spantree.start_span("agent") as root:
        with model_span("gpt-4o-mini", used), model_span("gpt-4o-mini", used):
            pass
        with model_span("gpt-4o-mini", used):
            pass

    trace = spantree.get_trace(root.trace_id)

    assert trace.info.cost["total_cost"] == pytest.approx(0.00042)
    assert trace.info.token_usage["input_tokens"] == 2000
    assert roll_up(trace.data.spans).total_cost == pytest.approx(0.00042)


def test_a_sum_that_misses_a_price_says_so():
    used = {"input_tokens": 1000, "output_tokens": 100}
    with spantree.start_span("agent") as root:
        with model_span("gpt-4o-mini", used):
            pass
        with model_span("my-model", used):
            pass

    info = spantree.get_trace(root.trace_id).info

    assert info.cost["total_cost"] == 0.00021
    assert info.trace_metadata["spantree.cost.partial"] == "true"


def test_every_row_says_where_and_when_its_prices_were_read():
    for row in TABLE["models"]:
        assert row["source"].startswith("https://")
        assert row["checked"] is None or len(row["checked"]) == 10
        assert (row["checked"] or "") <= TABLE["version"]


ROW = {"provider": "p", "model": "m", "input": 1}


def test_a_table_with_a_model_twice_is_refused():
    row = {"provider": "p", "model": "m", "input": 1}

    with pytest.raises(ValueError, match="has two prices"):
        read_prices(
            {"version": "v", "models": [row, {**row, "model": "n", "aliases": ["m"]}]}
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": 5},
        {"models": [{**ROW, "input": 10**400}]},
        {"models": [{**ROW, "input": -1}]},
        {"models": [{**ROW, "max_input_tokens": "many"}]},
        {"models": [ROW], "per": 0},
        {"models": [ROW], "per": float("nan")},
        {"models": [ROW], "per": "1k"},
    ],
)
def test_a_table_that_can_not_be_used_is_refused(wrong):
    with pytest.raises(ValueError, match="number|table"):
        read_prices(wrong)


def test_the_table_is_small():
    path = Path(module.__file__).with_name("prices.json")

    assert path.stat().st_size <= 40_000
    assert len(read_prices(TABLE)) > len(TABLE["models"])
