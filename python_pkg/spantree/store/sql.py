"""A store in tables: what every SQL engine does alike."""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import contextlib
import json
import time
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from spantree.entities.errors import RESOURCE_ALREADY_EXISTS, SpantreeException
from spantree.entities.experiment import DEFAULT_ID, DEFAULT_NAME, Experiment
from spantree.entities.trace import SESSION, TRACE_NAME, USER, Trace, TraceData
from spantree.search.aggregate import aggregate, read_grouping
from spantree.search.summary import NS_PER_MS
from spantree.search.texts import clean_text
from spantree.store.aggregates import measure
from spantree.store.breath import breathe
from spantree.store.draft import Draft, drafts_of
from spantree.store.find import find
from spantree.store.inserts import Inserter
from spantree.store.known import OPEN, Known, known_of
from spantree.store.owner import is_gone
from spantree.store.protocol import (
    Page,
    StoreUnavailableError,
    unknown_assessment,
    unknown_trace,
)
from spantree.store.reads import read_spans, read_traces, summaries_of, traces_of
from spantree.store.rows import INFO_COLUMNS, TRACE_COLUMNS, id_bytes

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.search.query import Query
    from spantree.search.summary import Summary
    from spantree.store.attachments import Attachments
    from spantree.store.dialect import Connection
    from spantree.store.owner import Owner

T = TypeVar("T")

# Other processes wait meanwhile, and so does a fork.
_LONGEST_TRANSACTION_S = 0.02
_REJECTED = 3  # as the table outbox has it
_UNSENT = (
    "SELECT trace_id FROM trace WHERE id IN "
    f"(SELECT trace FROM outbox WHERE state <> {_REJECTED})"
)


class SqlStore(ABC):
    """A :class:`~spantree.store.protocol.Store` but for its connections.

    Args:
        location: Where it is, safe to show.
    """

    def __init__(self, location: str, attachments: Attachments) -> None:
        self.location = location
        self.attachments = attachments
        self.forgotten = 0
        self._inserter: Inserter | None = None
        self._generation = -1
        self._committed: Callable[[], object] | None = None

    def write(self, traces: Sequence[Trace]) -> None:
        """See the protocol."""
        inserter = self._inserter
        known = inserter.written_spans if inserter else _no_spans
        drafts = drafts_of(traces, known)
        while drafts:
            count = self._commit(partial(_write_some, drafts))
            for _ in range(count):
                drafts.popleft()

    def get(self, key: int, *, include_spans: bool = True) -> Trace | None:
        """See the protocol."""
        with self._reader() as connection:
            if connection is None:
                return None
            found = connection.execute(
                "SELECT id FROM trace WHERE trace_id = ?", (id_bytes(key),)
            ).fetchall()
            row_ids = [row[0] for row in found]
            traces = read_traces(connection, row_ids, include_spans=include_spans)
            return next(traces, None)

    def search(
        self,
        query: Query,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        include_spans: bool = True,
        timeout_s: float | None = None,
    ) -> Page:
        """See the protocol."""

        def look(known: Known) -> Page:
            found = find(
                known,
                query,
                INFO_COLUMNS,
                limit=limit,
                cursor=cursor,
                timeout_s=timeout_s,
            )
            traces = traces_of(
                known.connection,
                found.rows,
                include_spans=include_spans,
                with_assessments=known.has_assessments,
                with_open=bool(known.owners),
            )
            until = found.scanned_until
            return Page(traces, found.cursor, until is None, until, found.looked_into)

        return self._in_snapshot(look) or Page([])

    def summaries(self, query: Query, *, limit: int | None = None) -> list[Summary]:
        """See the protocol."""

        def look(known: Known) -> list[Summary]:
            found = find(known, query, TRACE_COLUMNS, limit=limit, cursor=None)
            return summaries_of(
                known.connection, found.rows, with_assessments=known.has_assessments
            )

        return self._in_snapshot(look) or []

    def aggregate(
        self, query: Query, by: Sequence[str], measures: Sequence[str]
    ) -> list[dict[str, object]]:
        """See the protocol."""
        grouping = read_grouping(by, measures)
        found = self._in_snapshot(lambda known: measure(known, query, grouping))
        return (
            aggregate(self.summaries(query), by, measures) if found is None else found
        )

    def patch(
        self,
        key: int,
        *,
        tags: Mapping[str, str | None] | None = None,
        metadata: Mapping[str, str | None] | None = None,
    ) -> None:
        """See the protocol."""
        self._commit_with_connection(
            lambda inserter, connection: _patch(
                inserter, connection, key, _clean(tags or {}), _clean(metadata or {})
            )
        )

    def delete(self, keys: Iterable[int]) -> int:
        """See the protocol."""
        wanted = list(dict.fromkeys(keys))

        def delete_all(inserter: Inserter) -> int:
            found = [row for key in wanted if (row := inserter.row_id(key)) is not None]
            for row_id in found:
                inserter.delete(row_id)
            return len(found)

        count = self._commit(delete_all) if wanted else 0
        self.attachments.delete(wanted)
        return count

    def put_assessment(self, key: int, assessment: Assessment) -> None:
        """See the protocol."""

        def put(inserter: Inserter, connection: Connection) -> None:
            row_id = _known_row(inserter, key)
            session = connection.execute(
                "SELECT session FROM trace WHERE id = ?", (row_id,)
            ).fetchone()[0]
            inserter.put_assessments(row_id, session, [assessment])
            _set_valid(connection, row_id, assessment.overrides, is_valid=False)

        self._commit_with_connection(put)

    def delete_assessment(self, key: int, assessment_id: str) -> None:
        """See the protocol."""

        def delete(inserter: Inserter, connection: Connection) -> None:
            row_id = _known_row(inserter, key)
            where = "WHERE id = ? AND trace = ?"
            found = connection.execute(
                f"SELECT overrides FROM assessment {where}", (assessment_id, row_id)
            ).fetchone()
            if found is None:
                raise unknown_assessment(key, assessment_id)
            _set_valid(connection, row_id, found[0], is_valid=True)
            connection.execute(
                f"DELETE FROM assessment {where}", (assessment_id, row_id)
            )

        self._commit_with_connection(delete)

    def experiments(self) -> list[Experiment]:
        """See the protocol."""
        with self._reader() as connection:
            if connection is None:
                return [Experiment(DEFAULT_ID, DEFAULT_NAME)]
            return _read_experiments(connection, "TRUE")

    def experiment_id_for(self, name: str) -> str:
        """See the protocol."""
        return self._commit(lambda inserter: str(inserter.experiment_named(name)))

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> Experiment:
        """See the protocol."""

        def create(inserter: Inserter, connection: Connection) -> Experiment:
            if _read_experiments(connection, "name = ?", name):
                msg = f"There is an experiment named {name!r} already."
                raise SpantreeException(msg, RESOURCE_ALREADY_EXISTS)
            number = inserter.experiment_named(name)
            connection.execute(
                "UPDATE experiment SET tags = ? WHERE id = ?",
                (json.dumps(dict(tags)), number),
            )
            return _read_experiments(connection, "id = ?", number)[0]

        return self._commit_with_connection(create)

    def serve_outbox(
        self,
        prepare: Callable[[Connection], object],
        committed: Callable[[], object],
    ) -> None:
        """Let what is written also go into the outbox.

        Args:
            prepare: Called with each connection that writes, when it is opened.
            committed: Called after each commit but those of :meth:`transact`.
        """
        self._committed = committed
        self._serve(prepare)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run some work in one transaction; for the outbox, on any thread."""
        return self._run(lambda _, connection: work(connection))

    def look(self, work: Callable[[Connection], T]) -> T | None:
        """Read the outbox on any thread; None while there is none."""
        with self._reader() as connection:
            return None if connection is None else work(connection)

    def unsent(self) -> set[int]:
        """See the protocol; what was refused for good does not wait."""
        found = self.look(lambda connection: connection.execute(_UNSENT).fetchall())
        return {int.from_bytes(key, "big") for (key,) in found or ()}

    @abstractmethod
    def shrink(self) -> int:
        """See the protocol."""

    @abstractmethod
    def close(self) -> None:
        """See the protocol."""

    @abstractmethod
    def _reader(self) -> AbstractContextManager[Connection | None]:
        """Lend a connection that reads, None while there is nothing to read."""

    @abstractmethod
    def _serve(self, prepare: Callable[[Connection], object]) -> None:
        """Call something with each connection that writes, when it is opened."""

    @abstractmethod
    def _run(self, work: Callable[[Inserter, Connection], T]) -> T:
        """Run some work in one transaction."""

    def _commit_with_connection(self, work: Callable[[Inserter, Connection], T]) -> T:
        result = self._run(work)
        if self._committed is not None:
            self._committed()
        return result

    def _inserter_for(self, connection: Connection, generation: int) -> Inserter:
        """Give the inserter; a new one where the connection was opened again."""
        if self._inserter is None or self._generation != generation:
            self._inserter, self._generation = Inserter(connection), generation
        return self._inserter

    def _commit(self, work: Callable[[Inserter], T]) -> T:
        return self._commit_with_connection(lambda inserter, _: work(inserter))

    def _in_snapshot(self, look: Callable[[Known], T]) -> T | None:
        """Read while all statements see the same state; None while there is no store.

        Open traces of processes that are gone are marked as interrupted before.
        """
        with self._reader() as connection:
            if connection is None:
                return None
            connection.execute("BEGIN")
            try:
                known = known_of(connection)
                gone = [o for o in known.owners if is_gone(o)]
                if gone:
                    connection.execute("ROLLBACK")
                    self._mark_interrupted(gone)
                    connection.execute("BEGIN")
                    known = known_of(connection)
                return look(known)
            finally:
                with contextlib.suppress(connection.Error):
                    connection.execute("ROLLBACK")

    def _mark_interrupted(self, gone: Sequence[Owner]) -> None:
        """Store that open traces of processes now gone were interrupted."""

        def mark(_: Inserter, writing: Connection) -> None:
            sql = f"UPDATE trace SET state = 4 WHERE {OPEN} AND pid = ? AND boot = ?"
            writing.executemany(sql, gone)

        # Reading goes on without; rows of such traces are shown right in any case.
        with contextlib.suppress(StoreUnavailableError):
            self._commit_with_connection(mark)


def _no_spans(_: int) -> Mapping[int, Span]:
    return {}


def _write_some(drafts: deque[Draft], inserter: Inserter) -> int:
    """Write until the transaction has lasted long enough; give how many it were."""
    started, written = time.monotonic(), 0
    inserter.begin(drafts)
    for draft in drafts:
        breathe()
        inserter.write(draft)
        written += 1
        if time.monotonic() - started > _LONGEST_TRANSACTION_S:
            break
    inserter.finish()
    return written


def _known_row(inserter: Inserter, key: int) -> int:
    row_id = inserter.row_id(key)
    if row_id is None:
        raise unknown_trace(key)
    return row_id


def _clean(texts: Mapping[str, str | None]) -> dict[str, str | None]:
    return {
        clean_text(name): None if value is None else clean_text(str(value))
        for name, value in texts.items()
    }


def _patch(
    inserter: Inserter,
    connection: Connection,
    key: int,
    texts: dict[str, str | None],
    metadata: dict[str, str | None],
) -> None:
    row_id = _known_row(inserter, key)
    columns: dict[str, str | None] = {}
    for name, column in ((SESSION, "session"), (USER, "user")):
        for given in (metadata, texts):
            if name in given:
                columns[column] = given.pop(name)
    if TRACE_NAME in texts:
        trace_name = texts[TRACE_NAME] or _root_name(connection, row_id, key)
        if trace_name is not None:
            columns["name"] = trace_name
    inserter.patch_texts(row_id, texts, metadata, columns)
    if "session" in columns:
        sql = "UPDATE assessment SET session = ? WHERE trace = ?"
        connection.execute(sql, (columns["session"], row_id))


def _root_name(connection: Connection, row_id: int, key: int) -> str | None:
    root = TraceData(read_spans(connection, row_id, key)).root
    return root.name if root else None


def _set_valid(
    connection: Connection,
    row_id: int,
    assessment_id: str | None,
    *,
    is_valid: bool,
) -> None:
    connection.execute(
        "UPDATE assessment SET valid = ?, updated_ns = ? WHERE id = ? AND trace = ?",
        (int(is_valid), time.time_ns(), assessment_id, row_id),
    )


def _read_experiments(
    connection: Connection, where: str, *values: str | int
) -> list[Experiment]:
    rows = connection.execute(
        "SELECT id, name, state, tags, created_ns, updated_ns FROM experiment "
        f"WHERE {where} ORDER BY id",
        values,
    )
    return [
        Experiment(
            experiment_id=str(number),
            name=name,
            lifecycle_stage="deleted" if state else "active",
            tags=json.loads(tags) if tags else {},
            creation_time=None if created is None else created // NS_PER_MS,
            last_update_time=None if updated is None else updated // NS_PER_MS,
        )
        for number, name, state, tags, created, updated in rows
    ]
