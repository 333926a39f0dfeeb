"""Older names of arguments, accepted without a word as MLflow once spelt them."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from spantree.entities.errors import SpantreeException

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

_P = ParamSpec("_P")
_R = TypeVar("_R")


def older_names(
    *, may_differ: bool = False, **newer: str
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function take arguments under older names as well.

    The signature shows the newer ones only.

    Args:
        may_differ: Of two different values the newer name's counts; otherwise the
            call raises. True for calls that record, since these never raise.
        **newer: The newer name of each older one.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        code = cast("FunctionType", inspect.unwrap(function)).__code__
        position = {name: i for i, name in enumerate(code.co_varnames)}

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> _R:
            for old in newer.keys() & kwargs.keys():
                new, value = newer[old], kwargs.pop(old)
                if position[new] < len(args):
                    known = args[position[new]]
                else:
                    known = kwargs.setdefault(new, value)
                if not may_differ and not _are_same(known, value):
                    msg = f"{new} and {old} name the same thing, but differ."
                    raise SpantreeException(msg)
            return function(*args, **kwargs)

        return cast("Callable[_P, _R]", call)

    return decorate


def _are_same(one: object, other: object) -> bool:
    try:
        return one is other or bool(one == other)
    except Exception:  # noqa: BLE001 - the user's own comparison
        return False
