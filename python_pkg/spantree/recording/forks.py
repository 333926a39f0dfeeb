"""A lock that a fork waits for.

A child has one thread only. A module that another one was importing is half made there
for ever, and a lock that it held is never released.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

# Our slowest import takes 20 ms; with threads that compute, on a machine with ten
# processes to a core, it was seen to take 2 s.
_FORK_WAIT_S = 10.0


class ForkSafeLock:
    """A reentrant lock, free in every child and with nothing half done under it."""

    __slots__ = ("_held_by_fork", "_is_known_to_forks", "_lock", "when_held")

    def __init__(self) -> None:
        self.when_held: Callable[[], object] | None = None
        """Called by a fork that holds it: nothing new is opened any more."""
        self._lock = threading.RLock()
        self._held_by_fork = 0
        self._is_known_to_forks = False

    def __enter__(self) -> None:
        """Wait for the lock."""
        if not self._is_known_to_forks:
            self._register()
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """Release it."""
        self._lock.release()

    def _register(self) -> None:
        # Handlers of forks run from the last registered to the first. What is imported
        # under the lock may ask for logging's, so ours must be taken before: logging
        # registers first. Not when spantree is imported, which is to be quick.
        import logging  # noqa: F401

        if hasattr(os, "register_at_fork"):
            # By two threads at once it is done twice, which the count allows for.
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._after_fork_in_parent,
                after_in_child=self._after_fork_in_child,
            )
        self._is_known_to_forks = True

    def _before_fork(self) -> None:
        self._held_by_fork += self._lock.acquire(timeout=_FORK_WAIT_S)
        if self.when_held is not None:
            self.when_held()

    def _after_fork_in_parent(self) -> None:
        if self._held_by_fork:
            self._held_by_fork -= 1
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._held_by_fork = 0


FIRST_USE = ForkSafeLock()
"""Held by whatever imports or opens a part of spantree off the user's thread."""
