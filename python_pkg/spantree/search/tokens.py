"""Splits the text of a filter into tokens with their places."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from spantree.search.errors import FilterError

MAX_CHARACTERS = 20_000


class TokenKind(Enum):
    """What a token is."""

    NAME = "name"
    QUOTED_NAME = "name in backticks"
    STRING = "text"
    NUMBER = "number"
    TIME = "time"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"
    END = "end"


class Token(NamedTuple):
    """One token.

    Args:
        kind: See :class:`TokenKind`.
        text: As written.
        value: Without quotes; of a number, the digits without its unit.
        position: Where it begins, counted from 0.
        unit: What follows a number directly, e.g. ``"ms"``.

    """

    kind: TokenKind
    text: str
    value: str
    position: int
    unit: str = ""

    @property
    def end(self) -> int:
        """The place right after the token."""
        return self.position + len(self.text)

    def is_word(self, word: str) -> bool:
        """Tell whether this is the given keyword, in any case."""
        return (
            self.kind is TokenKind.NAME
            and len(self.text) == len(word)
            and self.text.upper() == word
        )


_TOKEN = re.compile(
    r"""
  (?:
    (?a:(?P<time>
      \d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?))
  | (?a:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))(?P<unit>[A-Za-z]*)
  | (?P<name>[^\W\d]\w*)
  | `(?P<backtick>[^`]*)`
  | '(?P<single>(?:[^']|'')*)'
  | "(?P<double>(?:[^"]|"")*)"
  | (?P<operator><=|>=|<>|!=|==|=|<|>|-)
  | (?P<punctuation>[().,\[\]])
  )\s*
    """,
    re.VERBOSE,
)
_PLAIN = {
    kind.value: kind
    for kind in (
        TokenKind.TIME,
        TokenKind.NAME,
        TokenKind.OPERATOR,
        TokenKind.PUNCTUATION,
    )
}
_new = tuple.__new__
_PROGRAMMERS_WORDS = {"&&": "AND", "||": "OR", "!": "NOT", "&": "AND", "|": "OR"}


def tokenize(text: str) -> list[Token]:
    """Split a filter into tokens; the last one is of kind END.

    Raises:
        FilterError: At an unclosed quote, a foreign operator or character.

    """
    if len(text) > MAX_CHARACTERS:
        problem = (
            f"a filter has at most {MAX_CHARACTERS:,} characters, not {len(text):,}"
        )
        raise FilterError(problem, text=text, position=MAX_CHARACTERS)
    tokens: list[Token] = []
    position, end = len(text) - len(text.lstrip()), len(text)
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        group = match.lastgroup or ""
        kind = _PLAIN.get(group)
        if kind is None:
            tokens.append(_token(match, group))
        else:
            whole = match[group]
            # Past NamedTuple's own constructor, which doubles the cost of a token.
            tokens.append(_new(Token, (kind, whole, whole, position, "")))
        position = match.end()
    tokens.append(Token(TokenKind.END, "", "", len(text)))
    return tokens


def _token(match: re.Match[str], group: str) -> Token:
    whole, at = match.group().rstrip(), match.start()
    if group == "unit":
        digits = match["number"]
        return Token(TokenKind.NUMBER, whole, digits, at, match["unit"].lower())
    if group == "backtick":
        return Token(TokenKind.QUOTED_NAME, whole, match["backtick"], at)
    quote = whole[0]
    value = match[group].replace(quote * 2, quote)
    return Token(TokenKind.STRING, whole, value, at)


def _unreadable(text: str, position: int) -> FilterError:
    two, one = text[position : position + 2], text[position]
    for written in (two, one):
        if written in _PROGRAMMERS_WORDS:
            word = _PROGRAMMERS_WORDS[written]
            return FilterError(
                f"'{written}' is not an operator here",
                text=text,
                position=position,
                length=len(written),
                hint="use AND / OR / NOT",
                suggestion=word,
            )
    if one in "'\"`":
        return FilterError(
            f"this {one} is never closed",
            text=text,
            position=position,
            hint=f"a quote inside a text is written twice: {one * 2}",
        )
    return FilterError(f"unexpected character {one!r}", text=text, position=position)
