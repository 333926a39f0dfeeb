"""Traces as CSV: a line each, for spreadsheets and data frames of others."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from spantree.entities.values import encode
from spantree.search.records import FIELDS, record_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spantree.search.summary import Summary

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NS_PER_S = 1_000_000_000


def csv_lines(rows: Iterable[Summary]) -> Iterator[bytes]:
    """Write rows as CSV: the columns of the typed frame, a text never a formula.

    Args:
        rows: Read one by one.

    Yields:
        Lines of UTF-8, the names first.
    """
    buffer = io.StringIO()
    write = csv.writer(buffer).writerow
    write(FIELDS)
    yield _taken(buffer)
    for row in rows:
        record = readable_record(row)
        write([_cell(record[name]) for name in FIELDS])
        yield _taken(buffer)


def readable_record(row: Summary) -> dict[str, Any]:
    """Give a trace's values as :func:`record_of` does, the time as ISO 8601 says it."""
    record = record_of(row)
    seconds, rest = divmod(record["start_time"], _NS_PER_S)
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    record["start_time"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
    return record


def _cell(value: object) -> object:
    if isinstance(value, dict):
        value = encode(value).decode() if value else ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue().encode("utf-8", "backslashreplace")
    buffer.seek(0)
    buffer.truncate()
    return text
