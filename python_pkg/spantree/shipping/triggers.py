"""Lets a connection fill the outbox with what is written through it.

What is installed belongs to the connection alone, so another process's destinations are
its own. Open traces are left out until they end.
"""

# ruff: noqa: S608 - what is pasted are our own names and marks

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spantree.shipping.outbox import State, What

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.store.dialect import Connection

_IN_PROGRESS = 3  # as the table trace has it
_BOTH = What.SPANS | What.INFO
_TRIGGERS = (
    ("new", "INSERT ON trace", _BOTH, "NEW.id"),
    ("spans", "UPDATE OF state, span_count ON trace", _BOTH, "NEW.id"),
    ("texts", "UPDATE OF texts ON trace", What.INFO, "NEW.id"),
    ("judged", "INSERT ON assessment", What.INFO, "NEW.trace"),
    ("rejudged", "UPDATE ON assessment", What.INFO, "NEW.trace"),
)


def install(connection: Connection, destinations: Iterable[str]) -> None:
    """Name the destinations of what is written through a connection."""
    if connection.dialect.destinations:
        # The triggers are everyone's; they read this session's setting.
        names = json.dumps(list(destinations))
        connection.execute(connection.dialect.destinations, (names,))
        return
    for number, name in enumerate(destinations):
        for trigger, event, what, trace in _TRIGGERS:
            connection.execute(
                f"CREATE TEMP TRIGGER outbox_{trigger}_{number} AFTER {event} BEGIN "
                f"{_put(name, what, trace)}; END"
            )


def _put(destination: str, what: What, trace: str) -> str:
    # A trigger binds no values.
    quoted = "'" + destination.replace("'", "''") + "'"
    return (
        "INSERT INTO outbox(dest, trace, what, version, state) "
        f"SELECT {quoted}, id, {int(what)}, 1, {int(State.WAITING)} FROM trace "
        f"WHERE id = {trace} AND state <> {_IN_PROGRESS} "
        "ON CONFLICT(dest, trace) DO UPDATE SET what = what | excluded.what, "
        f"version = version + 1, state = CASE state WHEN {int(State.LEASED)} "
        f"THEN state ELSE {int(State.WAITING)} END"
    )
