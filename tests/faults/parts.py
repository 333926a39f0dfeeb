"""What several groups of programs use."""

from __future__ import annotations

from contextvars import ContextVar

VARIABLE = ContextVar("differential_variable", default="unset")
SENTINEL = object()


class Refused(Exception):
    """An exception with an attribute and a text of its own."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code

    def __str__(self):
        return f"refused with {self.code}"


def caught(call, *args, **kwargs):
    """Give the type and text of what a call raises."""
    try:
        call(*args, **kwargs)
    except BaseException as error:
        return type(error).__name__, str(error)
    return None


async def caught_in(awaitable):
    """Give what awaiting it gives, or the type and text of what it raises."""
    try:
        return await awaitable
    except BaseException as error:
        return type(error).__name__, str(error)
