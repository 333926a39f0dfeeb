"""Puts the chunks of a stream together into the reply that was streamed.

One reducer per wire format. Chunks are not kept: memory is that of the text.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from spantree.integrations._plain import model_fields, plain

_MAX_UNRECOGNIZED = 16
BLOCK: Final = 256


class Reducer(Protocol):
    """Builds the non-streamed shape of a reply, chunk by chunk."""

    def add(self, chunk: object) -> None:
        """Merge one chunk, in the order of arrival."""

    def result(self) -> dict[str, object] | None:
        """Give the reply so far, or None before the first chunk."""


class Text:
    """Text that grows by small pieces.

    Pieces are joined in blocks, since a list of thousands of short strings takes ten
    times the memory of their characters. (Not an ``io.StringIO``, which is closed
    already when a stream that was dropped is collected.)

    Attributes:
        pieces: Those not joined yet, always the same list. Whoever appends to it leaves
            it shorter than :data:`BLOCK`.
    """

    __slots__ = ("_blocks", "pieces")

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self.pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Append a piece."""
        pieces = self.pieces
        pieces.append(piece)
        if len(pieces) >= BLOCK:
            self._blocks.append("".join(pieces))
            pieces.clear()

    def __str__(self) -> str:
        """Give all of it."""
        return "".join(self._blocks) + "".join(self.pieces)


class Unrecognized:
    """Keeps what a reducer doesn't know, each thing once and at most 16 of them."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: list[object] = []

    def add(self, item: object) -> None:
        """Keep one item as JSON data."""
        if len(self._items) < _MAX_UNRECOGNIZED and item not in self._items:
            self._items.append(item)

    def into(self, reply: dict[str, object]) -> dict[str, object]:
        """Add the items to a reply, if there are any."""
        return {**reply, "unrecognized": self._items} if self._items else reply


def fields_of(value: object) -> dict[str, object]:
    """Give the fields of a chunk or a part of one; of anything else, none."""
    if type(value) is dict:
        return value
    return model_fields(value) or {}


class Deltas:
    """One message or tool call that grows by deltas."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields: dict[str, object] = {}

    def set_once(self, name: str, value: object) -> None:
        """Keep the first value that says something."""
        if self._fields.get(name) is None:
            self._fields[name] = value

    def append(self, name: str, piece: object) -> None:
        """Append text; None says that the field exists and holds nothing yet."""
        held = self._fields.get(name)
        if type(piece) is not str:
            self._fields.setdefault(name, piece)
            return
        if type(held) is not Text:
            held = self._fields[name] = Text()
        held.add(piece)

    def text(self, name: str) -> Text | None:
        """Give a text that grows, if it has begun to."""
        held = self._fields.get(name)
        return held if type(held) is Text else None

    def extend(self, name: str, items: object) -> None:
        """Append the items of a list, converted."""
        held = self._fields.setdefault(name, None)
        if isinstance(items, list):
            grown = held if isinstance(held, list) else []
            grown.extend(plain(item) for item in items)
            self._fields[name] = grown

    def part(self, name: str) -> Deltas:
        """Give a part that grows by itself."""
        held = self._fields.get(name)
        if type(held) is not Deltas:
            held = self._fields[name] = Deltas()
        return held

    def numbered(self, name: str, index: object) -> Deltas:
        """Give one part of a list of parts."""
        held = self._fields.get(name)
        if type(held) is not dict:
            held = self._fields[name] = {}
        found = held.get(index)
        if found is None:
            found = held[index] = Deltas()
        return found

    def result(self) -> dict[str, object]:
        """Give the fields so far as JSON data."""
        return {name: _settled(value) for name, value in self._fields.items()}


def _settled(value: object) -> object:
    if type(value) is Text:
        return str(value)
    if type(value) is Deltas:
        return value.result()
    if type(value) is dict:
        parts = sorted(value.items(), key=lambda item: _order(item[0]))
        return [part.result() for _, part in parts]
    return list(value) if type(value) is list else value


def _order(index: object) -> int:
    return index if type(index) is int else 0


_TEXTS: Final = frozenset({"content", "refusal", "reasoning_content", "reasoning"})
_LISTS: Final = frozenset({"annotations"})
# Padding that OpenAI adds so that lengths on the wire don't give the text away.
_NOISE: Final = frozenset({"obfuscation"})
_ENVELOPE: Final = frozenset(
    {
        "id",
        "created",
        "model",
        "system_fingerprint",
        "service_tier",
        "moderation",
        "provider",
        "prompt_filter_results",  # Azure
    }
)


class ChatReducer:
    """Builds the non-streamed shape of an OpenAI chat or completions reply.

    Args:
        kind: The ``object`` of the non-streamed reply.
    """

    __slots__ = (
        "_choices",
        "_envelope",
        "_growing",
        "_kind",
        "_unrecognized",
        "_usage",
    )

    def __init__(self, kind: str = "chat.completion") -> None:
        self._kind = kind
        self._envelope: dict[str, object] = {}
        self._choices: dict[object, _Choice] = {}
        self._growing: dict[object, list[str]] = {}
        self._usage: object = None
        self._unrecognized = Unrecognized()

    def add(self, chunk: Any) -> None:
        """Merge one chunk."""
        # A stream has hundreds of chunks that bring some text to one choice and no
        # more; to read them field by field takes 30 µs each. A text that is one field
        # of one set is `content`. What is missing raises, and is read the long way.
        try:
            held = chunk.__dict__
            (choice,) = held["choices"]
            fields = choice.__dict__
            delta = fields["delta"]
            piece = delta.__dict__["content"]
            if (
                type(piece) is str
                and len(delta.__pydantic_fields_set__) == 1
                and fields["finish_reason"] is None
                and fields["logprobs"] is None
                and held["usage"] is None
                and not delta.__pydantic_extra__
                and not choice.__pydantic_extra__
                and (not (extra := chunk.__pydantic_extra__) or extra.keys() <= _NOISE)
            ):
                pieces = self._growing[fields["index"]]
                if len(pieces) < BLOCK - 1:
                    pieces.append(piece)
                    return
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        self._add_whole(chunk)

    def _add_whole(self, chunk: object) -> None:
        fields = fields_of(chunk)
        if not fields:
            self._unrecognized.add(plain(chunk))
        for name, value in fields.items():
            if name == "choices":
                for choice in value if isinstance(value, list) else ():
                    self._add_choice(fields_of(choice))
            elif name == "usage":
                # With include_usage it is null in every chunk but the last.
                self._usage = value or self._usage
            elif name in _ENVELOPE:
                # Azure's first chunk has an empty id and model.
                if not self._envelope.get(name):
                    self._envelope[name] = plain(value)
            elif name != "object" and name not in _NOISE:
                self._unrecognized.add({name: plain(value)})

    def _add_choice(self, fields: dict[str, object]) -> None:
        index = fields.get("index", 0)
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index, self._unrecognized)
        choice.add(fields)
        text = choice.text
        if text is not None:
            self._growing[index] = text.pieces

    def result(self) -> dict[str, object] | None:
        """Give the reply so far, or None before the first chunk."""
        if not (self._envelope or self._choices):
            return self._unrecognized.into({}) or None
        choices = sorted(self._choices.values(), key=lambda choice: choice.order)
        reply: dict[str, object] = {
            **self._envelope,
            "object": self._kind,
            "choices": [choice.result() for choice in choices],
        }
        if self._usage is not None:
            reply["usage"] = plain(self._usage)
        return self._unrecognized.into(reply)


class _Choice:
    """One of the answers of a chat or completions reply."""

    __slots__ = ("_fields", "_index", "_message", "_unrecognized")

    def __init__(self, index: object, unrecognized: Unrecognized) -> None:
        self._index = index
        self._message: Deltas | None = None
        self._fields = Deltas()
        self._unrecognized = unrecognized

    @property
    def order(self) -> int:
        return _order(self._index)

    def add(self, fields: dict[str, object]) -> None:
        for name, value in fields.items():
            if name == "delta":
                self._add_delta(fields_of(value))
            elif name == "text":
                self._fields.append("text", value)
            elif name == "logprobs":
                self._add_logprobs(value)
            elif name in ("finish_reason", "content_filter_results", "stop_reason"):
                self._fields.set_once(name, plain(value))
            elif name != "index":
                self._note({name: plain(value)})

    @property
    def text(self) -> Text | None:
        """The content, if there is some already."""
        return None if self._message is None else self._message.text("content")

    def _add_logprobs(self, value: object) -> None:
        if value is None:
            self._fields.set_once("logprobs", None)
            return
        part = self._fields.part("logprobs")
        for name, items in fields_of(value).items():
            part.extend(name, items)

    def _add_delta(self, delta: dict[str, object]) -> None:
        if self._message is None:
            self._message = Deltas()
        message = self._message
        for name, value in delta.items():
            if name in _TEXTS:
                message.append(name, _joined(value))
            elif name == "role":
                message.set_once(name, value)
            elif name == "tool_calls":
                self._add_tool_calls(message, value)
            elif name == "function_call":
                _add_function(message, name, value)
            elif name == "audio":
                _add_audio(message, value)
            elif name in _LISTS:
                message.extend(name, value)
            else:
                self._note({name: plain(value)})

    def _add_tool_calls(self, message: Deltas, calls: object) -> None:
        for call in calls if isinstance(calls, list) else ():
            fields = fields_of(call)
            part = message.numbered("tool_calls", fields.get("index", 0))
            for name, value in fields.items():
                if name in ("function", "custom"):
                    _add_function(part, name, value)
                elif name != "index":
                    part.set_once(name, plain(value))

    def _note(self, item: dict[str, object]) -> None:
        self._unrecognized.add({"choice": self._index, **item})

    def result(self) -> dict[str, object]:
        found: dict[str, object] = {"index": self._index}
        if self._message is not None:
            found["message"] = self._message.result()
        return {**found, "finish_reason": None, **self._fields.result()}


def _add_function(part: Deltas, name: str, value: object) -> None:
    function = part.part(name)
    for key, item in fields_of(value).items():
        if key in ("arguments", "input"):
            function.append(key, item)
        else:
            function.set_once(key, plain(item))


def _add_audio(message: Deltas, value: object) -> None:
    audio = message.part("audio")
    for key, item in fields_of(value).items():
        if key in ("data", "transcript"):
            audio.append(key, item)
        else:
            audio.set_once(key, plain(item))


def _joined(content: object) -> object:
    """Join the text items of a list-valued content, as Databricks streams it."""
    if not isinstance(content, list):
        return content
    texts = (fields_of(item).get("text") for item in content)
    return "".join(text for text in texts if isinstance(text, str))
