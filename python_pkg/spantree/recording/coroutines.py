"""Follows a coroutine that a plain traced function has returned to its end.

Such a function is often another decorator's wrapper around a coroutine function: its
span means the work, which begins only when the coroutine is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.recording.context import CURRENT, leave
from spantree.recording.recorder import RECORDER

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from spantree.entities.live_span import LiveSpan


def follow(span: LiveSpan, coroutine: Coroutine[Any, Any, Any]) -> object:
    """Keep a span open until a coroutine has finished.

    Args:
        span: The span of the function that returned the coroutine.
        coroutine: What it returned.

    Returns:
        A coroutine of the same name that drives the original.
    """
    leave(span)
    if span.end_time_ns is not None:
        return coroutine
    followed: Any = _drive(_Followed(span, coroutine))
    original: Any = coroutine
    followed.__name__ = original.__name__
    followed.__qualname__ = original.__qualname__
    return followed


class _Followed:
    """A coroutine and its span, until it is awaited or dropped."""

    __slots__ = ("coroutine", "span")

    def __init__(self, span: LiveSpan, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.span = span
        self.coroutine = coroutine

    def __del__(self) -> None:
        # Never awaited: the warning of the coroutine around it is enough.
        if self.span.end_time_ns is None:
            self.coroutine.close()
            RECORDER.end(self.span, None)


async def _drive(followed: _Followed) -> object:
    span = followed.span
    above = CURRENT.get()
    try:
        CURRENT.set(span)
        result = await followed.coroutine
        if CURRENT.get() is span:
            CURRENT.set(above)
        RECORDER.end(span, result)
    except BaseException as error:
        try:
            if CURRENT.get() is span:
                CURRENT.set(above)
        finally:
            RECORDER.fail(span, error)
        raise
    return result
