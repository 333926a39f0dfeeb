"""Helpers for tests of code that is traced with spantree."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from spantree._runtime import RUNTIME
from spantree.recording import RECORDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.entities.trace import Trace
    from spantree.recording import LiveTrace

__all__ = ["memory_store", "outline", "recorded_traces"]


class _Collector:
    """Keeps the traces that begin."""

    def __init__(self) -> None:
        self.traces: list[LiveTrace] = []

    def trace_started(self, trace: LiveTrace) -> None:
        self.traces.append(trace)

    def trace_ended(self, trace: LiveTrace) -> None:
        """Nothing more to do: the live trace is kept."""

    def trace_changed(self, trace: LiveTrace) -> None:
        """Nothing more to do: the live trace is kept."""


class Recorded:
    """The traces begun in a block, in order, as they are when asked for."""

    def __init__(self, collector: _Collector) -> None:
        self._collector = collector

    def __len__(self) -> int:
        return len(self._collector.traces)

    def __getitem__(self, index: int) -> Trace:
        return self._collector.traces[index].to_trace()

    def __iter__(self) -> Iterator[Trace]:
        return (trace.to_trace() for trace in list(self._collector.traces))


@contextlib.contextmanager
def recorded_traces() -> Iterator[Recorded]:
    """Collect the traces begun in the block, whatever store is set.

    Example:
        >>> import spantree
        >>> with recorded_traces() as traces:
        ...     with spantree.start_span("work"):
        ...         pass
        >>> traces[0].name
        'work'
    """
    collector = _Collector()
    RECORDER.traces.add_listener(collector)
    try:
        yield Recorded(collector)
    finally:
        RECORDER.traces.remove_listener(collector)


@contextlib.contextmanager
def memory_store() -> Iterator[None]:
    """Send traces to a store in memory during the block, then back to the default."""
    RUNTIME.set_target("memory:")
    try:
        yield
    finally:
        RUNTIME.set_target(None)


def outline(trace: Trace) -> str:
    """Draw the tree of names, indented, with ids and times left out.

    Returns:
        A line a span: ``name TYPE``, with ``ERROR`` or ``(open)`` behind it.
    """
    depth: dict[int, int] = {}
    lines = []
    for span in trace.data.spans:
        level = depth.get(span.parent_key, -1) + 1 if span.parent_key else 0
        depth[span.span_key] = level
        suffix = " ERROR" if span.status_code.value == "ERROR" else ""
        if span.end_time_ns is None:
            suffix = " (open)"
        lines.append(f"{'  ' * level}{span.name} {span.span_type}{suffix}")
    return "\n".join(lines)
