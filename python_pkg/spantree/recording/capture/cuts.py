"""What was left out of a value, for the one who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def located(cuts: Sequence[Cut], where: str) -> list[Cut]:
    """Give cuts with their paths from the span on.

    Args:
        cuts: As capture reports them; their paths begin below the value.
        where: ``inputs``, ``outputs`` or the name of an attribute.
    """
    return [
        {**cut, "path": f"{where}.{cut['path']}" if cut["path"] else where}
        for cut in cuts
    ]
