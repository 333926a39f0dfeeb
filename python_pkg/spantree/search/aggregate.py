"""Groups traces and measures the groups."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import product
from typing import TYPE_CHECKING

from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.search.evaluate import values_of
from spantree.search.fields import Field, resolve
from spantree.search.summary import NS_PER_MS, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Parts of a trace's start, UTC.
_MOMENTS = {"day": "%Y-%m-%d", "hour": "%Y-%m-%d %H:00"}
_IN_SPANS = ("inputs", "outputs", "text")


def aggregate(
    summaries: Iterable[Summary], by: Sequence[str], measures: Sequence[str]
) -> list[dict[str, object]]:
    """Group summaries; see :meth:`spantree.store.protocol.Store.aggregate`."""
    keys = [_key(name) for name in by]
    asked = [(name, _measure(name)) for name in measures]
    groups: dict[tuple[object, ...], list[Summary]] = {}
    for summary in summaries:
        for key in product(*(values_of_key(summary) for values_of_key in keys)):
            groups.setdefault(key, []).append(summary)
    largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [
        {
            **dict(zip(by, key, strict=True)),
            **{name: measure(members) for name, measure in asked},
        }
        for key, members in largest_first
    ]


def _key(name: str) -> Callable[[Summary], list[object]]:
    if name in _MOMENTS:
        form = _MOMENTS[name]
        return lambda summary: [_moment(summary.start_ns, form)]
    field = _field(name)

    def values(summary: Summary) -> list[object]:
        found = values_of(field, summary)
        return [str(v) if isinstance(v, (dict, list)) else v for v in found] or [None]

    return values


def _moment(ns: int, form: str) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, tz=timezone.utc):{form}}"


def _field(name: str) -> Field:
    field = resolve(tuple(name.split(".")))
    if field is None or field.of_span or field.key in _IN_SPANS:
        msg = (
            f"Traces can't be grouped by {name!r}. Group by day, hour or a field of "
            "traces: model, name, status, session, tag.…"
        )
        raise SpantreeException(msg)
    return field


def _measure(name: str) -> Callable[[Sequence[Summary]], object]:
    if name not in _MEASURES:
        known = ", ".join(_MEASURES)
        hint = did_you_mean(name, _MEASURES)
        msg = f"Unknown measure {name!r}.{hint} Known: {known}."
        raise SpantreeException(msg)
    return _MEASURES[name]


def _sum(name: str) -> Callable[[Sequence[Summary]], object]:
    def measure(members: Sequence[Summary]) -> object:
        known = [v for s in members if (v := getattr(s, name)) is not None]
        return sum(known) if known else None

    return measure


def _percentile_ms(share: float) -> Callable[[Sequence[Summary]], object]:
    def measure(members: Sequence[Summary]) -> object:
        known = sorted(s.dur_ns for s in members if s.dur_ns is not None)
        if not known:
            return None
        # Between the two nearest, as numpy's default does.
        place = share * (len(known) - 1)
        low, high = known[int(place)], known[min(int(place) + 1, len(known) - 1)]
        return (low + (high - low) * (place % 1)) / NS_PER_MS

    return measure


def _mean_ms(members: Sequence[Summary]) -> float | None:
    known = [s.dur_ns for s in members if s.dur_ns is not None]
    return sum(known) / len(known) / NS_PER_MS if known else None


_MEASURES: Mapping[str, Callable[[Sequence[Summary]], object]] = {
    "count": len,
    "errors": lambda members: sum(s.state.value == "ERROR" for s in members),
    "tokens": _sum("total_tokens"),
    "input_tokens": _sum("input_tokens"),
    "output_tokens": _sum("output_tokens"),
    "cost": _sum("cost"),
    "duration": _mean_ms,
    "p50": _percentile_ms(0.5),
    "p90": _percentile_ms(0.9),
    "p95": _percentile_ms(0.95),
    "p99": _percentile_ms(0.99),
}
