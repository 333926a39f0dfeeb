"""A trace laid out as rows, computed once and read by every form of output."""

from __future__ import annotations

import re
from array import array
from functools import cached_property
from typing import TYPE_CHECKING

from spantree.entities.ids import span_id_text
from spantree.entities.rollup import MODEL_TYPES, Totals, Usage, total_up
from spantree.entities.span import COST, TOKEN_USAGE, SpanStatusCode
from spantree.entities.trace import TraceState
from spantree.render.order import depth_first
from spantree.render.values import (
    DECODE_ERRORS,
    decode_or_none,
    long_preview,
)

if TYPE_CHECKING:
    from spantree.entities.span import Span
    from spantree.entities.trace import Trace
    from spantree.entities.values import Captured

# Values of a row's state; numbers of the payload's column `e`.
UNSET, OK, ERROR, RUNNING, NO_END = range(5)

# Bits of a row's flags; bits of the payload's column `f`.
LEFT_EARLY = 1
ORPHAN = 2
PLACEHOLDER = 4
VALUE_CUT = 8
OTHER_PROCESS = 16

STREAM_END = "spantree.stream.end"
TRUNCATED = "spantree.truncated"
PROCESS = "process.pid"
LOST = "spantree.lost"
LOST_WHY = "spantree.lost.why"

# The largest integer that a viewer reads exactly.
_EXACT = 2**53
# A start and a duration together stay below it.
_FAR_US = _EXACT // 2

_LEFT_EARLY_ENDS = ("closed", "garbage_collected")
_STATES = {
    SpanStatusCode.UNSET: UNSET,
    SpanStatusCode.OK: OK,
    SpanStatusCode.ERROR: ERROR,
}


class TraceTree:
    """The rows of one trace: its spans in depth-first pre-order.

    A parent that was never received has a placeholder row above its children, so an
    orphan is seen as one. All columns have one entry a row.

    Args:
        trace: The trace; read, never changed.

    Attributes:
        trace: The same.
        spans: The span of each row, None for a placeholder.
        parent: The parent's row, always a smaller one, -1 for a top row.
        level: 0 for a top row.
        start_us: Microseconds after ``start_ns``, negative if the clock was.
        duration_us: Microseconds, -1 without an end.
        state: ``UNSET``, ``OK``, ``ERROR``, ``RUNNING`` or ``NO_END``.
        flags: Bits ``LEFT_EARLY`` … ``OTHER_PROCESS``.
        missing: The parent key each placeholder row stands for.
        own_usage: Tokens by MLflow's names, of the rows that report any.
        own_cost: USD by MLflow's names, of the rows that report any.
        start_ns: When the root started, nanoseconds since 1970.
    """

    def __init__(self, trace: Trace) -> None:
        spans = trace.data.spans
        layout = depth_first(spans)
        root = trace.data.root
        self.trace = trace
        self.missing = layout.missing
        self.parent = layout.parent
        self.level = layout.level
        self.spans: list[Span | None] = [
            spans[at] if at >= 0 else None for at in layout.order
        ]
        self.start_ns = (
            root.start_time_ns if root else trace.info.request_time * 1_000_000
        )
        size = len(layout.order)
        self.start_us = array("q", bytes(8 * size))
        self.duration_us = array("q", bytes(8 * size))
        self.state = bytearray(size)
        self.flags = bytearray(size)
        self.own_usage: dict[int, dict[str, int]] = {}
        self.own_cost: dict[int, dict[str, float]] = {}
        self._read_spans(root)
        for row in self.missing:
            self._place(row)
        for row in layout.detached:
            self.flags[row] |= ORPHAN

    def __len__(self) -> int:
        """Count the rows, placeholders included."""
        return len(self.spans)

    def _read_spans(self, root: Span | None) -> None:
        zero = self.start_ns
        open_state = (
            RUNNING if self.trace.info.state is TraceState.IN_PROGRESS else NO_END
        )
        process = root.raw_attributes.get(PROCESS) if root else None
        starts, durations, states = self.start_us, self.duration_us, self.state
        for row, span in enumerate(self.spans):
            if span is None:
                continue
            start, end = span.start_time_ns, span.end_time_ns
            starts[row] = max(-_FAR_US, min(_FAR_US, (start - zero) // 1000))
            if end is None:
                durations[row] = -1
                states[row] = open_state
            else:
                durations[row] = max(0, min(_FAR_US, (end - start) // 1000))
                states[row] = _STATES[span.status_code]
            if span.raw_attributes:
                self._read_attributes(row, span.raw_attributes, process)

    def _read_attributes(
        self, row: int, attributes: dict[str, Captured], process: Captured
    ) -> None:
        if TOKEN_USAGE in attributes:
            self._read_usage(row, decode_or_none(attributes[TOKEN_USAGE]))
        if COST in attributes:
            self._read_cost(row, decode_or_none(attributes[COST]))
        if attributes.get(STREAM_END) in _LEFT_EARLY_ENDS:
            self.flags[row] |= LEFT_EARLY
        if TRUNCATED in attributes:
            self.flags[row] |= VALUE_CUT
        if process is not None and attributes.get(PROCESS, process) != process:
            self.flags[row] |= OTHER_PROCESS

    def _read_usage(self, row: int, reported: object) -> None:
        usage = _counts(reported)
        if usage:
            self.own_usage[row] = usage

    def _read_cost(self, row: int, reported: object) -> None:
        cost = _numbers(reported)
        if cost:
            self.own_cost[row] = cost

    def _place(self, row: int) -> None:
        """Let a placeholder start with its first child; nobody knows its end."""
        start = self.start_us[row + 1]
        for child in range(row + 1, len(self)):
            if self.level[child] == 0:
                break
            if self.parent[child] == row:
                self.flags[child] |= ORPHAN
        self.start_us[row] = start
        self.duration_us[row] = -1
        self.flags[row] = PLACEHOLDER

    @property
    def span_count(self) -> int:
        """Spans of the whole trace, placeholders not counted."""
        return len(self.spans) - len(self.missing)

    @cached_property
    def error_rows(self) -> list[int]:
        """The rows that failed, in order."""
        return [row for row, state in enumerate(self.state) if state == ERROR]

    @cached_property
    def running_rows(self) -> list[int]:
        """The rows still running, in order."""
        return [row for row, state in enumerate(self.state) if state == RUNNING]

    @cached_property
    def root_row(self) -> int:
        """The row of the trace's root."""
        root = self.trace.data.root
        for row, span in enumerate(self.spans):
            if span is root:
                return row
        return 0

    @cached_property
    def root_previews(self) -> tuple[str, str]:
        """At most 1,000 characters of what went into and came out of the root."""
        root = self.trace.data.root
        if root is None:
            return "", ""
        return (
            long_preview(root.raw_inputs, "user"),
            long_preview(root.raw_outputs, "assistant"),
        )

    @cached_property
    def first_error_path(self) -> frozenset[int]:
        """The rows from the top to where the first error came from."""
        source = -1
        for row in self.error_rows:
            if source >= 0 and source not in self.path(row):
                break
            source = row
        return frozenset(self.path(source))

    def path(self, row: int) -> list[int]:
        """Give a row and its ancestors, nearest first; nothing for -1."""
        found = []
        while row >= 0:
            found.append(row)
            row = self.parent[row]
        return found

    @cached_property
    def end_us(self) -> int:
        """Where the last row ends, microseconds after ``start_ns``; at least 1."""
        ends = map(int.__add__, self.start_us, self.duration_us)
        return max(1, max(ends, default=1), max(self.start_us, default=1))

    @cached_property
    def total_us(self) -> int | None:
        """How long the trace took; None while its root is open."""
        info, root = self.trace.info, self.trace.data.root
        if info.state is TraceState.IN_PROGRESS:
            return None
        if root is not None and root.end_time_ns is not None:
            return max(0, (root.end_time_ns - root.start_time_ns) // 1000)
        known = info.execution_duration
        return known * 1000 if known is not None else None

    @cached_property
    def totals(self) -> Totals:
        """Tokens and cost of the whole trace, each call counted once."""
        if self.own_usage or self.own_cost:
            models = {
                row
                for row, span in enumerate(self.spans)
                if span is not None and span.span_type in MODEL_TYPES
            }
            return total_up(self.parent, models, self.own_usage, self.own_cost)
        info = self.trace.info
        try:
            usage = Usage(_counts(info.token_usage), _numbers(info.cost))
        except DECODE_ERRORS:
            usage = Usage()
        return Totals(usage, is_usage_partial=False, is_cost_partial=False)

    @property
    def usage(self) -> Usage:
        """The sums of :attr:`totals`."""
        return self.totals.usage

    @cached_property
    def tokens(self) -> int | None:
        """All tokens of the trace, None when unknown."""
        return self.usage.total_tokens

    @cached_property
    def by_weight(self) -> list[int]:
        """All rows, most worth a line first: root, failed ones, then the longest.

        Open rows count as the longest. Rows may repeat.
        """
        lengths = [length if length >= 0 else _FAR_US for length in self.duration_us]
        longest = sorted(range(len(self)), key=lengths.__getitem__, reverse=True)
        return [self.root_row, *self.error_rows, *longest]

    @cached_property
    def by_news(self) -> list[int]:
        """All rows of an open trace: root, running ones, then the newest."""
        newest = sorted(range(len(self)), key=self.start_us.__getitem__, reverse=True)
        return [self.root_row, *self.running_rows, *newest]

    @cached_property
    def lost(self) -> tuple[int, str]:
        """How many spans the recorder knows it never kept, and why."""
        metadata = self.trace.info.trace_metadata
        count = metadata.get(LOST, "")
        known = int(count) if re.fullmatch("[0-9]{1,15}", count) else 0
        return known, metadata.get(LOST_WHY, "")

    def missing_id(self, row: int) -> str:
        """Give the id of the parent that a placeholder row stands for."""
        return span_id_text(self.missing[row])


def _counts(reported: object) -> dict[str, int]:
    return {key: max(0, int(count)) for key, count in _numbers(reported).items()}


def _numbers(reported: object) -> dict[str, float]:
    """Keep what a sum can use; a user may have put anything under the key."""
    if not isinstance(reported, dict):
        return {}
    return {
        key: number
        for key, number in reported.items()
        if type(number) in (int, float) and -_EXACT < number < _EXACT
    }
