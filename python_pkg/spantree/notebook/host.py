"""What the notebook needs from the rest of spantree, and does not build itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.trace import Trace
    from spantree.search import Query, Summary
    from spantree.store import Store

_T = TypeVar("_T")


class Host(Protocol):
    """The process's runtime, as the notebook sees it.

    Attributes:
        display: Whether trees are shown under cells.
        on_rendered: Called with each trace that draws itself, or None.
        on_asked_to_show: Called with a trace to show under the running cell, or None.
    """

    display: bool
    on_rendered: Callable[[Trace], None] | None
    on_asked_to_show: Callable[[Trace], None] | None

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything recorded so far is committed."""

    def summaries(self, query: Query, limit: int | None) -> list[Summary]:
        """Give what is known of the traces that match, newest first."""

    def get_trace(self, trace_id: str) -> Trace | None:
        """Give a trace from memory, else from the store, else None."""

    def write(self, change: Callable[[Store], _T]) -> _T:
        """Change the store, after everything recorded so far was written to it."""

    def stats(self) -> dict[str, int]:
        """Count what was saved, what waits and what went wrong."""

    def store_name(self) -> str:
        """Name the store in print, without secrets."""
