"""How much a commit outlives: the process, or a loss of power as well."""

from __future__ import annotations

import logging
import os

from spantree.entities.errors import SpantreeException, did_you_mean

_logger = logging.getLogger("spantree.store")

# SQLite's words: https://www.sqlite.org/pragma.html#pragma_synchronous
_SYNCHRONOUS = {"normal": "NORMAL", "full": "FULL"}
_VARIABLE = "SPANTREE_DURABILITY"


def check_durability(level: str) -> str:
    """Give a level as it is kept.

    Raises:
        SpantreeException: If there is no such level.

    Example:
        >>> check_durability("Full")
        'full'
    """
    known = level.lower()
    if known not in _SYNCHRONOUS:
        hint = did_you_mean(known, _SYNCHRONOUS)
        msg = f"durability is 'normal' or 'full', not {level!r}.{hint}"
        raise SpantreeException(msg)
    return known


def set_durability(level: str | None) -> None:
    """Choose what the commits of this process outlive, from the next one on.

    Args:
        level: ``"normal"``: what was committed survives the end of the process, in
            whatever way; the last commits may be lost with the power. ``"full"``:
            each commit waits for the disk. None for what SPANTREE_DURABILITY says.

    Raises:
        SpantreeException: If there is no such level.
    """
    global _synchronous  # noqa: PLW0603 - here it has its owner
    known = _from_environment() if level is None else check_durability(level)
    _synchronous = _SYNCHRONOUS[known]


def synchronous() -> str:
    """Give the level as SQLite's pragma takes it."""
    return _synchronous


def _from_environment() -> str:
    level = os.environ.get(_VARIABLE, "").strip() or "normal"
    try:
        return check_durability(level)
    except SpantreeException as error:
        _logger.warning("%s: %s", _VARIABLE, error)
        return "normal"


_synchronous = _SYNCHRONOUS[_from_environment()]
