"""What requests for lists ask, and what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.entities.errors import SpantreeException
from spantree.search import Query, parse_query
from spantree.search.records import record_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.search import Summary

MOST_LISTED = 500
SEARCH_S = 5.0
"""How long values are looked into, which no index serves."""


def query_of(given: Mapping[str, Any]) -> Query:
    """Read what a request looks for: ``filter``, ``order_by``, ``experiments``.

    Raises:
        FilterError: If the filter or the order can't be read.
        SpantreeException: If one of them is of another type.
    """
    text, order = given.get("filter") or "", given.get("order_by") or None
    experiments = given.get("experiments") or None
    if not isinstance(text, str):
        msg = f"filter is a text, not {text!r:.40}."
        raise SpantreeException(msg)
    for name, found in (("order_by", order), ("experiments", experiments)):
        if found is not None and not _is_texts(found):
            msg = f"{name} is a list of texts, not {found!r:.40}."
            raise SpantreeException(msg)
    return parse_query(text, order, experiments)


def limit_of(given: Mapping[str, Any], otherwise: int = 50) -> int:
    """Read how many are asked for.

    Raises:
        SpantreeException: If it is no number from 1 to 500.
    """
    limit = given.get("limit", otherwise)
    if type(limit) is not int or not 1 <= limit <= MOST_LISTED:
        msg = f"limit is a number from 1 to {MOST_LISTED}, not {limit!r:.40}."
        raise SpantreeException(msg)
    return limit


def shown(summary: Summary) -> dict[str, Any]:
    """Give a row of the page's list."""
    return {**record_of(summary), "experiment": summary.experiment_id}


def _is_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)
