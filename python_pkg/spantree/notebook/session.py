"""Registers spantree with a shell, once, and takes all of it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spantree._version import __version__
from spantree.entities.errors import SpantreeException
from spantree.notebook.desk import Desk
from spantree.notebook.display import Painter
from spantree.notebook.frames import CellFrames
from spantree.notebook.kernel_link import KernelLink
from spantree.notebook.progress import progress_bar
from spantree.notebook.settings import SpantreeConfig
from spantree.notebook.ticker import Ticker
from spantree.recording import RECORDER, guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

    from spantree.notebook.frames import Frame
    from spantree.notebook.host import Host
    from spantree.notebook.magics import MagicSet


class Session:
    """What is registered with one shell.

    Args:
        shell: The shell.
        host: The process's runtime.
    """

    def __init__(self, shell: InteractiveShell, host: Host) -> None:
        self.settings = SpantreeConfig()
        files = getattr(shell, "config", {}).get("SpantreeConfig", {})
        self.settings.read(files, Path.cwd())
        if self.settings.display == "off":
            host.display = False
        self.settings.observe(self._display_was_set, names="display")
        self.painter = Painter(shell, host, self.settings)
        self.frames = CellFrames(self)
        self.ticker = Ticker(self.painter.draw, lambda: self.frames.current is not None)
        self.link = KernelLink(shell, host)
        self.desk = Desk(shell, host, self.settings, self.frames, self.link)
        self.magics: MagicSet | None = None
        # Bound once: IPython takes callbacks back by identity.
        self._callbacks: dict[str, Callable[..., None]] = {
            "pre_run_cell": self._cell_begins,
            "post_run_cell": self._cell_ended,
        }

    def watch_cells(self) -> None:
        """Register the two cell hooks and listen to the recorder."""
        shell, host = self.desk.shell, self.desk.host
        for event, callback in self._callbacks.items():
            shell.events.register(event, callback)
        RECORDER.traces.add_listener(self.frames)
        host.on_rendered = self.frames.note_shown
        host.on_asked_to_show = self.frames.note_asked
        host.progress_bar = progress_bar
        self.link.open()

    def add_magics(self) -> None:
        """Register the magics, their completion and the settings for ``%config``."""
        from spantree.notebook.magics import MagicSet

        self.magics = MagicSet(self.desk)
        self.magics.register()
        self.desk.shell.configurables.append(self.settings)

    def remove(self) -> None:
        """Take back the hooks, the magics and the timer."""
        shell, host = self.desk.shell, self.desk.host
        for event, callback in self._callbacks.items():
            shell.events.unregister(event, callback)
        self.ticker.close()
        self.link.close()
        RECORDER.traces.remove_listener(self.frames)
        host.on_rendered = None
        host.on_asked_to_show = None
        host.progress_bar = None
        if self.magics is not None:
            self.magics.remove()
            shell.configurables[:] = [
                c for c in shell.configurables if c is not self.settings
            ]

    def join_running_cell(self) -> None:
        """Open a frame for the cell that is running now and began before us."""
        inputs = self.desk.shell.user_ns.get("_ih", ())
        # At start-up the list of inputs holds an empty one and nothing else.
        if len(inputs) > 1:
            self.frames.begin_cell(inputs[-1], None, self._number())

    # Drawer: what the frames tell.

    def cell_began_trace(self, frame: Frame) -> None:
        """Draw the cell from 300 ms on, where outputs can change."""
        if self.painter.is_live(frame):
            self.ticker.watch(frame)

    def cell_ended(self, frame: Frame) -> None:
        """Draw the cell, and what earlier ones have to tell, before the next begins."""
        self.ticker.take_back(frame)
        self.painter.draw(frame)
        self.ticker.draw_news()

    def has_news(self, frame: Frame) -> None:
        """Draw an ended cell again, on another thread than the user's."""
        self.ticker.tell_news(frame)

    def _number(self) -> int:
        # The count is already one more than the `In [n]` that people see.
        return int(self.desk.shell.execution_count) - 1

    def _cell_begins(self, info: ExecutionInfo | None = None, *_: object) -> None:
        with guard("notebook.cell_begins"):
            source = info.raw_cell if info is not None else ""
            cell_id = getattr(info, "cell_id", None)
            self.frames.begin_cell(source or "", cell_id, self._number())

    def _cell_ended(self, result: Any = None, *_: object) -> None:
        with guard("notebook.cell_ended"):
            self.frames.end_cell(getattr(result, "error_in_exec", None))

    def _display_was_set(self, change: Any) -> None:
        self.desk.host.display = change["new"] != "off"


_session: Session | None = None


def load(shell: InteractiveShell, host: Host) -> None:
    """Register everything and say so in one line; a second load does nothing."""
    session = activate(shell, host)
    if session.magics is not None:
        return
    session.add_magics()
    display = session.settings.display if host.display else "off"
    where = f"spantree {__version__} · traces → {host.store_name()}"
    lines = [
        f"{where} · display {display} · %spantree for help",
        *session.settings.problems,
        *_autolog_configured(session.settings),
    ]
    print("\n".join(lines))  # noqa: T201 - what loading prints: one line if all is well


def _autolog_configured(settings: SpantreeConfig) -> list[str]:
    """Trace the libraries that the configuration names; give what went wrong.

    Those that the environment names are traced since spantree was imported.
    """
    from spantree.integrations import autolog

    problems: list[str] = []
    if settings.sources.get("autolog") == "environment":
        return problems
    for name in settings.autolog:
        try:
            autolog(name)
        except SpantreeException as error:
            source = settings.sources.get("autolog")
            problems.append(f"autolog in {source}: {error}")
    return problems


def activate(shell: InteractiveShell, host: Host) -> Session:
    """Register the cell hooks alone; once per shell."""
    global _session  # noqa: PLW0603 - a process has one shell
    if _session is None or _session.desk.shell is not shell:
        _session = Session(shell, host)
        _session.watch_cells()
        _session.join_running_cell()
    return _session


def unload(shell: InteractiveShell) -> None:
    """Take back all that :func:`load` and :func:`activate` registered."""
    global _session  # noqa: PLW0603 - a process has one shell
    if _session is not None and _session.desk.shell is shell:
        _session.remove()
        _session = None
