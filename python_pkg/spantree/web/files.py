"""The list as a file: CSV, JSON or Parquet, the columns of the typed frame."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from spantree.entities.errors import MissingExtraError, SpantreeException, did_you_mean
from spantree.search import typed_frame
from spantree.search.spreadsheet import csv_lines, readable_record
from spantree.web.answers import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from spantree.search import Summary


def write_file(form: str, rows: Iterable[Summary]) -> tuple[str, Iterator[bytes]]:
    """Write rows in a form.

    Args:
        form: ``csv``, ``json`` (one object a line) or ``parquet``.
        rows: All of them; read one by one, but for Parquet.

    Returns:
        The media type, and the file piece by piece.

    Raises:
        SpantreeException: If the form is unknown.
        MissingExtraError: If pandas or pyarrow is needed and not installed.
    """
    if form not in _FORMS:
        hint = did_you_mean(form, _FORMS)
        msg = f"Unknown form {form!r:.40}.{hint} Known: {', '.join(_FORMS)}."
        raise SpantreeException(msg)
    media_type, write = _FORMS[form]
    return media_type, write(rows)


def _lines(rows: Iterable[Summary]) -> Iterator[bytes]:
    for row in rows:
        yield json_bytes(readable_record(row)) + b"\n"


def _parquet(rows: Iterable[Summary]) -> Iterator[bytes]:
    try:
        import pyarrow as pa  # noqa: F401 - only whether it is there
    except ModuleNotFoundError:
        msg = "A Parquet file needs pyarrow. Run: pip install pyarrow"
        raise MissingExtraError(msg) from None
    frame = typed_frame(rows)
    for name in ("tags", "feedback"):
        frame[name] = [json_bytes(value).decode() for value in frame[name]]
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    # Not a generator: what is missing is said before the answer begins.
    return iter([buffer.getvalue()])


_FORMS: dict[str, tuple[str, Callable[[Iterable[Summary]], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "json": ("application/x-ndjson", _lines),
    "parquet": ("application/vnd.apache.parquet", _parquet),
}
