"""Arguments of magics: shell words, ``-h``, and mistakes answered in one sentence."""

from __future__ import annotations

import argparse
import keyword
import math
import re
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

from spantree.entities.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

# What stands before a comment, as people write it after code: ` # `, not in quotes.
_CODE = re.compile(
    r"""(?: \\. | "(?:\\.|[^"\\])*" | '[^']*' | (?!(?<!\S)\#(?!\S)) . )*""",
    re.DOTALL | re.VERBOSE,
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?", re.IGNORECASE)
_DURATION = re.compile(r"\d+(\.\d+)?(us|ms|s|m|h|d)")


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
        self.about = about
        self.examples = tuple(examples)
        self.add_argument("--into", metavar="VAR", help="bind the result to a variable")

    @property
    def shown_actions(self) -> list[argparse.Action]:
        """The arguments, in the order in which they were added."""
        return list(self._actions)

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
        stripped = _CODE.match(line)[0].strip()  # type: ignore[index] # fits any text
        is_quiet = stripped.endswith(";")
        try:
            words = shlex.split(stripped.rstrip(";"))
        except ValueError as error:
            raise UsageError(f"{self.prog}: {error}. Close the quote.") from None
        if "-h" in words or "--help" in words:
            raise HelpAsked(self.format_help())
        try:
            known, unknown = self.parse_known_intermixed_args(words)
        except argparse.ArgumentError as error:
            self.error(str(error))
        if unknown:
            self._refuse(unknown[0])
        self._refuse_repeated(words)
        if known.into is not None and not _is_variable(known.into):
            raise UsageError(f"--into takes a variable's name, not {known.into!r}.")
        known.is_quiet = is_quiet
        return known

    def error(self, message: str) -> NoReturn:
        """Raise the parser's complaint as a UsageError."""
        if message.endswith("expected one argument"):
            message += ", and one that begins with - is joined to it by ="
        raise UsageError(f"{self.prog}: {message}. See {self.prog} -h")

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-") or _NUMBER.fullmatch(word):
            raise UsageError(
                f"{self.prog} does not know what {word!r} is for. See {self.prog} -h"
            )
        options = [flag for a in self._actions for flag in a.option_strings]
        raise UsageError(
            f"{self.prog} has no option {word!r}.{did_you_mean(word, options)} "
            f"See {self.prog} -h"
        )

    def _refuse_repeated(self, words: list[str]) -> None:
        """Refuse an option that is given twice, of which argparse drops the first."""
        given = [word.partition("=")[0] for word in words]
        for action in self._actions:
            takes_one = action.nargs is None and type(action).__name__ == "_StoreAction"
            if takes_one and sum(map(given.count, action.option_strings)) > 1:
                flag = action.option_strings[0]
                raise UsageError(f"{self.prog} takes {flag} once. See {self.prog} -h")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is none of an argument's choices."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        raise UsageError(
            f"{self.prog} does not know {value!r}.{did_you_mean(str(value), known)} "
            f"Known: {', '.join(known)}."
        )


def number(text: str) -> int | float | None:
    """Read a number as people write one, and as JSON does; None if it is none.

    What floats can't say is none either: 1e999, or thousands of digits.
    """
    if not _NUMBER.fullmatch(text) or math.isinf(float(text)):
        return None
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def duration(text: str) -> str:
    """Check a duration, as an argument's type.

    Raises:
        UsageError: If it is none.
    """
    if not _DURATION.fullmatch(text):
        raise UsageError(f"{text!r} is not a duration. Use 500ms, 2s, 5m, 1h or 3d")
    return text


def is_duration(text: str) -> bool:
    """Tell whether a text is a duration such as ``500ms``."""
    return _DURATION.fullmatch(text) is not None


def pair(text: str) -> tuple[str, str]:
    """Read ``key=value``, as an argument's type.

    Raises:
        UsageError: If there is no equals sign, or no key.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{text!r} is no tag. Write key=value")
    return key, value


def _is_variable(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)
