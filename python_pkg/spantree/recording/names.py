"""Names of spans and traces: text of 1 to 250 characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.values import clean_text
from spantree.recording.given import is_a, text_of

if TYPE_CHECKING:
    from spantree.entities.values import Captured

MAX_CHARACTERS = 250
MAX_FULL_CHARACTERS = 4096
FULL_NAME = "spantree.name.full"
_FALLBACK = "span"


def checked_name(name: object, attributes: dict[str, Captured]) -> str:
    """Give a name that can be stored; a longer one is kept among the attributes.

    Args:
        name: What the user gave; anything but text becomes ``span``.
        attributes: The span's, to which the full name may be added.
    """
    if type(name) is not str:
        name = text_of(name) if is_a(name, str) else _FALLBACK
    name = clean_text(name)
    if len(name) > MAX_CHARACTERS:
        attributes[FULL_NAME] = name[:MAX_FULL_CHARACTERS]
        return name[: MAX_CHARACTERS - 1] + "…"
    return name or _FALLBACK
