"""One magic: its arguments, its answer, and what can be completed in its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.entities.errors import SpantreeException
from spantree.notebook.arguments import HelpAsked, MagicParser
from spantree.notebook.targets import NothingYet
from spantree.recording import RECORDER
from spantree.render.format import counted

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Mapping

    from spantree.notebook.desk import Desk

NO_TRACES = (
    "No traces yet. Try: `%autolog openai`, or decorate a function with "
    "`@spantree.trace`"
)
TRACING_IS_OFF = "Nothing is recorded: tracing is off. Turn it on: %spantree on"


@dataclass(frozen=True, slots=True)
class Magic:
    """A line magic.

    Args:
        parser: Its arguments.
        answer: Computes its result from them.
        values: What can stand for an argument, by the argument's name.
    """

    parser: MagicParser
    answer: Callable[[Namespace], object]
    values: Mapping[str, Callable[[], Iterable[str]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name without percent signs."""
        return self.parser.prog.lstrip("%")

    def run(self, line: str, desk: Desk) -> object:
        """Answer a line: help for ``-h``, a UsageError for a mistake, None after ``;``.

        Raises:
            UsageError: If the line is not understood, or asks for what isn't there.
        """
        try:
            arguments = self.parser.read(line)
            result = self.answer(arguments)
        except HelpAsked as help_text:
            print(help_text)  # noqa: T201 - a magic's answer
            return None
        except NothingYet:
            print(no_traces())  # noqa: T201 - a magic's answer
            return None
        except SpantreeException as error:
            raise UsageError(str(error)) from None
        if arguments.into:
            desk.shell.user_ns[arguments.into] = result
            return None
        return None if arguments.is_quiet else result


def no_traces() -> str:
    """Say that there are no traces, and how to make some."""
    return NO_TRACES if RECORDER.enabled else TRACING_IS_OFF


def outside_cells(desk: Desk) -> list[str]:
    """Say that traces were recorded which no cell shows, in a line, or in none."""
    count = desk.frames.without_cell
    if not count:
        return []
    return [f"{counted(count, 'trace')} recorded outside cells: %traces --no-cell"]
