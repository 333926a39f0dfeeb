r"""Finds conversations in what spans carry, so that each message is stored once.

A conversation is a list of chat messages: a whole value, or what a value has under one
of :data:`_KEYS`. In a chunk it is replaced by ``{"$m":<TAB>number}``. Raw tabs stand
between tokens of JSON only, never inside its texts, and those that a foreign encoder
put there are replaced; so a mark is never mistaken for what a user recorded.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = ("messages", "input", "contents", "gen_ai.input.messages")
_STARTS = tuple(b'"%b":[' % key.encode() for key in _KEYS)
_ROLE = b'"role":'
_SHORTEST_LIST = 128
_MARK = b'{"$m":\t%d}'
MARK_START = b'{"$m":\t'
MARK_PATTERN = re.compile(rb'\{"\$m":\t(\d+)\}')
_DEEPEST = 4


class MessageList(NamedTuple):
    """A conversation as it stands in a span's payload.

    Args:
        text: Its JSON, brackets included.
        messages: The JSON of each message; joined by commas they are the text.
        hashes: Of the first message, of the first two, and so on.
    """

    text: bytes
    messages: list[bytes]
    hashes: list[bytes]


def find_lists(body: bytes) -> list[MessageList]:
    """Find the conversations in a chunk's body, each different one once.

    Returns:
        The longest first, as one may stand within another's text, too.
    """
    # `in` takes bytes for a number first, which fails and costs ten times the search.
    if body.find(_ROLE) < 0:
        return []
    found: dict[bytes, MessageList] = {}
    for line in body.split(b"\n"):
        if len(line) < _SHORTEST_LIST or _ROLE not in line:
            continue
        for messages in _lists_in(line):
            text = b"[" + b",".join(messages) + b"]"
            # Only what orjson wrote itself is written by it in the same way again.
            if len(text) >= _SHORTEST_LIST and text in line:
                found.setdefault(text, MessageList(text, messages, _hashes(messages)))
    return sorted(found.values(), key=lambda each: len(each.text), reverse=True)


def mark(number: int) -> bytes:
    """Give what stands for a stored conversation."""
    return _MARK % number


def without_marks(text: bytes) -> bytes:
    """Change JSON that looks like a mark, in the space between two tokens."""
    return text.replace(MARK_START, MARK_START[:-1] + b" ")


def hash_of(data: bytes) -> bytes:
    """Give the 16 bytes by which equal messages are known."""
    return blake2b(data, digest_size=16).digest()


def _lists_in(line: bytes) -> Iterator[list[bytes]]:
    is_named = any(start in line for start in _STARTS)
    if not is_named and line[:1] != b"[":
        return
    try:
        value = orjson.loads(line)
    except ValueError:
        return
    yield from _walk(value, 0)


def _walk(value: object, depth: int) -> Iterator[list[bytes]]:
    if isinstance(value, list):
        if value and all(_is_message(part) for part in value):
            yield [orjson.dumps(part) for part in value]
    elif isinstance(value, dict) and depth < _DEEPEST:
        for key, part in value.items():
            if isinstance(part, dict) or key in _KEYS:
                yield from _walk(part, depth + 1)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and "role" in value


def _hashes(messages: list[bytes]) -> list[bytes]:
    hashes: list[bytes] = []
    chain = b""
    for message in messages:
        chain = hash_of(chain + hash_of(message))
        hashes.append(chain)
    return hashes
