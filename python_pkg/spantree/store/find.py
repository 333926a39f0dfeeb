"""Runs a query: the numbers of the traces found, in order."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from spantree.entities.ids import is_experiment_id
from spantree.search.evaluate import matches
from spantree.search.fields import SPAN_FIELDS
from spantree.search.nodes import And, Comparison, Node, Op, SpanMatch
from spantree.search.sessions import JUDGED, judged_fields
from spantree.search.texts import clean_text
from spantree.store.compile import Compiler, conjuncts
from spantree.store.cursor import read_cursor, write_cursor
from spantree.store.needles import Sieve, needles_of
from spantree.store.reads import read_chunks, read_rows, read_traces
from spantree.store.rows import (
    ID_PLACE,
    INDEXED_CHARACTERS,
    INFO_COLUMNS,
    METADATA,
    START_PLACE,
    TAG,
    UNINDEXED,
)
from spantree.store.sessions import kind_of, read_judgements, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.search.evaluate import Place
    from spantree.search.fields import Field
    from spantree.search.query import Query
    from spantree.store.classes import Classes
    from spantree.store.dialect import Connection, Dialect
    from spantree.store.known import Known
    from spantree.store.rows import Row

# A condition that leaves no more traces than this is looked up first; one that leaves
# more is checked while walking from the newest.
_FEW = 2_000
_CHECKED_AT_ONCE = 100
_MOST = 2**63 - 1
_POSITION = INFO_COLUMNS[: START_PLACE + 1]
_WITH_INDEX_OF_THEIR_OWN = ("session", "user", "client_request_id", "trace_id")


class Found(NamedTuple):
    """The rows found, and where the next page begins.

    Args:
        rows: In order; of each its number and the columns asked for, then others.
        cursor: None after the last result.
        scanned_until: The start of the last trace looked at, if time ran out.
        looked_into: How many traces were decided by what their spans carry.
    """

    rows: list[Row]
    cursor: str | None
    scanned_until: int | None = None
    looked_into: int = 0


class Statement(NamedTuple):
    """A statement that gives row numbers, columns and sort values.

    Args:
        sql: Sort values that are columns are given once.
        parameters: Of the statement.
        is_exact: Whether every trace found satisfies the filter.
        places: Where in a row each of the sort values is.
    """

    sql: str
    parameters: dict[str, str | int | float | bytes | None]
    is_exact: bool
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A statement that finds the traces of one condition by an index.

    Args:
        node: The condition.
        sql: Counts them, but no more than :data:`_FEW` and one.
        parameters: Of the statement.
    """

    node: Node
    sql: str
    parameters: dict[str, str | int | float | bytes | None]


def find(
    known: Known,
    query: Query,
    columns: tuple[str, ...],
    *,
    limit: int | None,
    cursor: str | None,
    timeout_s: float | None = None,
) -> Found:
    """Find traces, in the order asked for.

    Args:
        known: Of the store, by the transaction that this is part of.
        query: What to find.
        columns: Of the traces; among the first of them id and start, as
            :mod:`spantree.store.rows` has them.
        limit: At most so many, None for all.
        cursor: Of the page before.
        timeout_s: Stop looking into payloads after so many seconds.
    """
    statement = build(known, query, columns, cursor=cursor)
    if not statement.is_exact:
        return _searched(known, query, columns, limit, cursor, timeout_s)
    sql = statement.sql
    if limit is not None:
        # One more tells whether a page follows.
        sql = f"{sql} LIMIT {min(limit + 1, _MOST):d}"
    rows = known.connection.execute(sql, statement.parameters).fetchall()
    if limit is None or len(rows) <= limit:
        return Found(rows, None)
    del rows[limit:]
    following = write_cursor(query.order, _place(rows[-1], statement)) if rows else None
    return Found(rows, following)


def _place(row: Row, statement: Statement) -> list[Place]:
    """Say where a row stands: its sort values, its start, its id."""
    values = [row[place] for place in statement.places]
    return [*values, row[1 + START_PLACE], f"tr-{row[1 + ID_PLACE].hex()}"]


def _searched(
    known: Known,
    query: Query,
    columns: tuple[str, ...],
    limit: int | None,
    cursor: str | None,
    timeout_s: float | None,
) -> Found:
    """Find what rows alone do not decide, by looking at what spans carry."""
    statement = build(known, query, _POSITION, cursor=cursor)
    connection = known.connection
    deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
    found: list[tuple[int, list[Place]]] = []
    looked_into = 0

    def rows() -> list[Row]:
        numbers = [number for number, _ in found]
        by_number = {row[0]: row for row in read_rows(connection, columns, numbers)}
        return [by_number[number] for number in numbers]

    for count, kept, reached in _batches(connection, query, statement):
        looked_into += count
        found += kept
        if limit is not None and len(found) > limit:
            found = found[:limit]
            following = write_cursor(query.order, found[-1][1]) if found else None
            return Found(rows(), following, looked_into=looked_into)
        if time.monotonic() > deadline:
            start_ns = reached[-2]
            until = start_ns if isinstance(start_ns, int) else None
            following = write_cursor(query.order, reached)
            return Found(rows(), following, until, looked_into)
    return Found(rows(), None, looked_into=looked_into)


def build(
    known: Known,
    query: Query,
    columns: tuple[str, ...] = (),
    *,
    cursor: str | None = None,
) -> Statement:
    """Write the statement for a query; public so that its plan can be looked at."""
    dialect, classes = known.connection.dialect, known.classes
    lookup = _selective(known, _lookups(dialect, classes, query))
    experiments = known.experiments if query.experiments is None else ()
    place = None if cursor is None else tuple(read_cursor(query.order, cursor))
    return _written(dialect, classes, query, columns, lookup, experiments, place)


@lru_cache(maxsize=256)
def _written(
    dialect: Dialect,
    classes: Classes,
    query: Query,
    columns: tuple[str, ...],
    lookup: Lookup | None,
    experiments: tuple[int, ...],
    after: tuple[Place, ...] | None,
) -> Statement:
    compiler = Compiler(dialect, classes, scope=scope_of(query))
    values = [compiler.order_value(key.field) for key in query.order]
    parts = [_experiments(compiler, query, experiments)]
    for node in conjuncts(query.filter):
        if lookup is not None and node is lookup.node:
            among = replace(compiler, is_exact=True)
            parts.append(f"trace.id IN ({_lookup(among, node, query)})")
            if among.is_exact:
                continue
        parts.append(compiler.where(node))
    if after is not None:
        parts.append(_after(compiler, query, values, after))
    where = " AND ".join(part for part in parts if part) or "TRUE"
    given = [*dict.fromkeys(["trace.id", *(f"trace.{c}" for c in columns), *values])]
    # Without the indexes of its columns only those row numbers are looked up.
    source = "trace" if lookup is None else dialect.unindexed.format("trace")
    order = _order(dialect, query, values)
    sql = f"SELECT {', '.join(given)} FROM {source} WHERE {where} ORDER BY {order}"
    places = tuple(map(given.index, values))
    return Statement(sql, compiler.parameters, compiler.is_exact, places)


def _batches(
    connection: Connection, query: Query, statement: Statement
) -> Iterator[tuple[int, list[tuple[int, list[Place]]], list[Place]]]:
    """Give how many were looked at, those that match, placed, and how far that is."""
    rows = connection.stream(statement.sql, statement.parameters)
    needles = needles_of(query.filter)
    sieve = Sieve(needles, connection) if needles else None
    while batch := rows.fetchmany(_CHECKED_AT_ONCE):
        keys = {row[0]: int.from_bytes(row[1 + ID_PLACE], "big") for row in batch}
        kept = _checked(connection, query, keys, sieve)
        placed = [(row[0], _place(row, statement)) for row in batch if row[0] in kept]
        yield len(batch), placed, _place(batch[-1], statement)


def _checked(
    connection: Connection, query: Query, keys: dict[int, int], sieve: Sieve | None
) -> set[int]:
    node = query.filter
    if sieve is not None:
        keys = sieve.sift(keys, read_chunks(connection, keys))
    if not keys:
        return set()
    row_of = {key: row_id for row_id, key in keys.items()}
    traces = read_traces(connection, list(keys), include_spans=True)
    said = read_judgements(connection, keys, query) if judged_fields(node) else None
    return {row_of[t.key] for t in traces if matches(node, t, said)}


def _experiments(compiler: Compiler, query: Query, known: tuple[int, ...]) -> str:
    """Limit to experiments; all of them, when there is but one, are that one."""
    ids = query.experiments
    if ids is None:
        numbers = list(known) if len(known) == 1 else []
        if not numbers:
            return ""
    else:
        numbers = list(scope_of(query) or ())
        if not numbers:
            return "FALSE"
    column = "trace.experiment"
    if any(_has_own_index(part) for part in conjuncts(query.filter)):
        # Not by the far less selective index of the experiment.
        column = compiler.dialect.unserved.format(column)
    if len(numbers) == 1:
        return f"{column} = {compiler.bind(numbers[0])}"
    among = ", ".join(compiler.bind(number) for number in numbers)
    return f"{column} IN ({among})"


def _has_own_index(node: Node) -> bool:
    return (
        isinstance(node, Comparison)
        and node.field.key in _WITH_INDEX_OF_THEIR_OWN
        and (node.op is Op.EQ or (node.op is Op.IN and node.field.key == "trace_id"))
        and not node.negated
    )


@lru_cache(maxsize=256)
def _lookups(dialect: Dialect, classes: Classes, query: Query) -> tuple[Lookup, ...]:
    """Write a statement for each condition that has an index."""
    found = []
    for node in conjuncts(query.filter):
        compiler = Compiler(dialect, classes, scope=scope_of(query))
        sql = _lookup(compiler, node, query)
        if sql is not None:
            counted = f"SELECT count(*) FROM ({sql} LIMIT {_FEW + 1}) AS found"
            found.append(Lookup(node, counted, compiler.parameters))
    return tuple(found)


def _selective(known: Known, lookups: tuple[Lookup, ...]) -> Lookup | None:
    """Choose the first condition that leaves few traces."""
    execute = known.connection.execute
    for lookup in lookups:
        is_few = known.few.get(lookup)
        if is_few is None:
            (count,) = execute(lookup.sql, lookup.parameters).fetchone()
            is_few = known.few[lookup] = count <= _FEW
        if is_few:
            return lookup
    return None


def _lookup(  # noqa: PLR0911 - one for each index
    compiler: Compiler, node: Node, query: Query
) -> str | None:
    """Write the statement that finds a condition's traces by its own index.

    Returns:
        None if there is none; ``compiler.is_exact`` then tells nothing, else whether
        every trace found satisfies the condition.
    """
    if isinstance(node, SpanMatch):
        condition = compiler.groups(node.condition)
        if condition is None or "class" not in condition:
            return None
        return f"SELECT DISTINCT trace FROM span_group WHERE {condition}"
    if isinstance(node, Comparison) and node.field.key in JUDGED:
        return _lookup_judged(compiler, node)
    if not isinstance(node, Comparison) or node.negated:
        return None
    text = node.literals[0] if node.op is Op.EQ else None
    is_indexed = node.field.argument not in UNINDEXED
    if node.field.key in ("tag", "metadata") and isinstance(text, str) and is_indexed:
        return _lookup_tag(compiler, node.field, text)
    if node.field.key == "model" and isinstance(text, str):
        has_model = Comparison(SPAN_FIELDS["model"], Op.EQ, (text,))
        compiler.is_exact = False
        return _lookup(compiler, SpanMatch(has_model), query)
    if node.field.key == "duration" and node.op in (Op.GT, Op.GE, Op.BETWEEN):
        return _lookup_duration(compiler, node, query)
    return None


def _lookup_judged(compiler: Compiler, node: Comparison) -> str | None:
    if node.op is Op.IS_NULL and not node.negated:
        return None
    compiler.is_exact = False
    name = compiler.bind(node.field.argument)
    judged = f"assessment AS judged WHERE {kind_of(node.field)} AND name = {name}"
    return (
        f"SELECT DISTINCT trace FROM {judged} UNION ALL "
        "SELECT id FROM trace WHERE session IN "
        f"(SELECT session FROM {judged} AND {compiler.of_session()})"
    )


def _lookup_tag(compiler: Compiler, field: Field, text: str) -> str:
    # Longer ones are told apart by the trace's row.
    compiler.is_exact = len(text) < INDEXED_CHARACTERS and clean_text(text) == text
    key = compiler.bind(field.argument)
    start = compiler.bind(text[:INDEXED_CHARACTERS])
    ns = TAG if field.key == "tag" else METADATA
    return f"SELECT trace FROM tag WHERE ns = {ns} AND key = {key} AND value = {start}"


def _lookup_duration(compiler: Compiler, node: Comparison, query: Query) -> str | None:
    ids = query.experiments
    if ids is None or len(ids) != 1 or query.order:
        return None
    (experiment,) = ids
    if not is_experiment_id(experiment):
        return None
    number = compiler.bind(int(experiment))
    condition = compiler.where(And((node,)))
    return f"SELECT id FROM trace WHERE experiment = {number} AND {condition}"


def _order(dialect: Dialect, query: Query, values: list[str]) -> str:
    parts = [
        dialect.descending.format(value)
        if key.descending
        else f"{value} ASC NULLS LAST"
        for key, value in zip(query.order, values, strict=True)
    ]
    return ", ".join([*parts, "trace.start_ns DESC", "trace.trace_id ASC"])


def _after(
    compiler: Compiler, query: Query, values: list[str], position: tuple[Place, ...]
) -> str:
    """Write the condition for what comes after a position."""
    *places, trace_id = position
    bound: list[str] = [*(compiler.bind(place) for place in places)]
    bound.append(compiler.bind(bytes.fromhex(str(trace_id).removeprefix("tr-"))))
    columns = [*values, "trace.start_ns", "trace.trace_id"]
    descending = [*(key.descending for key in query.order), True, False]
    condition = "FALSE"
    steps = list(zip(columns, bound, descending, position, strict=True))
    for column, mark, is_descending, place in reversed(steps):
        sign = "<" if is_descending else ">"
        later = f"({column} {sign} {mark} OR {column} IS NULL)"
        beyond = "FALSE" if place is None else later
        is_there = compiler.dialect.same.format(column, mark)
        condition = f"({beyond} OR ({is_there} AND {condition}))"
    if query.order:
        return condition
    # Said once more in a form that an index can seek by.
    return f"trace.start_ns <= {bound[0]} AND {condition}"
