"""Warns of a store that has grown large, and of a disk before it is full.

On a full disk nothing can be deleted any more either: a deletion is written down first.
"""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spantree.store.dialect import Connection

_logger = logging.getLogger("spantree.store")

LARGE_BYTES = 5 * 10**9
LITTLE_BYTES = 500 * 10**6
_LITTLE_SHARE = 0.05
_SECONDS_BETWEEN_LOOKS = 600.0
_SECONDS_BETWEEN_WARNINGS = 86_400.0
_NS_PER_S = 10**9
# By kind: when any process warned last, in nanoseconds since 1970.
_CLAIM = (
    "INSERT INTO info(key, value) VALUES(?, ?) ON CONFLICT(key) "
    "DO UPDATE SET value = excluded.value WHERE abs(value - excluded.value) >= ?"
)
_NEXT_STEP = "spantree.prune(older='30d') deletes old traces and gives their room back."


class RoomWatch:
    """Looks now and then at how much room a store takes and how much is left.

    Args:
        path: Of the store's file.
        claim: Asks for the turn to warn of something; see :func:`claim_warning`.
    """

    def __init__(self, path: Path, claim: Callable[[str], bool]) -> None:
        self._path = path
        self._claim = claim
        self._next_look = 0.0
        self._quiet_until: dict[str, float] = {}

    def look(self) -> None:
        """Warn, once a day of each, and look every ten minutes; call it often."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _SECONDS_BETWEEN_LOOKS
        try:
            size = self._path.stat().st_size
            disk = shutil.disk_usage(self._path.parent)
        except OSError:
            return
        if size > LARGE_BYTES:
            self._warn("takes", f"takes {size / 1e9:.1f} GB", now)
        # Of a small disk, 500 MB may be all there ever is.
        if disk.free < min(LITTLE_BYTES, _LITTLE_SHARE * disk.total):
            left = f"is on a disk with {disk.free / 1e6:,.0f} MB left"
            self._warn("left", left, now)

    def _warn(self, kind: str, what: str, now: float) -> None:
        if now >= self._quiet_until.get(kind, 0.0):
            self._quiet_until[kind] = now + _SECONDS_BETWEEN_WARNINGS
            if self._claim(kind):
                _logger.warning(
                    "The trace store %s %s. %s", self._path, what, _NEXT_STEP
                )


def claim_warning(connection: Connection, kind: str) -> bool:
    """Take the turn to warn of something, unless a process did within a day.

    Args:
        connection: To write through, within a transaction.
        kind: What there is to warn of.

    Returns:
        Whether the caller is to warn.
    """
    key, now_ns = f"warned_{kind}", time.time_ns()
    pause_ns = int(_SECONDS_BETWEEN_WARNINGS * _NS_PER_S)
    return connection.execute(_CLAIM, (key, now_ns, pause_ns)).rowcount > 0
