"""Reads the literals of a filter and checks that they fit their field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from spantree.search.fields import Field, FieldKind
from spantree.search.literals import (
    BYTES_PER_UNIT,
    NS_PER_UNIT,
    Nanoseconds,
    number,
    time_of,
    with_unit,
)
from spantree.search.texts import clean_text
from spantree.search.tokens import Token, TokenKind

if TYPE_CHECKING:
    from spantree.search.errors import FilterError
    from spantree.search.reader import Reader

Value: TypeAlias = "str | int | float | bool | Nanoseconds"

_NUMBER = re.compile(r"\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_OF_NUMBERS = (FieldKind.NUMBER, FieldKind.TIME, FieldKind.DURATION)
_OF_UNITS = (FieldKind.TIME, FieldKind.DURATION)
_OF_TEXTS = (FieldKind.STATE, FieldKind.TRACE_ID)


def read_value(reader: Reader, field: Field) -> Value:
    """Read one literal that is compared with the field.

    Raises:
        FilterError: If there is none, or one that doesn't fit.

    """
    token = reader.peek()
    value = _literal(reader, field)
    problem, hint = _misfit(value, field, token.text)
    if not problem and token.unit in BYTES_PER_UNIT and field.kind in _OF_UNITS:
        problem = f"{field.shown} takes no unit of size"
        hint = f"units: {' '.join(NS_PER_UNIT)}"
    if problem:
        raise reader.error(problem, token, hint=hint)
    return value


def read_list(reader: Reader, field: Field) -> list[Value]:
    """Read ``('a', 'b')``."""
    opened = reader.peek()
    if opened.text != "(":
        raise reader.error("IN takes a list: IN ('a', 'b')", opened)
    reader.take()
    values = [read_value(reader, field)]
    while reader.peek().text == ",":
        reader.take()
        values.append(read_value(reader, field))
    reader.take_closing(opened, "list")
    return values


def _literal(reader: Reader, field: Field) -> Value:
    token = reader.peek()
    if token.kind in (TokenKind.STRING, TokenKind.TIME):
        return _text(reader, reader.take(), field)
    if token.kind is TokenKind.NUMBER:
        return _number(reader, reader.take())
    if token.text == "-":
        return _negative(reader)
    if token.is_word("NOW"):
        return _now(reader)
    if token.is_word("TRUE") or token.is_word("FALSE"):
        return reader.take().text.upper() == "TRUE"
    raise _no_value(reader, token)


def _text(reader: Reader, token: Token, field: Field) -> Value:
    if field.kind.is_numeric and _NUMBER.fullmatch(token.value):
        # execution_time = '1500' is a number in MLflow, too.
        return number(token.value)
    if field.kind is not FieldKind.TIME:
        return clean_text(token.value)
    moment = time_of(token.value, reader.now_ns)
    if moment is None:
        hint = "a time is 1700000000000 (ms), '2026-11-21T10:00', '1h ago', now - 1h"
        raise reader.error(f"{token.text} is not a time", token, hint=hint)
    return moment


def _number(reader: Reader, token: Token) -> int | float | Nanoseconds:
    if not token.unit:
        return number(token.value)
    if token.unit in BYTES_PER_UNIT:
        return number(token.value) * BYTES_PER_UNIT[token.unit]
    if token.unit not in NS_PER_UNIT:
        problem = f"unknown unit {token.unit!r}"
        units = " ".join([*NS_PER_UNIT, *BYTES_PER_UNIT])
        raise reader.error(problem, token, hint=f"units: {units}")
    return with_unit(token.value, token.unit)


def _negative(reader: Reader) -> Value:
    reader.take()
    token = reader.peek()
    if token.kind is not TokenKind.NUMBER:
        raise reader.error("a number is missing after -", token)
    value = _number(reader, reader.take())
    return Nanoseconds(-value.value) if isinstance(value, Nanoseconds) else -value


def _now(reader: Reader) -> Nanoseconds:
    reader.take()
    if reader.peek().text != "-":
        return Nanoseconds(reader.now_ns)
    reader.take()
    token = reader.take()
    value = _number(reader, token) if token.kind is TokenKind.NUMBER else None
    if not isinstance(value, Nanoseconds):
        raise reader.error("a duration is missing after now -", token, hint="now - 1h")
    return Nanoseconds(reader.now_ns - value.value)


def _no_value(reader: Reader, token: Token) -> FilterError:
    if token.is_word("NULL"):
        hint = "use IS NULL or IS NOT NULL"
        return reader.error("nothing equals NULL", token, hint=hint)
    if token.kind not in (TokenKind.NAME, TokenKind.QUOTED_NAME):
        return reader.error("a value is missing here", token)
    return reader.error(
        f"{token.value} is not quoted",
        token,
        suggestion=f"'{token.value}'",
        hint=f"put quotes around {token.value}",
    )


def _misfit(value: Value, field: Field, written: str) -> tuple[str, str]:
    """Say what is wrong with a literal, and a hint; two empty texts if nothing is."""
    kind = field.kind
    if isinstance(value, Nanoseconds):
        if kind in _OF_UNITS:
            return "", ""
        problem = f"{field.shown} takes no unit of time"
        return problem, "units fit duration and timestamp"
    if kind in _OF_NUMBERS and isinstance(value, (str, bool)):
        problem = f"{field.shown} is compared with a number, not {written}"
        return problem, "write numbers without quotes"
    if kind in _OF_TEXTS and not isinstance(value, str):
        problem = f"{field.shown} is compared with a text, not {written}"
        return problem, "put quotes around it"
    return "", ""
