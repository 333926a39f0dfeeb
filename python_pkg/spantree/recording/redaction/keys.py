"""Tells from a key whether its value is a secret."""

from __future__ import annotations

import re
from typing import Any, Final

_WORD: Final = re.compile(
    r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+",
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# "b64" and "base64" are split from their digits.
_DROPPED = _set("value text str raw plain hash b base header env old new")
_SINGLE = _set(
    "password passwd passphrase pwd secret secrets credential credentials "
    "authorization cookie cookies jwt apikey authtoken accesstoken secretkey "
    "privatekey accesskey clientsecret"
)
# Written together these are longer words that end in a term: "dbpassword".
_ENDINGS = (
    "password", "passwd", "passphrase", "apikey", "authtoken", "accesstoken",
    "secretkey", "privatekey", "accesskey", "clientsecret",
)  # fmt: skip
_KEYS = _set(
    "api private secret access signing encryption account subscription master ssh"
)
_TOKENS = _set("access auth refresh bearer api id csrf xsrf security bot session")
_OTHER_PAIRS = frozenset(
    {("client", "secret"), ("connection", "string"), ("set", "cookie")}
)
_MOST_KNOWN = 10_000
_LONGEST_KEY = 250

BARE_TOKEN = "token"  # noqa: S105 - a term, no secret
"""The term that counts only with a value that looks like a token."""

SHORTEST_TOKEN = 20


def words_of(key: str) -> list[str]:
    """Split a key at camel-case borders and whatever is no letter or digit."""
    return [word.lower() for word in _WORD.findall(key)]


class KeyTerms:
    """Knows the secret terms, the user's among them.

    Args:
        extra: More keys to mask, in any spelling (``"patient_id"``).

    Attributes:
        has_extra: Whether the user named any.
        tails: Names found before a sign, by the text that ended in them.
    """

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self._extra = [tuple(words_of(key)) for key in extra]
        self._known: dict[str, str | None] = {}
        self.tails: dict[str, object] = {}
        self.has_extra = bool(extra)
        self._extra_terms = frozenset("_".join(words) for words in self._extra)

    def is_extra(self, term: str) -> bool:
        """Tell whether a term is one of the user's."""
        return term in self._extra_terms

    def remember_tail(self, tail: str, name: Any) -> Any:
        """Keep what the end of a text before a sign was found to be."""
        if len(self.tails) >= _MOST_KNOWN:
            self.tails.clear()
        self.tails[tail] = name
        return name

    def term(self, key: str) -> str | None:
        """Give the term that makes a key's value a secret, else None."""
        try:
            return self._known[key]
        except KeyError:
            pass
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._find(key[-_LONGEST_KEY:])
        if len(key) <= _LONGEST_KEY:
            self._known[key] = found
        return found

    def _find(self, key: str) -> str | None:
        words = words_of(key)
        while words and (words[-1] in _DROPPED or words[-1].isdigit()):
            words.pop()
        if not words:
            return None
        for extra in self._extra:
            if extra and tuple(words[-len(extra) :]) == extra:
                return "_".join(extra)
        return _standard_term(words)


def _standard_term(words: list[str]) -> str | None:
    last = words[-1]
    before = words[-2] if len(words) > 1 else ""
    if (last == "key" and before in _KEYS) or (last == "token" and before in _TOKENS):
        return f"{before}_{last}"
    if (before, last) in _OTHER_PAIRS:
        return f"{before}_{last}"
    if last in _SINGLE:
        return last
    if last == "auth" or last == BARE_TOKEN:  # noqa: PLR1714 - two different rules
        return last
    return next((end for end in _ENDINGS if last.endswith(end)), None)


def is_token_like(value: object) -> bool:
    """Tell a token from a chunk of a stream, which is called ``token`` as well."""
    return type(value) is str and len(value) >= SHORTEST_TOKEN and " " not in value
