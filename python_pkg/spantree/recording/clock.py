"""Ids and time.

Ids come from a generator of our own: one seeded by ``random.seed`` would repeat
itself, and reading the user's would change the user's numbers. The functions are
bound here, so that a patched ``time`` or ``random`` module does not reach the recorder.
"""

from __future__ import annotations

import os
from _random import Random  # the C part of `random`, which imports hashlib and more
from time import perf_counter_ns, time_ns

__all__ = [
    "new_span_key",
    "new_trace_key",
    "perf_counter_ns",
    "random_fraction",
    "time_ns",
]

_generator = Random(int.from_bytes(os.urandom(32), "big"))
_bits = _generator.getrandbits
random_fraction = _generator.random

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        after_in_child=lambda: _generator.seed(int.from_bytes(os.urandom(32), "big"))
    )


def new_trace_key() -> int:
    """Draw a trace id: 128 bits, never 0."""
    return _bits(128) or 1


def new_span_key() -> int:
    """Draw a span id: 64 bits, never 0."""
    return _bits(64) or 1
