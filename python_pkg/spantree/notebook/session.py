"""Registers spantree with a shell, once, and takes all of it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree._version import __version__
from spantree.notebook.display import draw_frame
from spantree.notebook.frames import CellFrames
from spantree.notebook.kernel_link import close_link, open_link
from spantree.recording import RECORDER, guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

    from spantree.notebook.host import Host


class Session:
    """What is registered with one shell.

    Args:
        shell: The shell.
        host: The process's runtime.
    """

    def __init__(self, shell: InteractiveShell, host: Host) -> None:
        self.shell = shell
        self.host = host
        self.frames = CellFrames(lambda frame: draw_frame(frame, host))
        self.magic_names: tuple[str, ...] = ()
        # Bound once: IPython takes callbacks back by identity.
        self._callbacks: dict[str, Callable[..., None]] = {
            "pre_run_cell": self._cell_begins,
            "post_run_cell": self._cell_ended,
        }

    def watch_cells(self) -> None:
        """Register the two cell hooks and listen to the recorder."""
        for event, callback in self._callbacks.items():
            self.shell.events.register(event, callback)
        RECORDER.traces.add_listener(self.frames)
        self.host.on_rendered = self.frames.note_shown
        self.host.on_asked_to_show = self.frames.note_asked
        open_link(self.shell, self.host)

    def add_magics(self) -> None:
        """Register the magics."""
        from spantree.notebook.magics import line_magics

        magics = line_magics(self.host)
        register: Any = self.shell.register_magic_function  # its types are wrong
        for name, magic in magics.items():
            register(magic, "line", name)
        self.magic_names = tuple(magics)

    def remove(self) -> None:
        """Take back the hooks and the magics."""
        for event, callback in self._callbacks.items():
            self.shell.events.unregister(event, callback)
        close_link(self.shell)
        RECORDER.traces.remove_listener(self.frames)
        self.host.on_rendered = None
        self.host.on_asked_to_show = None
        for name in self.magic_names:
            self.shell.magics_manager.magics["line"].pop(name, None)

    def join_running_cell(self) -> None:
        """Open a frame for the cell that is running now and began before us."""
        inputs = self.shell.user_ns.get("_ih", ())
        # At start-up the list of inputs holds an empty one and nothing else.
        if len(inputs) > 1:
            self.frames.begin_cell(inputs[-1], None, self._number())

    def _number(self) -> int:
        # The count is already one more than the `In [n]` that people see.
        return int(self.shell.execution_count) - 1

    def _cell_begins(self, info: ExecutionInfo | None = None, *_: object) -> None:
        with guard("notebook.cell_begins"):
            source = info.raw_cell if info is not None else ""
            cell_id = getattr(info, "cell_id", None)
            self.frames.begin_cell(source or "", cell_id, self._number())

    def _cell_ended(self, *_: object) -> None:
        with guard("notebook.cell_ended"):
            self.frames.end_cell()


_session: Session | None = None


def load(shell: InteractiveShell, host: Host) -> None:
    """Register everything and say so in one line; a second load does nothing."""
    session = activate(shell, host)
    if session.magic_names:
        return
    session.add_magics()
    print(  # noqa: T201 - the one line that loading prints
        f"spantree {__version__} · traces → {host.store_name()} · display "
        f"{'on' if host.display else 'off'} · %spantree for help"
    )


def activate(shell: InteractiveShell, host: Host) -> Session:
    """Register the cell hooks alone; once per shell."""
    global _session  # noqa: PLW0603 - a process has one shell
    if _session is None or _session.shell is not shell:
        _session = Session(shell, host)
        _session.watch_cells()
        _session.join_running_cell()
    return _session


def unload(shell: InteractiveShell) -> None:
    """Take back all that :func:`load` and :func:`activate` registered."""
    global _session  # noqa: PLW0603 - a process has one shell
    if _session is not None and _session.shell is shell:
        _session.remove()
        _session = None
