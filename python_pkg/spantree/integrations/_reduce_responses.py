"""Puts the events of the Responses API together into the reply that was streamed."""

from __future__ import annotations

from typing import Final

from spantree.integrations._plain import plain
from spantree.integrations._reduce import Text, Unrecognized, fields_of

_TERMINAL: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed"}
)
_ENVELOPES: Final = frozenset(
    {"response.created", "response.in_progress", "response.queued"}
)
# Event → (the list of the item it grows, the index in it, the type of a new part, the
# field that grows). Without a list the field is the item's own.
_DELTAS: Final = {
    "response.output_text.delta": ("content", "content_index", "output_text", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text.delta": (
        "content",
        "content_index",
        "reasoning_text",
        "text",
    ),
    "response.reasoning_summary_text.delta": (
        "summary",
        "summary_index",
        "summary_text",
        "text",
    ),
    "response.function_call_arguments.delta": ("", "", "", "arguments"),
    "response.mcp_call_arguments.delta": ("", "", "", "arguments"),
    "response.custom_tool_call_input.delta": ("", "", "", "input"),
}


class ResponsesReducer:
    """Builds the response from its events.

    The event that ends a stream carries the whole response. A stream that was left
    before has the finished items, and the open ones as far as they came.
    """

    __slots__ = ("_envelope", "_error", "_final", "_items", "_unrecognized")

    def __init__(self) -> None:
        self._envelope: dict[str, object] = {}
        self._final: dict[str, object] | None = None
        self._items: dict[int, _Item] = {}
        self._error: object = None
        self._unrecognized = Unrecognized()

    def add(self, chunk: object) -> None:
        """Merge one event."""
        event = fields_of(chunk)
        kind = event.get("type")
        if kind in _DELTAS:
            self._item(event).grow(str(kind), event)
        elif kind == "response.output_item.added":
            self._item(event).fields = _dict(plain(event.get("item")))
        elif kind == "response.output_item.done":
            self._item(event).finish(_dict(plain(event.get("item"))))
        elif kind in _TERMINAL:
            self._final = _dict(plain(event.get("response")))
            self._items.clear()
        elif kind in _ENVELOPES:
            self._envelope = _dict(plain(event.get("response")))
        elif kind == "error":
            self._error = {k: plain(v) for k, v in event.items() if k != "type"}
        elif not (isinstance(kind, str) and kind.startswith("response.")):
            # Other events of this API only repeat, in pieces, what the items bring.
            self._unrecognized.add(plain(chunk))

    def _item(self, event: dict[str, object]) -> _Item:
        index = event.get("output_index")
        number = index if type(index) is int else 0
        if number not in self._items:
            self._items[number] = _Item()
        return self._items[number]

    def result(self) -> dict[str, object] | None:
        """Give the response so far, or None before the first event."""
        reply = self._final
        if reply is None and (self._envelope or self._items):
            items = [item.result() for _, item in sorted(self._items.items())]
            reply = {**self._envelope, "output": items}
        if self._error is not None:
            reply = {**(reply or {}), "status": "failed", "error": self._error}
        return self._unrecognized.into(reply or {}) or None


class _Item:
    """One output item: as announced, with the texts that have grown since."""

    __slots__ = ("_grown", "fields")

    def __init__(self) -> None:
        self.fields: dict[str, object] = {}
        self._grown: dict[tuple[str, int, str, str], Text] = {}

    def grow(self, kind: str, event: dict[str, object]) -> None:
        """Append one delta."""
        where, index, part, field = _DELTAS[kind]
        number = event.get(index)
        key = (where, number if type(number) is int else 0, part, field)
        piece = event.get("delta")
        if type(piece) is str:
            self._grown.setdefault(key, Text()).add(piece)

    def finish(self, fields: dict[str, object]) -> None:
        """Take the item as it was announced at its end."""
        self.fields = fields
        self._grown.clear()

    def result(self) -> dict[str, object]:
        """Give the item so far."""
        item = dict(self.fields)
        for (where, _, part, field), text in sorted(self._grown.items(), key=_place):
            if not where:
                item[field] = str(text)
                continue
            parts = item.get(where)
            grown = {"type": part, field: str(text)}
            item[where] = [*(parts if isinstance(parts, list) else []), grown]
        return item


def _place(entry: tuple[tuple[str, int, str, str], Text]) -> tuple[str, int, str, str]:
    return entry[0]


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
