"""Which traces belong to which cell.

A root belongs to the cell that started it: by the context it runs in, which tasks and
copied contexts inherit, else to the cell that is running. What it does after that cell
has ended changes that cell's output and never another's.
"""

from __future__ import annotations

import secrets
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.trace import Trace
    from spantree.recording import LiveTrace

# The frame of the cell whose code, or task, runs in this context.
_CELL: ContextVar[Frame | None] = ContextVar("spantree_cell", default=None)


class Frame:
    """One run of one cell.

    Attributes:
        key: 16 hex digits; the output's display id without its prefix.
        source: The cell's text.
        cell_id: The front end's id of the cell, if it gave one.
        number: The ``n`` of ``In [n]``.
        roots: Traces begun by the cell, by key, in order.
        asked: Stored traces that the cell asked to see, by key.
        shown: Keys of those drawn by hand, which are not drawn again.
        is_open: Whether the cell still runs.
        has_output: Whether our output stands under the cell.
        revision: How often that output was drawn.
    """

    def __init__(self, source: str, cell_id: str | None, number: int) -> None:
        self.key = secrets.token_hex(8)
        self.source = source
        self.cell_id = cell_id
        self.number = number
        self.roots: dict[int, LiveTrace] = {}
        self.asked: dict[int, Trace] = {}
        self.shown: set[int] = set()
        self.is_open = True
        self.has_output = False
        self.revision = 0

    @property
    def display_id(self) -> str:
        """The id under which the front end finds the output again."""
        return f"spantree-{self.key}"

    @property
    def is_quiet(self) -> bool:
        """Whether the cell's last token is a semicolon."""
        lines = [line for line in self.source.splitlines() if line.strip()]
        while lines and lines[-1].lstrip().startswith("#"):
            lines.pop()
        return bool(lines) and lines[-1].split("#")[0].rstrip().endswith(";")

    def to_draw(self) -> list[Trace]:
        """Copy the traces to draw under the cell: begun, then asked for."""
        begun = [t for key, t in list(self.roots.items()) if key not in self.shown]
        asked = [t for key, t in self.asked.items() if key not in self.roots]
        return [*(trace.to_trace() for trace in begun), *asked]


class CellFrames:
    """The stack of running cells, told by IPython and by the recorder.

    Args:
        draw: Called with a frame when its cell ends, and when a trace of an ended
            cell has news.
    """

    def __init__(self, draw: Callable[[Frame], None]) -> None:
        self._draw = draw
        self._stack: list[Frame] = []
        self._owners: dict[int, Frame] = {}
        # Reentrant: the collector may end a span, and so come back here, at any time.
        self._lock = threading.RLock()

    def begin_cell(self, source: str, cell_id: str | None, number: int) -> None:
        """Open a frame: a cell, or a cell run inside a cell, begins."""
        frame = Frame(source, cell_id, number)
        self._stack.append(frame)
        _CELL.set(frame)

    def end_cell(self) -> None:
        """Close the innermost frame and draw what it began."""
        if not self._stack:
            return  # the extension was loaded by this very cell
        frame = self._stack.pop()
        _CELL.set(self._stack[-1] if self._stack else None)
        frame.is_open = False
        self._draw(frame)
        for key, trace in list(frame.roots.items()):
            if not trace.is_open:
                self._owners.pop(key, None)

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
        frame = _CELL.get() or (self._stack[-1] if self._stack else None)
        if frame is None:
            return
        frame.roots[trace.key] = trace
        self._owners[trace.key] = frame
        trace.metadata["spantree.cell.exec_count"] = str(frame.number)
        if frame.cell_id:
            trace.metadata["spantree.cell.id"] = frame.cell_id

    def trace_ended(self, trace: LiveTrace) -> None:
        """Draw the output again if the trace's cell has ended already."""
        self._redraw(trace)
        frame = self._owners.get(trace.key)
        if frame is not None and not frame.is_open and not trace.open_after_root:
            self._owners.pop(trace.key, None)

    def trace_changed(self, trace: LiveTrace) -> None:
        """Draw the output again if a finished trace of an ended cell has news."""
        if not trace.is_open:
            self._redraw(trace)

    def _redraw(self, trace: LiveTrace) -> None:
        frame = self._owners.get(trace.key)
        if frame is None or frame.is_open or not frame.has_output:
            return
        with guard("notebook.redraw"), self._lock:
            self._draw(frame)
