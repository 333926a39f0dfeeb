"""Where traces go: an outbox in the local store, and a thread a destination.

A trace is committed locally first; the same transaction puts it into the outbox. The
thread that sends takes it from there, so that neither a program nor its traces depend
on a server. ``http.client`` and ``ssl`` are imported with the first sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.shipping.dispatch import Dispatch

if TYPE_CHECKING:
    from spantree.shipping.server import Server

__all__ = ["Dispatch", "Server"]


def __getattr__(name: str) -> object:
    if name == "Server":
        from spantree.shipping.server import Server

        return Server
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
