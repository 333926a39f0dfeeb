"""Traces as they were read; what is in them is decoded when it is first looked at.

A list of a hundred traces is mostly looked at through some of their fields, and a
DataFrame has the JSON of spans as they are stored. So a trace keeps its row and its
chunks until somebody asks for ``info`` or ``data``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from spantree.entities.trace import Trace, TraceData
from spantree.search.summary import NS_PER_MS
from spantree.store.chunks import unpack
from spantree.store.rows import INFO_COLUMNS, START_PLACE, info_dict, info_from_row
from spantree.store.span_dicts import span_dicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.store.rows import Row

_START = 1 + START_PLACE
_INFO = slice(1, 1 + len(INFO_COLUMNS))

Part: TypeAlias = "tuple[str, bytes]"
"""The rows and the body of a chunk, conversations in full."""


class StoredTrace(Trace):
    """A trace that is decoded when it is looked at.

    Args:
        row: Its number, the values of :data:`~spantree.store.rows.INFO_COLUMNS`, and
            others.
        assessments: Its own.
        parts: Its chunks, the latest last.
    """

    # None once it was decoded: then it may have been changed, too.
    __slots__ = ("_assessments", "_parts", "_row")

    def __init__(
        self,
        row: Row,
        assessments: Sequence[Assessment] = (),
        parts: Sequence[Part] = (),
    ) -> None:
        self._row: Row | None = row
        self._assessments = assessments
        self._parts: Sequence[Part] | None = parts

    def __getattr__(self, name: str) -> Any:
        """Decode what was not looked at yet; then it is there as in any trace."""
        if name == "info" and self._row is not None:
            row, self._row = self._row, None
            self.info = info_from_row(row[_INFO], list(self._assessments))
            return self.info
        if name == "data" and self._parts is not None:
            parts, self._parts = self._parts, None
            self.data = TraceData(spans_of(self._key, parts))
            return self.data
        raise AttributeError(name)

    def to_dict(self) -> dict[str, Any]:
        """Give MLflow 3's serialised form, without decoding it first."""
        found = self._span_dicts()
        spans = self.data.to_dict()["spans"] if found is None else found[0]
        row = None if self._assessments else self._row
        info = self.info.to_dict() if row is None else info_dict(row[_INFO])
        return {"info": info, "data": {"spans": spans}}

    def to_dict_and_json(self) -> tuple[dict[str, Any], str]:
        """Give that form and its JSON, whose spans need not be encoded."""
        row = None if self._assessments else self._row
        found = None if row is None else self._span_dicts()
        if row is None or found is None:
            return super().to_dict_and_json()
        info, (spans, text) = info_dict(row[_INFO]), found
        head = orjson.dumps(info).decode()
        data = {"info": info, "data": {"spans": spans}}
        return data, f'{{"info":{head},"data":{{"spans":{text}}}}}'

    @property
    def request_time_ms(self) -> int:
        """Start in milliseconds since 1970."""
        row = self._row
        return self.info.request_time if row is None else row[_START] // NS_PER_MS

    def _span_dicts(self) -> tuple[list[dict[str, Any]], str] | None:
        if self._parts is None or len(self._parts) > 1:
            return None
        return span_dicts(self._key, *self._parts[0]) if self._parts else ([], "[]")

    @property
    def _key(self) -> int:
        return self.key if self._row is None else int.from_bytes(self._row[1], "big")


def spans_of(key: int, parts: Sequence[Part]) -> list[Span]:
    """Read the spans of a trace.

    Args:
        key: The trace's id.
        parts: Its chunks; of several rows of one span the latest counts.
    """
    spans: dict[int, Span] = {}
    for rows, body in parts:
        spans.update((span.span_key, span) for span in unpack(key, rows, body))
    return list(spans.values())
