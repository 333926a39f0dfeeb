"""What the notebook needs from the rest of spantree, and does not build itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from spantree.entities.trace import Trace
    from spantree.search import Query, Summary
    from spantree.store import Page, Store

_T = TypeVar("_T")


class Host(Protocol):
    """The process's runtime, as the notebook sees it.

    Attributes:
        display: Whether trees are shown under cells.
        on_rendered: Called with each trace that draws itself, or None.
        on_asked_to_show: Called with a trace to show under the running cell, or None.
        progress_bar: Makes a bar for work that its label names, or None.
    """

    display: bool
    on_rendered: Callable[[Trace], None] | None
    on_asked_to_show: Callable[[Trace], None] | None
    progress_bar: (
        Callable[[str], AbstractContextManager[Callable[[int], object]]] | None
    )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything recorded so far is committed."""

    def summaries(self, query: Query, limit: int | None) -> list[Summary]:
        """Give what is known of the traces that match, newest first."""

    def search(self, query: Query, limit: int | None, *, spans: bool) -> list[Trace]:
        """Give the traces that match, newest first."""

    def search_page(
        self,
        query: Query,
        limit: int | None,
        *,
        cursor: str | None,
        spans: bool,
        timeout_s: float | None,
    ) -> Page:
        """Give a page of the traces that match; less, if the time runs out."""

    def span_frame(self, traces: Sequence[Trace]) -> Any:
        """Give a DataFrame with one row a span."""

    def read(self, ask: Callable[[Store], _T]) -> _T:
        """Ask the store, without waiting for what is not written yet."""

    def show(self, trace: Trace) -> None:
        """Show a trace under the running cell."""

    def get_trace(self, trace_id: str) -> Trace | None:
        """Give a trace from memory, else from the store, else None."""

    def write(self, change: Callable[[Store], _T]) -> _T:
        """Change the store, after everything recorded so far was written to it."""

    def judge(self, trace: Trace, change: Callable[[Store], _T]) -> _T:
        """Change the assessments of a trace in the store."""

    def export_traces(
        self, path: Path, wanted: str | None, traces: Sequence[Trace] | None
    ) -> int:
        """Write the traces that match, or those given, to a file; count them."""

    def import_traces(self, path: Path) -> int:
        """Store the traces of a file; count them."""

    def set_target(self, uri: str | None) -> None:
        """Send the traces recorded from now on elsewhere."""

    def stats(self) -> dict[str, int]:
        """Count what was saved, what waits and what went wrong."""

    def store_name(self) -> str:
        """Name the store in print, without secrets."""
