"""Puts the events of Anthropic's messages together into the message streamed."""

from __future__ import annotations

import json
from typing import Final

from spantree.integrations._plain import plain
from spantree.integrations._reduce import Text, Unrecognized, fields_of

# Delta → its field that holds a piece, and the field of the block that grows by it.
_TEXTS: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}
# Delta → its field that holds an item, and the list of the block that grows by it.
_ITEMS: Final = {"citations_delta": ("citation", "citations")}
_NOTHING: Final[dict[str, object]] = {}


class MessagesReducer:
    """Builds the message from its events, block by block."""

    __slots__ = ("_blocks", "_error", "_message", "_unrecognized")

    def __init__(self) -> None:
        self._message: dict[str, object] = {}
        self._blocks: dict[int, _Block] = {}
        self._error: object = None
        self._unrecognized = Unrecognized()

    def add(self, chunk: object) -> None:
        """Merge one event."""
        # The usual event brings a piece of text: reading all fields takes far longer.
        held = getattr(chunk, "__dict__", _NOTHING)
        if held.get("type") == "content_block_delta":
            block = self._blocks.get(held.get("index", -1))
            delta = getattr(held.get("delta"), "__dict__", _NOTHING)
            if block is not None and block.grow(delta):
                return
        event = fields_of(chunk)
        if not self._merge(event.get("type"), event):
            self._unrecognized.add(plain(chunk))

    def _merge(self, kind: object, event: dict[str, object]) -> bool:
        if kind == "message_start":
            self._message = _dict(plain(event.get("message")))
        elif kind == "content_block_start":
            fields = _dict(plain(event.get("content_block")))
            self._blocks[_index(event)] = _Block(fields)
        elif kind == "content_block_delta":
            delta = fields_of(event.get("delta"))
            block = self._blocks.setdefault(_index(event), _Block({}))
            return block.grow(delta) or block.extend(delta)
        elif kind == "message_delta":
            self._end(event)
        elif kind == "error":
            self._error = plain(event.get("error"))
        else:
            return kind in ("message_stop", "content_block_stop", "ping")
        return True

    def _end(self, event: dict[str, object]) -> None:
        self._message |= _dict(plain(event.get("delta")))
        # Counts of this event are totals: they take the place of the earlier ones.
        usage = _dict(plain(event.get("usage")))
        known = {k: v for k, v in usage.items() if v is not None}
        self._message["usage"] = {**_dict(self._message.get("usage")), **known}
        rest = {k: v for k, v in event.items() if k not in ("type", "delta", "usage")}
        self._message |= _dict(plain(rest))

    def result(self) -> dict[str, object] | None:
        """Give the message so far, or None before the first event."""
        reply = dict(self._message)
        if self._blocks:
            blocks = sorted(self._blocks.items(), key=lambda item: item[0])
            reply["content"] = [block.result() for _, block in blocks]
        if self._error is not None:
            reply["error"] = self._error
        return self._unrecognized.into(reply) or None


class _Block:
    """One content block: as announced, and what it has grown by."""

    __slots__ = ("_fields", "_grown")

    def __init__(self, fields: dict[str, object]) -> None:
        self._fields = fields
        self._grown: dict[str, Text] = {}

    def grow(self, delta: dict[str, object]) -> bool:
        """Append the text of a delta; say whether it was one."""
        names = _TEXTS.get(delta.get("type"))  # type: ignore[call-overload]
        piece = delta.get(names[0]) if names else None
        if type(piece) is not str:
            return False
        text = self._grown.get(names[1])
        if text is None:
            text = self._grown[names[1]] = Text()
        text.add(piece)
        return True

    def extend(self, delta: dict[str, object]) -> bool:
        """Append the item of a delta; say whether it was one."""
        names = _ITEMS.get(str(delta.get("type")))
        if names is None:
            return False
        held = self._fields.get(names[1])
        items = held if isinstance(held, list) else []
        self._fields[names[1]] = [*items, plain(delta.get(names[0]))]
        return True

    def result(self) -> dict[str, object]:
        """Give the block so far."""
        block = dict(self._fields)
        for name, text in self._grown.items():
            block[name] = _input(str(text)) if name == "input" else str(text)
        return block


def _input(text: str) -> object:
    """Read the input of a tool; one that is cut off stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _index(event: dict[str, object]) -> int:
    index = event.get("index")
    return index if type(index) is int else 0


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
