"""Reads traces by the numbers of their rows, many at a time."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from spantree.entities.ids import trace_id_text
from spantree.entities.trace import Trace, TraceData
from spantree.store.chunks import unpack
from spantree.store.classes import Classes
from spantree.store.conversations import ConversationReader
from spantree.store.needles import Stored
from spantree.store.rows import (
    ASSESSMENT_COLUMNS,
    INFO_COLUMNS,
    OWNER_COLUMNS,
    TRACE_COLUMNS,
    assessment_from_row,
    info_from_row,
    names,
    summary_from_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.search.summary import Summary
    from spantree.store.dialect import Connection, Rows

# So many at a time keep a search over fat traces within a few MB.
_BATCH = 100
_TRACES = f"SELECT id, {names((*TRACE_COLUMNS, *OWNER_COLUMNS))} FROM trace"
_INFOS = f"SELECT id, {names(INFO_COLUMNS)} FROM trace"
_ASSESSMENTS = f"SELECT trace, {names(ASSESSMENT_COLUMNS)} FROM assessment"
_CHUNKS = "SELECT trace, lists, spans, body FROM chunk"


def read_traces(
    connection: Connection, row_ids: Sequence[int], *, include_spans: bool
) -> Iterator[Trace]:
    """Give traces in the order of their numbers; deleted ones are left out."""
    for start in range(0, len(row_ids), _BATCH):
        batch = row_ids[start : start + _BATCH]
        found = {row[0]: row[1:] for row in _among(connection, _INFOS, "id", batch)}
        keys = {row_id: int.from_bytes(row[0], "big") for row_id, row in found.items()}
        judged = _assessments(connection, keys)
        spans = read_spans(connection, keys) if include_spans else {}
        for row_id in batch:
            if row_id in found:
                info = info_from_row(found[row_id], judged.get(row_id, []))
                yield Trace(info, TraceData(spans.get(row_id)))


def read_summaries(connection: Connection, row_ids: Sequence[int]) -> list[Summary]:
    """Give summaries in the order of the traces' numbers."""
    found = _summaries_by_id(connection, row_ids)
    return [found[row_id] for row_id in row_ids if row_id in found]


def read_spans(
    connection: Connection, keys: Mapping[int, int]
) -> dict[int, list[Span]]:
    """Give the spans of traces.

    Args:
        connection: To read through.
        keys: Trace ids by the number of the trace's row.
    """
    conversations = ConversationReader(connection)
    spans: dict[int, dict[int, Span]] = {row_id: {} for row_id in keys}
    found = _among(connection, _CHUNKS, "trace", keys, "ORDER BY id")
    for row_id, lists, rows, body in found:
        whole = conversations.expand(body) if lists else body
        spans[row_id].update((s.span_key, s) for s in unpack(keys[row_id], rows, whole))
    return {row_id: list(latest.values()) for row_id, latest in spans.items()}


def read_chunks(
    connection: Connection, row_ids: Iterable[int]
) -> dict[int, list[Stored]]:
    """Give the chunks of traces as they are stored, by the number of the trace."""
    chunks: dict[int, list[Stored]] = {row_id: [] for row_id in row_ids}
    for row_id, *columns in _among(connection, _CHUNKS, "trace", chunks):
        chunks[row_id].append(Stored(*columns))
    return chunks


def read_classes(connection: Connection) -> Classes:
    """Give the classes of spans that the store knows."""
    sql = "SELECT id, name, type, model, status FROM span_class"
    return Classes(connection.execute(sql).fetchall())


def _summaries_by_id(
    connection: Connection, row_ids: Sequence[int]
) -> dict[int, Summary]:
    rows = _among(connection, _TRACES, "id", row_ids).fetchall()
    keys = {row[0]: int.from_bytes(row[1], "big") for row in rows}
    judged = _assessments(connection, keys)
    return {row[0]: summary_from_row(row[1:], judged.get(row[0], [])) for row in rows}


def _assessments(
    connection: Connection, keys: Mapping[int, int]
) -> dict[int, list[Assessment]]:
    judged: dict[int, list[Assessment]] = {}
    order = "ORDER BY created_ns, rowid"
    for row_id, *columns in _among(connection, _ASSESSMENTS, "trace", keys, order):
        assessment = assessment_from_row(trace_id_text(keys[row_id]), tuple(columns))
        judged.setdefault(row_id, []).append(assessment)
    return judged


def _among(
    connection: Connection,
    select: str,
    column: str,
    row_ids: Iterable[int],
    order: str = "",
) -> Rows:
    among = connection.dialect.among.format(column, "?")
    text = orjson.dumps(list(row_ids)).decode()
    return connection.execute(f"{select} WHERE {among} {order}", (text,))
