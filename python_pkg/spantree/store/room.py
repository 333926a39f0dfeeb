"""Warns of a store that has grown large, and of a disk before it is full.

On a full disk nothing can be deleted any more either: a deletion is written down first.
"""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_logger = logging.getLogger("spantree.store")

LARGE_BYTES = 5 * 10**9
LITTLE_BYTES = 500 * 10**6
_LITTLE_SHARE = 0.05
_SECONDS_BETWEEN_LOOKS = 600.0
_SECONDS_BETWEEN_WARNINGS = 86_400.0
_NEXT_STEP = "spantree.prune(older='30d') deletes old traces and gives their room back."


class RoomWatch:
    """Looks now and then at how much room a store takes and how much is left.

    Args:
        path: Of the store's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next_look = 0.0
        self._quiet_until: dict[str, float] = {}

    def look(self) -> None:
        """Warn, once a day of each, at most every ten minutes; call it often."""
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
            _logger.warning("The trace store %s %s. %s", self._path, what, _NEXT_STEP)
