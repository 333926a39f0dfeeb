"""What the statements of this package that hold for a block of code share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType


class EntersAsync:
    """Makes ``async with`` the same as ``with``, for a block that never waits."""

    __slots__ = ()

    async def __aenter__(self: AbstractContextManager[None]) -> None:
        """Begin the block."""
        self.__enter__()

    async def __aexit__(
        self: AbstractContextManager[None],
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """End the block; exceptions go on."""
        self.__exit__(kind, error, stack)
