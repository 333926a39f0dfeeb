"""A conversation: the traces with the same session id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.entities.trace import Trace


class Session:
    """The traces of one conversation.

    Args:
        traces: In the order they began.

    Example:
        >>> session = Session([])
        >>> session.id is None, len(session)
        (True, 0)
    """

    def __init__(self, traces: list[Trace]) -> None:
        self.traces = traces

    @property
    def id(self) -> str | None:
        """The session's id; None without traces."""
        return self.traces[0].info.session if self.traces else None

    def __len__(self) -> int:
        return len(self.traces)

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __getitem__(self, index: int) -> Trace:
        return self.traces[index]

    def __repr__(self) -> str:
        """Show the id, as MLflow does."""
        return f"Session(id={self.id!r})"
