"""Compiles a regular expression into a program for a machine without backtracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

MAX_PATTERN_CHARACTERS = 1_000
MAX_STATES = 10_000
_MAX_NESTING = 100
_ESCAPED_CLASSES = "dDwWsS"
_ESCAPED_CHARACTERS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


class PatternError(ValueError):
    """A regular expression that can't be read or not be matched in linear time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Does nothing unless a field says so.

    Args:
        is_start: Goes on only at the beginning of the text.
        is_end: Goes on only at its end.

    """

    is_start: bool = False
    is_end: bool = False

    def takes(self, character: str) -> bool:  # noqa: ARG002 - for its subclasses
        """Tell whether a character leads on from here."""
        return False


@dataclass(frozen=True, slots=True)
class Split(Instruction):
    """Goes on at several places, counted from here."""

    offsets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Take(Instruction):
    r"""Takes one character out of a class.

    Args:
        ranges: First and last character of each range.
        classes: Letters of ``\d``, ``\w`` … and ``.``.
        negated: Takes everything else.

    """

    ranges: tuple[tuple[str, str], ...] = ()
    classes: str = ""
    negated: bool = False

    def takes(self, character: str) -> bool:
        """Tell whether the character is of the class."""
        inside = any(low <= character <= high for low, high in self.ranges) or any(
            _in_class(character, name) for name in self.classes
        )
        return inside != self.negated


MATCH = Instruction()
Program: TypeAlias = "list[Instruction]"


def compile_program(pattern: str) -> Program:
    """Compile a regular expression.

    Raises:
        PatternError: If it is too long, unreadable, or needs backtracking.

    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        msg = f"a pattern has at most {MAX_PATTERN_CHARACTERS:,} characters"
        raise PatternError(msg)
    return [*_Compiler(pattern).whole(), MATCH]


def _in_class(character: str, name: str) -> bool:
    if name == ".":
        return character != "\n"
    lower = name.lower()
    if lower == "d":
        inside = character.isdecimal()
    elif lower == "s":
        inside = character.isspace()
    else:
        inside = character.isalnum() or character == "_"
    return inside == (name == lower)


class _Compiler:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> Program:
        program = self._alternatives()
        if self._at < len(self._pattern):
            msg = "unbalanced ) in the pattern"
            raise PatternError(msg)
        return program

    def _alternatives(self) -> Program:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            msg = f"a pattern is nested at most {_MAX_NESTING} deep"
            raise PatternError(msg)
        program = self._sequence()
        while self._taken("|"):
            other = self._sequence()
            skip = Split(offsets=(len(other) + 1,))
            program = [Split(offsets=(1, len(program) + 2)), *program, skip, *other]
        self._depth -= 1
        return program

    def _sequence(self) -> Program:
        program: Program = []
        while self._peek() not in ("", "|", ")"):
            program += self._repeated(self._atom())
            _check_size(len(program))
        return program

    def _repeated(self, atom: Program) -> Program:
        low, high = self._bounds()
        if (low, high) == (1, 1):
            return atom
        # A '?' after a quantifier makes it lazy, which changes no yes or no.
        self._taken("?")
        if self._peek() in ("*", "+", "?"):
            msg = "nothing to repeat in the pattern"
            raise PatternError(msg)
        size = len(atom)
        _check_size(size * max(low, high or 0))
        if high is None:
            loop = [Split(offsets=(1, size + 2)), *atom, Split(offsets=(-size - 1,))]
            return atom * low + loop
        rest = high - low
        optional: Program = []
        for left in range(rest, 0, -1):
            optional += [Split(offsets=(1, left * (size + 1))), *atom]
        return atom * low + optional

    def _bounds(self) -> tuple[int, int | None]:
        if self._taken("*"):
            return 0, None
        if self._taken("+"):
            return 1, None
        if self._taken("?"):
            return 0, 1
        closing = self._pattern.find("}", self._at)
        inside = self._pattern[self._at + 1 : closing]
        if self._peek() != "{" or closing < 0 or not _is_count(inside):
            return 1, 1
        self._at = closing + 1
        first, comma, last = inside.partition(",")
        low = int(first or 0)
        high = (int(last) if last else None) if comma else low
        if high is not None and high < low:
            msg = f"the bounds {{{inside}}} of the pattern are the wrong way round"
            raise PatternError(msg)
        return low, high

    def _atom(self) -> Program:  # noqa: PLR0911 - one for each kind of atom
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return [self._set()]
        if character == ".":
            return [Take(classes=".")]
        if character == "^":
            return [Instruction(is_start=True)]
        if character == "$":
            return [Instruction(is_end=True)]
        if character == "\\":
            literal, name = self._escape()
            return [Take(((literal, literal),) if literal else (), name)]
        if character in "*+?":
            msg = f"nothing to repeat before {character} in the pattern"
            raise PatternError(msg)
        return [Take(((character, character),))]

    def _group(self) -> Program:
        if self._taken("?") and not self._taken(":"):
            msg = "look-around and flags are not supported in a pattern"
            raise PatternError(msg)
        program = self._alternatives()
        if not self._taken(")"):
            msg = "a group of the pattern is never closed"
            raise PatternError(msg)
        return program

    def _set(self) -> Take:
        negated = self._taken("^")
        ranges: list[tuple[str, str]] = []
        classes = ""
        is_first = True
        while is_first or self._peek() != "]":
            is_first = False
            low, name = self._member()
            classes += name
            if not low:
                continue
            ranges.append((low, self._range_end(low)))
        self._take()
        return Take(tuple(ranges), classes, negated)

    def _range_end(self, low: str) -> str:
        following = self._pattern[self._at + 1 : self._at + 2]
        if self._peek() != "-" or following in ("]", ""):
            return low
        self._take()
        high, _ = self._member()
        if high < low:
            msg = f"the range {low}-{high} of the pattern is the wrong way round"
            raise PatternError(msg)
        return high

    def _member(self) -> tuple[str, str]:
        character = self._take()
        if not character:
            msg = "a [ of the pattern is never closed"
            raise PatternError(msg)
        return self._escape() if character == "\\" else (character, "")

    def _escape(self) -> tuple[str, str]:
        """Read what follows a backslash: a character, or else a class."""
        character = self._take()
        if character and character in _ESCAPED_CLASSES:
            return "", character
        if character in _ESCAPED_CHARACTERS:
            return _ESCAPED_CHARACTERS[character], ""
        if not character or character.isalnum():
            msg = f"\\{character} is not supported in a pattern"
            raise PatternError(msg)
        return character, ""

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def _taken(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found


def _is_count(text: str) -> bool:
    # Only ASCII's digits count, as in Python's own patterns: "⓹".isdigit() is true.
    parts = text.split(",") if text.isascii() else []
    return len(parts) <= 2 and any(parts) and all(p.isdigit() or not p for p in parts)  # noqa: PLR2004 - low and high


def _check_size(states: int) -> None:
    if states > MAX_STATES:
        msg = f"the pattern expands to more than {MAX_STATES:,} states"
        raise PatternError(msg)
