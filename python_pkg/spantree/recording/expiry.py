"""Ends the traces that take longer than they may."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from spantree.entities.span import SpanStatus, SpanStatusCode
from spantree.recording.guard import guard

if TYPE_CHECKING:
    from spantree.recording.live_trace import LiveTrace
    from spantree.recording.open_traces import OpenTraces

_NS_PER_S = 1_000_000_000
_TIMED_OUT = SpanStatus(SpanStatusCode.ERROR, "trace timed out")


class Expiry:
    """Hears of traces that begin and, while some are open, looks at their age.

    Its thread ends when no trace is open, and begins again with the next one, also in
    a forked process.

    Args:
        traces: The open traces.
        timeout_s: Seconds after which a trace is ended: its open spans as ERROR, with
            the description ``trace timed out``.
        interval_s: Seconds between two looks.
    """

    def __init__(
        self, traces: OpenTraces, timeout_s: float, interval_s: float = 1.0
    ) -> None:
        self._traces = traces
        self._timeout_ns = round(timeout_s * _NS_PER_S)
        self._interval_s = interval_s
        self._watching: tuple[int, threading.Thread] | None = None

    def trace_started(self, trace: LiveTrace) -> None:
        """Watch from now on."""
        del trace
        watching = self._watching
        if watching is None or watching[0] != os.getpid():
            thread = threading.Thread(
                target=self._watch, name="spantree-expiry", daemon=True
            )
            self._watching = (os.getpid(), thread)
            thread.start()

    def trace_ended(self, trace: LiveTrace) -> None:
        """Do nothing: there is no alarm to be taken back."""

    def trace_changed(self, trace: LiveTrace) -> None:
        """Do nothing: a trace is as old as its root."""

    def _watch(self) -> None:
        while self._traces.all():
            time.sleep(self._interval_s)
            for trace in self._traces.all():
                with guard("expiry"):
                    self._end_if_old(trace)
        self._watching = None
        if self._traces.all():
            # One began while we were about to stop.
            self.trace_started(self._traces.all()[0])

    def _end_if_old(self, trace: LiveTrace) -> None:
        root = trace.root
        if root and trace.now_ns() - root.start_time_ns > self._timeout_ns:
            trace.end_open_spans(_TIMED_OUT)
