"""The page docs/magics.md: as it is, and as the magics would write it."""

from __future__ import annotations

import runpy
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from spantree._runtime import RUNTIME
from spantree.notebook.magics import all_magics
from spantree.notebook.magics.cell import CellMagic
from spantree.notebook.session import Session

DOCS = Path(__file__).parents[2] / "docs"


# The line magics, as a person would list them.
NAMES = [
    "autolog",
    "feedback",
    "session",
    "spantree",
    "trace",
    "trace_display",
    "trace_export",
    "trace_import",
    "trace_tag",
    "traces",
    "tracking_uri",
]


def written() -> str:
    return (DOCS / "magics.md").read_text(encoding="utf-8")


def page() -> str:
    return runpy.run_path(str(DOCS / "write_magics.py"))["page"]()


def examples() -> list[tuple[str, tuple[str, ...]]]:
    """Each magic's name and its examples."""
    desk = Session(InteractiveShell(), RUNTIME).desk
    parsers = [CellMagic(desk).magic.parser, *(m.parser for m in all_magics(desk))]
    return [(parser.prog, parser.examples) for parser in parsers]
