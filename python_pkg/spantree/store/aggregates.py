"""Measures groups of traces by the few columns that it takes."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from spantree.search.order import NOT_SORTABLE, OrderKey
from spantree.store.find import build
from spantree.store.rows import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spantree.search.aggregate import Grouping, Key
    from spantree.search.query import Query
    from spantree.store.known import Known
    from spantree.store.rows import Row

_STATE, _START, _MODELS = "state", "start_ns", "models"


def measure(
    known: Known, query: Query, grouping: Grouping
) -> list[dict[str, object]] | None:
    """Group the traces that match and measure each group.

    Returns:
        None where rows alone do not tell: what traces are grouped by, or which match.
    """
    keys = grouping.keys
    columns = [measure.attribute for measure in grouping.measures]
    columns += [name for key in keys if (name := _column_of(key)) is not None]
    others = [key.field for key in keys if _column_of(key) is None]
    if any(field is None or field.key in NOT_SORTABLE for field in others):
        return None
    # What is no column comes with the rows as what results are sorted by.
    order = tuple(OrderKey(field) for field in others if field is not None)
    named = tuple(dict.fromkeys(columns))
    statement = build(known, replace(query, order=order), named)
    if not statement.is_exact:
        return None
    rows = known.connection.execute(statement.sql, statement.parameters)
    return grouping.measured(_read(rows, grouping, named, statement.places))


def _column_of(key: Key) -> str | None:
    """Name the column that a key is read from; None for what results are sorted by."""
    if key.field is None:
        return _START
    return _MODELS if key.field.key == "model" else None


def _read(
    rows: Iterable[Row],
    grouping: Grouping,
    columns: Sequence[str],
    places: Sequence[int],
) -> Iterator[tuple[list[Sequence[object]], list[object]]]:
    place = {name: 1 + at for at, name in enumerate(columns)}
    sorted_by = iter(places)
    keys = [
        (key, place[column] if (column := _column_of(key)) else next(sorted_by))
        for key in grouping.keys
    ]
    values = [
        (measure.attribute == _STATE, place[measure.attribute])
        for measure in grouping.measures
    ]
    for row in rows:
        yield (
            [_values(key, row[at]) for key, at in keys],
            [STATES[row[at]] if is_state else row[at] for is_state, at in values],
        )


def _values(key: Key, found: object) -> Sequence[object]:
    if key.field is None:
        return key.of_start(found)  # type: ignore[arg-type]  # the start
    if key.field.key == "model":
        return _models(found)
    return (found,)


@lru_cache(maxsize=256)
def _models(text: str | None) -> Sequence[object]:
    return tuple(orjson.loads(text)) if text else (None,)
