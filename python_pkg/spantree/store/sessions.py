"""Judgements of whole sessions, as the tables have them."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and numbers

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from spantree.entities.ids import is_experiment_id
from spantree.entities.trace import SESSION
from spantree.store.rows import ASSESSMENT_COLUMNS, assessment_from_row, names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.entities.assessment import Assessment
    from spantree.search.fields import Field
    from spantree.search.query import Query
    from spantree.search.sessions import OfSessions
    from spantree.store.dialect import Connection, Dialect

OF_SESSION = f"'\"{SESSION}\":'"
"""What the metadata of such a judgement has in it, as JSON; the index says it too."""

_KINDS = {"feedback": "= 0", "expectation": "= 1", "assessment": "IN (0, 1)"}


def kind_of(field: Field) -> str:
    """Give the condition for the row ``judged`` to be of a field's kind."""
    return f"judged.kind {_KINDS[field.key]}"


def scope_of(query: Query) -> tuple[int, ...] | None:
    """Give the numbers of the experiments a query is limited to, None for all."""
    ids = query.experiments
    if ids is None:
        return None
    return tuple(sorted(int(text) for text in ids if is_experiment_id(text)))


def covering(dialect: Dialect, scope: tuple[int, ...] | None) -> str:
    """Give the condition for the row ``judged`` to be said of a whole session.

    Args:
        dialect: Of the engine.
        scope: The judgements of traces in other experiments don't count.
    """
    of_session = dialect.contains.format("judged.meta", OF_SESSION)
    if scope is None:
        return of_session
    experiment = "SELECT other.experiment FROM trace AS other"
    numbers = ", ".join(map(str, scope)) or "NULL"
    return (
        f"{of_session} AND ({experiment} WHERE other.id = judged.trace) IN ({numbers})"
    )


def read_judgements(
    connection: Connection, row_ids: Iterable[int], query: Query
) -> OfSessions:
    """Give what is said of the whole sessions of some traces, by session."""
    dialect = connection.dialect
    among = dialect.among.format("trace.id", "?")
    sql = (
        f"SELECT judged.session, {names(ASSESSMENT_COLUMNS)} FROM assessment AS judged "
        f"WHERE judged.session IN (SELECT trace.session FROM trace WHERE {among}) "
        f"AND {covering(dialect, scope_of(query))}"
    )
    found: dict[str, list[Assessment]] = {}
    rows = connection.execute(sql, (orjson.dumps(list(row_ids)).decode(),))
    for session, *columns in rows:
        said = assessment_from_row("", tuple(columns))
        found.setdefault(session, []).append(said)
    return found
