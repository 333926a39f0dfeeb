"""Turns what a filter's author wrote into values in a field's own unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from spantree.entities.ids import TRACE_PREFIX
from spantree.search.nodes import Comparison, Literal, Op

if TYPE_CHECKING:
    from spantree.search.fields import Field

NS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
BYTES_PER_UNIT = {"kb": 1_000, "mb": 1_000_000}
_NS_PER_MS = NS_PER_UNIT["ms"]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_AGO = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)\s+ago", re.IGNORECASE | re.ASCII
)
_HEX = re.compile(r"[0-9a-f]+")
_SHORTEST_ID_PREFIX = 6
_ID_DIGITS = 32
# SQLite's integers end here; no time and no duration lies beyond.
_LARGEST = 2**63 - 1
_MOST_DIGITS = 300


@dataclass(frozen=True, slots=True)
class Nanoseconds:
    """A literal that says its unit: exact, not rounded to milliseconds."""

    value: int


def number(digits: str) -> int | float:
    """Read a number as written: without point and exponent it is an integer.

    What no float can say is infinite either way.
    """
    is_integer = digits.isdigit() and len(digits) <= _MOST_DIGITS
    return int(digits) if is_integer else float(digits)


def with_unit(digits: str, unit: str) -> Nanoseconds:
    """Read ``1.5`` ``s`` as nanoseconds."""
    return Nanoseconds(_bounded(number(digits) * NS_PER_UNIT[unit]))


def time_of(text: str, now_ns: int) -> Nanoseconds | None:
    """Read ``1h ago``, ``now`` or an ISO 8601 time; without a zone it is local.

    Returns:
        Nanoseconds since 1970, or None when the text is no time.

    """
    stripped = text.strip()
    if stripped.lower() == "now":
        return Nanoseconds(now_ns)
    ago = _AGO.fullmatch(stripped)
    if ago:
        past = with_unit(ago[1], ago[2].lower())
        return Nanoseconds(now_ns - past.value)
    try:
        # Python 3.10 reads no 'Z'.
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", stripped))
        since = moment.astimezone(timezone.utc) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return Nanoseconds(since // timedelta(microseconds=1) * 1_000)


def in_nanoseconds(
    field: Field,
    op: Op,
    values: list[int | float | Nanoseconds],
    *,
    negated: bool,
    position: int,
) -> Comparison:
    """Compare a time or duration field with literals, all in nanoseconds.

    Fields that MLflow counts in whole milliseconds keep its rows: ``= 5`` is any
    duration from 5 ms up to, not including, 6 ms.
    """

    def make(op: Op, *literals: int) -> Comparison:
        bounded = tuple(_bounded(value) for value in literals)
        return Comparison(field, op, bounded, negated=negated, position=position)

    if op is Op.IS_NULL:
        return make(op)
    if not field.in_ms or any(isinstance(value, Nanoseconds) for value in values):
        return make(op, *(_exact(value) for value in values))
    milliseconds = [_bare(value) for value in values]
    whole_op, bounds = _whole_milliseconds(op, milliseconds)
    return make(whole_op, *bounds)


def trace_id_literal(op: Op, text: str) -> tuple[Op, Literal]:
    """Let an id be written without ``tr-`` and, with ``=``, by its first digits."""
    digits = text.lower().removeprefix(TRACE_PREFIX)
    if not _HEX.fullmatch(digits) or len(digits) > _ID_DIGITS:
        return op, text
    if len(digits) == _ID_DIGITS and op in (Op.EQ, Op.IN):
        return op, TRACE_PREFIX + digits
    if op is Op.EQ and len(digits) >= _SHORTEST_ID_PREFIX:
        return Op.LIKE, f"{TRACE_PREFIX}{digits}%"
    return op, text


def _whole_milliseconds(op: Op, values: list[int | float]) -> tuple[Op, list[int]]:
    """Say a comparison of ``ns // 1_000_000`` with a number as one of ``ns``."""
    first = values[0]
    at_least, above = _ceil(first) * _NS_PER_MS, (_floor(first) + 1) * _NS_PER_MS
    if op is Op.GE:
        return Op.GE, [at_least]
    if op is Op.GT:
        return Op.GE, [above]
    if op is Op.LT:
        return Op.LT, [at_least]
    if op is Op.LE:
        return Op.LT, [above]
    last = values[-1]
    return Op.BETWEEN, [at_least, (_floor(last) + 1) * _NS_PER_MS - 1]


def _bare(value: float | Nanoseconds) -> int | float:
    return value.value if isinstance(value, Nanoseconds) else value


def _exact(value: float | Nanoseconds) -> int:
    if isinstance(value, Nanoseconds):
        return value.value
    return _bounded(value * _NS_PER_MS)


def _bounded(value: float) -> int:
    if isinstance(value, float) and math.isnan(value):
        return 0
    return int(max(-_LARGEST, min(_LARGEST, value)))


def _ceil(value: float) -> int:
    return math.ceil(max(-_LARGEST, min(_LARGEST, value)))


def _floor(value: float) -> int:
    return math.floor(max(-_LARGEST, min(_LARGEST, value)))
