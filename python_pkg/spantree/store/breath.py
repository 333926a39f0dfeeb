"""How the thread that writes leaves the interpreter to the program.

A thread that computes holds the interpreter for 5 ms at a time when another waits for
it. The writer has no hurry: it gives way after half a millisecond, so that a traced
call is never held up for longer. Not after each trace: a sleep takes 30 µs of CPU and
0.1 ms of time, however short it is.
"""

from __future__ import annotations

import time

_LONGEST_S = 0.0005
_rested_at = 0.0


def breathe() -> None:
    """Let a waiting thread run, unless one could run a moment ago."""
    if time.monotonic() - _rested_at >= _LONGEST_S:
        time.sleep(0)
        rested()


def rested() -> None:
    """Say that this thread has just waited for something."""
    global _rested_at  # noqa: PLW0603 - one interpreter, one moment
    _rested_at = time.monotonic()
