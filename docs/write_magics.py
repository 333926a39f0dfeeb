"""Writes docs/magics.md from the magics themselves; `make cheatsheet` runs it."""

from __future__ import annotations

from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from spantree._runtime import RUNTIME
from spantree.notebook.cheatsheet import cheat_sheet
from spantree.notebook.session import Session

PAGE = Path(__file__).with_name("magics.md")


def page() -> str:
    """Give the page as it should be."""
    return cheat_sheet(Session(InteractiveShell(), RUNTIME).desk)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
