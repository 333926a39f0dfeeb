"""What a model call costs, from the tokens it reports and a table of prices.

The table (``prices.json``, USD for a million tokens) names for each row the vendor's
page, and the day when the row was compared with it; null says that it was taken from
others who cite that page. Nothing is ever downloaded; a model that is not in the table
has no cost, which is not the same as costing nothing.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spantree.entities.rollup import reported_numbers
from spantree.entities.span import COST, MODEL, PROVIDER, TOKEN_USAGE
from spantree.entities.values import decode
from spantree.recording.forks import FIRST_USE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.values import Captured

PRICES_VERSION = "spantree.cost.prices"

_MILLION = 1_000_000
_MOST_TOKENS = 10**15  # what a user says of tokens may be anything, also infinite
_USERS = "configured"
_VENDOR = re.compile(r"^(?:anthropic|google|models|openai)/")
_DATE = re.compile(r"(?:-latest|[-@]\d{8}|-\d{4}-\d{2}-\d{2})$")
_OPTIONAL = ("output", "cache_read", "cache_write", "cache_write_1h")


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens of one model; None where there is no such price.

    Args:
        input: Of the input that is neither read from nor written to a cache.
        output: Of the output, reasoning included; None for embeddings.
        cache_read: Of input read from a cache.
        cache_write: Of input written to a cache.
        cache_write_1h: Of input written to a cache for an hour.
        max_input_tokens: Longer inputs have other prices, which are not known here.
        version: The table it is from.
    """

    input: float
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    max_input_tokens: int | None = None
    version: str = _USERS


class Prices:
    """Finds the price of a model.

    Args:
        own: The user's, by provider and model; they come before the table's.
    """

    __slots__ = ("_own",)

    def __init__(self, own: Mapping[tuple[str, str], Price] | None = None) -> None:
        self._own = dict(own or {})

    def find(self, provider: str | None, model: str) -> Price | None:
        """Give the price of a model, None if it is unknown.

        Args:
            provider: As in ``mlflow.llm.provider``; if it is None, the model must be
                that of one provider only.
            model: Its name; a vendor's prefix and a date at its end are no matter,
                but a longer name is never taken for a shorter one.
        """
        plain = _VENDOR.sub("", model)
        for name in (model, plain, _DATE.sub("", plain)):
            for prices in (self._own, _table()):
                found = _of(prices, provider, name)
                if found is not None:
                    return found
        return None

    def price(self, attributes: dict[str, Captured]) -> dict[str, Captured]:
        """Add what a call cost to a span's attributes, if that can be told.

        A cost that is among them already stays.

        Args:
            attributes: Of a span that has ended; not changed.

        Returns:
            The same dict where there is nothing to add.
        """
        if TOKEN_USAGE not in attributes or COST in attributes:
            return attributes
        model = decode(attributes.get(MODEL))
        provider = decode(attributes.get(PROVIDER))
        if not isinstance(model, str):
            return attributes
        price = self.find(provider if isinstance(provider, str) else None, model)
        cost = price and cost_of(price, reported_numbers(attributes[TOKEN_USAGE]))
        if not price or not cost:
            return attributes
        return {**attributes, COST: cost, PRICES_VERSION: price.version}


def cost_of(price: Price, usage: Mapping[str, int]) -> dict[str, object] | None:
    """Multiply tokens and prices.

    Args:
        price: Of the model.
        usage: Tokens by MLflow's names; ``input_tokens`` includes the cached ones.

    Returns:
        USD as ``input_cost``, ``output_cost`` (not for embeddings) and ``total_cost``;
        None if a count or the price of one is missing.
    """
    read = usage.get("cache_read_input_tokens", 0)
    written = usage.get("cache_creation_input_tokens", 0)
    for_an_hour = usage.get("cache_creation_input_tokens_above_1hr", 0)
    all_input = usage.get("input_tokens")
    if all_input is None or all_input > (price.max_input_tokens or all_input):
        return None
    input_cost = _product(
        (all_input - read - written, price.input),
        (read, price.cache_read),
        (written - for_an_hour, price.cache_write),
        (for_an_hour, price.cache_write_1h),
    )
    if input_cost is None:
        return None
    if price.output is None:
        return {"input_cost": input_cost, "total_cost": input_cost}
    output = usage.get("output_tokens")
    output_cost = None if output is None else _product((output, price.output))
    if output_cost is None:
        return None
    return {
        "input_cost": input_cost,
        "output_cost": output_cost,
        "total_cost": round(input_cost + output_cost, 12),
    }


def read_prices(data: Mapping[str, Any]) -> dict[tuple[str, str], Price]:
    """Read a table in the form of ``prices.json``.

    Args:
        data: ``version``, ``per`` (tokens) and ``models``, a list of rows.

    Raises:
        ValueError: If it has not that form.
    """
    found: dict[tuple[str, str], Price] = {}
    try:
        per = data.get("per", _MILLION)
        if type(per) is not int or not 1 <= per <= _MOST_TOKENS:
            msg = f"per is a whole number of tokens, not {per!r:.40}"
            raise ValueError(msg)
        scale = _MILLION / per
        for row in data["models"]:
            price = make_price(row, scale, str(data.get("version", _USERS)))
            for name in (row["model"], *row.get("aliases", ())):
                key = (str(row["provider"]), str(name))
                if key in found:
                    msg = f"{key} has two prices"
                    raise ValueError(msg)
                found[key] = price
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"this is no table of prices: {type(error).__name__} {error}"
        raise ValueError(msg) from None
    return found


def make_price(
    row: Mapping[str, Any], scale: float = 1.0, version: str = _USERS
) -> Price:
    """Read one row.

    Args:
        row: ``input`` and, where there is one, ``output``, ``cache_read``,
            ``cache_write``, ``cache_write_1h``; USD for a million tokens, at least 0.
        scale: Multiplies them.
        version: The table's.

    Raises:
        ValueError: If a price is missing or no such number.
    """
    numbers: dict[str, float] = {}
    for name in ("input", *_OPTIONAL):
        value = row.get(name)
        if type(value) in (int, float) and 0 <= (value or 0) < _MILLION:
            numbers[name] = float(value or 0) * scale
        elif value is not None or name not in _OPTIONAL:
            msg = f"a price of {name} is a number of USD, not {value!r:.40}"
            raise ValueError(msg)
    most = row.get("max_input_tokens")
    if most is not None and type(most) is not int:
        msg = f"max_input_tokens is a whole number, not {most!r:.40}"
        raise ValueError(msg)
    return Price(**numbers, max_input_tokens=most, version=version)


@functools.cache
def _table() -> dict[tuple[str, str], Price]:
    with FIRST_USE:
        from pathlib import Path

    text = Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    return read_prices(json.loads(text))


def _of(
    prices: Mapping[tuple[str, str], Price], provider: str | None, model: str
) -> Price | None:
    if provider is not None:
        return prices.get((provider.lower(), model))
    found = [price for (_, name), price in prices.items() if name == model]
    return found[0] if len(found) == 1 else None


def _product(*parts: tuple[int, float | None]) -> float | None:
    """Sum tokens times prices; None if a price is missing or a count impossible."""
    total = 0.0
    for tokens, price in parts:
        if not 0 <= tokens < _MOST_TOKENS or (tokens and price is None):
            return None
        total += tokens * (price or 0.0)
    # Rounded to a millionth of a millionth of a dollar: 0.00021, not 0.00020999…
    return round(total / _MILLION, 12)
