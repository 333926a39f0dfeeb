"""A page of results."""

from __future__ import annotations

from typing import Any, TypeVar

from spantree.entities.drawing import RENDERERS
from spantree.entities.trace import Trace

T = TypeVar("T")


class PagedList(list[T]):
    """A list that knows where the next page begins.

    Of traces, it shows their trees as the last expression of a notebook's cell.

    Attributes:
        token: Opaque; None after the last page.
    """

    def __init__(self, items: list[T] | None = None, token: str | None = None) -> None:
        super().__init__(items or [])
        self.token = token

    def to_list(self) -> list[T]:
        """Give a plain list."""
        return list(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        traces = [one for one in self if isinstance(one, Trace) and one.data.spans]
        # Of traces without their spans there is nothing to draw.
        renderer = RENDERERS.trace
        if renderer is None or not traces or len(traces) < len(self):
            return None
        return renderer.bundle(traces)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Give the trees' text: IPython prints lists in its own way else."""
        is_nested = cycle or len(printer.stack) > 1
        bundle = None if is_nested else self._repr_mimebundle_()
        printer.text(repr(list(self)) if bundle is None else str(bundle["text/plain"]))
