"""When a store that gave trouble is tried again, and what the user is told."""

from __future__ import annotations

import logging
import random
import time

from spantree.store.protocol import StoreUnavailableError, Trouble

_logger = logging.getLogger("spantree.store")

# Not `random`'s own: a program that seeds it gets the numbers it would get without us.
# And without a state, which processes that are forked would share.
jitter = random.SystemRandom()

_WARNING_INTERVAL_S = 60.0
# Processes that share a file meet a short lock now and then.
_PATIENCE_S = 1.0
_SHORTEST_WAIT_S, _LONGEST_PASSING_WAIT_S, _LONGEST_WAIT_S = 0.05, 0.5, 5.0
_NEXT_STEPS = {
    Trouble.LOCKED: "They will be written when it is free.",
    Trouble.FULL: "Free some disk space and they will be written.",
    Trouble.READ_ONLY: "Make it writable, or name another file in SPANTREE_DB.",
    Trouble.UNREACHABLE: "Check the path, or name another file in SPANTREE_DB.",
    Trouble.CORRUPT: "Move the file away, or name another one in SPANTREE_DB.",
    Trouble.FOREIGN: "Name another file in SPANTREE_DB.",
    Trouble.NEWER: "Update spantree, or name another file in SPANTREE_DB.",
    Trouble.OLDER: "Until then, name another store in SPANTREE_DB.",
    Trouble.FORKED: "Record in processes forked at a quieter moment.",
}


class Backoff:
    """Counts failures in a row; kept by the writer thread.

    Attributes:
        retry_at: On the monotonic clock, when to try again; 0 for now.
        reason: What the store said last, empty while all is well.
    """

    def __init__(self) -> None:
        self.retry_at = 0.0
        self.reason = ""
        self._wait_s = _SHORTEST_WAIT_S
        self._since = 0.0
        self._warned_at: dict[Trouble, float] = {}

    def succeeded(self) -> None:
        """Forget the trouble."""
        self.retry_at = 0.0
        self.reason = ""
        self._wait_s = _SHORTEST_WAIT_S

    def failed(self, error: StoreUnavailableError) -> None:
        """Wait longer than the last time."""
        is_passing = error.trouble is Trouble.LOCKED or not self.is_lasting
        self._wait_longer(_LONGEST_PASSING_WAIT_S if is_passing else _LONGEST_WAIT_S)
        if not self.reason:
            self._since = time.monotonic()
        self.reason = error.message

    def failed_oddly(self) -> None:
        """Wait longer than the last time, after an error that nobody foresaw."""
        self._wait_longer(_LONGEST_WAIT_S)

    def _wait_longer(self, longest: float) -> None:
        self._wait_s = min(longest, self._wait_s * 2)
        # Processes that met the same lock must not come back all at once.
        self.retry_at = time.monotonic() + self._wait_s * jitter.uniform(0.5, 1.0)

    @property
    def is_lasting(self) -> bool:
        """Whether the trouble is more than a lock met in passing."""
        return bool(self.reason) and time.monotonic() >= self._since + _PATIENCE_S

    def warn(self, error: StoreUnavailableError, waiting: int) -> None:
        """Tell the user, once a minute at most of each kind.

        Args:
            error: The trouble.
            waiting: How many traces it keeps from the store.
        """
        now = time.monotonic()
        if error.trouble is Trouble.LOCKED and not self.is_lasting:
            return
        last = self._warned_at.get(error.trouble)
        if last is not None and now - last < _WARNING_INTERVAL_S:
            return
        self._warned_at[error.trouble] = now
        what, next_step = error.message.rstrip("."), _NEXT_STEPS[error.trouble]
        _logger.warning("%s; %d traces are waiting. %s", what, waiting, next_step)
