"""``%trace_display``: what appears under cells."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.notebook.arguments import MagicParser
from spantree.notebook.magic import Magic
from spantree.notebook.report import Report
from spantree.notebook.settings import DISPLAYS

if TYPE_CHECKING:
    from argparse import Namespace

    from spantree.notebook.desk import Desk

# Arguments of the magic by the setting that they set.
_SETTINGS = {
    "display": "display",
    "max": "max_traces",
    "open_errors": "open_errors",
    "save": "save",
    "widget": "widget",
    "live": "live",
}


def trace_display_magic(desk: Desk) -> Magic:
    """Give ``%trace_display``."""
    parser = MagicParser(
        "%trace_display",
        "Show or choose what appears under cells, now and from now on.",
        [
            "%trace_display off",
            "%trace_display table --max 5",
            "%trace_display tree --once",
        ],
    )
    parser.add_argument(
        "display", nargs="?", choices=DISPLAYS, help="on: chosen by how many there are"
    )
    parser.add_argument(
        "--max", type=int, metavar="COUNT", help="with more traces, show a table"
    )
    for name, about in (
        ("open-errors", "open failed spans"),
        ("live", "while it runs"),
    ):
        parser.add_argument(
            f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=about
        )
    parser.add_argument("--save", choices=("lean", "full"), help="what notebooks keep")
    parser.add_argument("--widget", choices=("auto", "never"), help="in VS Code, Colab")
    parser.add_argument("--once", action="store_true", help="for this cell only")
    return Magic(parser, lambda a: _trace_display(a, desk))


def _trace_display(arguments: Namespace, desk: Desk) -> Report | None:
    if arguments.max is not None and arguments.max < 1:
        raise UsageError(f"--max is a count from 1, not {arguments.max}.")
    given = {
        setting: getattr(arguments, name)
        for name, setting in _SETTINGS.items()
        if getattr(arguments, name) is not None
    }
    if arguments.once:
        if not given:
            raise UsageError("--once needs a setting. Try: %trace_display off --once")
        if desk.frames.current is not None:
            desk.frames.current.once.update(given)
        return None
    for setting, value in given.items():
        setattr(desk.settings, setting, value)
    if "display" in given:
        # Also when the value is the one it had: a function may have switched it.
        desk.host.display = given["display"] != "off"
    facts = {name: getattr(desk.settings, name) for name in _SETTINGS.values()}
    if not desk.host.display:
        facts["display"] = "off"
    text = " · ".join(f"{name} {_word(value)}" for name, value in facts.items())
    return Report(text, facts)


def _word(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
