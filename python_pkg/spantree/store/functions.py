"""Functions that SQL asks where it has no operator of its own."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from spantree.entities.values import loads
from spantree.search.nodes import Literal, Op
from spantree.search.operators import satisfies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

TEST_TEXT = "spantree_test_text"
"""(operator, literals as JSON, text) → 1 or 0, None for no text."""
TEST_JSON = "spantree_test_json"
"""The same for a JSON value."""
LOWER = "spantree_lower"
"""Lower case of any alphabet; SQLite's own knows ASCII."""


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function(TEST_TEXT, 3, _test_text, deterministic=True)
    connection.create_function(TEST_JSON, 3, _test_json, deterministic=True)
    connection.create_function(LOWER, 1, _lower, deterministic=True)


def literals_json(literals: Sequence[Literal]) -> str:
    """Write literals as the functions take them."""
    return json.dumps(literals)


def _test_text(op: str, literals: str, text: str | None) -> int | None:
    if text is None:
        return None
    return int(satisfies(Op(op), _literals(literals), text))


def _test_json(op: str, literals: str, value: str | None) -> int | None:
    if value is None:
        return None
    return int(satisfies(Op(op), _literals(literals), loads(value)))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


@lru_cache(maxsize=64)
def _literals(text: str) -> tuple[Literal, ...]:
    return tuple(json.loads(text))
