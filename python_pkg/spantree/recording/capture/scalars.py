"""Readers of Python's own values that become a text, a number or a short note."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime, time, timedelta
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from spantree.entities.media_types import sniff
from spantree.entities.values import visible
from spantree.recording.capture.notes import (
    Note,
    Reading,
    class_dict,
    inherits,
    is_scalar,
    module_content,
    module_of,
    note,
    qualified_name,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT_BYTES = 64
_MOST_DIGITS = 4_300  # what Python >= 3.11 prints and reads
_BITS_PER_DIGIT = math.log2(10)
_LONGEST_MESSAGE = 10_000
_MOST_ARGUMENTS = 50
_SURELY_SHORT_BITS = 2_000  # 640 digits: the lowest limit Python can be set to
_DATE_FIELDS = ("year", "month", "day")
_TIME_FIELDS = ("hour", "minute", "second", "microsecond")
# Time zones of these packages run none of the user's code.
_KNOWN_ZONES = ("datetime", "zoneinfo", "pytz", "dateutil", "backports", "pandas")


def text_of(value: object, run: Reading) -> object:
    """Read a value whose ``str`` is Python's own code."""
    del run
    try:
        return visible(str(value))
    except ValueError:  # more digits than Python prints
        return note("object", type=type_name(type(value)))


def int_of(value: Any, run: Reading) -> object:
    """Read an integer of a subclass; a note above 4,300 digits."""
    del run
    number = int.__int__(value)
    return long_int(number) or number


def long_int(number: int) -> Note | None:
    """Give the note for an integer that Python refuses to print, else None."""
    bits = number.bit_length()
    if bits < _SURELY_SHORT_BITS:
        return None
    limit = getattr(sys, "get_int_max_str_digits", int)() or _MOST_DIGITS
    if bits <= (min(limit, _MOST_DIGITS) - 1) * _BITS_PER_DIGIT:
        return None
    return note("int", bits=bits)


def float_of(value: Any, run: Reading) -> object:
    """Read a float of a subclass."""
    del run
    return float.__float__(value)


def complex_of(value: Any, run: Reading) -> object:
    """Read a complex number of a subclass."""
    del run
    return complex.__str__(value)


def str_of(value: Any, run: Reading) -> object:
    """Read a text of a subclass."""
    del run
    return str.__str__(value)


def bytes_of(value: Any, run: Reading) -> object:
    """Read bytes or a bytearray, also of a subclass."""
    base: Any = bytes if inherits(type(value), bytes) else bytearray
    size = base.__len__(value)
    return _binary(
        base.__name__, size, lambda n: bytes(base.__getitem__(value, slice(0, n))), run
    )


def memoryview_of(value: Any, run: Reading) -> object:
    """Read a memoryview; of one that isn't contiguous the size only."""
    try:
        size = value.nbytes
        if not value.c_contiguous:
            return note("bytes", type="memoryview", size=size)
        return _binary("memoryview", size, lambda n: bytes(value.cast("B")[:n]), run)
    except (TypeError, ValueError):  # released, or of a format that can't be cast
        return note("object", type="memoryview")


def _binary(
    kind: str, size: int, first: Callable[[int], bytes], run: Reading
) -> object:
    head = first(SHORT_BYTES)
    if size <= SHORT_BYTES:
        return repr(head)
    content_type = sniff(head)
    if content_type:
        return run.media(content_type, size, lambda: first(size))
    return note("bytes", type=kind, size=size, head=head.hex())


def datetime_of(value: Any, run: Reading) -> object:
    """Read a datetime, rebuilt from its fields without any override."""
    del run
    day = [_field(date, name, value) for name in _DATE_FIELDS]
    hour = [_field(datetime, name, value) for name in _TIME_FIELDS]
    zone = _known_zone(_field(datetime, "tzinfo", value))
    moment = datetime(*day, *hour)  # noqa: DTZ001 - its zone follows
    return moment.replace(tzinfo=zone).isoformat(" ")


def time_of(value: Any, run: Reading) -> object:
    """Read a time of day, as :func:`datetime_of` does."""
    del run
    fields = [_field(time, name, value) for name in _TIME_FIELDS]
    zone = _known_zone(_field(time, "tzinfo", value))
    return time(*fields).replace(tzinfo=zone).isoformat()


def date_of(value: Any, run: Reading) -> object:
    """Read a date."""
    del run
    return date.isoformat(value)


def timedelta_of(value: Any, run: Reading) -> object:
    """Read a span of time."""
    del run
    return timedelta.__str__(value)


def _field(base: type, name: str, value: object) -> Any:
    field: Any = class_dict(base)[name]
    return field.__get__(value)


def _known_zone(zone: Any) -> Any:
    # `utcoffset` of an unknown class is the user's code: the offset is left out.
    if module_of(type(zone)).split(".", 1)[0] in _KNOWN_ZONES:
        return zone
    return None


def function_of(value: Any, run: Reading) -> object:
    """Name a function or a bound method."""
    del run
    if type(value) is MethodType:
        value = value.__func__
    if type(value) is FunctionType:
        return _named("function", value.__module__, value.__qualname__)
    if type(value) is BuiltinFunctionType:
        # Not __qualname__: for a method it asks the class of its object.
        return _named("function", value.__module__, value.__name__)
    return note("object", type=type_name(type(value)))


def class_of(value: Any, run: Reading) -> object:
    """Name a class, whatever its metaclass."""
    del run
    return _named("class", module_of(value), qualified_name(value))


def module_name(value: Any, run: Reading) -> object:
    """Name a module, also a lazy one."""
    del run
    content = module_content(value)
    name = content.get("__name__") if type(content) is dict else None
    return f"<module {visible(name) if type(name) is str else '?'}>"


def _named(what: str, module: object, name: object) -> str:
    shown = name if type(name) is str else "?"
    if type(module) is str and module not in ("", "builtins"):
        shown = f"{module}.{shown}"
    return f"<{what} {visible(shown)}>"


def exception_of(value: Any, run: Reading) -> object:
    """Read an exception: type and message, no traceback."""
    del run
    return note(
        "exception", type=type_name(type(value)), message=visible(_message(value))
    )


def _message(error: Any) -> str:
    arguments = BaseException.__dict__["args"].__get__(error)
    if type(arguments) is not tuple:
        return ""
    shown = [_argument(item) for item in arguments[:_MOST_ARGUMENTS]]
    try:
        return _spell(error, shown)[:_LONGEST_MESSAGE]
    except ValueError:  # more digits than Python prints
        return ""


def _argument(item: object) -> object:
    if type(item) is str:
        return item[:_LONGEST_MESSAGE]
    return item if is_scalar(item) else f"<{type_name(type(item))}>"


def _spell(error: object, shown: list[Any]) -> str:
    if len(shown) == 2 and inherits(type(error), OSError):  # noqa: PLR2004 - errno, text
        return f"[Errno {shown[0]}] {shown[1]}"
    if len(shown) != 1:
        return str(tuple(shown)) if shown else ""
    return repr(shown[0]) if inherits(type(error), KeyError) else str(shown[0])
