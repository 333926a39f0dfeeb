"""Classes of spans: those with the same name, type, model and status.

A program has few of them, however many spans it makes. The store keeps one row for each
class in each trace, with the number of spans and the longest duration, and decides by
those rows what a condition on single spans would else have to decide by the spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from spantree.entities.span import MODEL, Span, SpanStatusCode
from spantree.search.evaluate import span_matches
from spantree.search.nodes import And, Comparison, Not, Op, Or, SpanMatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spantree.search.nodes import Node

SpanClass: TypeAlias = "tuple[str, str, str, int]"
"""Name, type, model ("" if none) and the status's number."""

STATUSES = tuple(SpanStatusCode)
"""A status's number is its place here."""
_DECIDED = ("span.name", "span.type", "span.model", "span.status")
Groups: TypeAlias = "dict[SpanClass, tuple[int, int | None]]"
"""Spans by class: how many, and the longest duration in nanoseconds of ended ones."""


def united(parts: Sequence[Groups]) -> Groups:
    """Put groups together."""
    first, *others = parts or [{}]
    whole = dict(first)
    for part in others:
        for which, (count, longest) in part.items():
            known = whole.get(which, (0, None))
            whole[which] = (count + known[0], _longer(longest, known[1]))
    return whole


def _longer(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


class Narrowed(NamedTuple):
    """What groups of spans can say of a condition on a span.

    Args:
        numbers: Of the classes whose spans may satisfy it; None for all.
        longer: Comparisons with the longest duration of the group, which must hold.
        is_exact: A group that satisfies these has a span that satisfies the condition.
    """

    numbers: list[int] | None
    longer: list[Comparison]
    is_exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """The classes of spans that a store knows; equal only to itself.

    Args:
        rows: Number, name, type, model and status of each.
    """

    rows: list[tuple[int, str, str, str, int]]

    def narrow(self, condition: Node) -> Narrowed:
        """Say which classes have spans that may satisfy a condition."""
        longer: list[Comparison] = []
        others: list[Node] = []
        for part in _conjuncts(condition):
            if isinstance(part, Comparison) and _asks_for_length(part):
                longer.append(part)
            else:
                others.append(part)
        is_exact = all(_is_decided(part) for part in others)
        if not any(_says_something(part) for part in others):
            return Narrowed(None, longer, is_exact)
        numbers = [
            number
            for number, *which in self.rows
            if all(_may_match(part, _example(which)) for part in others)
        ]
        return Narrowed(numbers, longer, is_exact)


def _example(which: Sequence[Any]) -> Span:
    name, span_type, model, status = which
    return Span(
        trace_key=0,
        span_key=0,
        parent_key=None,
        name=name,
        span_type=span_type,
        start_time_ns=0,
        end_time_ns=None,
        status_code=STATUSES[status],
        raw_attributes={MODEL: model} if model else {},
    )


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, And):
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def _asks_for_length(node: Comparison) -> bool:
    return (
        node.field.key == "span.duration"
        and node.op in (Op.GT, Op.GE)
        and not node.negated
    )


def _is_decided(node: Node) -> bool:
    """Tell whether spans of one class satisfy a condition all or none."""
    if isinstance(node, Comparison):
        return node.field.key in _DECIDED
    if isinstance(node, Not):
        return _is_decided(node.part)
    if isinstance(node, SpanMatch):
        return _is_decided(node.condition)
    return isinstance(node, (And, Or)) and all(map(_is_decided, node.parts))


def _says_something(node: Node) -> bool:
    """Tell whether any part of a condition is one that classes decide."""
    if isinstance(node, Not):
        return _says_something(node.part)
    if isinstance(node, SpanMatch):
        return _says_something(node.condition)
    if isinstance(node, (And, Or)):
        return any(map(_says_something, node.parts))
    return _is_decided(node)


def _may_match(node: Node, span: Span, *, negated: bool = False) -> bool:
    """Tell whether a span of that class may satisfy a condition, or its negation."""
    if isinstance(node, Not):
        return _may_match(node.part, span, negated=not negated)
    if isinstance(node, SpanMatch):
        return _may_match(node.condition, span, negated=negated)
    if isinstance(node, (And, Or)):
        parts = (_may_match(part, span, negated=negated) for part in node.parts)
        return all(parts) if isinstance(node, And) is not negated else any(parts)
    return not _is_decided(node) or span_matches(node, span) is not negated
