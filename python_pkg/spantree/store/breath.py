"""How the thread that writes leaves the interpreter to the program.

A thread that computes holds the interpreter for 5 ms at a time when another waits for
it. The writer has no hurry: it gives way after half a millisecond, so that a traced
call is never held up for longer. Not after each trace, and not while all others wait
for it: a sleep takes 30 to 50 µs of CPU and 0.1 ms, however short it is.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_S = 0.0005
_rested_at = 0.0
_patient: set[object] = set()


def breathe() -> None:
    """Let a waiting thread run, unless one could run a moment ago."""
    if time.monotonic() - _rested_at >= _LONGEST_S:
        if threading.active_count() - len(_patient) > 1:
            time.sleep(0)
        rested()


def rested() -> None:
    """Say that this thread has just waited for something."""
    global _rested_at  # noqa: PLW0603 - one interpreter, one moment
    _rested_at = time.monotonic()


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Say that the calling thread does nothing but wait for the one that writes."""
    token = object()
    _patient.add(token)
    try:
        yield
    finally:
        _patient.discard(token)


if hasattr(os, "register_at_fork"):
    # Those who waited are not in the child.
    os.register_at_fork(after_in_child=_patient.clear)
