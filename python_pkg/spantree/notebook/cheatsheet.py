"""The page ``docs/magics.md``, written by the magics: ``make cheatsheet``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.notebook.magics.cell import CellMagic
from spantree.notebook.magics.magic_set import all_magics
from spantree.notebook.settings import SpantreeConfig, variables_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from spantree.notebook.arguments import MagicParser
    from spantree.notebook.desk import Desk

_HEAD = """\
# Magics

Load them with `%load_ext spantree`. Each explains itself with `-h` or `?`, completes
its flags and values with Tab, and gives its result to a variable: `df = %traces`, or
`--into df`. A `;` at the end shows nothing.

A TARGET is a trace: `last`, `-2` (the last but one), its id, six or more of the id's
hex digits, or a variable that holds a Trace. A mistake is answered in one line and
changes nothing.
"""
_SETTINGS = """\
## Settings

The first that says something holds: the session (a magic, or
`%config SpantreeConfig.limit = 50`) · the environment · `[tool.spantree]` in the
nearest `pyproject.toml` above the working folder · IPython's configuration files
(`c.SpantreeConfig.limit = 50` in `ipython_config.py`) · the default. An unknown name
is told when the extension loads; `%spantree doctor` shows where each value comes from.

To load spantree in every notebook, put this into `ipython_config.py`:

    c.InteractiveShellApp.extensions = ["spantree"]

| setting | environment | default | |
| --- | --- | --- | --- |
"""


def cheat_sheet(desk: Desk) -> str:
    """Give the page.

    Args:
        desk: Any shell's parts; the page does not depend on them.
    """
    parsers = [magic.parser for magic in all_magics(desk)]
    parsers.insert(1, CellMagic(desk).magic.parser)
    lines = [_HEAD]
    for parser in parsers:
        lines += _section(parser)
    lines.append(_SETTINGS + "\n".join(_settings()))
    return "\n".join(lines) + "\n"


def _section(parser: MagicParser) -> Iterator[str]:
    yield f"## `{parser.prog}`\n"
    yield f"{parser.about}\n"
    yield from (f"    {line}" for line in parser.examples)
    yield ""
    rows = [row for action in parser.shown_actions if (row := _row(action))]
    if rows:
        yield "| | |"
        yield "| --- | --- |"
        yield from rows
        yield ""


def _row(action: argparse.Action) -> str:
    if action.dest == "into":
        return ""  # said once, above
    name = ", ".join(action.option_strings)
    if action.nargs != 0 and not isinstance(action.default, bool):
        value = action.metavar or "\\|".join(map(str, action.choices or ())) or ""
        value = value if isinstance(value, str) else " ".join(value)
        value = value.replace("\\|", "|").replace("|", "\\|")
        is_flag = name.startswith("-") and "--no-" not in name
        name = f"{name} {value}".strip() if is_flag else name or value
    return f"| `{name}` | {(action.help or '').replace('|', chr(92) + '|')} |"


def _settings() -> Iterator[str]:
    for name, trait in sorted(SpantreeConfig.class_traits(config=True).items()):
        default = trait.default() if callable(trait.default) else trait.default_value
        variables = ", ".join(f"`{variable}`" for variable in variables_of(name))
        yield f"| `{name}` | {variables} | `{default}` | {trait.help} |"
    yield "| – | `SPANTREE_AUTOLOAD` | `1` | `0`: no trees before `%load_ext` |"
