"""Draws the output of a cell: one, whatever the cell did."""

from __future__ import annotations

import os
import sys
import time
from contextvars import Context
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spantree.recording import guard
from spantree.render import FULL, LEAN, LIVE, mime_bundle, mode_for
from spantree.render.format import counted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from spantree.entities.trace import Trace
    from spantree.notebook.frames import Frame
    from spantree.notebook.host import Host
    from spantree.notebook.settings import SpantreeConfig

_FLUSH_SECONDS = 0.2


class Painter:
    """Draws frames in one shell.

    Args:
        shell: The shell.
        host: The process's runtime.
        settings: What is shown, and how much of it.
    """

    def __init__(
        self, shell: InteractiveShell, host: Host, settings: SpantreeConfig
    ) -> None:
        self._shell = shell
        self._host = host
        self._settings = settings
        self._pid = os.getpid()
        # A terminal can't change what it has printed.
        self.can_update = hasattr(shell, "kernel")

    def is_live(self, frame: Frame) -> bool:
        """Whether a cell is drawn while it runs."""
        return (
            self.can_update
            and self._wanted(frame) != "off"
            and bool(self._look(frame, "live"))
            and not self._is_captured()
        )

    def draw(self, frame: Frame) -> None:
        """Show the traces of a cell under it, or bring what is shown up to date."""
        if self._wanted(frame) == "off" or os.getpid() != self._pid:
            return
        if frame.has_output and not self.can_update:
            return
        with guard("notebook.draw"), frame.lock:
            if frame.is_open and not self.is_live(frame):
                return
            progress = frame.progress()
            traces = frame.to_draw()
            if not traces:
                return
            if not frame.is_open:
                # What stands in a notebook is in the store too, if the kernel dies.
                self._host.flush(_FLUSH_SECONDS)
            try:
                self._show(frame, self._bundle(frame, traces))
            except Exception as error:
                self._show(frame, {"text/plain": _failure(traces, error)})
                raise
            finally:
                frame.drawn_at = time.monotonic()
                frame.drawn_progress = progress

    def _bundle(self, frame: Frame, traces: list[Trace]) -> dict[str, Any]:
        live = frame.is_open
        budget = FULL if self._look(frame, "save") == "full" else LEAN
        options: dict[str, Any] = {
            "key": frame.key,
            "rev": frame.revision,
            "live": live,
            "total": len(traces) + frame.more_roots,
            "mode": self._mode(frame, len(traces)),
            "open_errors": bool(self._look(frame, "open_errors")),
        }
        bundle = mime_bundle(
            traces,
            budget=LIVE if live else budget,
            ascii_only=True if self._settings.ascii else None,
            **options,
        )
        if not live and self._look(frame, "widget") == "auto" and self._needs_widget():
            bundle.update(_widget_view(traces, options, self._host))
        return bundle

    def _needs_widget(self) -> bool:
        """Whether the front end draws our tree only as a widget."""
        return self.can_update and is_widget_host(self._shell)

    def _show(self, frame: Frame, bundle: dict[str, Any]) -> None:
        from IPython.display import display, update_display

        frame.revision += 1
        if not frame.has_output:
            frame.has_output = True
            show: Any = display  # untyped
            # Of the cell, also when another thread draws it.
            frame.context.copy().run(
                show, bundle, raw=True, display_id=frame.display_id
            )
        elif frame.is_open:
            frame.context.copy().run(
                update_display, bundle, raw=True, display_id=frame.display_id
            )
        else:
            # In an empty context the message belongs to the cell that runs now: a
            # client that executes notebooks drops what comes for one that has ended.
            Context().run(update_display, bundle, raw=True, display_id=frame.display_id)

    def _mode(self, frame: Frame, roots: int) -> str:
        wanted = self._wanted(frame)
        if frame.is_quiet:
            return "compact"
        if wanted != "on":
            return wanted
        return mode_for(roots, int(self._look(frame, "max_traces")))

    def _wanted(self, frame: Frame) -> str:
        """Give ``off``, ``on`` or a mode; the host's switch outweighs the setting."""
        once = frame.once.get("display")
        if once is None and not self._host.display:
            return "off"
        wanted = str(once or self._settings.display)
        return "on" if wanted == "off" and once is None else wanted

    def _look(self, frame: Frame, name: str) -> Any:
        return frame.once.get(name, getattr(self._settings, name))

    def _is_captured(self) -> bool:
        """Whether ``%%capture`` keeps outputs, which can't be changed in place."""
        return type(self._shell.display_pub).__name__ == "CapturingDisplayPublisher"


def is_widget_host(shell: InteractiveShell) -> bool:
    """Tell whether the front end is VS Code or Colab, which know our widget only."""
    return (
        "__vsc_ipynb_file__" in shell.user_ns
        or "VSCODE_PID" in os.environ
        or "google.colab.output" in sys.modules
    )


def _widget_view(
    traces: list[Trace], options: dict[str, Any], host: Host
) -> dict[str, Any]:
    """Give the MIME entry of a widget, or nothing where anywidget is missing."""
    if find_spec("anywidget") is None:
        return {}
    from spantree.notebook.kernel_link import answer
    from spantree.render.widget import TraceWidget

    widget = TraceWidget(traces, answer=lambda ask: answer(ask, host), **options)
    drawn, _ = widget._repr_mimebundle_()
    return {mime: drawn[mime] for mime in drawn if "widget-view" in mime}


def _failure(traces: list[Trace], error: Exception) -> str:
    """Say in one line what happened, without what failed to draw it."""
    last = traces[-1]
    name = last.data.root.name if last.data.root else last.trace_id
    more = f" and {len(traces) - 1} more" if len(traces) > 1 else ""
    return (
        f"● {name}{more} · {counted(len(last.data.spans), 'span')} "
        f"(view failed: {type(error).__name__}; %trace last --text)"
    )
