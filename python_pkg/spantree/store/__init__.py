"""Where traces rest: the store protocol, its engines, and the thread that writes.

``sqlite3`` costs time to import and is loaded with the first store that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.store.protocol import Page, Store, StoreUnavailableError, Trouble
from spantree.store.uri import (
    Target,
    TargetKind,
    check_target,
    default_file,
    open_store,
    parse_tracking_uri,
    parse_tracking_uris,
    without_password,
)
from spantree.store.writer import Writer

if TYPE_CHECKING:
    from spantree.store.memory import MemoryStore
    from spantree.store.pruning import prune
    from spantree.store.sqlite import SqliteStore

__all__ = [
    "MemoryStore",
    "Page",
    "SqliteStore",
    "Store",
    "StoreUnavailableError",
    "Target",
    "TargetKind",
    "Trouble",
    "Writer",
    "check_target",
    "default_file",
    "open_store",
    "parse_tracking_uri",
    "parse_tracking_uris",
    "prune",
    "without_password",
]


def __getattr__(name: str) -> object:
    if name == "SqliteStore":
        from spantree.store.sqlite import SqliteStore

        return SqliteStore
    if name == "MemoryStore":
        from spantree.store.memory import MemoryStore

        return MemoryStore
    if name == "prune":
        from spantree.store.pruning import prune

        return prune
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
