"""The two forms a recorded value takes, and the way back.

A *captured* value is either an immutable scalar kept by reference (``None``, ``bool``,
``int``, ``float``, ``str``), a flat dict of such scalars that nobody else holds, or
``bytes``: JSON text, encoded the moment the value was seen. The user's own ``bytes``
never appear; capture turns them into text or a note.

A *note* is a JSON object with the key ``$spantree`` that stands for something JSON
can't say (a NaN, a value that was cut, an object shown by type). A user's dict with
that key is stored under ``$$spantree`` and comes back unchanged.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Captured: TypeAlias = "str | int | float | bool | bytes | dict[str, object] | None"

NOTE = "$spantree"
_NOTE_BYTES = NOTE.encode()


class SharedValues(dict[str, "Captured"]):
    """Captured values by name that many spans have in common; nobody changes them.

    What takes long to find out of them is noted here by whoever does, for all spans.

    Attributes:
        size: Bytes of keys and values, None before they were measured.
        encoded: Their JSON as a store writes it, and the model they name.
        cleared_by: Who has last found no secret in them.
    """

    __slots__ = ("cleared_by", "encoded", "size")

    def __init__(self, values: Mapping[str, Captured]) -> None:
        super().__init__(values)
        self.size: int | None = None
        self.encoded: tuple[bytes, str] | None = None
        self.cleared_by: object = None


# Bytes are looked for with `find`: `in` first takes them for a number, which fails, and
# that costs ten times the search of a short text.

# orjson reads integers beyond 64 bits as floats; shorter ones than this are within.
_ALL_NINES = bytes.maketrans(b"012345678", b"999999999")
_LONG_INTEGER = b"9" * 19


def visible(text: str) -> str:
    r"""Turn lone surrogates, which UTF-8 can't say, into visible ``\ud800``."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def clean_text(text: str) -> str:
    r"""Show a NUL as ``\u0000`` and a lone surrogate as its six characters.

    For names, keys and tags: SQLite ends a text at NUL in its own functions, and UTF-8
    has no surrogates.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\\u0000")
    return visible(text)


def encode(value: Captured) -> bytes:
    """Give the JSON text (UTF-8) of a captured value."""
    if type(value) is bytes:
        return value
    try:
        text = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate
        return encode_exactly(value)
    is_text = type(value) is str
    if not is_text and text.find(b"null") >= 0 and _has_non_finite(value):
        return encode_exactly(value)
    return text


def encode_line(value: Captured) -> bytes:
    """Give the JSON text of a captured value that is no ``bytes``, and a line break.

    There is no other line break in it, and no tab.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # as in `encode`
        return encode_exactly(value) + b"\n"
    kind = type(value)
    if kind is str or kind is int:
        return text
    if text.find(b"null") >= 0 and _has_non_finite(value):
        return encode_exactly(value) + b"\n"
    return text


def dumps(value: object) -> bytes:
    """Give the JSON text of plain JSON data of our own making."""
    return orjson.dumps(value)


def encode_list(values: Sequence[Captured]) -> bytes:
    """Give the JSON text of a list of captured values."""
    try:
        text = orjson.dumps(values)
    except TypeError:  # there are JSON texts among them
        parts = [orjson.Fragment(v) if type(v) is bytes else v for v in values]
        try:
            text = orjson.dumps(parts)
        except TypeError:  # as in `encode`
            text = b"null"
    if text.find(b"null") >= 0:
        return b"[" + b",".join([encode(v) for v in values]) + b"]"
    return text


def encode_texts(values: Sequence[Captured]) -> bytes:
    """Give the JSON text of a list of nothing but texts."""
    try:
        return orjson.dumps(values)
    except TypeError:  # a lone surrogate
        return encode_exactly(values)


def may_hold_long_integer(text: bytes) -> bool:
    """Tell whether JSON text may hold an integer that orjson reads as a float."""
    # A tenth of what a regular expression takes, which is twenty times orjson's own.
    return text.translate(_ALL_NINES).find(_LONG_INTEGER) >= 0


def encode_exactly(value: object) -> bytes:
    """Encode JSON data that orjson refuses or would change.

    Integers keep every digit, NaN and the infinities become notes, and a lone
    surrogate becomes its six visible characters.
    """
    text = json.dumps(with_notes(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def decode(value: Captured) -> object:
    """Give a captured value back as Python data.

    Returns:
        A fresh object each time, so that a reader can't change the record.
    """
    if type(value) is dict:
        return dict(value)
    if type(value) is not bytes:
        return value
    return loads(value)


def from_json(text: bytes | str) -> Captured:
    """Take JSON text as a captured value: scalars read, containers left as they are."""
    raw = text.encode() if isinstance(text, str) else text
    first = raw[:1]
    if first == b'"':
        return orjson.loads(raw)  # type: ignore[no-any-return]
    if first in (b"{", b"["):
        return raw
    return loads(raw)  # type: ignore[return-value]


def loads(text: bytes | str) -> object:
    """Read JSON text written by :func:`encode`, notes for floats resolved."""
    raw = text.encode() if isinstance(text, str) else text
    hook = _resolve_note if raw.find(_NOTE_BYTES) >= 0 else None
    if hook is None and not may_hold_long_integer(raw):
        return orjson.loads(raw)
    return json.loads(raw, object_hook=hook)


def read_json(text: bytes) -> object:
    """Read JSON text as it stands: integers exact, notes not resolved.

    Raises:
        ValueError: If it is none, or has what orjson refuses, as NaN.
    """
    return json.loads(text) if may_hold_long_integer(text) else orjson.loads(text)


def loads_all(texts: Iterable[str | None]) -> list[Any]:
    """Read many JSON texts; None stays None."""
    known = ["null" if text is None else text for text in texts]
    whole = f"[{','.join(known)}]".encode()
    if whole.find(_NOTE_BYTES) >= 0 or may_hold_long_integer(whole):
        return [loads(text) for text in known]
    return orjson.loads(whole)  # type: ignore[no-any-return]


def float_of_note(found: dict[str, object]) -> object:
    """Give the NaN or infinity that a note stands for; any other dict as it is."""
    if found.get(NOTE) == "float" and isinstance(found.get("value"), str):
        return float(str(found["value"]))
    return found


def _resolve_note(found: dict[str, object]) -> object:
    resolved = float_of_note(found)
    if resolved is not found:
        return resolved
    return {k[1:] if _is_escaped(k) else k: v for k, v in found.items()}


def _is_escaped(key: str) -> bool:
    # A user's `$$spantree` is stored with a third `$`, and so on.
    return key.startswith("$$") and key.lstrip("$") == NOTE[1:]


def _has_non_finite(value: object) -> bool:
    if type(value) is float:
        return not math.isfinite(value)
    if type(value) is dict:
        return any(_has_non_finite(v) for v in value.values())
    if type(value) is list:
        return any(map(_has_non_finite, value))
    return False


def with_notes(value: Any) -> Any:
    """Copy JSON data with notes for what strict JSON has no form for.

    A NaN and the infinities become notes, a lone surrogate its six characters.
    """
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return {NOTE: "float", "value": str(value)}
    if kind is dict:
        return {with_notes(k): with_notes(v) for k, v in value.items()}
    if kind is list or kind is tuple:
        return [with_notes(v) for v in value]
    if kind is str and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value
