"""Puts a damaged store aside: it is kept, under another name, and never altered."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_logger = logging.getLogger("spantree.store")


def set_aside(path: Path, inode: tuple[int, int] | None) -> None:
    """Rename a store and its log, unless another process has done so before.

    Args:
        path: The store's file.
        inode: Of the file that was found damaged.

    Raises:
        OSError: If it can't be renamed.
    """
    with _lock(path.with_name(f"{path.stem}.lock")):
        if inode is None or inode_of(path) != inode:
            return
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        kept = path.with_name(f"{path.name}.corrupt-{when}")
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(
                    kept.with_name(kept.name + suffix)
                )
    _logger.warning(
        "The trace store %s is damaged; it is kept as %s, and a new one is begun.",
        path,
        kept.name,
    )


def inode_of(path: Path) -> tuple[int, int] | None:
    """Tell a file from others that have had its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other processes of the user out; on Windows, trust that there are none."""
    if fcntl is None:
        yield
        return
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    number = os.open(path, flags, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
