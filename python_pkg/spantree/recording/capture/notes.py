"""What a reader of a user's object may answer, and the notes among it."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from spantree.entities.values import NOTE, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import MappingProxyType

LONGEST_TYPE_NAME = 250
_MANY = 1_000
_LONG = 1_000


class Note(dict[str, object]):
    """A finished note: plain, finite JSON scalars under ``$spantree`` and more."""

    __slots__ = ()


class OpenNote(dict[str, object]):
    """A note that still holds the user's values, which are walked next.

    Attributes:
        levels: Containers and objects that may open inside each other below it.
    """

    __slots__ = ("levels",)

    def __init__(self, content: dict[str, object], levels: int) -> None:
        super().__init__(content)
        self.levels = levels


class Listing:
    """A snapshot of a container: its first items, and how many there are.

    Attributes:
        kind: ``"list"`` or ``"dict"``.
        items: Elements, or ``(key, value)`` pairs. A list nobody else holds.
        total: Items in the container, None if it kept changing.
    """

    __slots__ = ("items", "kind", "total")

    def __init__(self, kind: str, items: list[object], total: int | None) -> None:
        self.kind = kind
        self.items = items
        self.total = total


class Reading(Protocol):
    """What a reader may ask of the capture it works for."""

    def media(
        self, content_type: str, size: int, load: Callable[[], bytes | str]
    ) -> object:
        """Take media out of the value; gives what stands in their place."""

    def room_for_items(self) -> int:
        """Say how many items of a container are worth copying."""


def note(kind: str, **content: object) -> Note:
    """Build a finished note."""
    return Note({NOTE: kind, **content})


if TYPE_CHECKING:
    class_mro: Callable[[type], tuple[type, ...]]
    class_dict: Callable[[type], MappingProxyType[str, object]]
    _class_name: Callable[[type], object]
    _class_module: Callable[[type], object]
    module_content: Callable[[object], dict[str, object]]
else:
    # The descriptors of `type` itself: a metaclass can't put its code in between.
    class_mro = type.__dict__["__mro__"].__get__
    class_dict = type.__dict__["__dict__"].__get__
    _class_name = type.__dict__["__qualname__"].__get__
    _class_module = type.__dict__["__module__"].__get__
    module_content = ModuleType.__dict__["__dict__"].__get__


def module_of(kind: type) -> str:
    """Give a class's module, or an empty string if it is no text."""
    module = _class_module(kind)
    return module if type(module) is str else ""


def qualified_name(kind: type) -> str:
    """Give a class's qualified name without its module."""
    name = _class_name(kind)
    return visible(name) if type(name) is str else "?"


def type_name(kind: type) -> str:
    """Give ``package.module.Class``; builtins go without a module."""
    module = module_of(kind)
    name = qualified_name(kind)
    full = name if module in ("builtins", "") else f"{visible(module)}.{name}"
    if len(full) > LONGEST_TYPE_NAME:
        return full[: LONGEST_TYPE_NAME - 1] + "…"
    return full


def inherits(kind: type, base: type) -> bool:
    """Tell whether ``base`` is among the ancestors, by identity alone.

    ``in`` and ``issubclass`` would ask the metaclass.
    """
    return any(ancestor is base for ancestor in class_mro(kind))


def is_scalar(value: object) -> bool:
    """Tell None, bool, int, float and str; exactly those, no subclass."""
    kind = type(value)
    return kind is str or kind is int or kind is float or kind is bool or value is None


def key_text(key: object) -> str:
    """Spell a dict's key: a scalar as JSON does, a tuple of them by ``repr``.

    Any other key is shown by its type; its own ``str`` isn't asked.
    """
    kind = type(key)
    if kind is str or inherits(kind, str):
        return visible(str.__str__(key))
    is_plain = is_scalar(key)
    if is_plain or (kind is tuple and are_short_scalars(key)):  # type: ignore[arg-type]
        try:
            return _number_text(key) if is_plain else visible(repr(key))
        except ValueError:  # more digits than Python prints
            pass
    return f"<{type_name(kind)}>"


def are_short_scalars(items: Sequence[object]) -> bool:
    """Tell a few scalars, whose ``repr`` costs next to nothing."""
    return len(items) <= _MANY and all(
        is_scalar(item) and (type(item) is not str or len(item) <= _LONG)
        for item in items
    )


def _number_text(value: object) -> str:
    if value is None or (type(value) is float and value - value != 0):
        return "null"  # as orjson writes a key that is no number
    if type(value) is bool:
        return "true" if value else "false"
    return str(value)
