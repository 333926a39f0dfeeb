"""What magics answer with that is no table: text to read, with the facts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spantree.entities.trace import Trace


class Report:
    """An answer: shown as text when it is a cell's result, or kept in a variable.

    Args:
        text: What is shown.
        facts: The same as plain data.
    """

    def __init__(self, text: str, facts: object = None) -> None:
        self.text = text
        self.facts = facts

    def __str__(self) -> str:
        """Give the text."""
        return self.text

    def __repr__(self) -> str:
        """Give the text, so that it is shown as it is."""
        return self.text


class View:
    """A trace drawn otherwise than by default.

    Args:
        trace: The trace.
        depth: Levels open at first.
        key: 16 hex digits that name the output.
    """

    def __init__(self, trace: Trace, *, depth: int, key: str) -> None:
        self.trace = trace
        self._depth = depth
        self._key = key

    def __repr__(self) -> str:
        """Draw the tree as text."""
        return str(self.trace)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from spantree.render import mime_bundle

        return mime_bundle([self.trace], key=self._key, depth=self._depth)
