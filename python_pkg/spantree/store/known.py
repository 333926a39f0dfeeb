"""What a connection knows of its store for as long as nobody changes it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from spantree.store.owner import Owner
from spantree.store.reads import read_classes

if TYPE_CHECKING:
    from spantree.store.classes import Classes
    from spantree.store.dialect import Connection

OPEN = "state = 3 AND state <> 1"
"""The condition for an open trace, in the form that its index serves."""


class Known:
    """What every search asks; read when first needed.

    Args:
        connection: To read through.
        version: Of the store; None where an engine can't tell.
        before: What was known before somebody changed the store.
    """

    def __init__(
        self, connection: Connection, version: int | None, before: Known | None
    ) -> None:
        self.connection = connection
        self._before = before.__dict__.get("classes") if before else None
        self.version = version
        self.few: dict[object, bool] = {}
        """By lookup: whether it leaves few traces."""

    @cached_property
    def classes(self) -> Classes:
        """The classes of spans; the same object while there are no new ones."""
        found, before = read_classes(self.connection), self._before
        return before if before is not None and before.rows == found.rows else found

    @cached_property
    def experiments(self) -> tuple[int, ...]:
        """The numbers of two experiments, or of the only one."""
        found = self.connection.execute("SELECT id FROM experiment LIMIT 2")
        return tuple(int(row[0]) for row in found.fetchall())

    @cached_property
    def has_assessments(self) -> bool:
        """Whether any trace was judged."""
        found = self.connection.execute("SELECT 1 FROM assessment LIMIT 1")
        return found.fetchone() is not None

    @cached_property
    def owners(self) -> list[Owner]:
        """The processes that have open traces, or had when they ended."""
        sql = f"SELECT DISTINCT pid, boot FROM trace WHERE {OPEN} AND boot IS NOT NULL"  # noqa: S608 - ours
        return [Owner(*row) for row in self.connection.execute(sql).fetchall()]


def known_of(connection: Connection) -> Known:
    """Give what is known of the store as the running transaction sees it."""
    version, known = connection.version(), connection.known
    if known is None or version is None or known.version != version:
        known = connection.known = Known(connection, version, known)
    return known
