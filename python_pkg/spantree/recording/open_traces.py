"""The traces that have an open span, and those who want to hear of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet, WeakValueDictionary

from spantree.recording.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.recording.live_trace import LiveTrace


class Listener(Protocol):
    """Hears of traces as they come and go, on the thread that made them so."""

    def trace_started(self, trace: LiveTrace) -> None:
        """A root has begun."""

    def trace_ended(self, trace: LiveTrace) -> None:
        """The root has ended; spans below it may still be open."""

    def trace_changed(self, trace: LiveTrace) -> None:
        """Something was added to a trace whose root has ended."""


class OpenTraces:
    """Holds the traces that have an open span and announces what becomes of them.

    Attributes:
        on_first_trace: Called once, before the first trace is announced.
        on_set_aside: Called with each trace that is no longer held though it is open.
        max_open: How many open traces are held; beyond it the idlest are set aside.
        max_idle_s: Seconds without a new span after which one is set aside.
        last_ended_key: The id of the last trace whose root has ended.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self.on_first_trace: Callable[[], None] | None = None
        self.on_set_aside: Callable[[LiveTrace], None] | None = None
        self.max_open = 1_000
        self.max_idle_s = 3_600.0
        self.last_ended_key: int | None = None
        self._of_thread = threading.local()
        self._by_key: dict[int, LiveTrace] = {}
        # Held by nobody but their users, who may still end them.
        self._aside: WeakValueDictionary[int, LiveTrace] = WeakValueDictionary()
        # Deleted while they were open: nobody hears of them any more.
        self._discarded: WeakSet[LiveTrace] | None = None

    def add_listener(self, listener: Listener, *, first: bool = False) -> None:
        """Tell somebody of every trace from now on."""
        # Replaced, never changed: a loop over them may be under way.
        others = self._listeners
        self._listeners = (listener, *others) if first else (*others, listener)

    def remove_listener(self, listener: Listener) -> None:
        """Stop telling somebody."""
        self._listeners = tuple(x for x in self._listeners if x is not listener)

    @property
    def last_ended_here(self) -> int | None:
        """The id of the last trace whose root this thread has ended."""
        return getattr(self._of_thread, "last_ended_key", None)

    def started(self, trace: LiveTrace) -> None:
        """Hold a trace whose root has begun, and announce it."""
        self._by_key[trace.key] = trace
        oldest = next(iter(self._by_key.values()))
        if len(self._by_key) > self.max_open or self._is_idle(oldest):
            self._set_aside()
        is_first = self.on_first_trace is not None
        if self.on_first_trace is not None:
            first, self.on_first_trace = self.on_first_trace, None
            with guard("first_trace"):
                first()
        for listener in self._listeners:
            with guard("trace_started"):
                listener.trace_started(trace)
        if is_first and trace.root is not None:
            # What is wired in and made ready takes time; the trace has not taken it.
            trace.root.start_time_ns = trace.now_ns()

    def ended(self, trace: LiveTrace) -> None:
        """Announce a trace whose root has ended; forget it unless spans are open."""
        self.last_ended_key = self._of_thread.last_ended_key = trace.key
        try:
            for listener in self._listeners_of(trace):
                with guard("trace_ended"):
                    listener.trace_ended(trace)
        finally:
            self._forget_if_closed(trace)

    def changed(self, trace: LiveTrace) -> None:
        """Announce that something was added to a trace, if its root has ended."""
        if trace.is_open:
            return
        try:
            for listener in self._listeners_of(trace):
                with guard("trace_changed"):
                    listener.trace_changed(trace)
        finally:
            self._forget_if_closed(trace)

    def reopened(self, trace: LiveTrace) -> None:
        """Hold a trace again in which a span was begun after all had ended."""
        if not self._is_discarded(trace):
            self._by_key.setdefault(trace.key, trace)

    def discard(self, key: int) -> None:
        """Let go of an open trace for good; whatever becomes of it is not announced."""
        trace = self.get(key)
        if trace is not None:
            self._discarded = self._discarded or WeakSet()
            self._discarded.add(trace)
            self._by_key.pop(key, None)
            self._aside.pop(key, None)

    def _listeners_of(self, trace: LiveTrace) -> tuple[Listener, ...]:
        return () if self._is_discarded(trace) else self._listeners

    def _is_discarded(self, trace: LiveTrace) -> bool:
        return self._discarded is not None and trace in self._discarded

    def all(self) -> Sequence[LiveTrace]:
        """Give the traces that have an open span, oldest first."""
        return list(self._by_key.values())

    def get(self, key: int) -> LiveTrace | None:
        """Give a trace that has an open span, also if it was set aside; or None."""
        return self._by_key.get(key) or self._aside.get(key)

    def _set_aside(self) -> None:
        """Let go of the idlest traces; whoever holds one may go on with it."""
        with guard("set_aside"):
            latest_last = sorted(self._by_key.values(), key=_latest_start_ns)
            # A tenth more than must be, so that not each root pays for the sorting.
            room = self.max_open - self.max_open // 10
            surplus = len(latest_last) - room if len(latest_last) > self.max_open else 0
            for n, trace in enumerate(latest_last[:-1]):
                if n >= surplus and not self._is_idle(trace):
                    break
                self._by_key.pop(trace.key, None)
                self._aside[trace.key] = trace
                if self.on_set_aside is not None:
                    self.on_set_aside(trace)

    def _is_idle(self, trace: LiveTrace) -> bool:
        return trace.now_ns() - _latest_start_ns(trace) > self.max_idle_s * 1e9

    def _forget_if_closed(self, trace: LiveTrace) -> None:
        if trace.is_open or trace.open_after_root:
            return
        if self._by_key.pop(trace.key, None) is None:
            self._aside.pop(trace.key, None)


def _latest_start_ns(trace: LiveTrace) -> int:
    spans = trace.spans
    # It may be finished by now, on another thread.
    return spans[-1].start_time_ns if spans else trace.now_ns()
