"""What a program tells about its spans, whatever it gives: read so that nothing raises.

Recording never refuses: a wrong type is taken as text, and what can't be is left out.
Of the user's code only ``__str__`` runs.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from spantree.recording.guard import warn

if TYPE_CHECKING:
    from collections.abc import Iterable

# Nanoseconds since 1970 are stored in 64 bits.
_END_OF_TIME_NS: Final = 2**63


def is_a(value: object, *kinds: type) -> bool:
    """Tell whether a value is of a type, and run none of its code.

    ``isinstance`` would ask the value's own ``__class__``, which may raise.
    """
    return issubclass(type(value), kinds)


def text_of(value: object) -> str:
    """Give ``str(value)``, in which the user's code may run, and may raise anything."""
    if type(value) is str:
        return value
    if is_a(value, str):
        return str.__str__(cast("str", value))
    try:
        return str(value)
    except BaseException as failure:
        is_theirs = isinstance(type(value).__str__, FunctionType)
        if isinstance(failure, KeyboardInterrupt) and not is_theirs:
            raise  # a signal's: no code of the user's ran
        return f"<unprintable {type(value).__name__}>"


def pairs_of(value: object) -> Iterable[tuple[Any, Any]]:
    """Give the items of a dict, a subclass included; of others there are none."""
    return dict.items(cast("dict[Any, Any]", value)) if is_a(value, dict) else ()


def items_of(value: object) -> list[Any]:
    """Give the items of a list or tuple; of others there are none."""
    if is_a(value, list):
        return list(list.__iter__(cast("list[Any]", value)))
    if is_a(value, tuple):
        return list(tuple.__iter__(cast("tuple[Any, ...]", value)))
    return []


def time_of(value: object) -> int | None:
    """Give nanoseconds since 1970; None, with a warning, for what is no such number."""
    if value is None or (type(value) is int and 0 <= value < _END_OF_TIME_NS):
        return value
    warn(
        "time",
        "A time is a whole number of nanoseconds since 1970, not this %s; it is left "
        "out.",
        type(value).__name__,
    )
    return None


def switch_of(value: object) -> bool | None:
    """Give True or False, or None for anything else."""
    return bool(value) if type(value) in (bool, int) else None
