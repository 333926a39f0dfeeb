"""A whole search: what to find, where, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.search.order import OrderKey, parse_order
from spantree.search.parser import read_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantree.search.nodes import Node


# Programs ask the same again and again.
_MOST_KNOWN = 256
_known: dict[tuple[object, ...], Query] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What a store is asked; equal only to itself, so that it is known again at once.

    Args:
        filter: The tree, None to find everything.
        order: Sort keys; after them, and when there are none, newest first.
        experiments: Ids to look in, None for all of them.

    """

    filter: Node | None = None
    order: tuple[OrderKey, ...] = ()
    experiments: frozenset[str] | None = None


def parse_query(
    filter_string: str | None = None,
    order_by: Sequence[str] | str | None = None,
    experiments: Iterable[str] | None = None,
    *,
    now_ns: int | None = None,
) -> Query:
    """Read a search as ``search_traces`` is given it.

    Args:
        filter_string: See the filter language; None or blank finds everything.
        order_by: Entries like ``"timestamp DESC"``.
        experiments: Experiment ids, None for all.
        now_ns: What ``now`` means; the current time when left out.

    Raises:
        FilterError: If the filter or the order can't be read.

    """
    entries = (order_by,) if isinstance(order_by, str) else tuple(order_by or ())
    where = None if experiments is None else frozenset(str(e) for e in experiments)
    key = filter_string, entries, where
    known = _known.get(key)
    if known is not None:
        return known
    node, is_lasting = read_filter(filter_string or "", now_ns=now_ns)
    query = Query(node, parse_order(entries), where)
    if is_lasting:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = query
    return query
