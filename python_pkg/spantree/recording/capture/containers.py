"""Snapshots of the builtin containers and their subclasses.

Everything is read through the builtin's own methods, so that what a subclass
overrides never runs, and copied in one step, so that other threads may go on
changing the original.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from spantree.recording.capture.notes import (
    Listing,
    Reading,
    are_short_scalars,
    inherits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def list_items(value: Any, run: Reading) -> Listing:
    """Read a list or a subclass of it."""
    items = list.__getitem__(value, slice(0, run.room_for_items()))
    return Listing("list", items, list.__len__(value))


def tuple_items(value: Any, run: Reading) -> Listing:
    """Read a tuple, a named tuple or another subclass."""
    items = tuple.__getitem__(value, slice(0, run.room_for_items()))
    return Listing("list", list(items), tuple.__len__(value))


def dict_items(value: Any, run: Reading) -> Listing:
    """Read a dict or a subclass of it, keys in their order."""
    if type(value) is dict and len(value) <= run.room_for_items():
        try:
            items_now: list[object] = list(value.items())
        except RuntimeError:  # another thread changed it meanwhile
            items_now = []
        if items_now:
            return Listing("dict", items_now, len(items_now))
    items = OrderedDict.items if type(value) is OrderedDict else dict.items
    return _iterated("dict", lambda: items(value), lambda: dict.__len__(value), run)


def deque_items(value: Any, run: Reading) -> Listing:
    """Read a deque or a subclass of it."""
    return _iterated(
        "list", lambda: deque.__iter__(value), lambda: deque.__len__(value), run
    )


def set_items(value: Any, run: Reading) -> object:
    """Read a set or frozenset: of scalars as Python's text, else as a list."""
    base: Any = set if inherits(type(value), set) else frozenset
    listing = _iterated(
        "list", lambda: base.__iter__(value), lambda: base.__len__(value), run
    )
    is_whole = listing.total == len(listing.items)
    if not is_whole or not are_short_scalars(listing.items):
        return listing
    try:
        return repr(base(listing.items))
    except ValueError:  # an integer with too many digits to print
        return listing


def _iterated(
    kind: str,
    iterate: Callable[[], Iterable[object]],
    count: Callable[[], int],
    run: Reading,
) -> Listing:
    for _ in range(2):
        try:
            items = list(islice(iterate(), run.room_for_items()))
            return Listing(kind, items, count())
        except RuntimeError:  # another thread changed it meanwhile
            continue
    return Listing(kind, [], None)
