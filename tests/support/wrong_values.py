"""Arguments that a call does not expect, some of which raise whatever is done to them."""

from __future__ import annotations

import datetime as dt
import enum
import math
from pathlib import Path

_HOOKS = (
    "__repr__ __str__ __bytes__ __format__ __len__ __bool__ __iter__ __next__ __contains__ "
    "__getitem__ __getattr__ __getattribute__ __eq__ __ne__ __lt__ __hash__ __index__ "
    "__int__ __float__ __fspath__ __call__ __enter__ __exit__ __await__ __reduce_ex__ "
    "keys items values get strip split lower upper"
).split()


class Touched(ZeroDivisionError):
    """Code of the user's ran."""


def _raise(*_args, **_kwargs):
    raise Touched


def loud(base=object):
    """Give an instance that raises whatever is done to it, its class asked for, too."""
    hooks = {name: _raise for name in _HOOKS if name != "__hash__" or base is object}
    return type("Loud", (base,), {**hooks, "__class__": property(_raise)})()


class Color(enum.Enum):
    RED = "red"


class Quiet:
    """An object of no special kind."""


def circle():
    found = []
    found.append(found)
    return found


def wrong_values():
    """Give arguments that few calls expect, by a name for each; fresh ones each time."""
    values = {
        repr(value)[:30]: value
        for value in (
            None, True, 5, -1, 0, 2**64, 1.5, math.nan, math.inf, -math.inf,
            "", " ", "x", "\x00", "\ud800", "x" * 5000, "%s", "'", "`", "tr-", "tr-" + "0" * 32,
            "a.b.c", "a.inputs", "`", "name ASC", "name = 'x'", "1d", "[]", "{}", b"x", bytearray(b"x"),
            [], [5], [None], [[]], [""], ["x"], ["\ud800"], [b"x"], ["a.b"], [{}], (), ("x",), {}, {"a": 1}, {5: 5},
            {"a": None}, {"a": []}, {"\ud800": "\ud800"}, {("a", 1): 1}, {"a": {"input": 1}}, set(), {"x"},
            frozenset([1]), range(3), dt.datetime(2026, 1, 1), dt.timedelta(1), Path("x"), Color.RED,
            1 + 2j, ..., NotImplemented,
        )
    }  # fmt: skip
    return values | {
        "huge": 10**5000,
        "object": Quiet(),
        "class": Quiet,
        "function": lambda: 5,
        "generator": (x for x in (1, "x")),
        "raising generator": (1 // 0 for _ in range(3)),
        "circle": circle(),
        "loud": loud(),
        "loud str": loud(str),
        "loud int": loud(int),
        "loud dict": loud(dict),
        "loud list": loud(list),
        "list of loud": [loud()],
        "loud value": {"a": loud()},
        "loud text as value": {"k": loud(str)},
        "exception": ValueError("x"),
        "loud exception": loud(ValueError),
        "unhashable": [{}],
    }
