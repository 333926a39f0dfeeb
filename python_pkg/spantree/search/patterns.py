"""Matches texts against LIKE patterns and regular expressions, in linear time.

Python's ``re`` backtracks: ``^(a+)+$`` on thirty letters takes minutes and holds the
interpreter meanwhile. Here a pattern becomes an automaton whose states are followed
all at once, and the sets met on the way are remembered.
"""

from __future__ import annotations

from functools import lru_cache

from spantree.search.regex import (
    MATCH,
    Instruction,
    PatternError,
    Program,
    Split,
    compile_program,
)

__all__ = ["PatternError", "check_pattern", "like", "rlike"]

_MAX_REMEMBERED = 10_000


def like(text: str, pattern: str) -> bool:
    """Match a whole text: ``%`` stands for any text, ``_`` for one character."""
    needle = pattern[1:-1]
    is_enclosed = pattern[:1] == "%" == pattern[-1:] and len(pattern) > 1
    if is_enclosed and "%" not in needle and "_" not in needle:
        return needle in text
    return _like_walk(text, pattern)


def _like_walk(text: str, pattern: str) -> bool:
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "%":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("_", text[at]):
            place += 1
            at += 1
        elif star >= 0:
            place = star + 1
            resume += 1
            at = resume
        else:
            return False
    return not pattern[place:].strip("%")


def check_pattern(pattern: str) -> None:
    """Refuse a regular expression that can't be matched in linear time.

    Raises:
        PatternError: Saying what is wrong with it.

    """
    _matcher(pattern)


def rlike(text: str, pattern: str) -> bool:
    """Search a text for a regular expression, as ``re.search`` does.

    Raises:
        PatternError: If the pattern is none, or uses back-references or look-around.

    """
    return _matcher(pattern).search(text)


@lru_cache(maxsize=64)
def _matcher(pattern: str) -> _Matcher:
    return _Matcher(compile_program(pattern))


class _Matcher:
    """Follows all states of a program at once, remembering sets it has met."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._accepting: dict[frozenset[int], bool] = {}
        self._start = self._closure([0], at_start=True)
        self._restart = self._closure([0])

    def search(self, text: str) -> bool:
        states = self._start
        # Python's '$' also stands before a newline that ends the text.
        end = len(text) - text.endswith("\n")
        for at, character in enumerate(text):
            if at == end:
                states = self._at_end(states, at)
            if self._is_match(states):
                return True
            states = self._step(states, character)
        return self._is_match(self._at_end(states, len(text)))

    def _step(self, states: frozenset[int], character: str) -> frozenset[int]:
        key = (states, character)
        found = self._steps.get(key)
        if found is None:
            program = self._program
            moved = [pc + 1 for pc in states if program[pc].takes(character)]
            found = self._closure(moved) | self._restart
            if len(self._steps) >= _MAX_REMEMBERED:
                self._steps.clear()
                self._accepting.clear()
            self._steps[key] = found
        return found

    def _at_end(self, states: frozenset[int], at: int) -> frozenset[int]:
        return self._closure(list(states), at_start=at == 0, at_end=True)

    def _is_match(self, states: frozenset[int]) -> bool:
        found = self._accepting.get(states)
        if found is None:
            found = any(self._program[pc] is MATCH for pc in states)
            self._accepting[states] = found
        return found

    def _closure(
        self, pcs: list[int], *, at_start: bool = False, at_end: bool = False
    ) -> frozenset[int]:
        """Give the states reached from some without taking a character."""
        seen: set[int] = set()
        waiting = list(pcs)
        while waiting:
            pc = waiting.pop()
            if pc in seen:
                continue
            seen.add(pc)
            instruction: Instruction = self._program[pc]
            if isinstance(instruction, Split):
                waiting.extend(pc + offset for offset in instruction.offsets)
            elif (instruction.is_start and at_start) or (instruction.is_end and at_end):
                waiting.append(pc + 1)
        return frozenset(seen)
