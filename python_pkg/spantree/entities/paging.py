"""A page of results."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class PagedList(list[T]):
    """A list that knows where the next page begins.

    Attributes:
        token: Opaque; None after the last page.
    """

    def __init__(self, items: list[T] | None = None, token: str | None = None) -> None:
        super().__init__(items or [])
        self.token = token

    def to_list(self) -> list[T]:
        """Give a plain list."""
        return list(self)
