"""Keeps our own failures away from the user's program, and visible to us.

Broad catches live here and in the few functions of the hot path, which can't afford
a context manager and report through :func:`swallow` instead. `logging` and `traceback`
are imported when there is something to tell: they take 3 ms.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from spantree.entities.values import visible

if TYPE_CHECKING:
    from types import TracebackType

# The file name of compiled wrappers, by which stacks are freed of our frames.
WRAPPER_FILE = "<spantree>"
RAISE_INTERNAL_ERRORS = "SPANTREE_RAISE_INTERNAL_ERRORS"
_SECONDS_BETWEEN_WARNINGS = 60.0

# The collector may end a dropped stream, and warn, while the lock is held.
_lock = threading.RLock()
_counts: Counter[str] = Counter()
counters: Counter[str] = Counter()
"""What `stats()` tells of recording, by name; added to from any thread."""
_recent: deque[str] = deque(maxlen=20)
_warned_at: dict[str, float] = {}


def _renew_lock() -> None:
    """Replace a lock that another thread may have held when the process forked."""
    global _lock  # noqa: PLW0603 - the one way to free it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class guard:  # noqa: N801 - reads as a statement: `with guard("notebook"):`
    """Swallow and count whatever our own code raises in the block.

    Args:
        site: Where in spantree the block stands, for the counter.
    """

    __slots__ = ("_site",)

    def __init__(self, site: str) -> None:
        self._site = site

    def __enter__(self) -> None:
        """Begin our own code."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> bool:
        """Swallow the failure, if there is one."""
        del kind, stack
        if error is None:
            return False
        swallow(self._site, error)
        return True


def swallow(site: str, error: BaseException) -> None:
    """Count a failure of ours and go on.

    Args:
        site: Where in spantree it happened.
        error: What was raised.

    Raises:
        BaseException: The error itself, if it is an interrupt or an exit (our code
            calls nothing of the user's, so it came from a signal), or if
            ``SPANTREE_RAISE_INTERNAL_ERRORS`` is 1.
    """
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    if isinstance(error, (RecursionError, MemoryError)):
        # No room for more: the span is given up.
        _counts[site] += 1
        return
    if os.environ.get(RAISE_INTERNAL_ERRORS) == "1":
        raise error
    import traceback

    with _lock:
        _counts[site] += 1
        _recent.append("".join(traceback.format_exception(error)))
    warn(
        f"internal:{site}",
        "spantree failed in %s (%s); the program is unaffected, a trace may be "
        "incomplete. Details: spantree.internal_errors().",
        site,
        type(error).__name__,
    )


def warn(kind: str, message: str, *arguments: object) -> None:
    """Log a warning, at most one of a kind in 60 seconds, and count it.

    Args:
        kind: What the warning is about; the limit holds for each kind.
        message: A logging format.
        *arguments: Its arguments.
    """
    now = time.monotonic()
    with _lock:
        counters["warnings"] += 1
        last = _warned_at.get(kind)
        if last is not None and now - last < _SECONDS_BETWEEN_WARNINGS:
            return
        _warned_at[kind] = now
    # A handler that writes UTF-8 would complain of a lone surrogate on stderr.
    texts = (str, Exception)
    shown = [visible(str(a)) if isinstance(a, texts) else a for a in arguments]
    import logging

    logging.getLogger("spantree").warning(message, *shown)


def internal_errors() -> dict[str, int]:
    """Count the failures of ours that were swallowed, by site."""
    with _lock:
        return dict(_counts)


def internal_error_tracebacks() -> list[str]:
    """Give the tracebacks of the last 20 swallowed failures, oldest first."""
    with _lock:
        return list(_recent)


def reset_internal_errors() -> None:
    """Forget the failures counted so far."""
    with _lock:
        _counts.clear()
        _recent.clear()
        _warned_at.clear()
