"""Writes traces inside a transaction."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from spantree.entities.ids import is_experiment_id
from spantree.entities.trace import TRACE_NAME, Trace, TraceState
from spantree.search.texts import clean_text
from spantree.store.classes import united
from spantree.store.conversations import ConversationWriter
from spantree.store.draft import Draft, Encoded, encode, print_of
from spantree.store.merge import merge, prepare
from spantree.store.messages import mark
from spantree.store.owner import this_process
from spantree.store.reads import read_traces
from spantree.store.row_buffer import (
    INSERT_CHUNK,
    INSERT_TRACE,
    OR_LEAVE,
    OWNED_COLUMNS,
    PUT_GROUP,
    PUT_TAG,
    TAG_COLUMNS,
    RowBuffer,
    insert_sql,
)
from spantree.store.rows import (
    ASSESSMENT_COLUMNS,
    Row,
    Texts,
    assessment_row,
    id_bytes,
    names,
    read_texts,
    tag_rows,
    texts_json,
    texts_of,
    trace_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.store.chunks import Chunk
    from spantree.store.classes import Groups, SpanClass
    from spantree.store.dialect import Connection


_NO_TEXTS = Texts({}, {})
_NOBODY = (None, None)
_FIND_TRACE = "SELECT id, version FROM trace WHERE trace_id = ?"
_UPDATE_TRACE = (
    f"UPDATE trace SET ({names(OWNED_COLUMNS)}, version) = "
    f"({', '.join('?' * len(OWNED_COLUMNS))}, version + 1) WHERE id = ?"
)
_DROP_TAG = (
    f"DELETE FROM tag WHERE {' AND '.join(f'{column} = ?' for column in TAG_COLUMNS)}"
)
_PUT_ASSESSMENT = insert_sql(
    "assessment",
    ("trace", "session", *ASSESSMENT_COLUMNS),
    "ON CONFLICT(id) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in ("session", *ASSESSMENT_COLUMNS)),
)
_EXPERIMENT_COLUMNS = ("id", "name", "created_ns", "updated_ns")
_CLASS_COLUMNS = ("name", "type", "model", "status")
_INSERT_CLASS = insert_sql("span_class", _CLASS_COLUMNS, OR_LEAVE)
_FIND_CLASS = (
    "SELECT id FROM span_class WHERE name = ? AND type = ? AND model = ? AND status = ?"
)


@dataclass(slots=True)
class _Written:
    """What the file holds of an open trace, so that the same is not written twice.

    Args:
        whole: See :func:`print_of`.
        version: Of the row; another one says that somebody else has written, too.
        spans: As they were written, by key.
        groups: Of those that have ended.
        open_groups: Of those that have not.
        open_chunks: The numbers of their chunks.
    """

    whole: int
    version: int
    spans: dict[int, Span]
    groups: Groups
    open_groups: Groups
    open_chunks: list[int]

    def touches_open_spans(self, draft: Draft) -> bool:
        """Tell whether a span is, or was, open among those that changed."""
        changed = draft.changed or ()
        spans = [*self.spans.values(), *draft.trace.data.spans]
        return any(s.end_time_ns is None and s.span_key in changed for s in spans)

    def is_continued_by(self, draft: Draft) -> bool:
        """Tell whether ended spans are as they were, and none is left out."""
        spans = self.spans
        changed = spans.keys() & (draft.changed or ())
        if any(spans[key].end_time_ns is not None for key in changed):
            return False
        return spans.keys() <= draft.spans.keys()


class Inserter:
    """Writes traces through one connection and remembers what saves work.

    What it remembers is true of the connection's file after a commit; make a new one
    after a rollback.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = RowBuffer(connection)
        # Of the traces that come now the ids of those that are stored.
        self._there: set[int] = set()
        self._next_id = 0
        self._classes: dict[SpanClass, int] = {}
        self._experiments: dict[str, int] = {}
        self._open: dict[int, _Written] = {}
        self._find_trace = _FIND_TRACE + connection.dialect.locked
        self._conversations = ConversationWriter(connection)

    def written_spans(self, key: int) -> Mapping[int, Span]:
        """Give the spans of an open trace that the file holds, as they are there."""
        known = self._open.get(key)
        return known.spans if known else {}

    def begin(self, drafts: Iterable[Draft]) -> None:
        """Look in one go which of the traces that come are stored already."""
        execute = self._connection.execute
        keys = {draft.key for draft in drafts}
        if not self._connection.dialect.has_one_writer:
            self._there = keys
            return
        marks = ", ".join("?" * len(keys))
        sql = (
            f"SELECT trace_id, 0 FROM trace WHERE trace_id IN ({marks}) "
            "UNION ALL SELECT NULL, max(id) FROM trace"
        )
        found = execute(sql, [bytearray(id_bytes(key)) for key in keys]).fetchall()
        _, last = found.pop()
        self._next_id = (last or 0) + 1
        self._there = {int.from_bytes(key, "big") for key, _ in found}

    def write(self, draft: Draft) -> None:
        """Insert a trace, or merge it into what is stored; :meth:`finish` ends it."""
        key, encoded, is_open = draft.key, draft.encoded, draft.is_open
        if encoded and encoded.is_whole and not (is_open or key in self._there):
            self._there.add(key)
            self._open.pop(key, None)
            self._collect(encoded)
            return
        self._rows.flush()
        known = self._open.get(key)
        whole = print_of(draft.trace) if is_open else 0
        version = 1
        written = self._insert(draft) if known is None else None
        if written is None:
            row_id, version = self._find(key)
            if row_id is None:
                written = self._insert(draft)
            elif known is None or known.version != version:
                written = self._merge(row_id, draft)
            elif known.whole == whole and not draft.changed:
                return
            elif known.is_continued_by(draft):
                written = self._continue(row_id, draft, known)
            else:
                written = self._merge(row_id, draft)
            version += 1
        if is_open and written is not None:
            written.whole, written.version = whole, version
            written.spans.update(draft.spans)
            self._open[key] = written
        else:
            self._open.pop(key, None)

    def finish(self) -> None:
        """Write what was put together."""
        self._rows.flush()

    def _find(self, key: int) -> tuple[int | None, int]:
        """Give the number of a trace's row and its version; None and 0 if none is."""
        found = self._connection.execute(self._find_trace, (id_bytes(key),)).fetchone()
        return found or (None, 0)

    def row_id(self, key: int) -> int | None:
        """Give the number of a stored trace's row."""
        return self._find(key)[0]

    def put_assessments(
        self, row_id: int, session: str | None, assessments: Iterable[Assessment]
    ) -> None:
        """Add assessments, or replace those with the same ids."""
        rows = [(row_id, session, *assessment_row(a)) for a in assessments]
        self._connection.executemany(_PUT_ASSESSMENT, rows)

    def patch_texts(
        self,
        row_id: int,
        tags: Mapping[str, str | None],
        metadata: Mapping[str, str | None],
        columns: Mapping[str, str | None],
    ) -> None:
        """Set tags and metadata, delete those given as None.

        Args:
            row_id: Of the trace.
            tags: Without those that have a column of their own.
            metadata: Likewise.
            columns: Session, user and name, as far as they change.
        """
        before = self._texts(row_id)
        after = before._replace(
            tags=_patched(before.tags, tags),
            metadata=_patched(before.metadata, metadata),
            **columns,
        )
        given = {"texts": texts_json(after), **columns}
        settings = ", ".join(f"{names([column])} = ?" for column in given)
        self._connection.execute(
            f"UPDATE trace SET {settings}, version = version + 1 WHERE id = ?",
            (*given.values(), row_id),
        )
        self._index_tags(row_id, before, after)

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
            insert_sql("experiment", ("name", "created_ns", "updated_ns"), OR_LEAVE),
            (name, now, now),
        )
        found = execute("SELECT id FROM experiment WHERE name = ?", (name,)).fetchone()
        return int(found[0])

    def delete(self, row_id: int) -> None:
        """Delete a trace, with every message that only it had."""
        execute = self._connection.execute
        self._index_tags(row_id, self._texts(row_id), _NO_TEXTS)
        self._drop_chunks("trace", row_id)
        self._drop_groups(row_id)
        execute("DELETE FROM trace WHERE id = ?", (row_id,))
        if self._connection.dialect.has_outbox:
            execute("DELETE FROM outbox WHERE trace = ?", (row_id,))

    def _find_or_make_experiment(self, experiment_id: str) -> int:
        now = time.time_ns()
        if is_experiment_id(experiment_id):
            number = int(experiment_id)
            self._connection.execute(
                insert_sql("experiment", _EXPERIMENT_COLUMNS, OR_LEAVE),
                (number, f"experiment {number}", now, now),
            )
            return number
        return self.experiment_named(experiment_id)

    def _collect(self, encoded: Encoded) -> None:
        """Put a new trace that has ended together with others."""
        summary = encoded.prepared.summary
        row, texts = self._trace_values(encoded)
        row_id, self._next_id = self._next_id, self._next_id + 1
        rows, chunks = self._rows, encoded.chunks
        rows.traces.append((row_id, *row))
        rows.tags += [(*tag, row_id) for tag in tag_rows(texts)]
        groups = chunks[0].groups if len(chunks) == 1 else _groups_of(chunks)
        rows.groups += self._group_rows(row_id, groups)
        rows.chunks += [self._chunk_row(row_id, chunk) for chunk in chunks]
        if summary.assessments:
            rows.flush()
            self.put_assessments(row_id, summary.session, summary.assessments)

    def _insert(self, draft: Draft) -> _Written | None:
        """Insert a trace; None if a part of it is stored already."""
        encoded = draft.encoded
        if encoded is None or not encoded.is_whole:
            encoded = encode(prepare(draft.trace))
        row, texts = self._trace_values(encoded)
        row_id = self._connection.insert(INSERT_TRACE, row)
        if not row_id:
            return None
        self._next_id = row_id + 1
        self._put_around(row_id, encoded, _NO_TEXTS, texts)
        return self._put_spans(row_id, encoded, None)

    def _merge(self, row_id: int, draft: Draft) -> _Written | None:
        """Merge a trace into what is stored of it, and write the whole anew.

        Gives None where others have written spans of it: to go on with the own ones
        alone would say of the whole what is true of a part.
        """
        before = self._texts(row_id)
        stored = self._stored(row_id, before, include_spans=True)
        encoded = encode(prepare(merge(stored, draft.trace)))
        self._update_row(row_id, encoded, before)
        self._drop_chunks("trace", row_id)
        self._drop_groups(row_id)
        written = self._put_spans(row_id, encoded, None)
        own = draft.spans
        is_all = all(span.span_key in own for span in stored.data.spans)
        return written if is_all else None

    def _continue(self, row_id: int, draft: Draft, known: _Written) -> _Written:
        """Add to a trace what has become of it; ended spans stay where they are."""
        before = self._texts(row_id)
        stored = self._stored(row_id, before, include_spans=False)
        is_open_part_new = known.touches_open_spans(draft)
        merged = prepare(merge(stored, draft.trace))
        encoded = encode(merged, draft.changed, with_open=is_open_part_new)
        self._update_row(row_id, encoded, before)
        if not draft.changed:
            return known
        if is_open_part_new:
            for chunk in known.open_chunks:
                self._drop_chunks("id", chunk)
            known.open_chunks, known.open_groups = [], {}
        self._drop_groups(row_id)
        return self._put_spans(row_id, encoded, known)

    def _update_row(self, row_id: int, encoded: Encoded, before: Texts) -> None:
        row, texts = self._trace_values(encoded)
        self._connection.execute(_UPDATE_TRACE, (*row, row_id))
        self._put_around(row_id, encoded, before, texts)

    def _put_around(
        self, row_id: int, encoded: Encoded, before: Texts, texts: Texts
    ) -> None:
        """Write what stands in tables of its own and does not belong to a span."""
        self._index_tags(row_id, before, texts)
        prepared = encoded.prepared
        if prepared.summary.assessments:
            self.put_assessments(
                row_id, prepared.summary.session, prepared.summary.assessments
            )

    def _drop_chunks(self, column: str, number: int) -> None:
        """Delete chunks, with every message that only they had."""
        execute = self._connection.execute
        sql = f"SELECT lists FROM chunk WHERE {column} = ? AND lists IS NOT NULL"
        for (lists,) in execute(sql, (number,)).fetchall():
            self._conversations.release(orjson.loads(lists))
        execute(f"DELETE FROM chunk WHERE {column} = ?", (number,))

    def _stored(self, row_id: int, texts: Texts, *, include_spans: bool) -> Trace:
        """Read what is stored, the name only if it was set by a tag."""
        (trace,) = read_traces(self._connection, [row_id], include_spans=include_spans)
        if TRACE_NAME not in texts.tags:
            del trace.info.tags[TRACE_NAME]
        return trace

    def _trace_values(self, encoded: Encoded) -> tuple[Row, Texts]:
        key, _, summary, is_named = encoded.prepared
        texts = texts_of(summary, is_named=is_named)
        experiment = self.experiment(summary.experiment_id)
        row = trace_row(summary, key, experiment, texts)
        # Of a trace that has ended nobody asks who wrote it.
        is_open = summary.state is TraceState.IN_PROGRESS
        return (*row, *(this_process() if is_open else _NOBODY)), texts

    def _texts(self, row_id: int) -> Texts:
        """Give the texts as the row has them."""
        found = self._connection.execute(
            "SELECT texts FROM trace WHERE id = ?", (row_id,)
        )
        return read_texts(found.fetchone()[0])

    def _index_tags(self, row_id: int, before: Texts, after: Texts) -> None:
        """Let traces be looked up by the texts they have now."""
        old, new = set(tag_rows(before)), set(tag_rows(after))
        if old - new:
            gone = [(*row, row_id) for row in old - new]
            self._connection.executemany(_DROP_TAG, gone)
        added = [(*row, row_id) for row in new - old]
        self._connection.executemany(PUT_TAG, added)

    def _put_spans(
        self, row_id: int, encoded: Encoded, known: _Written | None
    ) -> _Written:
        """Write the spans of a trace; tell what is there then."""
        written = known or _Written(0, 0, {}, {}, {}, [])
        ended = [chunk.groups for chunk in encoded.chunks if chunk.has_ended]
        still_open = [c.groups for c in encoded.chunks if not c.has_ended]
        written.groups = united([written.groups, *ended])
        written.open_groups = united([written.open_groups, *still_open])
        groups = united([written.groups, written.open_groups])
        self._connection.executemany(PUT_GROUP, self._group_rows(row_id, groups))
        for chunk in encoded.chunks:
            row = self._chunk_row(row_id, chunk)
            number = self._connection.insert(INSERT_CHUNK, row)
            if not chunk.has_ended:
                written.open_chunks.append(number)
        return written

    def _drop_groups(self, row_id: int) -> None:
        sql = "DELETE FROM span_group WHERE trace = ?"
        self._connection.execute(sql, (row_id,))

    def _group_rows(self, row_id: int, groups: Groups) -> list[Row]:
        number_of = self._class_number
        return [(row_id, number_of(which), *group) for which, group in groups.items()]

    def _chunk_row(self, row_id: int, chunk: Chunk) -> Row:
        body, numbers = chunk.body, []
        # The longest first: a list may be part of another one's text.
        for conversation in chunk.lists:
            if conversation.text in body:
                numbers.append(self._conversations.keep(conversation))
                body = body.replace(conversation.text, mark(numbers[-1]))
        lists = orjson.dumps(numbers).decode() if numbers else None
        return row_id, lists, chunk.rows, body

    def _class_number(self, which: SpanClass) -> int:
        number = self._classes.get(which)
        if number is None:
            execute = self._connection.execute
            execute(_INSERT_CLASS, which)
            found = execute(_FIND_CLASS, which).fetchone()
            number = self._classes[which] = int(found[0])
        return number


def _groups_of(chunks: Iterable[Chunk]) -> Groups:
    return united([chunk.groups for chunk in chunks])


def _patched(
    texts: Mapping[str, str], changes: Mapping[str, str | None]
) -> dict[str, str]:
    after = {**texts, **changes}
    return {key: value for key, value in after.items() if value is not None}
