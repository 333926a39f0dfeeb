"""Pages of what is known of traces, without their spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spantree.search import Comparison, Op, Query
from spantree.search.fields import TRACE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.search import Summary
    from spantree.store.protocol import Store

_PAGE = 500


class Listing(NamedTuple):
    """A page of a list.

    Args:
        rows: In order.
        cursor: Where the next page begins, None after the last.
        complete: False if time ran out while values were looked into.
        scanned_until_ns: The start of the last trace looked at then.
    """

    rows: list[Summary]
    cursor: str | None
    complete: bool
    scanned_until_ns: int | None


def listing(
    store: Store,
    query: Query,
    limit: int,
    cursor: str | None,
    timeout_s: float | None = None,
) -> Listing:
    """Give a page of what is known of traces, without their spans.

    Args:
        store: Where to look.
        query: What to find.
        limit: At most so many.
        cursor: Of the page before.
        timeout_s: Seconds for conditions on what spans carry; None for all it takes.
    """
    page = store.search(
        query, limit=limit, cursor=cursor, include_spans=False, timeout_s=timeout_s
    )
    ids = [trace.trace_id for trace in page.traces]
    if not ids:
        return Listing([], page.cursor, page.complete, page.scanned_until_ns)
    among = Comparison(TRACE_FIELDS["trace_id"], Op.IN, tuple(ids))
    known = {one.trace_id: one for one in store.summaries(Query(among))}
    rows = [known[one] for one in ids if one in known]
    return Listing(rows, page.cursor, page.complete, page.scanned_until_ns)


def every(store: Store, query: Query) -> Iterator[Summary]:
    """Give all that match, page by page, however many there are."""
    cursor = None
    while True:
        page = listing(store, query, _PAGE, cursor)
        yield from page.rows
        cursor = page.cursor
        if cursor is None:
            return
