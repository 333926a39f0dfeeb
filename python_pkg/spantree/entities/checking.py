"""Checks of data that came from a file or a server: each field is of its type."""

from __future__ import annotations

from typing import Any, Final

from spantree.entities.values import visible

# Times are stored in 64 bits.
_END_OF_TIME: Final = 2**63


def text(value: Any, what: str) -> str:
    """Give a text, lone surrogates visible: UTF-8 can't say them.

    Args:
        value: As read from JSON.
        what: The field, for the message.

    Raises:
        TypeError: If it is something else.
    """
    if type(value) is not str:
        raise _wrong(what, "text", value)
    return visible(value)


def text_or_none(value: Any, what: str) -> str | None:
    """Give a text or None, as :func:`text` does."""
    return None if value is None else text(value, what)


def number(value: Any, what: str) -> int:
    """Give a whole number of 64 bits, as :func:`text` gives a text."""
    if type(value) is not int or not -_END_OF_TIME <= value < _END_OF_TIME:
        raise _wrong(what, "a whole number of 64 bits", value)
    return value


def moment(value: Any, what: str) -> int:
    """Give nanoseconds since 1970, as :func:`text` gives a text."""
    if type(value) is not int or not 0 <= value < _END_OF_TIME:
        raise _wrong(what, "nanoseconds from 1970 to 2262", value)
    return value


def moment_or_none(value: Any, what: str) -> int | None:
    """Give nanoseconds since 1970 or None, as :func:`moment` does."""
    return None if value is None else moment(value, what)


def number_or_none(value: Any, what: str) -> int | None:
    """Give a whole number or None, as :func:`number` does."""
    return None if value is None else number(value, what)


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Give a dict, an empty one for None, as :func:`text` gives a text."""
    if value is None:
        return {}
    if type(value) is not dict:
        raise _wrong(what, "a dict", value)
    return value


def texts(value: Any, what: str) -> dict[str, str]:
    """Give a fresh dict of texts, as :func:`mapping` gives a dict."""
    found = mapping(value, what)
    return {key: text(value, f"{what}[{key!r:.80}]") for key, value in found.items()}


def items(value: Any, what: str) -> list[Any]:
    """Give a list, an empty one for None, as :func:`text` gives a text."""
    if value is None:
        return []
    if type(value) is not list:
        raise _wrong(what, "a list", value)
    return value


def _wrong(what: str, allowed: str, value: object) -> TypeError:
    return TypeError(f"{what} is {allowed}, not {type(value).__name__}")
