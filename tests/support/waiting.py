"""Waits for what another thread does."""

from __future__ import annotations

import time

# Not a measure of speed: a guard against hanging for ever.
_GUARD_S = 30


def until(condition):
    """Wait until a condition holds; fail if it doesn't come to."""
    deadline = time.monotonic() + _GUARD_S
    while not condition():
        assert time.monotonic() < deadline, "nothing came of it"
        time.sleep(0.01)
