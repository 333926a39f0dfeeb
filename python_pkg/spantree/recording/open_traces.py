"""The traces that have an open span, and those who want to hear of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

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
        """Something was added: to a running trace, or to one whose root has ended."""


class OpenTraces:
    """Holds the traces that have an open span and announces what becomes of them.

    Attributes:
        on_first_trace: Called once, before the first trace is announced.
        last_ended_key: The id of the last trace whose root has ended.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self.on_first_trace: Callable[[], None] | None = None
        self.last_ended_key: int | None = None
        self._of_thread = threading.local()
        self._by_key: dict[int, LiveTrace] = {}

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
        trace.adopt_root()
        self._by_key[trace.key] = trace
        if self.on_first_trace is not None:
            first, self.on_first_trace = self.on_first_trace, None
            with guard("first_trace"):
                first()
        for listener in self._listeners:
            with guard("trace_started"):
                listener.trace_started(trace)

    def ended(self, trace: LiveTrace) -> None:
        """Announce a trace whose root has ended; forget it unless spans are open."""
        self.last_ended_key = self._of_thread.last_ended_key = trace.key
        try:
            for listener in self._listeners:
                with guard("trace_ended"):
                    listener.trace_ended(trace)
        finally:
            self._forget_if_closed(trace)

    def changed(self, trace: LiveTrace) -> None:
        """Announce that something was added to a trace."""
        try:
            for listener in self._listeners:
                with guard("trace_changed"):
                    listener.trace_changed(trace)
        finally:
            self._forget_if_closed(trace)

    def reopened(self, trace: LiveTrace) -> None:
        """Hold a trace again in which a span was begun after all had ended."""
        self._by_key.setdefault(trace.key, trace)

    def all(self) -> Sequence[LiveTrace]:
        """Give the traces that have an open span, oldest first."""
        return list(self._by_key.values())

    def get(self, key: int) -> LiveTrace | None:
        """Give a trace that has an open span, or None."""
        return self._by_key.get(key)

    def _forget_if_closed(self, trace: LiveTrace) -> None:
        if trace.open_after_root is not None and not trace.open_after_root:
            self._by_key.pop(trace.key, None)
