"""Which traces belong to which cell.

A root belongs to the cell that started it: by the context it runs in, which tasks and
copied contexts inherit, else to the cell that is running. What it does after that cell
has ended changes that cell's output and never another's.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
import tokenize
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from spantree.entities.span import SpanStatus, SpanStatusCode
from spantree.entities.trace import SESSION
from spantree.recording import guard

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from spantree.entities.trace import Trace
    from spantree.recording import LiveTrace

# The frame of the cell whose code, or task, runs in this context.
_CELL: ContextVar[Frame | None] = ContextVar("spantree_cell", default=None)


MAX_ROOTS = 2_000
"""A cell's output sums up so many traces; a loop in it may begin a million."""


class Drawer(Protocol):
    """Draws frames, when told that they changed."""

    def cell_began_trace(self, frame: Frame) -> None:
        """The first root of a running cell has begun."""

    def cell_ended(self, frame: Frame) -> None:
        """The cell has ended; what it began may go on."""

    def has_news(self, frame: Frame) -> None:
        """A trace of an ended cell has changed."""


class Runner(NamedTuple):
    """The thread and the task in which a root began."""

    thread: int
    task: asyncio.Task[object] | None

    @classmethod
    def here(cls) -> Runner:
        """Give those that run now."""
        return cls(threading.get_ident(), _current_task())

    def may_go_on(self, cell_thread: int) -> bool:
        """Whether it may run on after an interrupt of the cell."""
        if self.thread != cell_thread:
            return any(t.ident == self.thread for t in threading.enumerate())
        task = self.task
        return task is not None and not task.done() and task is not _current_task()


def _current_task() -> asyncio.Task[object] | None:
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio.current_task() if asyncio is not None else None
    except RuntimeError:  # no loop runs here
        return None


class Frame:
    """One run of one cell.

    Attributes:
        key: 16 hex digits; the output's display id without its prefix.
        source: The cell's text.
        cell_id: The front end's id of the cell, if it gave one.
        number: The ``n`` of ``In [n]``.
        began_ns: When it began, nanoseconds since 1970.
        roots: Traces begun by the cell, by key, in order; the first 2,000.
        more_roots: How many it began after those.
        asked: Stored traces that the cell asked to see, by key.
        shown: Keys of those drawn by hand, which are not drawn again.
        once: Settings of the display for this cell only, by name.
        at_end: Called with what the cell raised, or None, before it is drawn.
        context: That of the cell; its messages go below it.
        is_open: Whether the cell still runs.
        has_output: Whether our output stands under the cell.
        revision: How often that output was drawn.
        lock: Held while it is drawn.
        drawn_at: When it was drawn last, by the monotonic clock.
        drawn_progress: What :meth:`progress` gave then.
    """

    def __init__(self, source: str, cell_id: str | None, number: int) -> None:
        self.key = secrets.token_hex(8)
        self.source = source
        self.cell_id = cell_id
        self.number = number
        self.began_ns = time.time_ns()
        self.roots: dict[int, LiveTrace] = {}
        self.more_roots = 0
        self.runners: dict[int, Runner] = {}
        self.asked: dict[int, Trace] = {}
        self.shown: set[int] = set()
        self.once: dict[str, object] = {}
        self.at_end: list[Callable[[BaseException | None], None]] = []
        self.context = copy_context()
        self.is_open = True
        self.has_output = False
        self.revision = 0
        self.lock = threading.RLock()
        self.drawn_at = 0.0
        self.drawn_progress: tuple[int, ...] | None = None

    @property
    def display_id(self) -> str:
        """The id under which the front end finds the output again."""
        return f"spantree-{self.key}"

    @property
    def is_quiet(self) -> bool:
        """Whether the cell's last token is a semicolon."""
        return ends_quietly(self.source)

    def progress(self) -> tuple[int, ...]:
        """Count what has begun and what has ended: it grows with each change."""
        roots = list(self.roots.values())
        return (
            len(roots),
            sum(len(trace.spans) for trace in roots),
            sum(s.end_time_ns is not None for t in roots for s in list(t.spans)),
        )

    def to_draw(self) -> list[Trace]:
        """Copy the traces to draw under the cell: begun, then asked for."""
        # What stands there already is brought up to date, drawn by hand or not.
        skipped = set() if self.has_output else self.shown
        begun = [t for key, t in list(self.roots.items()) if key not in skipped]
        asked = [t for key, t in list(self.asked.items()) if key not in self.roots]
        return [*(trace.to_trace() for trace in begun), *asked]

    def end_interrupted(self) -> None:
        """End the spans that an interrupt left open and that nothing goes on with."""
        here = threading.get_ident()
        for key, trace in list(self.roots.items()):
            runner = self.runners.get(key)
            if runner is None or runner.may_go_on(here):
                continue
            trace.end_open_spans(_INTERRUPTED)


_INTERRUPTED = SpanStatus(SpanStatusCode.ERROR, "interrupted")


def ends_quietly(source: str) -> bool:
    """Tell whether the last token that is no comment is a semicolon."""
    lines = [line for line in source.splitlines() if line.strip()]
    while lines and lines[-1].lstrip().startswith("#"):
        lines.pop()
    if not lines:
        return False
    last = lines[-1].rstrip()
    if last.endswith(";"):
        return True
    # A comment may follow; what looks like one may stand in a string.
    from IPython.core.displayhook import DisplayHook

    try:
        has_semicolon: Any = DisplayHook.semicolon_at_end_of_expression  # untyped
        return "#" in last and bool(has_semicolon(last))
    except (tokenize.TokenError, SyntaxError):  # the line alone is no expression
        return last.split("#")[0].rstrip().endswith(";")


class CellFrames:
    """The stack of running cells, told by IPython and by the recorder.

    Args:
        drawer: Told of cells to draw.

    Attributes:
        session: The session of the traces of following cells, or None.
        without_cell: How many roots began outside of cells.
        last: The last cell that recorded a trace.
        began_ns: When the session began, nanoseconds since 1970.
    """

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        self._stack: list[Frame] = []
        self._owners: dict[int, Frame] = {}
        self.session: str | None = None
        self.without_cell = 0
        self.last: Frame | None = None
        self.began_ns = time.time_ns()

    @property
    def current(self) -> Frame | None:
        """The innermost cell that runs."""
        return self._stack[-1] if self._stack else None

    def begin_cell(self, source: str, cell_id: str | None, number: int) -> None:
        """Open a frame: a cell, or a cell run inside a cell, begins."""
        frame = Frame(source, cell_id, number)
        self._stack.append(frame)
        _CELL.set(frame)
        frame.context = copy_context()

    def end_cell(self, error: BaseException | None = None) -> None:
        """Close the innermost frame and draw what it began.

        Args:
            error: What the cell raised.
        """
        if not self._stack:
            return  # the extension was loaded by this very cell
        frame = self._stack[-1]
        for finish in frame.at_end:
            with guard("notebook.at_end"):
                finish(error)
        if _is_interrupt(error):
            frame.end_interrupted()
        self._stack.pop()
        _CELL.set(self.current)
        frame.is_open = False
        if frame.roots:
            self.last = frame
        self._drawer.cell_ended(frame)
        for key, trace in list(frame.roots.items()):
            if not trace.is_open and not trace.open_after_root:
                self._owners.pop(key, None)
        frame.runners.clear()

    def note_shown(self, trace: Trace) -> None:
        """Remember that a trace was drawn by hand in the running cell."""
        if self._stack:
            self._stack[-1].shown.add(trace.key)

    def note_asked(self, trace: Trace) -> None:
        """Draw a stored trace under the running cell as well."""
        if self._stack:
            self._stack[-1].asked[trace.key] = trace

    # Listener: what the recorder announces.

    def trace_started(self, trace: LiveTrace) -> None:
        """Decide which cell the trace belongs to."""
        frame = _CELL.get() or self.current
        if frame is None:
            self.without_cell += 1
            return
        if len(frame.roots) >= MAX_ROOTS:
            frame.more_roots += 1
            self._describe(trace, frame)
            return
        frame.roots[trace.key] = trace
        frame.runners[trace.key] = Runner.here()
        self._owners[trace.key] = frame
        self._describe(trace, frame)
        if frame.is_open and len(frame.roots) == 1:
            self._drawer.cell_began_trace(frame)
        elif not frame.is_open:
            self._drawer.has_news(frame)

    def _describe(self, trace: LiveTrace, frame: Frame) -> None:
        trace.metadata["spantree.cell.exec_count"] = str(frame.number)
        if frame.cell_id:
            trace.metadata["spantree.cell.id"] = frame.cell_id
        if self.session and SESSION not in trace.metadata:
            trace.describe({}, {SESSION: self.session})

    def trace_ended(self, trace: LiveTrace) -> None:
        """Draw the output again if the trace's cell has ended already."""
        self._tell_news(trace)
        frame = self._owners.get(trace.key)
        if frame is None:
            return
        frame.runners.pop(trace.key, None)
        if not frame.is_open and not trace.open_after_root:
            self._owners.pop(trace.key, None)

    def trace_changed(self, trace: LiveTrace) -> None:
        """Draw the output again if a finished trace of an ended cell has news."""
        self._tell_news(trace)

    def _tell_news(self, trace: LiveTrace) -> None:
        frame = self._owners.get(trace.key)
        if frame is not None and not frame.is_open and frame.has_output:
            self._drawer.has_news(frame)


def _is_interrupt(error: BaseException | None) -> bool:
    # During a long `await` the kernel interrupts a cell by cancelling its task.
    return isinstance(error, KeyboardInterrupt) or (
        type(error).__name__ == "CancelledError"
    )
