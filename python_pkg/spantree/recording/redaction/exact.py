"""The exact search for secrets in one text, and their masking."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from spantree.recording.redaction.assignments import Span, find_assigned
from spantree.recording.redaction.families import OTHERS, TOKENS, is_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.recording.redaction.families import Family
    from spantree.recording.redaction.keys import KeyTerms

MOST_HITS = 10_000
_BEGIN = "-----BEGIN "
_KEY_BEGIN_END = "PRIVATE KEY-----"
_LONGEST_BEGIN = 60
_END = "-----END "
_LONGEST_END = 60


class TooManyHitsError(Exception):
    """The text has so many places to look at that it is masked whole."""


def find_secrets(text: str, terms: KeyTerms) -> list[Span]:
    """Find all secrets of a text, left to right, without overlaps.

    Raises:
        TooManyHitsError: Beyond 10,000 places that look like one.
    """
    found: list[Span] = []
    families = (find_family(text, family) for family in TOKENS + OTHERS)
    spans = chain(*families, _find_pem(text), find_assigned(text, terms))
    for hits, span in enumerate(spans):
        if hits >= MOST_HITS:
            raise TooManyHitsError
        if span is not None:
            found.append(span)
    return _without_overlaps(found)


def apply_masks(text: str, spans: list[Span]) -> str:
    """Put the masks in."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], span.mask)
        at = span.end
    parts.append(text[at:])
    return "".join(parts)


def find_family(text: str, family: Family) -> Iterator[Span | None]:
    """Try the pattern wherever a literal stands; None for one that doesn't match."""
    for literal in family.literals:
        at = text.find(literal)
        if at < 0:
            continue
        pattern = family.pattern
        while at >= 0:
            match = pattern.match(text, max(0, at - family.offset))
            after = at + len(literal)
            if match is None:
                yield None
            else:
                group = "secret" if pattern.groupindex else 0
                start, end = match.span(group)
                if not (family.skips_words and is_plain_words(match[group])):
                    yield Span(start, end, f"<masked: {family.term}>")
                    after = end
            at = text.find(literal, after)


def _find_pem(text: str) -> Iterator[Span]:
    at = text.find(_BEGIN)
    while at >= 0:
        after = at + len(_BEGIN)
        head = text.find(_KEY_BEGIN_END, after, after + _LONGEST_BEGIN)
        if head >= 0:
            after = _end_of_pem(text, head)
            yield Span(at, after, "<masked: private_key>")
        at = text.find(_BEGIN, after)


def _end_of_pem(text: str, head: int) -> int:
    end = text.find(_END, head)
    if end < 0:
        return len(text)
    close = text.find(_KEY_BEGIN_END, end, end + _LONGEST_END)
    return end + len(_END) if close < 0 else close + len(_KEY_BEGIN_END)


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """Join what overlaps under the mask of the span that begins first."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if kept and span.start < kept[-1].end:
            if span.end > kept[-1].end:
                kept[-1] = Span(kept[-1].start, span.end, kept[-1].mask)
        else:
            kept.append(span)
    return kept
