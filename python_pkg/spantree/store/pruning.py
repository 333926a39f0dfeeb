"""Deletes the oldest traces, by age or until the store is small enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spantree.search.fields import TRACE_FIELDS
from spantree.search.nodes import And, Comparison, Op
from spantree.search.order import OrderKey
from spantree.search.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.store.protocol import Store

# Other processes wait while so many are deleted.
_AT_ONCE = 200
_START = TRACE_FIELDS["timestamp"]


def prune(
    store: Store,
    *,
    before_ns: int | None = None,
    max_bytes: int | None = None,
    query: Query | None = None,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Delete traces, the oldest first, and give their room back to the disk.

    Those that wait to be sent to a server stay.

    Args:
        store: Where; call it on the thread that writes.
        before_ns: Those begun before this moment, nanoseconds since 1970.
        max_bytes: So many more that the store takes no more than this.
        query: Only those that match; its order is not looked at.
        progress: Called with the number of traces of each step that was deleted.

    Returns:
        How many were deleted.
    """
    wanted = replace(query or Query(), order=(OrderKey(_START),))
    count = 0
    if before_ns is not None:
        old = Comparison(_START, Op.LT, (before_ns,))
        both = old if wanted.filter is None else And((old, wanted.filter))
        while deleted := _delete_some(store, replace(wanted, filter=both)):
            count += deleted
            if progress is not None:
                progress(deleted)
    if max_bytes is not None:
        while store.shrink() > max_bytes:
            deleted = _delete_some(store, wanted)
            if not deleted:
                break
            count += deleted
            if progress is not None:
                progress(deleted)
    store.shrink()
    return count


def _delete_some(store: Store, query: Query) -> int:
    waiting, cursor = store.unsent(), None
    while True:
        page = store.search(query, limit=_AT_ONCE, cursor=cursor, include_spans=False)
        keys = [t.key for t in page.traces if t.key not in waiting]
        if keys or page.cursor is None:
            return store.delete(keys)
        cursor = page.cursor
