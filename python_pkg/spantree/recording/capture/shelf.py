"""Where media wait between the value they were taken out of and the store.

Capture puts them here on the caller's thread. When the span they belong to is
published, on another thread, the address that stands in their place tells which trace
they are part of; from then on a store may take them.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from spantree.recording.capture.media import (
    ADDRESS,
    DEFAULT_MAX_BYTES,
    UNKNOWN_TRACE,
    Attachments,
    Media,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.span import Span
    from spantree.entities.values import Captured

_ADDRESS = rb"mlflow-attachment://([0-9a-f-]{36})\?[^\"\s]*"
_MARK = ADDRESS.encode()
_MOST_WAITING_BYTES = 256_000_000
# What is not claimed for so long was in a value that was overwritten.
_UNCLAIMED_S = 3_600.0


class Shelf:
    """Media that wait for their store.

    Attributes:
        is_open: Whether somebody will take them; else only type and size are kept.
        max_bytes: Larger media leave type and size only.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.max_bytes = DEFAULT_MAX_BYTES
        self._unclaimed: dict[str, tuple[float, Media]] = {}
        self._claimed: dict[str, tuple[int, Media]] = {}
        self._bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether no media wait."""
        return not self._unclaimed and not self._claimed

    def collector(self) -> list[Media] | None:
        """Give a list for the media of one value, None if they are not to be kept."""
        if not self.is_open or self._bytes >= _MOST_WAITING_BYTES:
            return None
        if self.max_bytes == DEFAULT_MAX_BYTES:
            return []
        return Attachments(UNKNOWN_TRACE, self.max_bytes)

    def add(self, media: Sequence[Media]) -> None:
        """Take the media of one value."""
        now = time.monotonic()
        for medium in media:
            self._unclaimed[medium.id] = (now, medium)
            self._bytes += medium.size
        oldest = next(iter(self._unclaimed.values()), None)
        while oldest is not None and now - oldest[0] > _UNCLAIMED_S:
            self._unclaimed.pop(oldest[1].id, None)
            self._bytes -= oldest[1].size
            oldest = next(iter(self._unclaimed.values()), None)

    def claim(self, spans: Sequence[Span]) -> None:
        """Find out whose the media are, and complete the addresses in their place.

        Args:
            spans: Copies that nobody holds yet.
        """
        if not self._unclaimed:
            return
        for span in spans:
            key = span.trace_key
            span.raw_inputs = self._completed(span.raw_inputs, key)
            span.raw_outputs = self._completed(span.raw_outputs, key)
            span.raw_attributes = self._all_completed(span.raw_attributes, key)
            span.raw_events = [
                (name, at, self._all_completed(values, key))
                for name, at, values in span.raw_events
            ]

    def get(self, media_id: str) -> bytes | None:
        """Give the content of media that no store has yet."""
        found = self._claimed.get(media_id) or self._unclaimed.get(media_id)
        return None if found is None else found[1].content()

    def hand_over(self, put: Callable[[int, str, bytes], None]) -> None:
        """Give what was claimed to a store.

        Args:
            put: Takes the trace's id, the media's and the content. If it raises
                OSError the rest waits on.
        """
        for media_id, (trace_key, media) in list(self._claimed.items()):
            try:
                content = media.content()
            except ValueError:  # it was no base64 after all
                content = str(media.raw).encode()
            put(trace_key, media_id, content)
            if self._claimed.pop(media_id, None) is not None:
                self._bytes -= media.size
        if self.is_empty:
            self._bytes = 0  # counted on several threads without a lock

    def _all_completed(
        self, values: dict[str, Captured], key: int
    ) -> dict[str, Captured]:
        completed = {
            name: self._completed(value, key) for name, value in values.items()
        }
        same = all(completed[name] is value for name, value in values.items())
        return values if same else completed

    def _completed(self, value: Captured, key: int) -> Captured:
        if type(value) is bytes:
            if _MARK not in value:
                return value
            return re.sub(_ADDRESS, lambda found: self._claim_one(found, key), value)
        if type(value) is str and ADDRESS in value:
            text = value.encode("utf-8", "surrogatepass")
            done = re.sub(_ADDRESS, lambda found: self._claim_one(found, key), text)
            return value if done == text else done.decode("utf-8", "surrogatepass")
        return value

    def _claim_one(self, found: re.Match[bytes], key: int) -> bytes:
        waiting = self._unclaimed.get(found[1].decode())
        if waiting is None:
            return found[0]
        self._claimed[waiting[1].id] = (key, waiting[1])
        self._unclaimed.pop(waiting[1].id, None)
        return found[0].replace(UNKNOWN_TRACE.encode(), f"tr-{key:032x}".encode())


SHELF = Shelf()
"""The process's. What takes from it is wired by the one who has a store."""
