"""The one rule by which tokens and cost of a tree are summed, each call once.

A span that reports tokens stands for everything below it, for tokens and cost alike,
so a framework's span over an SDK's span counts once. A span that reports cost alone
counts when nothing below it reports tokens. The viewer has the same rule in TypeScript;
both run the vectors of ``tests/fixtures/rollup.json``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from spantree.entities.span import COST, TOKEN_USAGE, SpanType
from spantree.entities.values import decode

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from spantree.entities.span import Span
    from spantree.entities.values import Captured

MODEL_TYPES = frozenset({SpanType.CHAT_MODEL, SpanType.LLM})

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by MLflow's names, and cost in USD; what nobody reported is absent.

    Args:
        tokens: ``input_tokens``, ``output_tokens``, ``total_tokens``, … → count.
        cost: ``input_cost``, ``output_cost``, ``total_cost`` in USD.
    """

    tokens: Mapping[str, int] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)

    @property
    def total_tokens(self) -> int | None:
        """All tokens, None when unknown."""
        return token_total(self.tokens)

    @property
    def total_cost(self) -> float | None:
        """USD, None when unknown."""
        return self.cost.get("total_cost")


@dataclass(frozen=True, slots=True)
class Totals:
    """What a trace used.

    Args:
        usage: Tokens and cost; what nobody reported is absent.
        is_usage_partial: A model span counts in no sum, so the true one is larger.
        is_cost_partial: The same for cost.
    """

    usage: Usage
    is_usage_partial: bool
    is_cost_partial: bool


def total_up(
    parent: Sequence[int],
    models: Container[int],
    own_usage: Mapping[int, Mapping[str, int]],
    own_cost: Mapping[int, Mapping[str, float]],
) -> Totals:
    """Sum what the rows of a trace report.

    Args:
        parent: The parent's row of each, a smaller one, -1 for a top row.
        models: The rows of model calls.
        own_usage: Tokens by MLflow's names, of the rows that report any.
        own_cost: USD by MLflow's names, of the rows that report any.
    """
    with_tokens = _marked_above(parent, own_usage)
    with_cost = _marked_above(parent, own_cost)
    below_tokens, below_cost = bytearray(len(parent)), bytearray(len(parent))
    tokens: list[Mapping[str, int]] = []
    costs: list[Mapping[str, float]] = []
    is_usage_partial = is_cost_partial = False
    for row, above in enumerate(parent):
        if above >= 0 and below_tokens[above]:
            below_tokens[row] = 1
        elif row in own_usage:
            below_tokens[row] = 1
            tokens.append(own_usage[row])
            costs.append(own_cost.get(row, {}))
            is_cost_partial = is_cost_partial or row not in own_cost
        elif not with_tokens[row]:
            is_usage_partial = is_usage_partial or row in models
            if above >= 0 and below_cost[above]:
                below_cost[row] = 1
            elif row in own_cost:
                below_cost[row] = 1
                costs.append(own_cost[row])
            elif row in models and not with_cost[row]:
                is_cost_partial = True
    usage = Usage(_summed(tokens), _summed(costs))
    return Totals(usage, is_usage_partial, is_cost_partial)


def roll_up(spans: Sequence[Span]) -> Usage:
    """Sum usage over a whole trace, counting each call once.

    Args:
        spans: All spans of one trace, parents before their children.

    Returns:
        Counts and cost; unknown ones are absent, never 0.

    Example:
        >>> roll_up([]).total_tokens is None
        True
    """
    return totals_of(spans).usage


def totals_of(spans: Sequence[Span]) -> Totals:
    """Sum usage as :func:`roll_up` does, and say whether some of it is missing.

    Args:
        spans: All spans of one trace, parents before their children.
    """
    row_of = {span.span_key: row for row, span in enumerate(spans)}
    own_usage: dict[int, Mapping[str, int]] = {}
    own_cost: dict[int, Mapping[str, float]] = {}
    for row, span in enumerate(spans):
        if tokens := reported_numbers(span.raw_attributes.get(TOKEN_USAGE)):
            own_usage[row] = tokens
        if cost := reported_numbers(span.raw_attributes.get(COST)):
            own_cost[row] = cost
    parents = [_row_above(row, span, row_of) for row, span in enumerate(spans)]
    models = {row for row, span in enumerate(spans) if span.span_type in MODEL_TYPES}
    return total_up(parents, models, own_usage, own_cost)


def reported_numbers(value: Captured) -> dict[str, int]:
    """Keep what a sum can use; a user may have put anything under the key."""
    reported = decode(value)
    if not isinstance(reported, dict):
        return {}
    return {k: v for k, v in reported.items() if type(v) in (int, float)}


def token_total(usage: Mapping[str, int]) -> int | None:
    """Give the count to show: as reported, else input and output together."""
    if "total_tokens" in usage:
        return usage["total_tokens"]
    if "input_tokens" in usage and "output_tokens" in usage:
        return usage["input_tokens"] + usage["output_tokens"]
    return None


def _marked_above(parent: Sequence[int], rows: Container[int]) -> bytearray:
    """Mark rows and all their ancestors."""
    marks = bytearray(row in rows for row in range(len(parent)))
    for row in range(len(parent) - 1, 0, -1):
        if marks[row] and parent[row] >= 0:
            marks[parent[row]] = 1
    return marks


def _summed(reports: Iterable[Mapping[str, _Number]]) -> dict[str, _Number]:
    total: dict[str, _Number] = {}
    for report in reports:
        for key, number in report.items():
            total[key] = total[key] + number if key in total else number
    return total


def _row_above(row: int, span: Span, row_of: Mapping[int, int]) -> int:
    above = row_of.get(span.parent_key, -1) if span.parent_key is not None else -1
    return above if above < row else -1
