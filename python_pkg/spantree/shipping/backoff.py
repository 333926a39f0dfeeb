"""When a destination that gave trouble is tried again."""

from __future__ import annotations

import random
import time

SHORTEST_S, LONGEST_S = 1.0, 300.0
# A server may ask for more patience, but not for ever.
_LONGEST_ASKED_S = 3_600.0
_FAILURES_TO_OPEN = 5
# Its own: a program that seeds `random` gets the numbers it would get without us.
# And without a state, which processes that are forked would share.
_random = random.SystemRandom()


class Backoff:
    """Counts failures in a row; kept by the thread that sends.

    Attributes:
        retry_at: On the monotonic clock, when to try again; 0 for now.
        failures: How many there were since the last success.
        words: What the last one said.
    """

    def __init__(self) -> None:
        self.retry_at = 0.0
        self.failures = 0
        self.words = ""

    @property
    def is_open(self) -> bool:
        """Whether so much failed that single probes go out, not batches."""
        return self.failures >= _FAILURES_TO_OPEN

    @property
    def wait_s(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self.retry_at - time.monotonic())

    def succeeded(self) -> None:
        """Forget the trouble."""
        self.__init__()  # type: ignore[misc]  # all there is to it

    def failed(self, words: str, after_s: float | None = None) -> None:
        """Wait: as long as asked, else twice as long as the last time, with jitter.

        Args:
            words: What went wrong.
            after_s: Seconds that the destination asked for.
        """
        longest = min(LONGEST_S, SHORTEST_S * 2 ** min(self.failures, 20))
        # Full jitter: processes that failed together must not come back together.
        wait_s = _random.uniform(0.05, 1.0) * longest
        if after_s is not None:
            wait_s = min(max(after_s, 0.0), _LONGEST_ASKED_S)
        self.failures += 1
        self.words = words
        self.retry_at = time.monotonic() + wait_s
