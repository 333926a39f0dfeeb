"""Tab completion in the lines of our magics, and nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from spantree.recording import guard

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from IPython.core.completer import CompletionContext

    from spantree.notebook.magic import Magic

_LINE = re.compile(r"^\s*(?:[\w.]+\s*=\s*)?(?P<name>%%?\w+)(?P<rest>\s.*)?$", re.DOTALL)
_WORD = re.compile(r"\S*$")
_OPEN_FILTER = re.compile(
    r"""--filter\s+(?P<quote>["'])(?P<text>(?:(?!(?P=quote)).)*)$"""
)
_FILTER_WORD = re.compile(r"[\w.]*$")
_FILTER_WORDS = (
    "AND",
    "OR",
    "NOT",
    "LIKE",
    "ILIKE",
    "RLIKE",
    "CONTAINS",
    "IN",
    "BETWEEN",
    "IS NULL",
    "IS NOT NULL",
)


def make_matcher(
    magics: Mapping[str, Magic],
) -> Callable[[CompletionContext], dict[str, Any]]:
    """Give a matcher for ``ip.Completer.custom_matchers``.

    Args:
        magics: By name; ``%trace`` is the cell magic, ``trace diff`` the subcommand.
    """
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="spantree")  # type: ignore[untyped-decorator]
    def spantree_matcher(context: CompletionContext) -> dict[str, Any]:
        words: Sequence[str] = ()
        fragment = ""
        with guard("notebook.complete"):
            fragment, words = complete(_line(context), magics)
        return {
            "completions": [
                SimpleCompletion(text=word, type="param") for word in words
            ],
            "matched_fragment": fragment,
            "suppress": bool(words),
            "ordered": True,
        }

    matcher: Callable[[CompletionContext], dict[str, Any]] = spantree_matcher
    return matcher


def complete(line: str, magics: Mapping[str, Magic]) -> tuple[str, list[str]]:
    """Complete the last word of a line of ours.

    Args:
        line: Up to the cursor.
        magics: As for :func:`make_matcher`.

    Returns:
        The part of the line that is replaced, and what can stand there.
    """
    found = _LINE.match(line)
    rest = found["rest"] if found else None
    if found is None or rest is None:
        return "", []
    name = found["name"]
    magic = magics.get(name.removeprefix("%"))
    if name == "%trace" and rest.split()[:1] == ["diff"] and rest.strip() != "diff":
        magic, rest = magics["trace diff"], rest.split("diff", 1)[1]
    if magic is None:
        return "", []
    in_filter = _OPEN_FILTER.search(rest)
    if in_filter is not None:
        return _starting_so(_last(_FILTER_WORD, in_filter["text"]), _filter_words())
    word = _last(_WORD, rest)
    words = rest[: len(rest) - len(word)].split()
    return _starting_so(word, _words(magic, words, word))


def _line(context: CompletionContext) -> str:
    """Give the text of the cursor's line, up to the cursor."""
    lines = context.full_text.split("\n")
    at = min(context.cursor_line, len(lines) - 1)
    return lines[at][: context.cursor_position]


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""


def _starting_so(word: str, known: Iterable[str]) -> tuple[str, list[str]]:
    return word, [one for one in known if one.startswith(word) and one != word]


def _words(magic: Magic, before: Sequence[str], word: str) -> Iterable[str]:
    actions = magic.parser.shown_actions
    if word.startswith("-"):
        return [flag for action in actions for flag in action.option_strings]
    last = before[-1] if before else ""
    for action in actions:
        if last in action.option_strings and action.nargs != 0:
            return _values(magic, action)
    return _positional(magic, [a for a in actions if not a.option_strings], before)


def _positional(
    magic: Magic, actions: Sequence[argparse.Action], before: Sequence[str]
) -> Iterable[str]:
    """Give the values of the argument whose turn it is."""
    taken = sum(not word.startswith("-") for word in before)
    at = min(taken, len(actions) - 1)
    if at < 0 or (taken > at and actions[at].nargs not in ("*", "+")):
        return ()
    extra = ["diff"] if magic.parser.prog == "%trace" and not taken else []
    return [*extra, *_values(magic, actions[at])]


def _values(magic: Magic, action: argparse.Action) -> Iterable[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    known = magic.values.get(action.dest)
    return known() if known is not None else ()


def _filter_words() -> list[str]:
    from spantree.search.fields import TRACE_FIELDS

    return [*TRACE_FIELDS, *_FILTER_WORDS]
