"""`spantree ui` as a user starts it, and its store beside it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Served(NamedTuple):
    """A server: its address, the one with the token, and the token."""

    url: str
    entrance: str
    token: str


@contextlib.contextmanager
def served(store: str, folder: Path, *words: str) -> Iterator[Served]:
    """Serve a store until the block ends."""
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", "spantree", "ui", "-p", "0", "--store", store, *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"SPANTREE_RUNTIME_DIR": str(folder / "run")},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"(http://[^/\s]+)/\S*", line)
        assert found, line
        yield Served(found[1], found[0], found[0].partition("token=")[2])
    finally:
        process.terminate()
        process.communicate(timeout=30)
