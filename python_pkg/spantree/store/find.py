"""Runs a query: the numbers of the traces found, in order."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import orjson

from spantree.search.evaluate import matches
from spantree.search.fields import SPAN_FIELDS
from spantree.search.nodes import And, Comparison, Node, Op, SpanMatch
from spantree.store.compile import Compiler, conjuncts
from spantree.store.cursor import read_cursor, write_cursor
from spantree.store.needles import may_have, needles_of
from spantree.store.reads import read_chunks, read_classes, read_traces
from spantree.store.rows import INDEXED_CHARACTERS, METADATA, TAG, UNINDEXED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.search.evaluate import Place
    from spantree.search.fields import Field
    from spantree.search.query import Query
    from spantree.store.classes import Classes
    from spantree.store.dialect import Connection, Dialect

# A condition that leaves no more traces than this is looked up first; one that leaves
# more is checked while walking from the newest.
_FEW = 2_000
_CHECKED_AT_ONCE = 100
_MOST = 2_000
_WITH_INDEX_OF_THEIR_OWN = ("session", "user", "client_request_id", "trace_id")


class Found(NamedTuple):
    """The numbers of the rows found, and where the next page begins.

    Args:
        row_ids: In order.
        cursor: None after the last result.
        scanned_until: The start of the last trace looked at, if time ran out.
    """

    row_ids: list[int]
    cursor: str | None
    scanned_until: int | None = None


class Statement(NamedTuple):
    """A statement that gives row numbers and positions, and whether it is exact."""

    sql: str
    parameters: dict[str, str | int | float | bytes | None]
    is_exact: bool


def find(
    connection: Connection,
    query: Query,
    *,
    limit: int | None,
    cursor: str | None,
    timeout_s: float | None = None,
) -> Found:
    """Find traces, in the order asked for.

    Args:
        connection: To read through.
        query: What to find.
        limit: At most so many, None for all.
        cursor: Of the page before.
        timeout_s: Stop looking into payloads after so many seconds.
    """
    statement = build(connection, query, cursor=cursor)
    deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
    found: list[tuple[int, list[Place]]] = []
    # One more tells whether a page follows.
    size = limit + 1 if limit is not None and statement.is_exact else _CHECKED_AT_ONCE
    for rows, reached in _batches(connection, query, statement, min(size, _MOST)):
        found += rows
        if limit is not None and len(found) > limit:
            found = found[:limit]
            following = write_cursor(query.order, found[-1][1]) if found else None
            return Found([row_id for row_id, _ in found], following)
        if not statement.is_exact and time.monotonic() > deadline:
            row_ids = [row_id for row_id, _ in found]
            start_ns = reached[-2]
            until = start_ns if isinstance(start_ns, int) else None
            return Found(row_ids, write_cursor(query.order, reached), until)
    return Found([row_id for row_id, _ in found], None)


def build(
    connection: Connection, query: Query, *, cursor: str | None = None
) -> Statement:
    """Write the statement for a query; public so that its plan can be looked at."""
    classes = read_classes(connection)
    dialect = connection.dialect
    compiler = Compiler(dialect, classes)
    values = [compiler.order_value(key.field) for key in query.order]
    parts = [_experiments(connection, compiler, query)]
    driver = _driver(connection, query, classes)
    if driver is not None:
        parts.append(compiler.among("trace.id", driver))
    if query.filter is not None:
        parts.append(compiler.where(query.filter))
    if cursor is not None:
        parts.append(_after(compiler, query, values, read_cursor(query.order, cursor)))
    where = " AND ".join(part for part in parts if part) or "TRUE"
    columns = ", ".join(["trace.id", *values, "trace.start_ns", "trace.trace_id"])
    # Without the indexes of its columns only those row numbers are looked up.
    source = "trace" if driver is None else dialect.unindexed.format("trace")
    order = _order(dialect, query, values)
    sql = f"SELECT {columns} FROM {source} WHERE {where} ORDER BY {order}"
    return Statement(sql, compiler.parameters, compiler.is_exact)


def _batches(
    connection: Connection, query: Query, statement: Statement, size: int
) -> Iterator[tuple[list[tuple[int, list[Place]]], list[Place]]]:
    """Give the rows that match with their positions, and how far that is."""
    rows = connection.stream(statement.sql, statement.parameters)
    while batch := rows.fetchmany(size):
        placed: list[tuple[int, list[Place]]] = [
            (row_id, [*position[:-1], f"tr-{position[-1].hex()}"])
            for row_id, *position in batch
        ]
        reached = placed[-1][1]
        if not statement.is_exact:
            kept = _checked(connection, query, [row_id for row_id, _ in placed])
            placed = [row for row in placed if row[0] in kept]
        yield placed, reached


def _checked(connection: Connection, query: Query, row_ids: list[int]) -> set[int]:
    among = connection.dialect.among.format("id", "?")
    found = connection.execute(
        f"SELECT id, trace_id FROM trace WHERE {among}",
        (orjson.dumps(row_ids).decode(),),
    )
    keys = {row_id: int.from_bytes(trace_id, "big") for row_id, trace_id in found}
    needles = needles_of(query.filter)
    if needles:
        chunks = read_chunks(connection, keys)
        keys = {n: key for n, key in keys.items() if may_have(needles, key, chunks[n])}
    if not keys:
        return set()
    row_of = {key: row_id for row_id, key in keys.items()}
    traces = read_traces(connection, list(keys), include_spans=True)
    return {row_of[t.key] for t in traces if matches(query.filter, t)}


def _experiments(connection: Connection, compiler: Compiler, query: Query) -> str:
    """Limit to experiments; all of them, when there is but one, are that one."""
    ids = query.experiments
    if ids is None:
        known = connection.execute("SELECT id FROM experiment LIMIT 2").fetchall()
        numbers = [int(row[0]) for row in known] if len(known) == 1 else []
        if not numbers:
            return ""
    else:
        numbers = sorted(int(text) for text in ids if text.isdecimal())
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
        and node.op is Op.EQ
        and not node.negated
    )


def _driver(connection: Connection, query: Query, classes: Classes) -> list[int] | None:
    """Look up the first condition that leaves few traces."""
    for part in conjuncts(query.filter):
        compiler = Compiler(connection.dialect, classes)
        sql = _lookup(compiler, part, query)
        if sql is None:
            continue
        rows = connection.execute(f"{sql} LIMIT {_FEW + 1}", compiler.parameters)
        row_ids = [row[0] for row in rows]
        if len(row_ids) <= _FEW:
            return row_ids
    return None


def _lookup(  # noqa: PLR0911 - one for each index
    compiler: Compiler, node: Node, query: Query
) -> str | None:
    """Write the statement that finds a condition's traces by its own index."""
    if isinstance(node, SpanMatch):
        condition = compiler.groups(node.condition)
        if condition is None or "class" not in condition:
            return None
        return f"SELECT DISTINCT trace FROM span_group WHERE {condition}"
    if not isinstance(node, Comparison) or node.negated:
        return None
    text = node.literals[0] if node.op is Op.EQ else None
    is_indexed = node.field.argument not in UNINDEXED
    if node.field.key in ("tag", "metadata") and isinstance(text, str) and is_indexed:
        return _lookup_tag(compiler, node.field, text)
    if node.field.key == "model" and isinstance(text, str):
        has_model = Comparison(SPAN_FIELDS["model"], Op.EQ, (text,))
        return _lookup(compiler, SpanMatch(has_model), query)
    if node.field.key == "duration" and node.op in (Op.GT, Op.GE, Op.BETWEEN):
        return _lookup_duration(compiler, node, query)
    if node.field.key in ("feedback", "expectation"):
        kind = int(node.field.key == "expectation")
        name = compiler.bind(node.field.argument)
        if node.op is not Op.IS_NULL:
            return (
                "SELECT DISTINCT trace FROM assessment "
                f"WHERE kind = {kind} AND name = {name}"
            )
    return None


def _lookup_tag(compiler: Compiler, field: Field, text: str) -> str:
    key = compiler.bind(field.argument)
    start = compiler.bind(text[:INDEXED_CHARACTERS])
    ns = TAG if field.key == "tag" else METADATA
    return f"SELECT trace FROM tag WHERE ns = {ns} AND key = {key} AND value = {start}"


def _lookup_duration(compiler: Compiler, node: Comparison, query: Query) -> str | None:
    ids = query.experiments
    if ids is None or len(ids) != 1 or query.order:
        return None
    (experiment,) = ids
    if not experiment.isdecimal():
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
    compiler: Compiler, query: Query, values: list[str], position: list[Place]
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
