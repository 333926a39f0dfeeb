"""Decides, once per exact type, how its values are read.

The decision looks at the class through `type`'s own descriptors and compares by
identity: a metaclass may define ``__eq__``, ``__hash__`` or ``__instancecheck__``.
"""

from __future__ import annotations

import enum
import weakref
from collections import deque
from datetime import date, datetime, time, timedelta
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, TypeAlias

from spantree.entities.values import visible
from spantree.recording.capture import containers, scalars
from spantree.recording.capture.libraries import library_reader, library_type
from spantree.recording.capture.media import attached
from spantree.recording.capture.notes import (
    Reading,
    class_dict,
    class_mro,
    inherits,
    module_of,
    note,
    qualified_name,
    type_name,
)
from spantree.recording.capture.storage import (
    Storage,
    model_reader,
    object_reader,
    opaque_reader,
    record_reader,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Reader: TypeAlias = "Callable[[Any, Reading], object]"

# Values of exactly these types; `str` of them is Python's own code.
_SPELLED = (
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
    ("pathlib", "PurePosixPath"),
    ("pathlib", "PureWindowsPath"),
    ("pathlib._local", "PosixPath"),  # where Python 3.13 keeps them
    ("pathlib._local", "WindowsPath"),
    ("pathlib._local", "PurePosixPath"),
    ("pathlib._local", "PureWindowsPath"),
    ("datetime", "timezone"),
    ("zoneinfo", "ZoneInfo"),
)
_EXACT: tuple[tuple[type, Reader], ...] = (
    (complex, scalars.text_of),
    (range, scalars.text_of),
    (type(...), scalars.text_of),
    (memoryview, scalars.memoryview_of),
    (FunctionType, scalars.function_of),
    (BuiltinFunctionType, scalars.function_of),
    (MethodType, scalars.function_of),
)
# Read through the builtin's own methods, also for subclasses; order matters:
# a datetime is a date.
_BASES: tuple[tuple[type, Reader], ...] = (
    (str, scalars.str_of),
    (int, scalars.int_of),
    (float, scalars.float_of),
    (complex, scalars.complex_of),
    (bytes, scalars.bytes_of),
    (bytearray, scalars.bytes_of),
    (dict, containers.dict_items),
    (list, containers.list_items),
    (tuple, containers.tuple_items),
    (set, containers.set_items),
    (frozenset, containers.set_items),
    (deque, containers.deque_items),
    (datetime, scalars.datetime_of),
    (date, scalars.date_of),
    (time, scalars.time_of),
    (timedelta, scalars.timedelta_of),
    (BaseException, scalars.exception_of),
    (ModuleType, scalars.module_name),
)
_SECRETS = ("SecretStr", "SecretBytes", "Secret", "_SecretBase", "SecretField")
_HIDDEN = "**********"  # as pydantic shows it
_UNTOUCHED_METHODS = ("__next__", "__anext__", "__await__")
# Mocks, futures, locks and files, also the user's subclasses of them.
_UNTOUCHED_MODULES = (
    "unittest.mock",
    "mock.mock",
    "concurrent.futures",
    "asyncio",
    "_io",
)

_readers: dict[int, tuple[weakref.ref[type], Reader]] = {}
_serializers: dict[int, tuple[weakref.ref[type], Callable[[Any], object]]] = {}


def reader_for(kind: type) -> Reader:
    """Give the reader for values of exactly this type."""
    known = _readers.get(id(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    reader = _choose(kind)
    key = id(kind)
    # Keyed by id, as hashing a class may run its metaclass's code.
    _readers[key] = (weakref.ref(kind, lambda _: _readers.pop(key, None)), reader)
    return reader


def register_serializer(
    kind: type, serializer: Callable[[Any], object] | None = None
) -> None:
    """Choose how values of a class, and of its subclasses, are recorded.

    Args:
        kind: The class. It isn't kept alive.
        serializer: Gives what to record in place of a value; its result is captured
            in turn, and when it fails the value is shown by its type. None goes back
            to the usual form.
    """
    if serializer is None:
        _serializers.pop(id(kind), None)
    else:
        _serializers[id(kind)] = (weakref.ref(kind), serializer)
    _readers.clear()


def _choose(kind: type) -> Reader:
    return (
        _registered(kind)
        or _builtin(kind)
        or library_reader(kind)
        or _enumeration(kind)
        or _subclass(kind)
        or _record(kind)
        or _instance(kind)
    )


def _registered(kind: type) -> Reader | None:
    for ancestor in class_mro(kind):
        known = _serializers.get(id(ancestor))
        if known is not None and known[0]() is ancestor:
            return _guarded(kind, known[1])
    return None


def _guarded(kind: type, serializer: Callable[[Any], object]) -> Reader:
    named = note("object", type=type_name(kind))

    def read(value: Any, run: Reading) -> object:
        del run
        try:
            found = serializer(value)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - the user's code, SystemExit included
            return named
        return named if type(found) is type(value) else found

    return read


def _builtin(kind: type) -> Reader | None:
    if inherits(kind, type):
        return scalars.class_of
    for exact, reader in _EXACT:
        if kind is exact:
            return reader
    if kind is library_type("spantree.entities.attachment", "Attachment"):
        return attached
    module, name = module_of(kind), qualified_name(kind)
    if (module, name) in _SPELLED and library_type(module, name) is kind:
        return scalars.text_of
    return None


def _enumeration(kind: type) -> Reader | None:
    if not inherits(kind, enum.Enum):
        return None
    if inherits(kind, str):
        return scalars.str_of
    if inherits(kind, int):
        return scalars.int_of
    storage = Storage(kind)
    class_name = qualified_name(kind).rsplit(".", 1)[-1]

    def read(value: object, run: Reading) -> object:
        del run
        content = storage.content(value)
        name = content.get("_name_")
        if type(name) is str:
            return f"{class_name}.{visible(name)}"
        number = content.get("_value_")  # flags combined have no name of their own
        return f"{class_name}.{number if type(number) is int else '?'}"

    return read


def _subclass(kind: type) -> Reader | None:
    for base, reader in _BASES:
        if inherits(kind, base):
            return reader
    return None


def _record(kind: type) -> Reader | None:
    for ancestor in class_mro(kind):
        module, name = module_of(ancestor), qualified_name(ancestor)
        if module.split(".", 1)[0] == "pydantic":
            if name in _SECRETS:
                return lambda value, run: _HIDDEN  # noqa: ARG005 - as a reader
            if name == "BaseModel":
                return model_reader(kind)
        names = _field_names(class_dict(ancestor)) or _struct_fields(ancestor)
        if names is not None:
            return record_reader(kind, names)
    return None


def _field_names(content: Any) -> tuple[str, ...] | None:
    """Give the fields of a dataclass or an attrs class."""
    fields = content.get("__dataclass_fields__")
    if type(fields) is dict:
        return tuple(name for name in fields if type(name) is str)
    fields = content.get("__attrs_attrs__")
    if inherits(type(fields), tuple):
        names = [_own_name(field) for field in tuple.__iter__(fields)]
        return tuple(name for name in names if name is not None)
    return None


def _struct_fields(kind: type) -> tuple[str, ...] | None:
    """Give the fields of a msgspec class, whose metaclass alone knows them."""
    meta = library_type("msgspec._core", "StructMeta")
    if meta is None or type(kind) is not meta:
        return None
    fields: Any = class_dict(meta)["__struct_fields__"]
    return fields.__get__(kind)  # type: ignore[no-any-return]


def _own_name(attribute: object) -> str | None:
    name = Storage(type(attribute)).fields(attribute).get("name")
    return name if type(name) is str else None


def _instance(kind: type) -> Reader:
    if not _is_plain(kind):
        return opaque_reader(kind)
    return object_reader(kind)


def _is_plain(kind: type) -> bool:
    """Tell a plain Python class from iterators, awaitables, mocks and futures."""
    for ancestor in class_mro(kind):
        module = module_of(ancestor) + "."
        if any(module.startswith(f"{known}.") for known in _UNTOUCHED_MODULES):
            return False
        content = class_dict(ancestor)
        if any(name in content for name in _UNTOUCHED_METHODS):
            return False
    return True
