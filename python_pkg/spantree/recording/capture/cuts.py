"""What was left out of a value, for the one who reads it."""

from __future__ import annotations

from typing import TypedDict


class Cut(TypedDict):
    """One part of a value that was cut.

    Attributes:
        path: Dotted, below the value; ``""`` for the value itself.
        kept: How much of it is kept, in units.
        total: How much there was, None where finding out would have cost too much.
        unit: ``bytes``, ``items``, ``nodes``, ``depth`` or ``time``.
    """

    path: str
    kept: object
    total: object
    unit: str
