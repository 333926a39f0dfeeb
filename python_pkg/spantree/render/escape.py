"""The one place where a recorded text becomes safe to draw."""

from __future__ import annotations

import re
import unicodedata

# Characters that hide, reorder or overwrite text: controls (a terminal obeys ESC and
# \r), line separators, bidi marks, zero-width and tag characters, lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_LAST_BYTE, _LAST_SHORT = 0xFF, 0xFFFF
_SPACES = re.compile(r"[ \t\r\n]*[\t\r\n][ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HTML = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
        "`": "&#96;",
    }
)


def visible(text: str) -> str:
    r"""Write every hidden character as a visible escape.

    Example:
        >>> print(visible("a\x1b[31mb"))
        a\x1b[31mb
    """
    return _HIDDEN.sub(_escape_one, text)


def one_line(text: str, limit: int | None = None) -> str:
    """Make a text one visible line: line breaks and tabs become one space.

    Args:
        text: Anything that was recorded.
        limit: Keep at most this many characters of it, the last one then ``…``.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return visible(_SPACES.sub(" ", text))


def html_text(text: str, limit: int | None = None) -> str:
    """Make a text safe as HTML text: :func:`one_line`, then entities."""
    return one_line(text, limit).translate(_HTML)


def without_surrogates(text: str) -> str:
    r"""Write lone surrogates as ``\udc80``: with one, a notebook can't be saved."""
    if text.isascii():
        return text
    return _SURROGATE.sub(_escape_one, text)


def cell_width(text: str) -> int:
    """Count the character cells a terminal gives to a text; East Asian wide is 2."""
    if text.isascii():
        return len(text)
    return sum(map(_width_of, text))


def fit_cells(text: str, cells: int, ellipsis: str = "…") -> str:
    """Cut a text to a number of character cells, marking the cut.

    Combining marks take no cell, so the number of characters is bounded as well.
    """
    if cell_width(text) <= cells and len(text) <= 2 * cells:
        return text
    room = cells - len(ellipsis)
    end = 0
    for end, character in enumerate(text[: 2 * cells]):  # noqa: B007 - used below
        room -= _width_of(character)
        if room < 0:
            break
    return text[:end] + ellipsis


def _width_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escape_one(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= _LAST_BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_SHORT else f"\\U{code:08x}"
