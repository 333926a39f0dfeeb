"""A whole search: what to find, where, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.search.order import OrderKey, parse_order
from spantree.search.parser import parse_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantree.search.nodes import Node


@dataclass(frozen=True, slots=True)
class Query:
    """What a store is asked.

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
    return Query(
        parse_filter(filter_string or "", now_ns=now_ns),
        parse_order(order_by),
        None if experiments is None else frozenset(str(e) for e in experiments),
    )
