"""The traces that wait to be sent, in the store that holds them.

Triggers put a row for each destination into the table ``outbox``, in the transaction
that changes the trace (:mod:`spantree.shipping.triggers`). Whoever sends leases rows,
so that of several processes on one store no two send the same at a time.
"""

# ruff: noqa: S608 - values are bound; what is pasted are our own names and marks

from __future__ import annotations

import secrets
import time
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, NamedTuple

from spantree.store.owner import Owner, is_gone, this_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantree.store.dialect import Connection
    from spantree.store.sql import SqlStore

MAX_ROWS = 64
MAX_BYTES = 4 * 2**20
# Longer than a batch takes against a server that is slow but well.
LEASE_S = 60.0
_NS = 1_000_000_000


class What(IntFlag):
    """What of a trace has changed since it was last sent."""

    SPANS = 1
    INFO = 2


_BOTH = What.SPANS | What.INFO


class State(IntEnum):
    """What becomes of a row; the numbers stand in the file."""

    WAITING = 0
    LEASED = 1
    REJECTED = 3
    BLOCKED = 4


class Entry(NamedTuple):
    """A trace that is ours to send.

    Args:
        row: The number of its row in the table ``trace``.
        key: Its id.
        what: What has changed.
        version: Grows with each change; tells whether it changed while it was sent.
        experiment_id: Where it belongs, in the local store.
        experiment: The same by name.
    """

    row: int
    key: int
    what: What
    version: int
    experiment_id: str
    experiment: str


class Outbox:
    """The rows of one destination.

    Args:
        store: Where the traces rest.
        destination: Its name, the same in every process; safe to show.
    """

    def __init__(self, store: SqlStore, destination: str) -> None:
        self._store = store
        self._destination = destination
        owner = this_process()
        self._lease = f"{owner.pid} {secrets.token_hex(8)} {owner.boot}"

    def lease(self, limit: int = MAX_ROWS) -> list[Entry]:
        """Take over rows that wait, the oldest first; of 4 MB in all, at least one.

        Args:
            limit: At most so many.
        """
        sql = "SELECT 1 FROM outbox WHERE dest = ? AND state <> ? LIMIT 1"
        if not self._look(sql, (self._destination, State.REJECTED)):
            return []
        return self._store.transact(lambda c: self._take(c, limit))

    def done(self, entries: Iterable[Entry]) -> list[Entry]:
        """Forget what was sent; what changed meanwhile waits again.

        Returns:
            Those whose trace was deleted while it was sent.
        """
        sent = list(entries)

        def forget(connection: Connection) -> list[Entry]:
            execute = connection.execute
            gone = []
            for entry in sent:
                mine = (self._destination, entry.row, self._lease)
                where = "dest = ? AND trace = ? AND lease = ?"
                found = execute(
                    f"DELETE FROM outbox WHERE {where} AND version = ?",
                    (*mine, entry.version),
                )
                if found.rowcount:
                    continue
                execute(
                    f"UPDATE outbox SET state = {int(State.WAITING)}, lease = NULL "
                    f"WHERE {where}",
                    mine,
                )
                sql = "SELECT 1 FROM trace WHERE id = ? AND trace_id = ?"
                key = entry.key.to_bytes(16, "big")
                if execute(sql, (entry.row, key)).fetchone() is None:
                    gone.append(entry)
            return gone

        return self._store.transact(forget) if sent else []

    def give_back(
        self,
        entries: Iterable[Entry],
        state: State = State.WAITING,
        words: str | None = None,
    ) -> None:
        """End the lease of what was not sent.

        Args:
            entries: Leased by :meth:`lease`.
            state: What becomes of them.
            words: Why.
        """
        rows = [
            (state, words, entry.what, self._destination, entry.row, self._lease)
            for entry in entries
        ]
        if rows:
            self._store.transact(
                lambda c: c.executemany(
                    "UPDATE outbox SET state = ?, error = ?, lease = NULL, "
                    "what = outbox.what | ? WHERE dest = ? AND trace = ? AND lease = ?",
                    rows,
                )
            )

    def renew(self, entries: Iterable[Entry]) -> None:
        """Keep the lease of what is being sent."""
        until = time.time_ns() + int(LEASE_S * _NS)
        rows = [(until, self._destination, e.row, self._lease) for e in entries]
        if rows:
            self._store.transact(
                lambda c: c.executemany(
                    "UPDATE outbox SET lease_until = ? "
                    "WHERE dest = ? AND trace = ? AND lease = ?",
                    rows,
                )
            )

    def retry_rejected(self) -> int:
        """Let what the server refused wait again; give how many there were."""
        sql = "UPDATE outbox SET state = ? WHERE dest = ? AND state = ?"
        mine = (State.WAITING, self._destination, State.REJECTED)
        return self._store.transact(lambda c: c.execute(sql, mine).rowcount)

    def counts(self) -> dict[State, int]:
        """Count the rows by state."""
        sql = "SELECT state, count(*) FROM outbox WHERE dest = ? GROUP BY state"
        found = self._look(sql, (self._destination,))
        return {State(state): count for state, count in found}

    def rejections(self, limit: int = 5) -> list[str]:
        """Give what the server said of those it refused last."""
        sql = (
            "SELECT error FROM outbox WHERE dest = ? AND state = ? "
            "ORDER BY trace DESC LIMIT ?"
        )
        found = self._look(sql, (self._destination, State.REJECTED, limit))
        return [words or "" for (words,) in found]

    def unsent(self) -> set[int]:
        """Give the ids of the traces that the destination does not have yet, or old."""
        sql = (
            "SELECT trace_id FROM trace "
            "WHERE id IN (SELECT trace FROM outbox WHERE dest = ?)"
        )
        found = self._look(sql, (self._destination,))
        return {int.from_bytes(key, "big") for (key,) in found}

    def _look(self, sql: str, values: Sequence[object]) -> list[tuple]:  # type: ignore[type-arg]
        return self._store.look(lambda c: c.execute(sql, values).fetchall()) or []

    def _take(self, connection: Connection, limit: int) -> list[Entry]:
        execute = connection.execute
        now = time.time_ns()
        self._free_lost_leases(connection, now)
        rows = execute(
            "SELECT o.trace, t.trace_id, o.what, o.version, t.experiment, e.name, "
            "(SELECT coalesce(sum(length(body)), 0) FROM chunk WHERE trace = o.trace) "
            "FROM outbox o JOIN trace t ON t.id = o.trace "
            "JOIN experiment e ON e.id = t.experiment "
            "WHERE o.dest = ? AND o.state IN (?, ?) ORDER BY o.trace LIMIT ?"
            f"{connection.dialect.leased.format('o')}",
            (self._destination, State.WAITING, State.BLOCKED, limit),
        ).fetchall()
        entries: list[Entry] = []
        size = 0
        for row, key, what, version, number, name, length in rows:
            size += length
            if entries and size > MAX_BYTES:
                break
            whole = int.from_bytes(key, "big")
            entries.append(Entry(row, whole, What(what), version, str(number), name))
        connection.executemany(
            "UPDATE outbox SET what = 0, state = ?, lease = ?, lease_until = ?, "
            "attempts = attempts + 1 WHERE dest = ? AND trace = ?",
            [
                (
                    State.LEASED,
                    self._lease,
                    now + int(LEASE_S * _NS),
                    self._destination,
                    entry.row,
                )
                for entry in entries
            ],
        )
        return entries

    def _free_lost_leases(self, connection: Connection, now: int) -> None:
        """Let what others leased and did not send wait again, all of it."""
        execute = connection.execute
        free = (
            f"UPDATE outbox SET state = {int(State.WAITING)}, lease = NULL, "
            f"what = {int(_BOTH)} WHERE dest = ? AND state = ?"
        )
        mine = (self._destination, State.LEASED)
        latest = now + int(2 * LEASE_S * _NS)  # of a clock that was set back since
        execute(f"{free} AND lease_until NOT BETWEEN ? AND ?", (*mine, now, latest))
        sql = "SELECT DISTINCT lease FROM outbox WHERE dest = ? AND state = ?"
        for (lease,) in execute(sql, mine).fetchall():
            if lease == self._lease or _is_lost(lease):
                execute(f"{free} AND lease = ?", (*mine, lease))


def _is_lost(lease: str | None) -> bool:
    """Tell whether the process that holds a lease has ended."""
    pid, _, rest = (lease or "").partition(" ")
    boot = rest.partition(" ")[2]
    return not pid.isdecimal() or is_gone(Owner(int(pid), boot))
