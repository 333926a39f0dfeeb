"""Groups traces and measures the groups."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.entities.trace import TraceState
from spantree.search.evaluate import values_of
from spantree.search.fields import Field, resolve
from spantree.search.summary import NS_PER_MS, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Parts of a trace's start, UTC: how long they are and how they are written.
_MOMENTS = {
    "day": (86_400 * 10**9, "%Y-%m-%d"),
    "hour": (3_600 * 10**9, "%Y-%m-%d %H:00"),
}
_IN_SPANS = ("inputs", "outputs", "text")


class Key(NamedTuple):
    """What traces are grouped by.

    Args:
        name: As it was asked for.
        field: A field of traces; None for a part of the time they began.
    """

    name: str
    field: Field | None

    def of_start(self, start_ns: int) -> list[object]:
        """Give the part of the time that this stands for."""
        length, form = _MOMENTS[self.name]
        return [_moment(start_ns // length * length, form)]

    def of(self, summary: Summary) -> list[object]:
        """Give what a trace is grouped under; it may be more than one."""
        if self.field is None:
            return self.of_start(summary.start_ns)
        found = [v for v in values_of(self.field, summary) if v is not None]
        return [str(v) if isinstance(v, (dict, list)) else v for v in found] or [None]


class Measure(NamedTuple):
    """What is measured of a group.

    Args:
        name: As it was asked for.
        attribute: Of a :class:`Summary`.
        of: Measures the values of a group.
    """

    name: str
    attribute: str
    of: Callable[[Sequence[Any]], object]


class Grouping(NamedTuple):
    """How traces are grouped, and what is measured.

    Args:
        keys: The groups are of traces that have all these in common.
        measures: In the order asked for.
    """

    keys: list[Key]
    measures: list[Measure]

    def measured(
        self, traces: Iterable[tuple[Iterable[Sequence[object]], Sequence[object]]]
    ) -> list[dict[str, object]]:
        """Group traces and measure each group, the largest first.

        Args:
            traces: For each trace what its keys have, one or more values each, and
                the value of each measure.
        """
        groups: dict[tuple[object, ...], list[Sequence[object]]] = {}
        for keys, values in traces:
            for key in product(*keys):
                groups.setdefault(key, []).append(values)
        largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
        return [
            {
                **{
                    key.name: value for key, value in zip(self.keys, found, strict=True)
                },
                **{
                    measure.name: measure.of([values[place] for values in members])
                    for place, measure in enumerate(self.measures)
                },
            }
            for found, members in largest_first
        ]


def read_grouping(by: Sequence[str], measures: Sequence[str]) -> Grouping:
    """Read the names of what to group by and what to measure.

    Raises:
        SpantreeException: For an unknown field or measure.
    """
    return Grouping([_key(name) for name in by], [_measure(name) for name in measures])


def aggregate(
    summaries: Iterable[Summary], by: Sequence[str], measures: Sequence[str]
) -> list[dict[str, object]]:
    """Group summaries; see :meth:`spantree.store.protocol.Store.aggregate`."""
    grouping = read_grouping(by, measures)
    attributes = [measure.attribute for measure in grouping.measures]
    return grouping.measured(
        (
            [key.of(summary) for key in grouping.keys],
            [getattr(summary, name) for name in attributes],
        )
        for summary in summaries
    )


def _key(name: str) -> Key:
    if name in _MOMENTS:
        return Key(name, None)
    field = resolve(tuple(name.split(".")))
    if field is None or field.of_span or field.key in _IN_SPANS:
        msg = (
            f"Traces can't be grouped by {name!r}. Group by day, hour or a field of "
            "traces: model, name, status, session, tag.…"
        )
        raise SpantreeException(msg)
    return Key(name, field)


@lru_cache(maxsize=1024)
def _moment(ns: int, form: str) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, tz=timezone.utc):{form}}"


def _measure(name: str) -> Measure:
    if name not in _MEASURES:
        known = ", ".join(_MEASURES)
        hint = did_you_mean(name, _MEASURES)
        msg = f"Unknown measure {name!r}.{hint} Known: {known}."
        raise SpantreeException(msg)
    return Measure(name, *_MEASURES[name])


def _errors(states: Sequence[TraceState]) -> int:
    return sum(state is TraceState.ERROR for state in states)


def _sum(values: Sequence[Any]) -> object:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _percentile_ms(share: float) -> Callable[[Sequence[int | None]], object]:
    def measure(durations: Sequence[int | None]) -> object:
        known = sorted(ns for ns in durations if ns is not None)
        if not known:
            return None
        # Between the two nearest, as numpy's default does.
        place = share * (len(known) - 1)
        low, high = known[int(place)], known[min(int(place) + 1, len(known) - 1)]
        return (low + (high - low) * (place % 1)) / NS_PER_MS

    return measure


def _mean_ms(durations: Sequence[int | None]) -> float | None:
    known = [ns for ns in durations if ns is not None]
    return sum(known) / len(known) / NS_PER_MS if known else None


_MEASURES: Mapping[str, tuple[str, Callable[[Sequence[Any]], object]]] = {
    "count": ("state", len),
    "errors": ("state", _errors),
    "tokens": ("total_tokens", _sum),
    "input_tokens": ("input_tokens", _sum),
    "output_tokens": ("output_tokens", _sum),
    "cost": ("cost", _sum),
    "duration": ("dur_ns", _mean_ms),
    "p50": ("dur_ns", _percentile_ms(0.5)),
    "p90": ("dur_ns", _percentile_ms(0.9)),
    "p95": ("dur_ns", _percentile_ms(0.95)),
    "p99": ("dur_ns", _percentile_ms(0.99)),
}
