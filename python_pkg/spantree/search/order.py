"""Reads ``order_by`` entries such as ``"duration DESC"``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.search.errors import FilterError, nearest
from spantree.search.fields import TRACE_FIELDS, Field, FieldKind, resolve
from spantree.search.reader import Reader
from spantree.search.tokens import TokenKind, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXPERIMENT = Field("experiment_id", FieldKind.NUMBER)
# What a trace may have several of, and what has no order.
NOT_SORTABLE = (
    "model",
    "prompt",
    "issue",
    "inputs",
    "outputs",
    "text",
    "feedback",
    "expectation",
    "assessment",
)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One thing results are sorted by; traces without a value come last.

    Args:
        field: A trace field with one value.
        descending: The largest first.

    """

    field: Field
    descending: bool = False


def parse_order(order_by: Sequence[str] | str | None) -> tuple[OrderKey, ...]:
    """Read ``order_by``; ascending unless it says ``DESC``.

    Args:
        order_by: Entries like ``"timestamp DESC"``, one text, or None.

    Raises:
        FilterError: If an entry names no sortable field.

    Example:
        >>> parse_order("tokens DESC")[0].descending
        True

    """
    entries = [order_by] if isinstance(order_by, str) else list(order_by or ())
    return tuple(_parse_entry(entry) for entry in entries if entry.strip())


def _parse_entry(text: str) -> OrderKey:
    reader = Reader(text, tokenize(text), 0)
    parts, written = reader.take_path()
    field = _sortable(tuple(parts))
    if field is None:
        raise reader.error(
            f"results can't be sorted by '{written.text}'",
            written,
            suggestion=nearest(written.text, TRACE_FIELDS),
            hint="Fields: timestamp, duration, status, name, tokens, cost, tag.…",
        )
    return OrderKey(field, descending=take_direction(reader))


def _sortable(parts: tuple[str, ...]) -> Field | None:
    if parts[-1].lower() == "experiment_id":
        return _EXPERIMENT
    field = resolve(parts) if all(parts) else None
    is_multiple = field is not None and (field.of_span or field.key in NOT_SORTABLE)
    return None if is_multiple else field


def take_direction(reader: Reader) -> bool:
    """Take the end of an entry; tell whether it is DESC.

    Raises:
        FilterError: If it is anything but ASC, DESC or nothing.
    """
    token = reader.take()
    is_known = token.is_word("ASC") or token.is_word("DESC")
    if token.kind is not TokenKind.END and not is_known:
        raise _bad_direction(reader, token.position, len(token.text))
    rest = reader.peek()
    if rest.kind is not TokenKind.END:
        raise _bad_direction(reader, rest.position, len(rest.text))
    return token.is_word("DESC")


def _bad_direction(reader: Reader, position: int, length: int) -> FilterError:
    return FilterError(
        "an order is a field, then ASC or DESC",
        text=reader.text,
        position=position,
        length=length,
    )
