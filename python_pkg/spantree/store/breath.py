"""How the thread that writes leaves the interpreter to the program.

A thread that computes holds the interpreter for 5 ms at a time when another waits for
it. The writer has no hurry: it gives way after some tenths of a millisecond, so that a
traced call is never held up for longer.
"""

from __future__ import annotations

import time

SPANS_A_BREATH = 64
"""Encoding so many takes a few tenths of a millisecond."""
TRACES_A_BREATH = 4
"""The same of small traces."""


def breathe() -> None:
    """Let a waiting thread run."""
    time.sleep(0)
