"""Why something could not be sent, and so what becomes of it."""

from __future__ import annotations


class ShippingError(Exception):
    """A destination did not take what it was sent.

    Args:
        words: What it said, or why nothing could be said to it; safe to show.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class TryLaterError(ShippingError):
    """It may take the same later: no answer, or an answer that says so.

    Args:
        words: See :class:`ShippingError`.
        after_s: How many seconds it asked to be left alone.
    """

    def __init__(self, words: str, after_s: float | None = None) -> None:
        super().__init__(words)
        self.after_s = after_s


class NotAllowedError(ShippingError):
    """Somebody has to see to a setting; until then nothing can be sent.

    Args:
        words: See :class:`ShippingError`.
        advice: What to do about it.
    """

    def __init__(self, words: str, advice: str = "check the credentials") -> None:
        super().__init__(words)
        self.advice = advice


class RefusedError(ShippingError):
    """It will never take this.

    Args:
        words: See :class:`ShippingError`.
        status: The HTTP status.
        code: The server's own name of the error, ``""`` if it gave none.
    """

    def __init__(self, words: str, status: int, code: str = "") -> None:
        super().__init__(words)
        self.status = status
        self.code = code
