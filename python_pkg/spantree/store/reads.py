"""Reads traces by the numbers of their rows, many at a time."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.ids import trace_id_text
from spantree.store.classes import Classes
from spantree.store.conversations import ConversationReader
from spantree.store.dialect import among
from spantree.store.needles import Stored
from spantree.store.owner import Owner, is_gone
from spantree.store.rows import (
    ASSESSMENT_COLUMNS,
    INFO_COLUMNS,
    INTERRUPTED_STATE,
    OPEN_STATE,
    OWNER_COLUMNS,
    STATE_PLACE,
    TRACE_COLUMNS,
    assessment_from_row,
    names,
    summary_from_row,
)
from spantree.store.stored import StoredTrace, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.entities.trace import Trace
    from spantree.search.summary import Summary
    from spantree.store.dialect import Connection
    from spantree.store.rows import Row
    from spantree.store.stored import Part

# So many at a time keep a search over fat traces within a few MB.
_BATCH = 100
_SUMMARY = slice(1, 1 + len(TRACE_COLUMNS))
_STATE = 1 + STATE_PLACE
_ASSESSMENTS = f"SELECT trace, {names(ASSESSMENT_COLUMNS)} FROM assessment"
_CHUNKS = "SELECT trace, lists, spans, body FROM chunk"


def read_traces(
    connection: Connection, row_ids: Sequence[int], *, include_spans: bool
) -> Iterator[Trace]:
    """Give traces in the order of their numbers; deleted ones are left out."""
    for start in range(0, len(row_ids), _BATCH):
        batch = row_ids[start : start + _BATCH]
        found = {row[0]: row for row in read_rows(connection, INFO_COLUMNS, batch)}
        rows = [found[row_id] for row_id in batch if row_id in found]
        yield from traces_of(connection, rows, include_spans=include_spans)


def read_rows(
    connection: Connection, columns: Iterable[str], row_ids: Iterable[int]
) -> list[Row]:
    """Give the number of each row and the columns asked for, in any order."""
    select = f"SELECT id, {names(columns)} FROM trace"
    return among(connection, select, "id", row_ids).fetchall()


def traces_of(
    connection: Connection,
    rows: Sequence[Row],
    *,
    include_spans: bool,
    with_assessments: bool = True,
    with_open: bool = True,
) -> list[Trace]:
    """Make traces of rows that have the columns :data:`INFO_COLUMNS`.

    Args:
        connection: To read what rows don't have.
        rows: Of each the number first.
        include_spans: Whether the traces have their spans.
        with_assessments: Whether there may be any.
        with_open: Whether there may be open traces.
    """
    judged = _assessments(connection, rows) if with_assessments else {}
    parts = _parts(connection, rows) if include_spans else {}
    if with_open:
        rows = _as_of_now(connection, rows)
    if not judged and not parts:
        return list(map(StoredTrace, rows))
    return [
        StoredTrace(row, judged.get(row[0], ()), parts.get(row[0], ())) for row in rows
    ]


def summaries_of(
    connection: Connection, rows: Sequence[Row], *, with_assessments: bool
) -> list[Summary]:
    """Make summaries of rows that have the columns :data:`TRACE_COLUMNS`."""
    judged = _assessments(connection, rows) if with_assessments else {}
    return [
        summary_from_row(row[_SUMMARY], judged.get(row[0], []))
        for row in _as_of_now(connection, rows)
    ]


def read_spans(connection: Connection, row_id: int, key: int) -> list[Span]:
    """Give the spans of the trace with that row and id."""
    return spans_of(key, _parts(connection, [(row_id,)]).get(row_id, ()))


def read_chunks(
    connection: Connection, row_ids: Iterable[int]
) -> dict[int, list[Stored]]:
    """Give the chunks of traces as they are stored, by the number of the trace."""
    chunks: dict[int, list[Stored]] = {row_id: [] for row_id in row_ids}
    for row_id, *columns in among(connection, _CHUNKS, "trace", chunks):
        chunks[row_id].append(Stored(*columns))
    return chunks


def read_classes(connection: Connection) -> Classes:
    """Give the classes of spans that the store knows."""
    sql = "SELECT id, name, type, model, status FROM span_class"
    return Classes(connection.execute(sql).fetchall())


def _as_of_now(connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
    """Show the open traces whose process is gone as interrupted."""
    are_open = [row[0] for row in rows if row[_STATE] == OPEN_STATE]
    if not are_open:
        return rows
    owned = read_rows(connection, OWNER_COLUMNS, are_open)
    gone = {
        row_id
        for row_id, pid, boot in owned
        if boot is not None and is_gone(Owner(pid, boot))
    }
    return [
        (*row[:_STATE], INTERRUPTED_STATE, *row[_STATE + 1 :])
        if row[0] in gone
        else row
        for row in rows
    ]


def _parts(connection: Connection, rows: Sequence[Row]) -> dict[int, list[Part]]:
    """Give the chunks of traces by the number of the row, conversations in full."""
    conversations = ConversationReader(connection)
    parts: dict[int, list[Part]] = {}
    numbers = [row[0] for row in rows]
    found = among(connection, _CHUNKS, "trace", numbers, "ORDER BY trace, id")
    for row_id, lists, spans, body in found:
        whole = conversations.expand(body) if lists else body
        parts.setdefault(row_id, []).append((spans, whole))
    return parts


def _assessments(
    connection: Connection, rows: Sequence[Row]
) -> dict[int, list[Assessment]]:
    ids = {row[0]: trace_id_text(int.from_bytes(row[1], "big")) for row in rows}
    judged: dict[int, list[Assessment]] = {}
    order = "ORDER BY created_ns, rowid"
    for row_id, *columns in among(connection, _ASSESSMENTS, "trace", ids, order):
        assessment = assessment_from_row(ids[row_id], tuple(columns))
        judged.setdefault(row_id, []).append(assessment)
    return judged
