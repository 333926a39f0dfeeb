"""Functions that see every span before it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from spantree.entities.live_span import LiveSpan
    from spantree.recording.recorder import Recorder


class processors_set:  # noqa: N801 - reads as a statement
    """Sets span processors at once; as a context manager, until the block ends.

    Args:
        recorder: Whose.
        processors: Called in order, on the thread that ends a span.
    """

    __slots__ = ("_before", "_recorder")

    def __init__(
        self, recorder: Recorder, processors: tuple[Callable[[LiveSpan], None], ...]
    ) -> None:
        self._recorder = recorder
        self._before = recorder.processors
        recorder.processors = processors

    def __enter__(self) -> None:
        """Begin the block; the processors are set already."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """Put back the processors that were set before."""
        del kind, error, stack
        self._recorder.processors = self._before
