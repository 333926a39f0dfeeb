"""Warnings, each kind once a minute at most."""

from __future__ import annotations

import logging
import time

_logger = logging.getLogger("spantree.shipping")
_SECONDS_BETWEEN = 60.0


class Warner:
    """Remembers what was said, and when."""

    def __init__(self) -> None:
        self._said_at: dict[str, float] = {}

    def warn(self, kind: str, text: str, *values: object) -> None:
        """Say something, unless something of this kind was said a moment ago."""
        now = time.monotonic()
        last = self._said_at.get(kind)
        if last is None or now - last >= _SECONDS_BETWEEN:
            self._said_at[kind] = now
            _logger.warning(text, *values)
