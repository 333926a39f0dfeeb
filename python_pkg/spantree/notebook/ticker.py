"""Draws cells on a thread of its own: while they run, and when they have news after.

The user's thread hands over a frame and goes on. A cell that ends within the first
300 ms is taken back before anything was drawn.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.notebook.frames import Frame

FIRST_PAINT_SECONDS = 0.3
INTERVAL_SECONDS = 0.25
# Of a large trace a drawing takes longer; it may take this share of the time. Its own
# work counts: while the user's program computes, a drawing mostly waits for its turn.
_LEAST_PAUSE_RATIO = 20
# A stream that grows has no new span.
_UNCHANGED_SECONDS = 2.0


class Ticker:
    """Calls a function for each frame that is due.

    Args:
        draw: Draws a frame; on the ticker's thread.
        is_cell_running: Tells whether the user's thread is at a cell.
    """

    def __init__(
        self, draw: Callable[[Frame], None], is_cell_running: Callable[[], bool]
    ) -> None:
        self._draw = draw
        self._is_cell_running = is_cell_running
        self._due: dict[Frame, float] = {}
        # Drawn between two cells: a client that executes notebooks drops messages that
        # belong to no running cell, so they are drawn again with the next one.
        self._drawn_between: dict[Frame, None] = {}
        # Reentrant: the collector may end a span, and so come back here, at any time.
        self._wake = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._is_closed = False

    def watch(self, frame: Frame) -> None:
        """Draw a running cell from 300 ms on, until it is taken back."""
        self._schedule(frame, time.monotonic() + FIRST_PAINT_SECONDS)

    def tell_news(self, frame: Frame) -> None:
        """Draw an ended cell again, at most four times a second."""
        self._schedule(frame, max(time.monotonic(), frame.drawn_at + INTERVAL_SECONDS))

    def take_back(self, frame: Frame) -> None:
        """Draw a frame no more."""
        with self._wake:
            self._due.pop(frame, None)

    def draw_news(self) -> None:
        """Draw at once, on this thread, what ended cells have to tell."""
        with self._wake:
            between, self._drawn_between = self._drawn_between, {}
            due = [frame for frame in self._due if not frame.is_open]
            for frame in due:
                del self._due[frame]
            news = between | dict.fromkeys(due)
        for frame in news:
            self._draw_guarded(frame)

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._is_closed = True
            self._due.clear()
            self._drawn_between.clear()
            self._wake.notify()

    def _schedule(self, frame: Frame, due: float) -> None:
        if os.getpid() != self._pid:
            return  # a forked child has no front end
        with self._wake:
            if self._is_closed:
                return
            self._due.setdefault(frame, due)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="spantree-ticker", daemon=True
                )
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            frame = self._next()
            if frame is None:
                return
            begun = time.thread_time()
            if not frame.is_open:
                self._draw_ended(frame)
            elif self._is_changed(frame, time.monotonic()):
                self._draw_guarded(frame)
            if frame.is_open:
                took = time.thread_time() - begun
                pause = max(INTERVAL_SECONDS, took * _LEAST_PAUSE_RATIO)
                with self._wake:
                    # Checked again inside: the cell may have been taken back.
                    if frame.is_open and not self._is_closed:
                        self._due[frame] = time.monotonic() + pause

    def _draw_ended(self, frame: Frame) -> None:
        was_running = self._is_cell_running()
        self._draw_guarded(frame)
        if not (was_running and self._is_cell_running()):
            with self._wake:
                self._drawn_between[frame] = None

    @staticmethod
    def _is_changed(frame: Frame, now: float) -> bool:
        # Only while a root is open: else a long traceback may be on its way to the
        # cell, and the tree would stand above it.
        if not any(trace.is_open for trace in list(frame.roots.values())):
            return False
        is_old = now > frame.drawn_at + _UNCHANGED_SECONDS
        return is_old or frame.progress() != frame.drawn_progress

    def _next(self) -> Frame | None:
        with self._wake:
            while not self._is_closed:
                now = time.monotonic()
                frame = min(self._due, key=self._due.__getitem__, default=None)
                if frame is None:
                    self._wake.wait()
                elif self._due[frame] > now:
                    self._wake.wait(self._due[frame] - now)
                else:
                    del self._due[frame]
                    return frame
            return None

    def _draw_guarded(self, frame: Frame) -> None:
        with guard("notebook.tick"):
            self._draw(frame)
