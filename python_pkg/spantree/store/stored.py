"""Traces as they were read; what is in them is decoded when it is first looked at.

A list of a hundred traces is mostly looked at through some of their fields, and a
DataFrame has the JSON of spans as they are stored. So a trace keeps its row and its
chunks until somebody asks for ``info`` or ``data``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from spantree.entities.trace import Trace, TraceData
from spantree.store.chunks import unpack
from spantree.store.rows import INFO_COLUMNS, OPEN_STATE, STATE_PLACE, info_from_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.span import Span
    from spantree.store.rows import Row

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

    __slots__ = ("_assessments", "_parts", "_row")

    def __init__(
        self, row: Row, assessments: Sequence[Assessment], parts: Sequence[Part]
    ) -> None:
        self._row = row
        self._assessments = assessments
        self._parts = parts
        if row[1 + STATE_PLACE] == OPEN_STATE:
            # Whether its process is still there is a matter of now.
            self._decode("info")

    def __getattr__(self, name: str) -> Any:
        """Decode what was not looked at yet; then it is there as in any trace."""
        if name not in ("info", "data"):
            raise AttributeError(name)
        return self._decode(name)

    def _decode(self, name: str) -> object:
        if name == "info":
            self.info = info_from_row(self._row[_INFO], list(self._assessments))
            return self.info
        self.data = TraceData(spans_of(self._key, self._parts))
        self._parts = ()
        return self.data

    @property
    def _key(self) -> int:
        return int.from_bytes(self._row[1], "big")


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
