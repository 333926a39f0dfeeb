"""The quick look that clears many spans at once of holding a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.span_fields import CHUNK_EVENT
from spantree.entities.values import SharedValues
from spantree.recording.redaction.scan import SHORTEST_TEXT, may_hold_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.entities.span import Span
    from spantree.entities.values import Captured
    from spantree.recording.redaction.keys import KeyTerms

_SLICE = 64_000
_MOST_KEYS = 10_000
_LONGEST_KEY = 250
# Nothing that follows the name of a stream's events in so few is a secret.
_LONGEST_CHUNK_NAME = len(CHUNK_EVENT) + SHORTEST_TEXT - 1
# Characters of what was found clean that are remembered, in each of two parts.
_REMEMBERED = 1_000_000
_OVERHEAD = 100  # bytes of an entry, about


class Screen:
    """Looks through spans before anything of them is copied.

    Nearly no span holds a secret, so the usual answer must be cheap: keys are looked up
    in a set of harmless ones, texts are joined and looked through together, and what
    was found clean a moment ago, as a conversation's earlier messages, is not looked
    through again.

    Args:
        terms: The keys whose values are secrets.
    """

    def __init__(self, terms: KeyTerms) -> None:
        self._terms = terms
        self._clean_keys: set[str] = set()
        self._clean = _Recent()

    def clears(self, spans: Iterable[Span]) -> bool:
        """Tell whether none of the spans can hold a secret.

        Args:
            spans: Nobody changes them meanwhile.

        Returns:
            False where a closer look is needed.
        """
        look = _Look(self._clean)
        name, fields = "", None
        for span in spans:
            # Neighbours are often calls of one function, which have these in common.
            if span.name is not name:
                name = span.name
                look.add(name)
            if span.raw_attributes is not fields:
                fields = span.raw_attributes
                if not self._takes_attributes(fields, look):
                    return False
            if span.status_message:
                look.add(span.status_message)
            if not (
                self._takes(span.raw_inputs, look)
                and self._takes(span.raw_outputs, look)
            ):
                return False
            if (span.links or span.raw_events) and not self._takes_rest(span, look):
                return False
            if look.size > _SLICE and not look.is_clean(self._terms):
                return False
        return look.is_clean(self._terms)

    def _takes_attributes(self, fields: dict[str, Captured], look: _Look) -> bool:
        if type(fields) is not SharedValues:
            return self._takes_fields(fields, look)
        if fields.cleared_by is self:
            return True
        # By themselves: what stands beside them may hold a secret.
        alone = _Look(self._clean)
        if not (self._takes_fields(fields, alone) and alone.is_clean(self._terms)):
            return False
        fields.cleared_by = self
        return True

    def _takes_rest(self, span: Span, look: _Look) -> bool:
        """Take the events and links, which few spans have."""
        if any(link.attributes for link in span.links):
            return False
        for name, _, fields in span.raw_events:
            if len(name) > _LONGEST_CHUNK_NAME or not name.startswith(CHUNK_EVENT):
                look.add(name)
            if not self._takes_fields(fields, look):
                return False
        return True

    def clears_fields(self, fields: dict[str, Any]) -> bool:
        """Tell the same of captured values by key."""
        look = _Look(self._clean)
        return self._takes_fields(fields, look) and look.is_clean(self._terms)

    def _takes(self, value: object, look: _Look) -> bool:
        """Put the texts of a captured value where they are looked at together."""
        kind = type(value)
        if kind is str:
            look.add(value)  # type: ignore[arg-type]
        elif kind is dict:
            return self._takes_fields(value, look)  # type: ignore[arg-type]
        elif kind is bytes:
            return self._takes_json(value, look)  # type: ignore[arg-type]
        return True

    def _takes_fields(self, fields: dict[str, Any], look: _Look) -> bool:
        if not self._are_harmless(fields):
            return False
        for value in fields.values():
            kind = type(value)
            if kind is str:
                look.add(value)
            elif (kind is dict or kind is bytes) and not self._takes(value, look):
                return False
        return True

    def _takes_json(self, text: bytes, look: _Look) -> bool:
        if text in self._clean:
            return True
        try:
            # Long integers lose digits here, which doesn't matter for looking.
            tree = orjson.loads(text)
        except ValueError:
            return False
        texts, keys = flattened(tree)
        if not self._are_harmless(keys):
            return False
        for found in texts:
            look.add(found)
        look.whole.append(text)
        return True

    def _are_harmless(self, keys: Iterable[str]) -> bool:
        known = self._clean_keys
        if known.issuperset(keys):
            return True
        new = [key for key in keys if key not in known]
        # A key may hold a secret itself, by its shape.
        if any(map(self._terms.term, new)) or may_hold_secret(
            "\n".join(new), self._terms
        ):
            return False
        if len(known) > _MOST_KEYS:
            known.clear()
        known.update(key for key in new if len(key) < _LONGEST_KEY)
        return True


class _Look:
    """Texts that wait to be looked at together.

    Attributes:
        size: Their characters.
        whole: The JSON texts that they come from.
    """

    __slots__ = ("_clean", "_texts", "size", "whole")

    def __init__(self, clean: _Recent) -> None:
        self._clean = clean
        self._texts: list[str] = []
        self.whole: list[bytes] = []
        self.size = 0

    def add(self, text: str) -> None:
        """Take a text, unless it is too short for a secret or known to be clean."""
        if len(text) >= SHORTEST_TEXT and text not in self._clean:
            self._texts.append(text)
            self.size += len(text)

    def is_clean(self, terms: KeyTerms) -> bool:
        """Look at what has come so far; what is clean is remembered."""
        if self._texts:
            if may_hold_secret("\n".join(self._texts), terms):
                return False
            for found in self._texts:
                self._clean.add(found)
            self._texts.clear()
            self.size = 0
        for text in self.whole:
            self._clean.add(text)
        self.whole.clear()
        return True


class _Recent:
    """Remembers texts, the latest about a million characters of them."""

    __slots__ = ("_before", "_latest", "_room")

    def __init__(self) -> None:
        self._latest: set[str | bytes] = set()
        self._before: set[str | bytes] = set()
        self._room = _REMEMBERED

    def __contains__(self, text: str | bytes) -> bool:
        return text in self._latest or text in self._before

    def add(self, text: str | bytes) -> None:
        """Remember a text and, when there are too many, forget the older half."""
        size = len(text) + _OVERHEAD
        if size > _REMEMBERED:
            return
        if self._room < size:
            self._before, self._latest = self._latest, set()
            self._room = _REMEMBERED
        self._latest.add(text)
        self._room -= size


def flattened(tree: object) -> tuple[list[str], set[str]]:
    """Give the texts and the keys of JSON data, in no order."""
    texts: list[str] = []
    keys: set[str] = set()
    waiting: list[Any] = [(tree,)]
    while waiting:
        found = waiting.pop()
        if type(found) is dict:
            keys.update(found)
            found = found.values()
        for item in found:
            kind = type(item)
            if kind is str:
                texts.append(item)
            elif kind is dict or kind is list:
                waiting.append(item)
    return texts, keys
