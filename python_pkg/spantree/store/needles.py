"""Rejects traces that surely lack a text, without decoding what they carry.

A condition on the whole text of a trace, or on inputs, outputs and attributes, is
decided by the evaluator, on the JSON of every span. A plain word of that JSON, one with
a letter that no number has and nothing that JSON escapes, stands inside a text of the
trace, and so in the stored bytes as it is: where it is missing there, the evaluator
need not look. Words that the form itself has, or that an id may have, are not looked
for.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

from spantree.entities.ids import trace_id_text
from spantree.entities.span import Link, Span, SpanStatusCode
from spantree.search.nodes import And, Comparison, Op, SpanMatch, SpanRelation
from spantree.search.operators import text_of
from spantree.store.conversation_words import ConversationWords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from spantree.search.nodes import Node
    from spantree.store.dialect import Connection

_PLAIN = re.compile(r"[A-Za-z0-9-]+(?: [A-Za-z0-9-]+)*")
_LETTER_OF_TEXT = re.compile(r"[A-DF-Za-df-z]")
_OF_IDS = re.compile(r"[A-Za-z0-9]+")
_CARRIED = (
    "text",
    "inputs",
    "outputs",
    "span.content",
    "span.inputs",
    "span.outputs",
    "span.attributes",
)
_SHORTEST = 3
# Base64 of a span's 8 bytes has 12 characters, the last one a sign of its end.
_LONGEST_OF_SPAN_ID = 11
_ESCAPE = "\\u"
# Links are written in another way than they are kept.
_LINKS = '"l":\n'


class Needle(NamedTuple):
    """A word that the text of a trace must have.

    Args:
        word: In lower case, if case doesn't matter.
        ignores_case: Whether it does not.
    """

    word: str
    ignores_case: bool

    def is_in(self, text: str) -> bool:
        """Tell whether a text has it."""
        return self.word in (text.lower() if self.ignores_case else text)


class Stored(NamedTuple):
    """A chunk as its columns hold it."""

    lists: str | None
    rows: str
    body: bytes

    @property
    def numbers(self) -> list[int]:
        """Those of the conversations in it."""
        return orjson.loads(self.lists) if self.lists else []


def needles_of(node: Node | None) -> list[Needle]:
    """Give words that every trace has which a filter finds."""
    return (
        [needle for needle in _needles(node) if len(needle.word) >= _SHORTEST]
        if node is not None
        else []
    )


class Sieve:
    """Lets those traces through that may have all the words.

    Args:
        needles: The words.
        connection: To read conversations through.
    """

    def __init__(self, needles: Sequence[Needle], connection: Connection) -> None:
        self._needles = needles
        self._conversations = ConversationWords(connection, self._found_in)

    def sift(
        self, keys: Mapping[int, int], chunks: Mapping[int, Sequence[Stored]]
    ) -> dict[int, int]:
        """Give the traces that may have them.

        Args:
            keys: The ids of the traces by the numbers of their rows.
            chunks: All of their chunks, by the same.
        """
        self._conversations.look(
            number for found in chunks.values() for c in found for number in c.numbers
        )
        return {
            row_id: key
            for row_id, key in keys.items()
            if self._may_have_all(key, chunks[row_id])
        }

    def _found_in(self, text: str) -> frozenset[Needle]:
        # An escape may spell any letter.
        is_unsure = _ESCAPE in text
        return frozenset(n for n in self._needles if is_unsure or n.is_in(text))

    def _may_have_all(self, key: int, chunks: Sequence[Stored]) -> bool:
        missing = frozenset(self._needles)
        for chunk in chunks:
            body = bytes(chunk.body).decode()
            if _LINKS in body:
                return True
            missing = missing.difference(
                self._found_in(body),
                self._found_in(chunk.rows),
                *map(self._conversations.of, chunk.numbers),
            )
        return all(_is_in_ids(needle, key, chunks) for needle in missing)


def _is_in_ids(needle: Needle, key: int, chunks: Iterable[Stored]) -> bool:
    if needle.is_in(trace_id_text(key)):
        return True
    if not _OF_IDS.fullmatch(needle.word):
        return False
    if needle.is_in(_base64(key, 16)):
        return True
    if len(needle.word) > _LONGEST_OF_SPAN_ID:
        return False
    for chunk in chunks:
        said = orjson.loads(chunk.rows)
        keys = [*(row[0] for row in said["s"]), *said["p"]]
        if any(needle.is_in(_base64(span_key, 8)) for span_key in keys):
            return True
    return False


def _needles(node: Node) -> Iterator[Needle]:
    if isinstance(node, And):
        for part in node.parts:
            yield from _needles(part)
    elif isinstance(node, SpanMatch):
        yield from _needles(node.condition)
    elif isinstance(node, SpanRelation):
        yield from _needles(node.condition)
        yield from _needles(node.other)
    elif isinstance(node, Comparison) and node.field.key in _CARRIED:
        yield from _words_of(node)


def _words_of(node: Comparison) -> Iterator[Needle]:
    text = node.literals[0] if node.literals else None
    if node.negated or not isinstance(text, str):
        return
    if node.op in (Op.CONTAINS, Op.EQ):
        yield from _plain([text], ignores_case=False)
    elif node.op is Op.LIKE:
        yield from _plain(re.split("[%_]", text), ignores_case=False)
    elif node.op is Op.ILIKE:
        yield from _plain(re.split("[%_]", text), ignores_case=True)
    elif node.op is Op.MATCH:
        yield from _plain(text.split(), ignores_case=True)


def _plain(texts: list[str], *, ignores_case: bool) -> Iterator[Needle]:
    for text in texts:
        word = text.lower() if ignores_case else text
        is_plain = _PLAIN.fullmatch(word) and _LETTER_OF_TEXT.search(word)
        if is_plain and word.lower() not in _FORM:
            yield Needle(word, ignores_case)


def _base64(key: int, size: int) -> str:
    return base64.b64encode(key.to_bytes(size, "big")).decode()


def _form() -> str:
    """Give the JSON that every span has, whatever it carries."""
    spans = [
        Span(
            trace_key=0,
            span_key=0,
            parent_key=0,
            name="",
            start_time_ns=0,
            end_time_ns=0,
            status_code=code,
            raw_inputs="",
            raw_outputs="",
            raw_events=[("", 0, {})],
            links=[Link("tr-0", "0")],
        )
        for code in SpanStatusCode
    ]
    words = "true false null nan -infinity NaN -Infinity $spantree float value"
    return " ".join([words, *(text_of(span.to_dict()) for span in spans)]).lower()


_FORM = _form()
