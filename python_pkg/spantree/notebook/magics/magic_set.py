"""All magics together: registered, completed, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from spantree.entities.errors import did_you_mean
from spantree.notebook.completion import make_matcher
from spantree.notebook.magics.autologging import autolog_magic
from spantree.notebook.magics.cell import CellMagic
from spantree.notebook.magics.display import trace_display_magic
from spantree.notebook.magics.editing import editing_magics
from spantree.notebook.magics.files import file_magics
from spantree.notebook.magics.status import status_magics
from spantree.notebook.magics.trace import trace_magics
from spantree.notebook.magics.traces import traces_magic

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.notebook.desk import Desk
    from spantree.notebook.magic import Magic

DIFF = "trace diff"


def all_magics(desk: Desk) -> list[Magic]:
    """Give every line magic, ``%trace diff`` among them, in the order of the docs."""
    return [
        autolog_magic(),
        *trace_magics(desk),
        traces_magic(desk),
        trace_display_magic(desk),
        *editing_magics(desk),
        *file_magics(desk),
        *status_magics(desk),
    ]


class MagicSet:
    """The magics of one shell.

    Args:
        desk: The shell's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._magics = {magic.name: magic for magic in all_magics(desk)}
        self._cell = CellMagic(desk)
        self._matcher = make_matcher({**self._magics, "%trace": self._cell.magic})

    @property
    def names(self) -> list[str]:
        """Name the line magics."""
        return [name for name in self._magics if name != DIFF]

    def register(self) -> None:
        """Add magics, completion and the transformer of ``%%trace`` to the shell."""
        shell = self._desk.shell
        register: Any = shell.register_magic_function  # its types are wrong
        for name in self.names:
            register(self._line_function(name), "line", name)
        register(self._cell_function(), "cell", "trace")
        shell.user_ns[self._cell.NAME] = self._cell.begin
        shell.user_ns_hidden[self._cell.NAME] = self._cell.begin
        shell.input_transformers_cleanup.append(self._cell.transform)
        if shell.Completer is not None:
            shell.Completer.custom_matchers.append(self._matcher)

    def remove(self) -> None:
        """Take all of it back, by identity."""
        shell = self._desk.shell
        magics = shell.magics_manager.magics
        for name in self.names:
            magics["line"].pop(name, None)
        magics["cell"].pop("trace", None)
        for names in (shell.user_ns, shell.user_ns_hidden):
            names.pop(self._cell.NAME, None)
        _take_out(shell.input_transformers_cleanup, self._cell.transform)
        if shell.Completer is not None:
            _take_out(shell.Completer.custom_matchers, self._matcher)

    def _cell_function(self) -> Callable[[str, str], None]:
        cell_magic = self._cell

        def run(line: str, cell: str) -> None:
            cell_magic.run_nested(line, cell)

        run.__name__ = "trace"
        run.__doc__ = cell_magic.magic.parser.format_help()
        return run

    def _line_function(self, name: str) -> Callable[[str], object]:
        magic = self._magics[name]
        diff = self._magics[DIFF] if name == "trace" else None

        def run(line: str) -> object:
            word, _, rest = line.strip().partition(" ")
            if diff is not None and word == "diff":
                return diff.run(rest, self._desk)
            if diff is not None and rest and (hint := did_you_mean(word, ["diff"])):
                raise UsageError(f"%trace has no {word!r}.{hint} See %trace diff -h")
            return magic.run(line, self._desk)

        run.__name__ = name
        run.__doc__ = magic.parser.format_help()
        return run


def _take_out(things: list[Any], thing: object) -> None:
    things[:] = [other for other in things if other != thing]
