"""Writes traces inside a transaction."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from spantree.entities.trace import TRACE_NAME, Trace, TraceData
from spantree.search.texts import clean_text
from spantree.store.chunks import read_rows
from spantree.store.conversations import ConversationWriter
from spantree.store.draft import Draft, Encoded, encode, print_of
from spantree.store.merge import merge, reopens
from spantree.store.messages import mark
from spantree.store.owner import this_process
from spantree.store.reads import read_spans, read_summaries
from spantree.store.rows import (
    ASSESSMENT_COLUMNS,
    TRACE_COLUMNS,
    Row,
    Texts,
    assessment_row,
    column_texts,
    id_bytes,
    info_of,
    tag_rows,
    texts_json,
    trace_row,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.store.chunks import Chunk
    from spantree.store.classes import SpanClass


def _insert_sql(table: str, columns: Sequence[str], *, verb: str = "INSERT") -> str:
    marks = ", ".join("?" * len(columns))
    return f"{verb} INTO {table}({', '.join(columns)}) VALUES({marks})"


_OWNED_COLUMNS = (*TRACE_COLUMNS, "pid", "boot")
_FIND_TRACE = "SELECT id, version FROM trace WHERE trace_id = ?"
_INSERT_TRACE = _insert_sql("trace", _OWNED_COLUMNS)
_UPDATE_TRACE = (
    f"UPDATE trace SET {', '.join(f'{c} = ?' for c in _OWNED_COLUMNS)}, "
    "version = version + 1 WHERE id = ?"
)
_TAG_COLUMNS = ("ns", "key", "value", "trace")
_PUT_TAG = _insert_sql("tag", _TAG_COLUMNS, verb="INSERT OR IGNORE")
_DROP_TAG = (
    f"DELETE FROM tag WHERE {' AND '.join(f'{column} = ?' for column in _TAG_COLUMNS)}"
)
_PUT_GROUP = _insert_sql("span_group", ("trace", "class", "count", "max_dur_ns"))
_PUT_ASSESSMENT = _insert_sql(
    "assessment",
    ("trace", "session", *ASSESSMENT_COLUMNS),
    verb="INSERT OR REPLACE",
)
_INSERT_CHUNK = _insert_sql("chunk", ("trace", "lists", "spans", "body"))
_CLASS_COLUMNS = ("name", "type", "model", "status")
_INSERT_CLASS = _insert_sql("span_class", _CLASS_COLUMNS, verb="INSERT OR IGNORE")
_FIND_CLASS = (
    "SELECT id FROM span_class WHERE name = ? AND type = ? AND model = ? AND status = ?"
)


@dataclass(slots=True)
class _Place:
    """Where the file has the latest row of a span."""

    chunk: int
    has_ended: bool


@dataclass(slots=True)
class _Written:
    """What the file holds of an open trace, so that the same is not written twice.

    Args:
        whole: See :func:`print_of`.
        spans: As they were written, by key.
        places: Where they are, by key.
        version: Of the row; another one says that somebody else has written, too.
    """

    whole: int
    spans: dict[int, Span]
    places: dict[int, _Place]
    version: int


class Inserter:
    """Writes traces through one connection and remembers what saves work.

    What it remembers is true of the connection's file after a commit; make a new one
    after a rollback.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._classes: dict[SpanClass, int] = {}
        self._experiments: dict[str, int] = {}
        self._open: dict[int, _Written] = {}
        self._conversations = ConversationWriter(connection)

    def written_spans(self, key: int) -> Mapping[int, Span]:
        """Give the spans of an open trace that the file holds, as they are there."""
        known = self._open.get(key)
        return known.spans if known else {}

    def write(self, draft: Draft) -> None:
        """Insert a trace, or merge it into what is stored of it."""
        key = draft.trace.key
        known, whole = (
            self._open.get(key),
            print_of(draft.trace) if draft.is_open else 0,
        )
        found = self._connection.execute(_FIND_TRACE, (id_bytes(key),)).fetchone()
        version = 1
        if found is None:
            places = self._insert(draft)
            known = None
        else:
            version = found[1] + 1
            if known is not None and known.version != found[1]:
                known = None
            if known is not None and known.whole == whole and not draft.changed:
                return
            places = self._update(found[0], draft, known)
        if not draft.is_open:
            self._open.pop(key, None)
            return
        spans = known.spans if known else {}
        spans.update((s.span_key, s) for s in draft.trace.data.spans)
        self._open[key] = _Written(whole, spans, places, version)

    def row_id(self, key: int) -> int | None:
        """Give the number of a stored trace's row."""
        found = self._connection.execute(_FIND_TRACE, (id_bytes(key),)).fetchone()
        return None if found is None else int(found[0])

    def put_assessments(
        self, row_id: int, session: str | None, assessments: Iterable[Assessment]
    ) -> None:
        """Add assessments, or replace those with the same ids."""
        rows = [(row_id, session, *assessment_row(a)) for a in assessments]
        self._connection.executemany(_PUT_ASSESSMENT, rows)

    def patch_tags(self, row_id: int, tags: Mapping[str, str | None]) -> None:
        """Set tags that have no column of their own, and delete those given as None."""
        before = self._texts(row_id)
        after = {**before[0], **tags}
        kept = {key: value for key, value in after.items() if value is not None}
        self._connection.execute(
            "UPDATE trace SET tags = ? WHERE id = ?", (texts_json(kept), row_id)
        )
        self._index_tags(row_id, before, (kept, before[1]))

    def experiment(self, experiment_id: str) -> int:
        """Give the number of an experiment, made if need be.

        Args:
            experiment_id: Decimal text; any other text is taken for a name.
        """
        number = self._experiments.get(experiment_id)
        if number is None:
            number = self._find_or_make_experiment(experiment_id)
            self._experiments[experiment_id] = number
        return number

    def experiment_named(self, name: str) -> int:
        """Give the number of the experiment of that name, made if need be."""
        execute = self._connection.execute
        name, now = clean_text(name), time.time_ns()
        execute(
            "INSERT OR IGNORE INTO experiment(name, created_ns, updated_ns) "
            "VALUES(?, ?, ?)",
            (name, now, now),
        )
        found = execute("SELECT id FROM experiment WHERE name = ?", (name,)).fetchone()
        return int(found[0])

    def delete(self, row_id: int) -> None:
        """Delete a trace, with every message that only it had."""
        execute = self._connection.execute
        lists = "SELECT lists FROM chunk WHERE trace = ? AND lists IS NOT NULL"
        for (numbers,) in execute(lists, (row_id,)).fetchall():
            self._conversations.release(orjson.loads(numbers))
        self._index_tags(row_id, self._texts(row_id), ({}, {}))
        execute("DELETE FROM span_group WHERE trace = ?", (row_id,))
        execute("DELETE FROM chunk WHERE trace = ?", (row_id,))
        execute("DELETE FROM trace WHERE id = ?", (row_id,))

    def _find_or_make_experiment(self, experiment_id: str) -> int:
        now = time.time_ns()
        if experiment_id.isdecimal() and len(experiment_id) <= 18:  # noqa: PLR2004 - digits of 63 bits
            number = int(experiment_id)
            self._connection.execute(
                "INSERT OR IGNORE INTO experiment(id, name, created_ns, updated_ns) "
                "VALUES(?, ?, ?, ?)",
                (number, f"experiment {number}", now, now),
            )
            return number
        return self.experiment_named(experiment_id)

    def _insert(self, draft: Draft) -> dict[int, _Place]:
        encoded = draft.encoded
        if encoded is None or len(encoded.keys) < len(draft.trace.data.spans):
            keys = {span.span_key for span in draft.trace.data.spans}
            encoded = encode(draft.trace, keys)
        row, texts = self._trace_values(encoded)
        inserted = self._connection.execute(_INSERT_TRACE, row)
        row_id = int(inserted.lastrowid or 0)
        self._index_tags(row_id, ({}, {}), texts)
        chunks = self._put_all(row_id, encoded)
        return _places_in(chunks) if draft.is_open else {}

    def _update(
        self, row_id: int, draft: Draft, known: _Written | None
    ) -> dict[int, _Place]:
        """Merge a trace into its rows; spans known to be there are left alone."""
        trace = draft.trace
        spans = {span.span_key: span for span in trace.data.spans}
        places = known.places if known else self._places(row_id)
        changed = draft.changed if known else set(spans)
        ended = {key: place.has_ended for key, place in places.items()}
        written = {key for key in changed if not reopens(ended.get(key), spans[key])}
        is_part = len(written) < len(changed) or places.keys() - spans.keys()
        before = self._texts(row_id)
        stored = self._stored(row_id, trace.key, include_spans=bool(is_part))
        if TRACE_NAME not in before[0]:
            del stored.info.tags[TRACE_NAME]
        encoded = encode(merge(stored, trace), written)
        row, after = self._trace_values(encoded)
        self._connection.execute(_UPDATE_TRACE, (*row, row_id))
        self._index_tags(row_id, before, after)
        self._connection.execute("DELETE FROM span_group WHERE trace = ?", (row_id,))
        left = {places[key].chunk for key in written if key in places}
        places.update(_places_in(self._put_all(row_id, encoded)))
        self._drop_chunks(left - {place.chunk for place in places.values()})
        return places

    def _places(self, row_id: int) -> dict[int, _Place]:
        """Tell where the file has the latest row of each span of a trace."""
        rows = self._connection.execute(
            "SELECT id, spans FROM chunk WHERE trace = ? ORDER BY id", (row_id,)
        )
        return {
            row.span_key: _Place(chunk, row.has_ended)
            for chunk, text in rows
            for row in read_rows(text)
        }

    def _drop_chunks(self, chunks: Iterable[int]) -> None:
        execute = self._connection.execute
        for chunk in chunks:
            (lists,) = execute(
                "SELECT lists FROM chunk WHERE id = ?", (chunk,)
            ).fetchone()
            self._conversations.release(orjson.loads(lists or "[]"))
            execute("DELETE FROM chunk WHERE id = ?", (chunk,))

    def _stored(self, row_id: int, key: int, *, include_spans: bool) -> Trace:
        (summary,) = read_summaries(self._connection, [row_id])
        spans = (
            read_spans(self._connection, {row_id: key})[row_id] if include_spans else []
        )
        return Trace(info_of(summary), TraceData(spans))

    def _trace_values(self, encoded: Encoded) -> tuple[Row, Texts]:
        trace, summary, is_named = encoded.prepared
        texts = column_texts(summary, is_named=is_named)
        experiment = self.experiment(summary.experiment_id)
        row = trace_row(summary, trace.key, experiment, texts)
        return (*row, *this_process()), texts

    def _texts(self, row_id: int) -> Texts:
        """Give tags and metadata as the row has them."""
        tags, metadata = self._connection.execute(
            "SELECT tags, metadata FROM trace WHERE id = ?", (row_id,)
        ).fetchone()
        return orjson.loads(tags), orjson.loads(metadata)

    def _index_tags(self, row_id: int, before: Texts, after: Texts) -> None:
        """Let traces be looked up by the texts they have now."""
        old, new = set(tag_rows(before)), set(tag_rows(after))
        if old - new:
            gone = [(*row, row_id) for row in old - new]
            self._connection.executemany(_DROP_TAG, gone)
        added = [(*row, row_id) for row in new - old]
        self._connection.executemany(_PUT_TAG, added)

    def _put_all(self, row_id: int, encoded: Encoded) -> list[tuple[int, Chunk]]:
        """Write what belongs to a trace; give its new chunks with their numbers."""
        assessments = encoded.prepared.trace.info.assessments
        if assessments:
            session = encoded.prepared.summary.session
            self.put_assessments(row_id, session, assessments)
        groups = [
            (row_id, self._class_number(which), *group)
            for which, group in encoded.groups.items()
        ]
        self._connection.executemany(_PUT_GROUP, groups)
        return [(self._put_chunk(row_id, chunk), chunk) for chunk in encoded.chunks]

    def _put_chunk(self, row_id: int, chunk: Chunk) -> int:
        body, numbers = chunk.body, []
        # The longest first: a list may be part of another one's text.
        for conversation in chunk.lists:
            if conversation.text in body:
                numbers.append(self._conversations.keep(conversation))
                body = body.replace(conversation.text, mark(numbers[-1]))
        lists = orjson.dumps(numbers).decode() if numbers else None
        inserted = self._connection.execute(
            _INSERT_CHUNK, (row_id, lists, chunk.rows, body)
        )
        return int(inserted.lastrowid or 0)

    def _class_number(self, which: SpanClass) -> int:
        number = self._classes.get(which)
        if number is None:
            execute = self._connection.execute
            execute(_INSERT_CLASS, which)
            found = execute(_FIND_CLASS, which).fetchone()
            number = self._classes[which] = int(found[0])
        return number


def _places_in(chunks: Iterable[tuple[int, Chunk]]) -> dict[int, _Place]:
    return {
        key: _Place(number, chunk.has_ended)
        for number, chunk in chunks
        for key in chunk.keys
    }
