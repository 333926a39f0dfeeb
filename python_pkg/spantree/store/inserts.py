"""Writes traces inside a transaction."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from spantree.entities.trace import TRACE_NAME, Trace, TraceData
from spantree.search.texts import clean_text
from spantree.store.conversations import ConversationWriter
from spantree.store.draft import Draft, is_same, print_of
from spantree.store.merge import Prepared, merge, prepare, reopens
from spantree.store.messages import mark
from spantree.store.owner import this_process
from spantree.store.payload import CODEC_PLAIN, pack
from spantree.store.reads import read_spans, read_summaries, tag_texts
from spantree.store.rows import (
    ASSESSMENT_COLUMNS,
    SPAN_COLUMNS,
    TAG,
    TRACE_COLUMNS,
    Row,
    assessment_row,
    id_bytes,
    info_of,
    signed,
    span_row,
    tag_rows,
    trace_row,
    unsigned,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span


def _insert_sql(table: str, columns: Sequence[str], *, replace: bool = False) -> str:
    verb = "INSERT OR REPLACE" if replace else "INSERT"
    marks = ", ".join("?" * len(columns))
    return f"{verb} INTO {table}({', '.join(columns)}) VALUES({marks})"


_OWNED_COLUMNS = (*TRACE_COLUMNS, "pid", "boot")
_INSERT_TRACE = _insert_sql("trace", _OWNED_COLUMNS)
_UPDATE_TRACE = (
    f"UPDATE trace SET {', '.join(f'{c} = ?' for c in _OWNED_COLUMNS)}, "
    "version = version + 1 WHERE id = ?"
)
_PUT_SPAN = _insert_sql("span", ("trace", "chunk", *SPAN_COLUMNS), replace=True)
_PUT_TAG = _insert_sql("tag", ("trace", "ns", "key", "value"), replace=True)
_PUT_ASSESSMENT = _insert_sql(
    "assessment", ("trace", "session", *ASSESSMENT_COLUMNS), replace=True
)
_INSERT_CHUNK = _insert_sql("chunk", ("trace", "codec", "lists", "body"))
_CHUNKS_OF = (
    "SELECT DISTINCT chunk FROM span WHERE trace = ? "
    "AND span_id IN (SELECT value FROM json_each(?)) AND chunk IS NOT NULL"
)
_UNUSED = (
    "SELECT lists FROM chunk WHERE id = ?1 "
    "AND NOT EXISTS(SELECT 1 FROM span WHERE trace = ?2 AND chunk = ?1)"
)


@dataclass(slots=True)
class _Written:
    """What the file holds of an open trace, so that the same is not written twice.

    Args:
        whole: See :func:`print_of`.
        spans: As they were written, by key.
        version: Of the row; another one says that somebody else has written, too.
    """

    whole: int
    spans: dict[int, Span]
    version: int

    def missing(self, trace: Trace) -> dict[int, Span]:
        """Give the spans of a trace that are not in the file as they are."""
        there = self.spans.get
        return {
            s.span_key: s for s in trace.data.spans if not is_same(there(s.span_key), s)
        }

    def has_ended(self) -> dict[int, bool]:
        """Tell of each span in the file whether it has ended."""
        return {key: s.end_time_ns is not None for key, s in self.spans.items()}


class Inserter:
    """Writes traces through one connection and remembers what saves work.

    What it remembers is true of the connection's file after a commit; make a new one
    after a rollback.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._words: dict[str, int] = {}
        self._experiments: dict[str, int] = {}
        self._open: dict[int, _Written] = {}
        self._conversations = ConversationWriter(connection)

    def written_spans(self, key: int) -> Mapping[int, Span]:
        """Give the spans of an open trace that the file holds, as they are there."""
        known = self._open.get(key)
        return known.spans if known else {}

    def write(self, draft: Draft) -> None:
        """Insert a trace, or merge it into what is stored of it."""
        trace, key = draft.trace, draft.trace.key
        known, whole = self._open.get(key), print_of(trace) if draft.is_open else 0
        found = self._connection.execute(
            "SELECT id, version FROM trace WHERE trace_id = ?", (id_bytes(key),)
        ).fetchone()
        version = 1
        if found is None:
            self._insert(draft)
        elif known is None or known.version != found[1]:
            self._update(found[0], draft, None)
            version = found[1] + 1
        elif known.whole != whole or known.missing(trace):
            self._update(found[0], draft, known)
            version = found[1] + 1
        else:
            return
        if not draft.is_open:
            self._open.pop(key, None)
            return
        spans = known.spans if known else {}
        spans.update((s.span_key, s) for s in trace.data.spans)
        self._open[key] = _Written(whole, spans, version)

    def row_id(self, key: int) -> int | None:
        """Give the number of a stored trace's row."""
        found = self._connection.execute(
            "SELECT id FROM trace WHERE trace_id = ?", (id_bytes(key),)
        ).fetchone()
        return None if found is None else int(found[0])

    def put_tags(self, row_id: int, rows: Iterable[tuple[int, str, str]]) -> None:
        """Set tags and metadata, given as namespace, key and value."""
        self._connection.executemany(
            _PUT_TAG, [(row_id, ns, self.word(key), value) for ns, key, value in rows]
        )

    def put_assessments(
        self, row_id: int, session: str | None, assessments: Iterable[Assessment]
    ) -> None:
        """Add assessments, or replace those with the same ids."""
        rows = [(row_id, session, *assessment_row(a)) for a in assessments]
        self._connection.executemany(_PUT_ASSESSMENT, rows)

    def word(self, text: str | None) -> int | None:
        """Give the number of an interned text."""
        if text is None:
            return None
        number = self._words.get(text)
        if number is None:
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO word(text) VALUES(?)", (text,))
            found = execute("SELECT id FROM word WHERE text = ?", (text,)).fetchone()
            number = self._words[text] = int(found[0])
        return number

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

    def _find_or_make_experiment(self, experiment_id: str) -> int:
        execute = self._connection.execute
        now = time.time_ns()
        if experiment_id.isdecimal() and len(experiment_id) <= 18:  # noqa: PLR2004 - digits of 63 bits
            number = int(experiment_id)
            execute(
                "INSERT OR IGNORE INTO experiment(id, name, created_ns, updated_ns) "
                "VALUES(?, ?, ?, ?)",
                (number, f"experiment {number}", now, now),
            )
            return number
        return self.experiment_named(experiment_id)

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

    def _insert(self, draft: Draft) -> None:
        prepared = draft.prepared or prepare(draft.trace)
        inserted = self._connection.execute(_INSERT_TRACE, self._trace_values(prepared))
        row_id = int(inserted.lastrowid or 0)
        self._put_all(row_id, prepared, enumerate(prepared.trace.data.spans), draft)

    def _update(self, row_id: int, draft: Draft, known: _Written | None) -> None:
        """Merge a trace into its rows; spans known to be there are left alone."""
        trace = draft.trace
        spans = {span.span_key: span for span in trace.data.spans}
        if known is None:
            new, has_ended = spans.keys(), self._stored_spans(row_id)
        else:
            new, has_ended = known.missing(trace).keys(), known.has_ended()
        reopened = {key for key in new if reopens(has_ended.get(key), spans[key])}
        is_part = bool(reopened or has_ended.keys() - spans.keys())
        stored = self._stored(row_id, trace.key, include_spans=is_part)
        prepared = prepare(merge(stored, trace))
        self._connection.execute(_UPDATE_TRACE, (*self._trace_values(prepared), row_id))
        changed = [
            (seq, span)
            for seq, span in enumerate(prepared.trace.data.spans)
            if span.span_key in new and span.span_key not in reopened
        ]
        rewritten = [s.span_key for _, s in changed if s.span_key in has_ended]
        chunks = self._chunks_of(row_id, rewritten) if rewritten else []
        self._put_all(row_id, prepared, changed, draft)
        self._drop_unused(row_id, chunks)

    def _stored_spans(self, row_id: int) -> dict[int, bool]:
        """Tell of each span in the file whether it has ended."""
        rows = self._connection.execute(
            "SELECT span_id, dur_ns IS NOT NULL FROM span WHERE trace = ?", (row_id,)
        )
        return {unsigned(span_id): bool(ended) for span_id, ended in rows}

    def _chunks_of(self, row_id: int, span_keys: Iterable[int]) -> list[int]:
        among = orjson.dumps([signed(key) for key in span_keys]).decode()
        rows = self._connection.execute(_CHUNKS_OF, (row_id, among))
        return [row[0] for row in rows]

    def _drop_unused(self, row_id: int, chunks: Iterable[int]) -> None:
        for chunk in chunks:
            found = self._connection.execute(_UNUSED, (chunk, row_id)).fetchone()
            if found is not None:
                self._conversations.release(orjson.loads(found[0] or "[]"))
                self._connection.execute("DELETE FROM chunk WHERE id = ?", (chunk,))

    def delete(self, row_id: int) -> None:
        """Delete a trace, with every message that only it had."""
        execute = self._connection.execute
        lists = "SELECT lists FROM chunk WHERE trace = ? AND lists IS NOT NULL"
        for (numbers,) in execute(lists, (row_id,)).fetchall():
            self._conversations.release(orjson.loads(numbers))
        execute("DELETE FROM trace WHERE id = ?", (row_id,))

    def _stored(self, row_id: int, key: int, *, include_spans: bool) -> Trace:
        """Read what is stored, the name only if it was set by a tag."""
        (summary,) = read_summaries(self._connection, [row_id])
        info = info_of(summary)
        texts = tag_texts(self._connection, [row_id]).get(row_id, [])
        if not any((ns, name) == (TAG, TRACE_NAME) for ns, name, _ in texts):
            del info.tags[TRACE_NAME]
        if not include_spans:
            return Trace(info, TraceData())
        return Trace(
            info, TraceData(read_spans(self._connection, {row_id: key})[row_id])
        )

    def _trace_values(self, prepared: Prepared) -> Row:
        trace, summary, _ = prepared
        experiment = self.experiment(summary.experiment_id)
        return (*trace_row(trace, summary, experiment), *this_process())

    def _put_all(
        self,
        row_id: int,
        prepared: Prepared,
        spans: Iterable[tuple[int, Span]],
        draft: Draft,
    ) -> None:
        """Write what belongs to a trace; spans with their places in the tree."""
        info = prepared.trace.info
        self.put_tags(row_id, tag_rows(info, is_named=prepared.is_named))
        if info.assessments:
            self.put_assessments(row_id, prepared.summary.session, info.assessments)
        placed = list(spans)
        # What is open will be written again, and its chunk thrown away whole.
        ended = [span for _, span in placed if span.end_time_ns is not None]
        still_open = [span for _, span in placed if span.end_time_ns is None]
        chunk_of = self._put_chunks(row_id, ended, draft)
        if still_open:
            chunk_of.update(self._put_chunks(row_id, still_open, draft))
        self._connection.executemany(
            _PUT_SPAN,
            [
                (row_id, chunk_of[span.span_key], *span_row(span, seq, self.word))
                for seq, span in placed
            ],
        )

    def _put_chunks(
        self, row_id: int, spans: Iterable[Span], draft: Draft
    ) -> dict[int, int]:
        """Write the payloads of spans; give the chunk's number by span key."""
        bodies: dict[int, bytes] = {}
        lists: dict[int, list[int]] = {}
        for span in spans:
            body, found = draft.payload(span)
            for conversation in found:
                number = self._conversations.keep(conversation)
                body = body.replace(conversation.text, mark(number))
                lists.setdefault(span.span_key, []).append(number)
            bodies[span.span_key] = body
        chunk_of: dict[int, int] = {}
        for chunk, keys in pack(bodies):
            numbers = [number for key in keys for number in lists.get(key, ())]
            inserted = self._connection.execute(
                _INSERT_CHUNK,
                (
                    row_id,
                    CODEC_PLAIN,
                    orjson.dumps(numbers).decode() if numbers else None,
                    chunk,
                ),
            )
            chunk_of.update(dict.fromkeys(keys, int(inserted.lastrowid or 0)))
        return chunk_of
