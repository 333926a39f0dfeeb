"""Compact JSON, deflated when it is long."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN_BYTES = 4_000
PREFIX = "z:"

# Level 6 takes 3 times as long on a skeleton of 10,000 rows and saves 4 %.
LEVEL = 3


def compact_json(value: object) -> bytes:
    """Encode JSON data without spaces."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "backslashreplace"
        )


def pack(value: object) -> object:
    """Give the value itself when its JSON is short, else ``"z:"`` + base64(zlib).

    Short values stay readable, so that a notebook's diff can be reviewed.
    """
    text = compact_json(value)
    return value if len(text) <= PLAIN_BYTES else _packed(zlib.compress(text, LEVEL))


def _packed(deflated: bytes) -> str:
    return PREFIX + base64.b64encode(deflated).decode("ascii")


class PackedList:
    """Deflates a list of JSON texts item by item, up to a number of bytes.

    Gives the packed form of ``{"b": [items], "r": [rows]}``. An item that does not
    fit leaves no trace, so smaller ones may follow.

    Args:
        room: Bytes that the packed text may take; None for no limit.
    """

    # A trial copies the deflater's 256 kB of state, so items share trials.
    _TRIAL_BYTES = 16_000
    # Room that no item is worth trying for.
    _LEAST_BYTES = 120

    def __init__(self, room: int | None) -> None:
        # Quotes and prefix, and base64 takes 4 bytes for 3.
        self._room = None if room is None else (room - len(PREFIX) - 2) * 3 // 4 - 8
        self._deflater = zlib.compressobj(LEVEL)
        self._done = [self._deflater.compress(b'{"b":['), self._flush(self._deflater)]
        self._size = sum(map(len, self._done))
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0
        self.taken: list[int] = []
        self.rejected: list[int] = []

    @property
    def left(self) -> int | None:
        """Deflated bytes that are left, going by the items settled so far."""
        return None if self._room is None else self._room - self._size

    @property
    def is_full(self) -> bool:
        """Whether hardly anything more fits, going by the items settled so far."""
        return self.left is not None and self.left < self._LEAST_BYTES

    def add(self, number: int, item: bytes) -> None:
        """Offer one item; it is taken or rejected now or when more have come."""
        self._waiting.append((number, item))
        self._waiting_bytes += len(item)
        if self._waiting_bytes >= self._TRIAL_BYTES:
            self.settle()

    def add_now(self, number: int, item: bytes, *, reserve: int) -> bool:
        """Offer one item that needs some bytes elsewhere; tell whether it was taken."""
        self.settle()
        if self._take([(number, item)], reserve):
            return True
        self.rejected.append(number)
        return False

    def settle(self) -> None:
        """Take or reject all items offered so far."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if not waiting or self._take(waiting):
            return
        for one in waiting:
            if len(waiting) == 1 or not self._take([one]):
                self.rejected.append(one[0])

    def finish(self, rows: Sequence[int]) -> str:
        """Give the packed text.

        Args:
            rows: What stands under ``r``, one for each of ``taken``.
        """
        tail = b'],"r":' + compact_json(rows) + b"}"
        end = self._deflater.compress(tail) + self._deflater.flush()
        return _packed(b"".join([*self._done, end]))

    def _take(self, items: list[tuple[int, bytes]], reserve: int = 0) -> bool:
        text = b",".join([item for _, item in items])
        trial = self._deflater.copy()
        deflated = trial.compress((b"," if self.taken else b"") + text)
        deflated += self._flush(trial)
        # A row number of five digits and its comma deflate to 3 bytes.
        size = self._size + len(deflated) + 3 * len(items) + reserve * 3 // 4
        if self._room is not None and size + 20 > self._room:
            return False
        self._deflater = trial
        self._done.append(deflated)
        self._size = size
        self.taken += [number for number, _ in items]
        return True

    @staticmethod
    def _flush(deflater: zlib._Compress) -> bytes:
        return deflater.flush(zlib.Z_SYNC_FLUSH)
