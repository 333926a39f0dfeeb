"""Walks over the tokens of one filter and makes errors that point into it."""

from __future__ import annotations

from dataclasses import dataclass

from spantree.search.errors import FilterError
from spantree.search.tokens import Token, TokenKind


@dataclass(slots=True)
class Reader:
    """The tokens of a filter and how far they have been read.

    Args:
        text: The filter.
        tokens: Its tokens, END last.
        started_ns: What ``now`` means.
        is_lasting: The filter means the same whenever it is read, and reading it
            said nothing to the user.

    """

    text: str
    tokens: list[Token]
    started_ns: int
    is_lasting: bool = True
    _next: int = 0

    @property
    def now_ns(self) -> int:
        """What ``now`` means; a filter that asks means something else each time."""
        self.is_lasting = False
        return self.started_ns

    def peek(self, ahead: int = 0) -> Token:
        """Give a coming token without taking it."""
        if not ahead:
            return self.tokens[self._next]
        return self.tokens[min(self._next + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        """Take the next token; END is never passed."""
        token = self.tokens[self._next]
        if token.kind is not TokenKind.END:
            self._next += 1
        return token

    def take_path(self) -> tuple[list[str], Token]:
        """Take names joined by dots; give them, and all of it as one token."""
        first = self.take()
        parts = [first.value]
        while self.peek().text == ".":
            self.take()
            parts.append(self.take().value)
        return parts, first if first.kind is TokenKind.END else self.since(first)

    def take_keyword(self, word: str) -> None:
        """Take the given keyword, or refuse what stands in its place."""
        token = self.peek()
        if not token.is_word(word):
            raise self.error(f"{word} is missing here", token)
        self.take()

    def take_closing(self, opened: Token, what: str) -> None:
        """Take ``)``, or point at the parenthesis that was opened."""
        if self.peek().text != ")":
            raise self.error(f"this {what} is never closed", opened)
        self.take()

    def since(self, first: Token) -> Token:
        """Give everything from a token to the last one taken as one."""
        end = self.tokens[self._next - 1].end
        written = self.text[first.position : end]
        return Token(TokenKind.NAME, written, written, first.position)

    def error(
        self,
        problem: str,
        token: Token,
        *,
        hint: str = "",
        suggestion: str | None = None,
    ) -> FilterError:
        """Make the error that points at a token."""
        return FilterError(
            problem,
            text=self.text,
            position=token.position,
            length=len(token.text),
            hint=hint,
            suggestion=suggestion,
        )
