"""What calls that ask are given: arguments checked against the annotations.

Recording never raises and takes what it gets; asking and administration refuse what
they can't use in one sentence. None of the user's code runs to say so.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
)

from spantree.entities.assessment import (
    Assessment,
    AssessmentError,
    AssessmentSource,
)
from spantree.entities.errors import SpantreeException
from spantree.entities.trace import (
    MlflowExperimentLocation,
    Trace,
    TraceLocation,
)
from spantree.recording import is_a

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

__all__ = ["Location", "asks", "is_a", "read_from", "shown"]

Location: TypeAlias = "TraceLocation | MlflowExperimentLocation | str"

_P = ParamSpec("_P")
_R = TypeVar("_R")

_BETWEEN = re.compile(r" \| (?![^\[]*\])")
_SHOWN_CHARACTERS = 80
_SHOWN_BITS = 256
# Within what databases and clocks can count; nobody has or waits for more.
_MOST: Final = 2**53
_MOST_SECONDS: Final = 1e9


def asks(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function refuse arguments that its annotations do not allow.

    Texts, numbers, lists and dicts arrive as Python's own, a subclass of theirs
    included; annotations of ``object`` and ``Any`` are left to the function.

    Raises:
        KeyError: At once, if an annotation is none of those known here.
    """
    code = cast("FunctionType", function).__code__
    annotations = function.__annotations__
    count = code.co_argcount + code.co_kwonlyargcount
    kinds = {
        name: [_kind(name, part) for part in _BETWEEN.split(annotations[name])]
        for name in code.co_varnames[:count]
        if annotations.get(name, "Any") not in ("Any", "object")
    }
    places = [kinds.get(name) for name in code.co_varnames[: code.co_argcount]]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> _R:
        given = [
            _accepted(code.co_varnames[at], value, places[at])
            if at < len(places)
            else value
            for at, value in enumerate(args)
        ]
        named = {
            name: _accepted(name, value, kinds.get(name))
            for name, value in kwargs.items()
        }
        return function(*given, **named)  # type: ignore[arg-type]

    return cast("Callable[_P, _R]", call)


def shown(value: object) -> str:
    """Show what was given in a message: a scalar by its text, others by their type."""
    kind = type(value)
    if kind is int and value.bit_length() > _SHOWN_BITS:  # type: ignore[attr-defined]
        return f"a number of {value.bit_length()} bits"  # type: ignore[attr-defined]
    if kind in (str, int, float, bool, type(None)):
        text = repr(value)
        return (
            text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
        )
    return f"{'an' if kind.__name__[:1] in 'AEIOUaeiou' else 'a'} {kind.__name__}"


def read_from(read: Callable[[Any], _R], value: object, allowed: str) -> _R:
    """Read what was given by code that may be the user's.

    Args:
        read: Gives what is needed of the value.
        value: What was given.
        allowed: What it has to be: ``"which is …"``.

    Raises:
        SpantreeException: For whatever is raised while reading.
    """
    try:
        return read(value)
    except SpantreeException:
        raise
    except Exception as error:
        msg = f"{allowed}, not {shown(value)}."
        raise SpantreeException(msg) from error


class _RefusedError(Exception):
    """This kind of argument is not what was given."""

    def __init__(self, where: str = "") -> None:
        super().__init__(where)
        self.where = where


class _Kind(NamedTuple):
    """What an annotation allows.

    Attributes:
        words: What it is called in a message.
        take: Gives what the function gets; raises :class:`_RefusedError` otherwise.
    """

    words: str
    take: Callable[[Any], object]


def _accepted(name: str, value: object, kinds: list[_Kind] | None) -> object:
    if kinds is None or (value is None and kinds[-1].take is _none):
        return value
    where = ""
    for kind in kinds:
        try:
            return kind.take(value)
        except _RefusedError as error:
            where = where or error.where
    *words, last = [kind.words for kind in kinds]
    allowed = f"{', '.join(words)} or {last}" if words else last
    msg = f"{name} is {allowed}, not {shown(value)}{where}."
    # The user's own error, from a list of theirs, is no part of this.
    raise SpantreeException(msg) from None


def _text(value: object) -> str:
    r"""Take text; a lone surrogate, which no store can keep, as visible ``\ud800``."""
    # Here and below, first what is nearly always given: searches take microseconds.
    if type(value) is str and value.isascii():
        return value
    text = _own_text(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _own_text(value: object) -> str:
    if not is_a(value, str):
        raise _RefusedError
    return str.__str__(cast("str", value))


def _name_of_file(value: object) -> str:
    name = _own_text(value)
    if "\0" in name or _theirs(os.fsencode, name) == b"":
        raise _RefusedError
    return name


def _id(value: object) -> str:
    if is_a(value, int) and type(value) is not bool:
        return str(_count(value))
    return _text(value)


def _none(value: object) -> None:
    if value is not None:
        raise _RefusedError


def _switch(value: object) -> bool:
    if type(value) is bool:
        return value
    if value is not None and type(value) not in (bool, int):
        raise _RefusedError
    return bool(value)


def _count(value: Any) -> int:
    if type(value) is int and 0 <= value <= _MOST:
        return value
    if type(value) is bool or not is_a(value, Integral):
        raise _RefusedError
    number = int.__int__(value) if is_a(value, int) else _theirs(int, value)
    if number < 0:
        raise _RefusedError
    return min(number, _MOST)


def _seconds(value: Any) -> float:
    if type(value) is bool or not is_a(value, Real):
        raise _RefusedError
    if is_a(value, int):
        value = min(int.__int__(value), _MOST)
    number: float = _theirs(float, value)
    if not number >= 0:
        raise _RefusedError
    return min(number, _MOST_SECONDS)


def _theirs(make: Callable[[Any], Any], value: object) -> Any:
    """Make Python's own of something that is like it, which may run its code."""
    try:
        return make(value)
    except Exception:  # noqa: BLE001 - whatever it raises, it is not like it
        raise _RefusedError from None


def _list_of(take: Callable[[Any], object]) -> Callable[[Any], list[object]]:
    def take_list(value: Any) -> list[object]:
        if type(value) is not list:
            if is_a(value, str, bytes, bytearray, Mapping) or not is_a(value, Iterable):
                raise _RefusedError
            value = _theirs(list, value)
        taken = []
        for item in value:
            try:
                taken.append(take(item))
            except _RefusedError:
                raise _RefusedError(f" with {shown(item)} in it") from None
        return taken

    return take_list


def _texts_by_name(value: Any) -> dict[str, str]:
    if not is_a(value, Mapping):
        raise _RefusedError
    own: dict[Any, Any] = _theirs(dict, value)
    taken = {}
    for key, item in own.items():
        if not is_a(key, str):
            raise _RefusedError(f" with the key {shown(key)}")
        if not is_a(item, str, int, float, type(None)):
            raise _RefusedError(f" with {shown(item)} in it")
        if item is not None:
            taken[_text(key)] = _text(item) if is_a(item, str) else _theirs(str, item)
    return taken


def _path(value: Any) -> object:
    if not is_a(value, os.PathLike):
        raise _RefusedError
    return _name_of_file(_theirs(os.fspath, value))


def _uri(value: object) -> object:
    return _text(value) if is_a(value, str) else _path(value)


def _callable(value: object) -> object:
    if not callable(value):
        raise _RefusedError
    return value


def _place(value: object) -> object:
    """Take an experiment as a trace's destination names it."""
    if is_a(value, TraceLocation, MlflowExperimentLocation):
        return value
    return _id(value)


def _instance(*kinds: type) -> Callable[[Any], object]:
    def take(value: object) -> object:
        if not is_a(value, *kinds):
            raise _RefusedError
        return value

    return take


def _kind(name: str, annotation: str) -> _Kind:
    """Look a kind up; ids that are numbers may be given as such."""
    if name == "path" and annotation == "str":
        return _Kind("a path", _name_of_file)
    is_id = name.endswith(("_id", "_ids"))
    return (_KINDS_OF_IDS if is_id else _KINDS).get(annotation) or _KINDS[annotation]


_KINDS = {
    "str": _Kind("text", _text),
    "None": _Kind("None", _none),
    "bool": _Kind("True or False", _switch),
    "int": _Kind("a whole number from 0", _count),
    "float": _Kind("a number from 0", _seconds),
    "Path": _Kind("a path", _path),
    "os.PathLike[str]": _Kind("a path", _path),
    "Sequence[str]": _Kind("a list of texts", _list_of(_text)),
    "Sequence[str | Path]": _Kind("a list of them", _list_of(_uri)),
    "Sequence[Any]": _Kind("a list", _list_of(lambda item: item)),
    "Mapping[str, str]": _Kind("a dict of texts", _texts_by_name),
    "Location": _Kind("a trace location, or an experiment's id or name", _place),
    "Sequence[Location]": _Kind("a list of texts", _list_of(_place)),
    "Callable[[int], object]": _Kind("a function", _callable),
    "Sequence[Callable[[LiveSpan], None]]": _Kind(
        "a list of functions of a span", _list_of(_callable)
    ),
    "AssessmentSource": _Kind("an AssessmentSource", _instance(AssessmentSource)),
    "AssessmentError": _Kind("an AssessmentError", _instance(AssessmentError)),
    "BaseException": _Kind("an exception", _instance(BaseException)),
    "Assessment": _Kind("an Assessment", _instance(Assessment)),
    "Trace": _Kind("a Trace", _instance(Trace)),
    "list[Trace]": _Kind("a list of them", _list_of(_instance(Trace))),
}
_KINDS_OF_IDS = {
    "str": _Kind("text", _id),
    "Sequence[str]": _Kind("a list of texts", _list_of(_id)),
}
