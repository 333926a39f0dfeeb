"""Secrets that are known by the name before them: ``password=…``, ``"api_key": "…"``.

Works on any text: code, logs, query strings, JSON inside a string, to any depth of
escaping, also if its end is cut off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from spantree.recording.redaction.keys import BARE_TOKEN, SHORTEST_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.recording.redaction.keys import KeyTerms


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Backwards from the sign: spaces, the closing quote with its escapes, the name.
_NAME_BACKWARDS = re.compile(
    r"(?P<space>[ \t]{0,4})(?P<quote>[\"']\\{0,15}|)(?P<name>[A-Za-z0-9_.-]{2,64})"
)
_LONGEST_NAME = 100
_SHORT_TAIL = 24
_UNKNOWN = object()
_MOST_BRACKETS = 10_000
# Terms that count in running text, where the name stands without quotes.
_PLAIN_TERMS = _set(
    "password passwd passphrase pwd secret api_key apikey access_token accesstoken "
    "auth_token authtoken client_secret clientsecret secret_key secretkey access_key "
    "accesskey private_key privatekey"
)
_QUERY_NAMES = _set("key token sig signature x-amz-signature")
_OPENING = re.compile(r"[ \t\r\n]{0,20}(?P<quote>\\{0,15}[\"']|)")
_BARE = re.compile(r"[^\s\"'<>\\]{1,4096}")
_QUERY_VALUE = re.compile(r"[^&\s\"'<>\\]{6,2048}")
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]{0,400}")
_BRACKETS = re.compile(r"[{}\[\]]")
_CONSTANTS = _set(
    "none null true false undefined nil nan none, null, true, false, none) null) "
    "true) false) null} true} false} none}"
)
_SHORTEST_AFTER_EQUALS = 4
_SHORTEST_AFTER_COLON = 8
_SENTENCE_END = ".,;:!?)]}"
_MASKED = "<masked: "


@dataclass(frozen=True, slots=True)
class Name:
    """A name that announces a secret.

    Attributes:
        term: What it announces.
        is_quoted: Whether it stands in quotes, as in JSON.
        is_query: Whether it stands in a URL's query.
    """

    term: str
    is_quoted: bool
    is_query: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text to be masked.

    Attributes:
        start: Its first character.
        end: The one after its last.
        mask: What takes its place.
    """

    start: int
    end: int
    mask: str


def find_assigned(text: str, terms: KeyTerms) -> Iterator[Span]:
    """Find the values that follow a secret's name, left to right for each sign."""
    for sign in "=:":
        at = text.find(sign)
        while at >= 0:
            after = at + 1
            name = key_before(text, at, terms)
            if name is not None:
                found = _value_after(text, after, name, sign)
                if found is not None:
                    yield found
                    after = found.end
            at = text.find(sign, after)


def key_before(text: str, sign: int, terms: KeyTerms) -> Name | None:
    """Read the name before a ``=`` or ``:``; None unless it announces a secret."""
    if sign == 0 or text[sign - 1] in ":=/\n>":
        return None
    tail = text[max(0, sign - _SHORT_TAIL) : sign]
    known = terms.tails.get(tail, _UNKNOWN)
    if known is not _UNKNOWN:
        return known  # type: ignore[return-value]
    found = _NAME_BACKWARDS.match(tail[::-1])
    if found is None or found.end() < len(tail):
        return terms.remember_tail(tail, _name_of(tail, terms))  # type: ignore[no-any-return]
    return _name_of(text[max(0, sign - _LONGEST_NAME) : sign], terms)


def _name_of(tail: str, terms: KeyTerms) -> Name | None:
    backwards = tail[::-1]
    found = _NAME_BACKWARDS.match(backwards)
    if found is None:
        return None
    name = found["name"][::-1]
    term = terms.term(name)
    if backwards[found.end() : found.end() + 1] in ("?", "&"):
        if term is None and name.lower() in _QUERY_NAMES:
            term = name.lower()
        return None if term is None else Name(term, is_quoted=False, is_query=True)
    if term is None:
        return None
    is_quoted = bool(found["quote"])
    if not is_quoted and term not in _PLAIN_TERMS and not terms.is_extra(term):
        return None
    return Name(term, is_quoted=is_quoted, is_query=False)


def _value_after(text: str, at: int, name: Name, sign: str) -> Span | None:
    if name.is_query:
        found = _QUERY_VALUE.match(text, at)
        return None if found is None else _span(text, at, found.end(), name)
    opening = _OPENING.match(text, at)
    start = at if opening is None else opening.end()
    if opening is not None and opening["quote"]:
        return _quoted(text, start, opening["quote"], name)
    if name.is_quoted:
        return _after_quoted_name(text, start, name)
    if "\n" in text[at:start]:
        return None
    return _bare(text, start, name, sign)


def _quoted(text: str, start: int, quote: str, name: Name) -> Span | None:
    return _span(text, start, _closing(text, start, quote), name)


def _closing(text: str, start: int, quote: str) -> int:
    """Find the closing quote of the same depth of escaping, else the text's end."""
    mark, escapes = quote[-1], len(quote) - 1
    at = text.find(mark, start)
    while at >= 0:
        before = at
        while before > start and text[before - 1] == "\\" and at - before <= escapes:
            before -= 1
        if at - before == escapes:
            return before
        at = text.find(mark, at + 1)
    return len(text)


def _after_quoted_name(text: str, start: int, name: Name) -> Span | None:
    number = _NUMBER.match(text, start)
    if number is not None:
        return Span(start, number.end(), f'"{_MASKED}{name.term}>"')
    if text[start : start + 1] not in ("{", "["):
        return None
    depth = 0
    for bracket in islice(_BRACKETS.finditer(text, start), _MOST_BRACKETS):
        depth += 1 if bracket[0] in "{[" else -1
        if depth == 0:
            return Span(start, bracket.end(), f'"{_MASKED}{name.term}>"')
    return Span(start, len(text), f'"{_MASKED}{name.term}>"')


def _bare(text: str, start: int, name: Name, sign: str) -> Span | None:
    found = _BARE.match(text, start)
    if found is None or text.startswith("//", start):
        return None
    value = found[0]
    if value.lower() in _CONSTANTS:
        return None
    if sign == "=":
        enough = len(value) >= _SHORTEST_AFTER_EQUALS
    else:
        value = value.rstrip(_SENTENCE_END)
        enough = len(value) >= _SHORTEST_AFTER_COLON and not value.isalpha()
    return _span(text, start, start + len(value), name) if enough else None


def _span(text: str, start: int, end: int, name: Name) -> Span | None:
    if start == end or text.startswith(_MASKED, start):
        return None
    is_bare = name.term == BARE_TOKEN and not name.is_query
    if is_bare and (end - start < SHORTEST_TOKEN or " " in text[start:end]):
        return None
    return Span(start, end, f"{_MASKED}{name.term}>")
