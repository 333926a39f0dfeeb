"""Arguments of magics: shell words, ``-h``, and mistakes answered in one sentence."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, NoReturn

from IPython.core.error import UsageError

from spantree.entities.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


class HelpAsked(Exception):  # noqa: N818 - no error: the user asked
    """The user wants the help text, which is the argument."""


class MagicParser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of ending the process.

    Args:
        name: The magic's name with its percent sign.
        about: One sentence of what it does.
        examples: Lines that run as they stand.
    """

    def __init__(self, name: str, about: str, examples: Sequence[str]) -> None:
        text = "examples:\n" + "\n".join(f"  {line}" for line in examples)
        super().__init__(
            prog=name,
            description=about,
            epilog=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
        )

    def read(self, line: str) -> argparse.Namespace:
        """Parse a magic's line.

        Args:
            line: All that follows the magic's name.

        Returns:
            The arguments; ``is_quiet`` says whether a ``;`` at the end asked for no
            result.

        Raises:
            HelpAsked: If ``-h`` or ``--help`` is among the words.
            UsageError: If the line is not understood.
        """
        stripped = line.strip()
        is_quiet = stripped.endswith(";")
        try:
            words = shlex.split(stripped.rstrip(";"))
        except ValueError as error:
            raise UsageError(f"{self.prog}: {error}. Close the quote.") from None
        if "-h" in words or "--help" in words:
            raise HelpAsked(self.format_help())
        try:
            known, unknown = self.parse_known_args(words)
        except argparse.ArgumentError as error:
            self.error(str(error))
        if unknown:
            options = [flag for a in self._actions for flag in a.option_strings]
            raise UsageError(
                f"{self.prog} has no option {unknown[0]!r}."
                f"{did_you_mean(unknown[0], options)} See {self.prog} -h"
            )
        known.is_quiet = is_quiet
        return known

    def error(self, message: str) -> NoReturn:
        """Raise the parser's complaint as a UsageError."""
        raise UsageError(f"{self.prog}: {message}. See {self.prog} -h")
