"""What went wrong in a span, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spantree.render.values import DECODE_ERRORS

if TYPE_CHECKING:
    from spantree.entities.span import Span

# Matches "KeyError: 'city'", "openai.RateLimitError: 429 …" and "TimeoutError".
_DESCRIPTION = re.compile(r"([A-Za-z_][\w.]{0,120})(?:: |\Z)")


def error_of(span: Span | None) -> tuple[str, str]:
    """Give type and message of a failed span's exception; ``""`` where unknown."""
    if span is None:
        return "", ""
    try:
        recorded = span.exception
    except DECODE_ERRORS:
        recorded = None
    if recorded is not None and (recorded[0] or recorded[1]):
        return recorded[0], recorded[1]
    described = _DESCRIPTION.match(span.status_message)
    if described is None:
        return "", span.status_message
    return described[1], span.status_message[described.end() :]


def error_text(span: Span | None) -> str:
    """Give ``"KeyError: 'city'"``, or ``""`` when nothing is known."""
    return ": ".join(part for part in error_of(span) if part)
