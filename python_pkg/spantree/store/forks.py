"""What a store does before its process forks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

handlers: list[Callable[[], object]] = []
"""Each may be called twice before a fork: of what is new the second time."""


def before_fork() -> None:
    """Close what was opened since the handlers of the fork began to run."""
    for handler in handlers:
        handler()
