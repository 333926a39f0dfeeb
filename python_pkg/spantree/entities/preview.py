"""The short texts that lists show of a trace's request and response."""

from __future__ import annotations

import orjson

from spantree.entities.values import Captured, clean_text, encode

MAX_CHARACTERS = 1000
# A value beyond this is previewed from its text, unparsed: looking for the last
# message of a megabyte costs more than the preview is worth.
_MAX_PARSED_BYTES = 256 * 1024
_LISTS = ("messages", "input", "output", "request")
_CHOICES = "choices"
# Other values have no message: no need to parse them.
_SIGNS = tuple(f'"{key}"'.encode() for key in (*_LISTS, _CHOICES))


def preview(value: Captured, role: str) -> str | None:
    """Give at most 1,000 characters that tell what a value is about.

    A value with chat messages shows the text of the last message of ``role``;
    anything else its JSON text.

    Args:
        value: The root's inputs or outputs, captured.
        role: ``"user"`` for a request, ``"assistant"`` for a response.
    """
    if value is None:
        return None
    text = encode(value)
    may_have_message = type(value) is bytes and len(text) <= _MAX_PARSED_BYTES
    if may_have_message and max(map(text.find, _SIGNS)) >= 0:
        # Numbers are not shown, so it doesn't matter that orjson rounds the longest.
        message = _last_message(orjson.loads(text), role)
        if message is not None:
            return _cut(clean_text(message))
    # Four bytes hold any character, so this prefix holds enough of them.
    return _cut(text[: 4 * (MAX_CHARACTERS + 1)].decode("utf-8", "ignore"))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."


def _last_message(value: object, role: str) -> str | None:
    if not isinstance(value, dict):
        return None
    for key in _LISTS:
        if isinstance(value.get(key), list):
            return _last_of_role(value[key], role)
    if isinstance(value.get("request"), dict):
        return _last_message(value["request"], role)
    choices = value.get(_CHOICES)
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        message = choices[0].get("message")
        return _text_of(message.get("content")) if isinstance(message, dict) else None
    return None


def _last_of_role(messages: list[object], role: str) -> str | None:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == role:
            return _text_of(message.get("content"))
    return None


def _text_of(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict)]
        return "\n".join(p for p in parts if isinstance(p, str)) or None
    return None
