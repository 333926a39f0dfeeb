"""Keeps texts to what every store and every JSON reader can hold."""

from __future__ import annotations

from spantree.entities.values import visible

_NUL = "\x00"


def clean_text(text: str) -> str:
    r"""Show a NUL as ``\u0000`` and a lone surrogate as its six characters.

    SQLite ends a text at NUL in its own functions, and UTF-8 has no surrogates.
    """
    if _NUL in text:
        text = text.replace(_NUL, "\\u0000")
    return visible(text)
