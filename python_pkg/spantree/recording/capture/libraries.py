"""Readers of numpy, pandas, tensors and pictures.

A library is looked for in ``sys.modules`` only: values of one that isn't imported
can't exist, and importing it would be our cost.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spantree.entities.values import NOTE, visible
from spantree.recording.capture.notes import (
    OpenNote,
    Reading,
    class_mro,
    inherits,
    is_scalar,
    key_text,
    module_content,
    module_of,
    note,
    type_name,
)
from spantree.recording.capture.storage import Storage, opaque_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[Any, Reading], object]

_SMALL_ARRAY = 64
_ARRAY_HEAD = 16
_FRAME_ROWS = 10
_FRAME_COLUMNS = 50
_FRAME_CELL = 100
_FRAME_CELL_ITEMS = 16
_LEVELS = 3  # rows, columns, and a cell's own
_LONGEST_SCHEMA = 100
_TENSOR_PACKAGES = ("torch", "jax", "jaxlib", "tensorflow")


def library_type(module: str, name: str) -> type | None:
    """Give a class of a library that is already imported, else None."""
    found = sys.modules.get(module)
    if not inherits(type(found), ModuleType):
        return None
    content = module_content(found)
    kind: Any = content.get(name) if type(content) is dict else None
    return kind if inherits(type(kind), type) else None


def library_reader(kind: type) -> Reader | None:
    """Find the reader for a class of a library, or of a subclass of one."""
    for module, name, make in _FAMILIES:
        base = library_type(module, name)
        if base is None:
            continue
        for ancestor in class_mro(kind):
            if ancestor is base:
                return make(kind, base)
    return None


def _array_scalar(kind: type, base: Any) -> Reader:
    del kind

    def read(value: Any, run: Reading) -> object:
        del run
        item = base.item(value)
        if is_scalar(item):
            return visible(item) if type(item) is str else item
        if type(item) in (bytes, tuple):
            return note("object", type=type_name(type(value)))
        return str(float(value)) if item is value else str(item)

    return read


def _array(kind: type, base: Any) -> Reader:
    # Views of a subclass run its __array_finalize__, and a memmap reads its file.
    is_plain = kind is base

    def read(value: Any, run: Reading) -> object:
        del run
        shape = list(base.shape.__get__(value))
        kind_of_items = base.dtype.__get__(value)
        has_values = is_plain and not kind_of_items.hasobject
        if has_values and value.size <= _SMALL_ARRAY and sum(shape) <= _SMALL_ARRAY:
            return _plain(value.tolist())
        content: dict[str, object] = {
            NOTE: "ndarray",
            "type": type_name(kind),
            "shape": shape,
            "dtype": str(kind_of_items),
        }
        if has_values and value.size:
            content["head"] = _plain(value.flat[:_ARRAY_HEAD].tolist())
        return OpenNote(content, _LEVELS)

    return read


def _plain(items: Any) -> object:
    """Turn what ``tolist`` gives besides JSON (bytes, dates, tuples) into text."""
    if type(items) is list:
        return [_plain(item) for item in items]
    return items if is_scalar(items) else str(items)


def _frame(kind: type, base: Any) -> Reader:
    if kind is not base:  # a subclass (GeoDataFrame) builds its parts by its own code
        return opaque_reader(kind)

    def read(value: Any, run: Reading) -> object:
        del run
        rows, width = value.shape
        names = _unique([_cell(name) for name in value.columns[:_FRAME_COLUMNS]])
        content: dict[str, object] = {
            NOTE: "dataframe",
            "type": type_name(kind),
            "shape": [rows, width],
            "columns": {
                name: str(dtype)
                for name, dtype in zip(names, value.dtypes.array, strict=False)
            },
        }
        # Slicing deep-copies `attrs`, which is the user's code.
        if not value.__dict__.get("_attrs"):
            head = value.iloc[:_FRAME_ROWS, :_FRAME_COLUMNS]
            columns = [head.iloc[:, at].array for at in range(len(names))]
            content["head"] = [
                {
                    name: _cell(items[row])
                    for name, items in zip(names, columns, strict=True)
                }
                for row in range(min(rows, _FRAME_ROWS))
            ]
        return OpenNote(content, _LEVELS)

    return _or_opaque(kind, read)


def _series(kind: type, base: Any) -> Reader:
    if kind is not base and _package(kind) != "pandas":
        return opaque_reader(kind)

    def read(value: Any, run: Reading) -> object:
        del run
        items = value.array[:_FRAME_ROWS]
        content = {
            NOTE: "dataframe",
            "type": type_name(kind),
            "shape": list(value.shape),
            "name": _cell(value.name),
            "dtype": str(value.dtype),
            "head": [_cell(item) for item in items],
        }
        return OpenNote(content, _LEVELS)

    return _or_opaque(kind, read)


def _stamp(kind: type, base: Any) -> Reader:
    del base
    if _package(kind) != "pandas":
        return opaque_reader(kind)
    return lambda value, run: str(value)  # noqa: ARG005 - a reader's signature


def _tensor(kind: type, base: Any) -> Reader:
    del base
    if _package(kind) not in _TENSOR_PACKAGES:
        return opaque_reader(kind)
    return _described(kind, "tensor", ("shape", "dtype", "device"))


def _table(kind: type, base: Any) -> Reader:
    if kind is not base:
        return opaque_reader(kind)
    return _described(kind, "table", ("shape", "schema"))


def _described(kind: type, what: str, names: tuple[str, ...]) -> Reader:
    def read(value: Any, run: Reading) -> object:
        del run
        content: dict[str, object] = {NOTE: what, "type": type_name(kind)}
        for name in names:
            found = getattr(value, name, None)
            if found is not None:
                content[name] = _description(name, found)
        return OpenNote(content, _LEVELS)

    return _or_opaque(kind, read)


def _description(name: str, found: Any) -> object:
    if name == "shape":
        return [int(size) for size in found]
    if name == "schema" and hasattr(found, "items"):
        pairs = list(found.items())[:_LONGEST_SCHEMA]
        return {str(column): str(dtype) for column, dtype in pairs}
    return str(found)[:_FRAME_CELL]


def _image(kind: type, base: Any) -> Reader:
    del base
    storage = Storage(kind)
    name = type_name(kind)

    def read(value: object, run: Reading) -> object:
        del run
        found = storage.fields(value)
        size = found.get("_size", found.get("size"))
        return OpenNote(
            {
                NOTE: "image",
                "type": name,
                "size": size if type(size) is tuple else None,
                "mode": found.get("_mode", found.get("mode")),
            },
            1,
        )

    return read


def _or_opaque(kind: type, read: Reader) -> Reader:
    """Give the type alone when a library's value is in a state it can't read."""
    opaque = opaque_reader(kind)

    def guarded(value: Any, run: Reading) -> object:
        try:
            return read(value, run)
        except Exception:  # noqa: BLE001 - whatever a half-built frame raises
            return opaque(value, run)

    return guarded


def _package(kind: type) -> str:
    return module_of(kind).split(".", 1)[0]


def _unique(labels: list[object]) -> list[str]:
    found: dict[str, None] = {}
    for label in labels:
        text = key_text(label)
        while text in found:
            text += "'"
        found[text] = None
    return list(found)


def _cell(value: Any) -> object:
    kind = type(value)
    if kind is str and len(value) > _FRAME_CELL:
        return value[: _FRAME_CELL - 1] + "…"
    is_container = kind is list or kind is dict or kind is tuple
    if is_container and len(value) > _FRAME_CELL_ITEMS:
        shown = "dict" if kind is dict else "list"
        return note("truncated", type=shown, items=len(value), kept=0)
    return value


_FAMILIES: tuple[tuple[str, str, Callable[[type, Any], Reader]], ...] = (
    ("numpy", "generic", _array_scalar),
    ("numpy", "ndarray", _array),
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("pandas", "Index", _series),
    ("pandas", "Timestamp", _stamp),
    ("pandas", "Timedelta", _stamp),
    ("pandas", "Period", _stamp),
    ("pandas._libs.tslibs.nattype", "NaTType", _stamp),
    ("pandas._libs.missing", "NAType", _stamp),
    ("torch", "Tensor", _tensor),
    ("jax", "Array", _tensor),
    ("tensorflow", "Tensor", _tensor),
    ("polars", "DataFrame", _table),
    ("polars", "Series", _table),
    ("pyarrow", "Table", _table),
    ("pyarrow", "RecordBatch", _table),
    ("PIL.Image", "Image", _image),
)
