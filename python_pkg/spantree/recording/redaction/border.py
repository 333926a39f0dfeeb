"""Keeps a cut from going through a secret."""

from __future__ import annotations

from spantree.recording.redaction.exact import TooManyHitsError, find_secrets
from spantree.recording.redaction.keys import KeyTerms

_BEHIND = 8_192
_AHEAD = 4_096
_TERMS = KeyTerms()


def safe_cut(text: str, at: int) -> int:
    """Move a cut to before the secret it would go through.

    Half a secret no longer has the shape it is known by, so redaction would let it
    pass.

    Args:
        text: The whole text.
        at: Where it shall be cut.

    Returns:
        ``at`` or less.
    """
    start = max(0, at - _BEHIND)
    window = text[start : at + _AHEAD]
    try:
        spans = find_secrets(window, _TERMS)
    except TooManyHitsError:
        return start
    for span in spans:
        if start + span.start < at < start + span.end:
            return start + span.start
    return at
