"""``%autolog``: which libraries are traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.integrations import ALL, BRIDGE, autolog, status
from spantree.notebook.arguments import MagicParser
from spantree.notebook.magic import Magic
from spantree.notebook.report import Report

if TYPE_CHECKING:
    from argparse import Namespace

    from spantree.integrations import LibraryStatus


def autolog_magic() -> Magic:
    """Give ``%autolog``."""
    parser = MagicParser(
        "%autolog",
        "Trace the calls of a library, stop it, or show what is traced.",
        ["%autolog openai", "%autolog openai off", "%autolog"],
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME|all|off",
        help="libraries; off at the end stops",
    )
    parser.add_argument("--no-inputs", action="store_true", help="record no inputs")
    parser.add_argument("--no-outputs", action="store_true", help="record no outputs")
    parser.add_argument("--silent", action="store_true", help="say nothing")
    return Magic(parser, _autolog, {"names": lambda: [*ALL, BRIDGE, "all", "off"]})


def _autolog(arguments: Namespace) -> Report | None:
    disable = bool(arguments.names) and arguments.names[-1] == "off"
    names = arguments.names[: -1 if disable else None]
    if disable and not names:
        raise UsageError("%autolog off needs a library. Try: %autolog openai off")
    if "off" in names:
        raise UsageError("off comes last. Try: %autolog openai off")
    is_all = names == ["all"]
    if "all" in names and not is_all:
        raise UsageError("all stands for every library, and stands alone: %autolog all")
    if not names and (arguments.no_inputs or arguments.no_outputs or arguments.silent):
        raise UsageError("Options need a library. Try: %autolog openai --no-inputs")
    for name in ALL if is_all else names:
        autolog(
            name,
            disable=disable,
            silent=arguments.silent or is_all,
            log_inputs=not arguments.no_inputs,
            log_outputs=not arguments.no_outputs,
            must_be_installed=not disable and not is_all,
        )
    if arguments.silent:
        return None
    known = status()
    rows = [row for row in known if is_all or not names or row.library in names]
    return Report(_table(rows), rows)


def _table(rows: list[LibraryStatus]) -> str:
    cells = [
        (
            row.library,
            row.installed or "–",
            row.supported,
            row.state,
            f"{row.calls:,} calls traced",
            "" if row.complaint is None else f"{row.installed} is {row.complaint}",
        )
        for row in rows
    ]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )
