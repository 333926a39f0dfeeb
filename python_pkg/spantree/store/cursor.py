"""Writes down where a page of results ended, and reads it back."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

import orjson

from spantree.entities.errors import SpantreeException
from spantree.entities.ids import parse_trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.search.evaluate import Place
    from spantree.search.order import OrderKey


def write_cursor(order: Sequence[OrderKey], position: Sequence[Place]) -> str:
    """Give an opaque text for a position in an order."""
    text = orjson.dumps([_mark(order), *position])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def read_cursor(order: Sequence[OrderKey], cursor: str) -> list[Place]:
    """Give the position back: sort values, start in nanoseconds, trace id.

    Raises:
        SpantreeException: If the text is no cursor, or one of another order.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found: list[Place] = orjson.loads(base64.urlsafe_b64decode(padded))
        mark, *position = found
    except (binascii.Error, ValueError, TypeError) as error:
        raise _refused(cursor) from error
    is_whole = len(position) == len(order) + 2
    if mark != _mark(order) or not is_whole or not _is_position(position):
        raise _refused(cursor)
    return position


def _is_position(position: Sequence[object]) -> bool:
    *places, start_ns, trace_id = position
    return (
        all(p is None or isinstance(p, (str, int, float)) for p in places)
        and type(start_ns) is int
        and isinstance(trace_id, str)
        and parse_trace_id(trace_id) is not None
    )


def _mark(order: Sequence[OrderKey]) -> int:
    keys = [f"{key.field.shown} {key.descending}" for key in order]
    return zlib.crc32(",".join(keys).encode())


def _refused(cursor: str) -> SpantreeException:
    msg = (
        f"The page token {cursor[:40]!r} does not belong to this search. "
        "Use the token of the page before with the same order_by."
    )
    return SpantreeException(msg)
