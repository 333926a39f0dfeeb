"""Attribute values as OTLP/JSON writes them: ``AnyValue``, exact in both directions.

Source: opentelemetry-proto 1.x, ``common/v1/common.proto``, and the JSON mapping of the
OTLP specification: 64-bit integers are decimal texts, NaN and the infinities are the
texts ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.

What ``AnyValue`` can't hold is a ``kvlistValue`` with one key that begins with ``$``:
``$bigint`` is an integer beyond 64 bits, ``$json`` a value nested too deeply to be
spelled out. A dict of the user's with one such key gets one more ``$``. Bytes, which
only other programs send, are kept as ``{"$bytes": base64}``.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.errors import SpantreeException
from spantree.entities.values import NOTE, Captured, read_json, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_DEPTH = 200
# A level of a value takes four of JSON; readers give up at about a hundred of them.
_MAX_SPELLED_DEPTH = 16
_INT64 = range(-(2**63), 2**63)
_BIG_INTEGER, _DEEP, _BYTES = "$bigint", "$json", "$bytes"
_SPECIAL = (_BIG_INTEGER, _DEEP, _BYTES)
_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MAX_DIGITS = 4_000  # about the most that Python reads by default


class OtlpError(SpantreeException):
    """An OTLP document that can't be read; the message says where."""


def attributes_out(attributes: Mapping[str, Captured]) -> list[dict[str, Any]]:
    """Write captured values by name as OTLP's list of key and value."""
    return [
        {"key": key, "value": any_value(value)} for key, value in attributes.items()
    ]


def attributes_in(found: object) -> dict[str, Captured]:
    """Read OTLP's list of key and value; of a key that comes twice the last counts.

    Raises:
        OtlpError: If it is no such list.
    """
    return {key: captured(value) for key, value in _pairs(found)}


def any_value(value: Captured) -> dict[str, Any]:
    """Write a captured value; None is the empty object."""
    return _out(read_json(value) if isinstance(value, bytes) else value, 0)


def captured(value: object) -> Captured:
    """Read an ``AnyValue``.

    Raises:
        OtlpError: If it is none.
    """
    found = _in(value, 0)
    if isinstance(found, (dict, list)):
        return write_json(found)
    return found  # type: ignore[return-value]  # a scalar


def write_json(value: object) -> bytes:
    """Write what :func:`~spantree.entities.values.read_json` gives."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate
        text = json.dumps(all_visible(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode()


def all_visible(value: Any) -> Any:
    """Turn the lone surrogates in JSON data into visible characters."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [all_visible(item) for item in value]
    if isinstance(value, dict):
        return {visible(key): all_visible(item) for key, item in value.items()}
    return value


def _out(value: object, depth: int) -> dict[str, Any]:  # noqa: PLR0911 - a case a type
    if value is None:
        return {}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        text = str(value)
        return (
            {"intValue": text}
            if value in _INT64
            else _special(_BIG_INTEGER, {"stringValue": text})
        )
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _float_text(value)}
    if depth >= _MAX_SPELLED_DEPTH:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _special(_DEEP, {"stringValue": text})
    if isinstance(value, list):
        return {"arrayValue": {"values": [_out(item, depth + 1) for item in value]}}
    return _dict_out(value, depth)  # type: ignore[arg-type]


def _dict_out(value: dict[str, object], depth: int) -> dict[str, Any]:
    if len(value) == 2 and value.get(NOTE) == "float":  # noqa: PLR2004 - note and value
        text = _float_text(value.get("value"))
        if text:
            return {"doubleValue": text}
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key == _BYTES and isinstance(inner, str):
            return {"bytesValue": inner}
        if _is_special(key):
            return _special(f"${key}", _out(inner, depth + 1))
    pairs = [{"key": k, "value": _out(inner, depth + 1)} for k, inner in value.items()]
    return {"kvlistValue": {"values": pairs}}


def _is_special(key: str) -> bool:
    return key.startswith("$") and f"${key.lstrip('$')}" in _SPECIAL


def _special(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"kvlistValue": {"values": [{"key": key, "value": value}]}}


def _float_text(value: object) -> str:
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return names.get(str(value), "")


def _in(value: object, depth: int) -> object:
    if not isinstance(value, dict):
        msg = f"a value is an object such as {{'stringValue': …}}, not {value!r:.40}"
        raise OtlpError(msg)
    if depth > MAX_DEPTH:
        msg = f"a value is nested deeper than {MAX_DEPTH} levels"
        raise OtlpError(msg)
    for kind, inner in value.items():
        name = _CAMEL.get(kind, kind)
        if name in _SCALARS:
            scalar = _scalar(name, inner)
            return _in_json(scalar) if depth else scalar
        if name == "arrayValue":
            return [_in(item, depth + 1) for item in _listed(inner)]
        if name == "kvlistValue":
            found = {k: _in(v, depth + 1) for k, v in _pairs(_listed(inner))}
            return _dict_in(found)
    return None


def _scalar(kind: str, value: object) -> object:
    try:
        if kind == "intValue" and isinstance(value, (int, str)):
            return int(value)
        if kind == "doubleValue" and isinstance(value, (int, float, str)):
            return _FLOATS[value] if value in _FLOATS else float(value)
    except ValueError:
        pass
    if kind == "bytesValue" and isinstance(value, str):
        return {_BYTES: value}
    if kind == "boolValue" and isinstance(value, bool):
        return value
    if kind == "stringValue" and isinstance(value, str):
        return value
    msg = f"{kind} can't be {value!r:.40}"
    raise OtlpError(msg)


def _in_json(value: object) -> object:
    """Say what JSON text can't hold as our encoded values say it."""
    if isinstance(value, float) and not math.isfinite(value):
        return {NOTE: "float", "value": str(value)}
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _dict_in(found: dict[str, object]) -> object:
    if len(found) != 1:
        return found
    ((key, value),) = found.items()
    if key == _BIG_INTEGER and isinstance(value, str):
        return _integer(value)
    if key == _DEEP and isinstance(value, str):
        return _deep(value)
    return {key[1:]: value} if _is_special(key) and key[1] == "$" else found


def _integer(text: str) -> int:
    if len(text) <= _MAX_DIGITS and text.removeprefix("-").isdecimal():
        return int(text)
    msg = f"{_BIG_INTEGER} can't be {text!r:.40}"
    raise OtlpError(msg)


def _deep(text: str) -> object:
    try:
        return read_json(text.encode())
    except (ValueError, RecursionError) as error:
        msg = f"{_DEEP} can't be {text!r:.40}"
        raise OtlpError(msg) from error


def _listed(value: object) -> list[object]:
    found = value.get("values", []) if isinstance(value, dict) else None
    if not isinstance(found, list):
        msg = f"values are a list, not {value!r:.40}"
        raise OtlpError(msg)
    return found


def _pairs(found: object) -> Iterable[tuple[str, object]]:
    if not isinstance(found, list):
        msg = f"attributes are a list, not {found!r:.40}"
        raise OtlpError(msg)
    for pair in found:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str):
            msg = f"an attribute has a key and a value, not {pair!r:.40}"
            raise OtlpError(msg)
        yield pair["key"], pair.get("value") or {}


_SCALARS = ("stringValue", "boolValue", "intValue", "doubleValue", "bytesValue")
_CAMEL = {
    "string_value": "stringValue",
    "bool_value": "boolValue",
    "int_value": "intValue",
    "double_value": "doubleValue",
    "bytes_value": "bytesValue",
    "array_value": "arrayValue",
    "kvlist_value": "kvlistValue",
}
