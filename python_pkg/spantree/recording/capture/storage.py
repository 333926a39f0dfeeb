"""Fields of instances, read from their own storage.

Storage is the instance ``__dict__`` and the slots. No property, no ``__getattr__``,
no ``asdict`` (it deep-copies clients, mlflow#21667), no ``model_dump``.
"""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING

from spantree.entities.values import NOTE
from spantree.recording.capture.notes import (
    OpenNote,
    Reading,
    class_dict,
    class_mro,
    note,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVELS_BELOW_OBJECT = 2
_get = object.__getattribute__


class Storage:
    """Where the instances of one class keep their fields.

    Holds names only: a descriptor would keep the class alive.

    Attributes:
        has_dict: Whether they have a ``__dict__`` that is truly theirs.
        slots: Names of their slots, base classes first.
    """

    __slots__ = ("has_dict", "slots")

    def __init__(self, kind: type) -> None:
        holder = _first(kind, "__dict__")
        self.has_dict = holder is GetSetDescriptorType or holder is MemberDescriptorType
        names: dict[str, None] = {}
        for ancestor in reversed(class_mro(kind)):
            if "__slots__" in class_dict(ancestor):
                names.update(dict.fromkeys(_members(kind, ancestor)))
        self.slots = tuple(names)

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return self.has_dict or bool(self.slots)

    def content(self, value: object) -> dict[str, object]:
        """Give the instance's own dict: to be read at once, never changed."""
        # The class was checked: generic lookup finds the real `__dict__` first.
        found = _get(value, "__dict__") if self.has_dict else None
        return found if type(found) is dict else {}

    def fields(self, value: object) -> dict[str, object]:
        """Give a fresh dict of all fields that are set and have a text for a name."""
        found: dict[str, object] = {}
        for name in self.slots:
            try:
                found[name] = _get(value, name)
            except AttributeError:  # never assigned
                continue
        return found | _texted(self.content(value))


def _first(kind: type, name: str) -> type | None:
    for ancestor in class_mro(kind):
        content = class_dict(ancestor)
        if name in content:
            return type(content[name])
    return None


def _members(kind: type, ancestor: type) -> list[str]:
    return [
        name
        for name, member in class_dict(ancestor).items()
        if type(member) is MemberDescriptorType
        and type(name) is str
        and _first(kind, name) is MemberDescriptorType
        and not name.startswith("__")
    ]


def object_reader(kind: type) -> Callable[[object, Reading], object]:
    """Make the reader for a plain Python class: a note with its public fields."""
    storage = Storage(kind)
    name = type_name(kind)

    def read(value: object, run: Reading) -> object:
        del run
        found = storage.fields(value)
        public = {key: found[key] for key in found if not key.startswith("_")}
        return OpenNote(
            {NOTE: "object", "type": name, "fields": public}, _LEVELS_BELOW_OBJECT
        )

    return read if storage else opaque_reader(kind)


def opaque_reader(kind: type) -> Callable[[object, Reading], object]:
    """Make the reader for what must not be touched: a note with its type."""
    named = note("object", type=type_name(kind))

    def read(value: object, run: Reading) -> object:
        del value, run
        return named

    return read


def model_reader(kind: type) -> Callable[[object, Reading], object]:
    """Make the reader for a pydantic model, version 1 or 2: fields and extras."""
    storage = Storage(kind)
    has_extras = _first(kind, "__pydantic_extra__") is MemberDescriptorType

    def read(value: object, run: Reading) -> object:
        del run
        content = storage.content(value)
        extras = _get(value, "__pydantic_extra__") if has_extras else None
        if type(extras) is dict and extras:
            return {**_texted(content), **_texted(extras)}
        return content

    def read_guarded(value: object, run: Reading) -> object:
        try:
            return read(value, run)
        except AttributeError:  # a model whose __init__ hasn't run
            return {}

    return read_guarded


def record_reader(
    kind: type, names: tuple[str, ...]
) -> Callable[[object, Reading], object]:
    """Make the reader for a dataclass, attrs or msgspec class.

    Args:
        kind: The class.
        names: Its fields.
    """
    storage = Storage(kind)

    def read(value: object, run: Reading) -> object:
        del run
        found = storage.fields(value)
        return {name: found[name] for name in names if name in found}

    return read


def _texted(content: dict[str, object]) -> dict[str, object]:
    return {key: item for key, item in list(content.items()) if type(key) is str}
