"""Decides one value against one comparison; SQL asks here where it has no operator."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from spantree.search.nodes import Literal, Op
from spantree.search.patterns import like, rlike

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of ASCII's digits alone, as in JSON and SQL.
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)


def satisfies(op: Op, literals: Sequence[Literal], value: object) -> bool:
    """Tell whether a value that exists satisfies an operator.

    A text that spells a number compares with a number as numbers do; TRUE and FALSE
    equal the texts ``'true'`` and ``'false'`` and are no numbers.

    Args:
        op: Any but IS_NULL.
        literals: As in :class:`~spantree.search.nodes.Comparison`.
        value: JSON data, not None.

    """
    if op is Op.EQ:
        return _equal(value, literals[0])
    if op is Op.IN:
        return any(_equal(value, literal) for literal in literals)
    if op is Op.BETWEEN:
        return _ordered(Op.GE, value, literals[0]) and _ordered(
            Op.LE, value, literals[1]
        )
    if op in _TEXT_TESTS:
        return _TEXT_TESTS[op](text_of(value), text_of(literals[0]))
    return _ordered(op, value, literals[0])


def text_of(value: object) -> str:
    """Give a value as text patterns look at: a text itself, else its JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def number_of(value: object) -> int | float | None:
    """Give the number a value is or spells, else None; TRUE and FALSE are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, str):
        return None
    match = _NUMBER.fullmatch(value)
    if match is None:
        return None
    return float(value) if match[1] or match[2] else int(value)


def compare(op: Op, number: float, wanted: float) -> bool:
    """Compare two numbers."""
    return number == wanted if op is Op.EQ else _ordered(op, number, wanted)


def _equal(value: object, literal: Literal) -> bool:
    if isinstance(literal, (bool, str)):
        return text_of(value) == text_of(literal)
    number = number_of(value)
    return number is not None and number == literal


def _ordered(op: Op, value: object, literal: Literal) -> bool:
    number, wanted = number_of(value), number_of(literal)
    if number is not None and wanted is not None:
        return _compare(op, (number > wanted) - (number < wanted))
    if isinstance(value, str) and isinstance(literal, str):
        return _compare(op, (value > literal) - (value < literal))
    return False


def _compare(op: Op, sign: int) -> bool:
    if op is Op.LT:
        return sign < 0
    if op is Op.LE:
        return sign <= 0
    return sign > 0 if op is Op.GT else sign >= 0


def _ilike(text: str, pattern: str) -> bool:
    return like(text.lower(), pattern.lower())


def _contains(text: str, needle: str) -> bool:
    return needle in text


def _match(text: str, words: str) -> bool:
    lowered = text.lower()
    return all(word in lowered for word in words.lower().split())


_TEXT_TESTS = {
    Op.LIKE: like,
    Op.ILIKE: _ilike,
    Op.RLIKE: rlike,
    Op.CONTAINS: _contains,
    Op.MATCH: _match,
}
