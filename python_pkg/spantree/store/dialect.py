"""What the engines spell differently in the SQL that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.store.known import Known


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """Pieces of SQL; ``{0}`` and ``{1}`` stand for what is put in.

    Statements bind with ``?`` or ``:p0``, and say ``TRUE``, ``ON CONFLICT`` and
    ``NULLS LAST``, which all engines know.

    Args:
        among: Whether a number is in a JSON array.
        texts: The rows of a JSON array of texts, in a column ``value``.
        member: The text under a key of an object, which has a place in a JSON array;
            no row or NULL if there is none.
        hex_of: An id's bytes as hexadecimal digits.
        contains: Whether a text has another one in it.
        binary: A text that sorts by its code points.
        same: Equality that holds between two NULLs.
        descending: A sort value, the largest first and NULL last.
        unserved: A column that no index shall be used for.
        unindexed: After a table's name: use its row numbers only.
        locked: At the end of a SELECT: nobody else changes these rows meanwhile.
        leased: At the end of a SELECT: those rows of the table ``{0}`` that nobody else
            has locked, locked.
        destinations: Names the destinations of what a connection writes, as a JSON
            array; empty where triggers can be a connection's own.
        has_python: Our functions can be called, see :mod:`spantree.store.functions`,
            and texts compared by GLOB.
        has_one_writer: A transaction that writes has all tables for itself, so that
            numbers of rows can be given out before they are inserted.
        has_outbox: The table of what waits to be sent is always there, and what it says
            of a trace does not go with the trace.
    """

    among: str
    texts: str
    member: str
    hex_of: str
    contains: str
    binary: str
    same: str
    descending: str
    unserved: str
    unindexed: str
    locked: str
    leased: str
    destinations: str
    has_python: bool
    has_one_writer: bool
    has_outbox: bool


SQLITE = Dialect(
    among="{0} IN (SELECT value FROM json_each({1}))",
    texts="SELECT value FROM json_each({0})",
    member="SELECT value FROM json_each({0}, '$[{1}]') WHERE key = {2}",
    hex_of="lower(hex({0}))",
    contains="instr({0}, {1}) > 0",
    binary="{0}",
    same="{0} IS {1}",
    # NULL comes last by itself, and so an index serves.
    descending="{0} DESC",
    unserved="+{0}",
    unindexed="{0} NOT INDEXED",
    locked="",
    leased="",
    destinations="",
    has_python=True,
    has_one_writer=True,
    has_outbox=True,
)
POSTGRES = Dialect(
    # Unlike rows of a function, the planner knows how many these are.
    among="{0} = ANY(CAST(translate({1}, '[]', '{{}}') AS bigint[]))",
    texts=(
        'SELECT value COLLATE "C" AS value '
        "FROM json_array_elements_text(CAST({0} AS json)) AS value"
    ),
    member='SELECT (CAST({0} AS json) -> {1} ->> CAST({2} AS text)) COLLATE "C"',
    hex_of="encode({0}, 'hex')",
    contains="strpos({0}, {1}) > 0",
    binary='({0}) COLLATE "C"',
    same="{0} IS NOT DISTINCT FROM {1}",
    descending="{0} DESC NULLS LAST",
    unserved="{0}",
    unindexed="{0}",
    locked=" FOR UPDATE",
    leased=" FOR UPDATE OF {0} SKIP LOCKED",
    destinations="SELECT set_config('spantree.destinations', ?, false)",
    has_python=False,
    has_one_writer=False,
    has_outbox=False,
)


class Rows(Protocol):
    """What a statement found."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed."""

    def fetchone(self) -> Any:
        """Give the next row, None after the last."""

    def fetchmany(self, size: int, /) -> list[Any]:
        """Give the next rows."""

    def fetchall(self) -> list[Any]:
        """Give all rows."""

    def __iter__(self) -> Any:
        """Give row by row."""


class Connection(Protocol):
    """What the shared code asks of an engine's connection.

    Attributes:
        known: What was read through it and may still be so.
    """

    known: Known | None

    @property
    def dialect(self) -> Dialect:
        """How the engine spells SQL."""

    @property
    def Error(self) -> type[Exception]:  # noqa: N802 - as PEP 249 has it
        """What the engine raises."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Rows:
        """Run a statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Rows:
        """Run a statement for each row of parameters."""

    def insert(self, sql: str, parameters: Sequence[object], /) -> int:
        """Insert a row; give its ``id``, 0 if it was left out for another one."""

    def stream(self, sql: str, parameters: Parameters, /) -> Rows:
        """Run a query whose rows are fetched as they are asked for."""

    def version(self) -> int | None:
        """Give a number that changes when others commit; None if there is none."""


def among(
    connection: Connection,
    select: str,
    column: str,
    numbers: Iterable[int],
    order: str = "",
) -> Rows:
    """Select the rows that have one of many numbers in a column.

    Args:
        connection: To read through.
        select: What to select, and from where.
        column: Of the table.
        numbers: As many as there are; they are bound as one JSON array.
        order: At the end of the statement.
    """
    condition = connection.dialect.among.format(column, "?")
    text = orjson.dumps(list(numbers)).decode()
    return connection.execute(f"{select} WHERE {condition} {order}", (text,))


if TYPE_CHECKING:
    from typing import TypeAlias

    Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
