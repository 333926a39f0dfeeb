"""Turns what an SDK was given, and what it gave back, into JSON data.

Only fields of the instance itself are read: no property, no method and no
serialiser of a model runs, since they may be the user's.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_MAX_DEPTH = 100  # deeper values are left to the recorder's own limits

# Fields that an SDK adds to a reply after parsing it; the provider never sent them.
_ADDED_BY_SDK: Final = frozenset({"parsed", "parsed_arguments", "parsed_output"})
_SDKS: Final = ("openai.", "anthropic.")

_NO_OTHERS: Final[dict[str, str | None]] = {}  # names on the wire than in the class

# Not the class's own way of reading attributes, which may be the user's.
_get: Final = object.__getattribute__
_schemas: WeakKeyDictionary[type, dict[str, object]] = WeakKeyDictionary()


def plain(value: object, depth: int = 0) -> object:
    """Give JSON data for an argument or a reply of an SDK.

    Args:
        value: Anything; pydantic models become the fields that were set, by the
            names they have on the wire.
        depth: How deep the value lies in the whole one.

    Returns:
        Fresh containers; whatever isn't understood stays as it is, for the recorder
        to show by type.
    """
    kind = type(value)
    if kind in SCALARS or depth > _MAX_DEPTH:
        return value
    depth += 1
    if kind is dict:
        return {
            name: item if type(item) in SCALARS else plain(item, depth)
            for name, item in value.items()  # type: ignore[attr-defined]
        }
    if kind is list:
        return [
            item if type(item) in SCALARS else plain(item, depth)
            for item in value  # type: ignore[attr-defined]
        ]
    if _wire_names(kind) == _NO_OTHERS:  # type: ignore[arg-type]  # classes are hashable
        # In one go, as nearly every part of a reply is such a model.
        names = _get(value, "__pydantic_fields_set__")
        found = {
            name: item if type(item) in SCALARS else plain(item, depth)
            for name, item in _get(value, "__dict__").items()
            if name in names
        }
        extra = _get(value, "__pydantic_extra__")
        return {**found, **_fields_plain(extra, depth)} if extra else found
    fields = model_fields(value)
    return (
        _plain_other(value, depth) if fields is None else _fields_plain(fields, depth)
    )


def _fields_plain(fields: Any, depth: int) -> dict[str, object]:
    return {
        name: item if type(item) in SCALARS else plain(item, depth)
        for name, item in fields.items()
    }


def _plain_other(value: object, depth: int) -> object:
    # The base class's own iteration: a subclass may be the user's.
    if isinstance(value, dict):
        return plain(dict(dict.items(value)), depth - 1)
    if isinstance(value, (list, tuple)):
        base = list if isinstance(value, list) else tuple
        return [plain(item, depth) for item in base.__iter__(value)]  # type: ignore[arg-type]
    if isinstance(value, type):
        return _described(value)
    return plain(value._value_, depth) if isinstance(value, Enum) else value


def model_fields(value: object) -> dict[str, object] | None:
    """Give the fields that were set on a pydantic model, not converted further.

    Returns:
        Values by wire name, or None when the value is no pydantic model (1 or 2).
    """
    kind = type(value)
    wire_names = _wire_names(kind)  # type: ignore[arg-type]  # classes are hashable
    if wire_names is None:
        return _fields_of_version_1(value)
    names = _get(value, "__pydantic_fields_set__")
    extra = _get(value, "__pydantic_extra__")
    held = _get(value, "__dict__")
    found = {name: item for name, item in held.items() if name in names}
    if wire_names:
        for name in wire_names.keys() & found.keys():
            item, wire_name = found.pop(name), wire_names[name]
            if wire_name is not None:
                found[wire_name] = item
    return {**found, **extra} if extra else found


@lru_cache(maxsize=256)
def _wire_names(kind: type) -> dict[str, str | None] | None:
    """Give the fields of a model that have another name on the wire, or none (None).

    Of what is no model of pydantic 2, None.
    """
    if not hasattr(kind, "__pydantic_validator__"):
        return None
    declared = kind.__dict__.get("__pydantic_fields__") or {}
    aliases = {name: getattr(field, "alias", None) for name, field in declared.items()}
    added = _ADDED_BY_SDK if kind.__module__.startswith(_SDKS) else frozenset()
    return {
        name: None if name in added else alias
        for name, alias in aliases.items()
        if name in added or isinstance(alias, str)
    }


def _fields_of_version_1(value: object) -> dict[str, object] | None:
    kind = type(value)
    if not (hasattr(kind, "__fields__") and hasattr(kind, "__fields_set__")):
        return None
    names, held = _get(value, "__fields_set__"), _get(value, "__dict__")
    return {name: item for name, item in held.items() if name in names}


def _described(kind: type) -> dict[str, object]:
    """Give the name of a class and, for a pydantic model, its JSON schema."""
    known = _schemas.get(kind)
    if known is None:
        known = {"name": kind.__name__}
        schema = getattr(kind, "model_json_schema", None)
        if schema is not None:
            # The SDK itself asks the class for its schema, to send it.
            known["schema"] = schema()
        _schemas[kind] = known
    return known
