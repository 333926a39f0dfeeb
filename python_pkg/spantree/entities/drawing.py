"""How traces and spans draw themselves in a notebook; set from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.span import Span
    from spantree.entities.trace import Trace


class TraceRenderer(Protocol):
    """Draws traces."""

    def text(self, trace: Trace) -> str:
        """Draw the tree as text."""

    def bundle(self, traces: Sequence[Trace]) -> dict[str, object]:
        """Draw a notebook output: its data by MIME type."""

    def page(self, trace: Trace) -> str:
        """Draw one HTML file."""

    def attachment(self, trace: Trace, attachment_id: str) -> bytes | None:
        """Give the bytes that were kept beside a trace, None if there are none."""


class Renderers:
    """Who draws; None shows the plain text of an object.

    Attributes:
        trace: Draws traces.
        span: Gives the output of a span that is a cell's last expression.
    """

    __slots__ = ("span", "trace")

    def __init__(self) -> None:
        self.trace: TraceRenderer | None = None
        self.span: Callable[[Span], dict[str, object]] | None = None


RENDERERS = Renderers()
