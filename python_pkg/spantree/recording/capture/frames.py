"""The open containers of a walk."""

from __future__ import annotations

from spantree.recording.capture.media import SHORTEST
from spantree.recording.capture.notes import Listing

MANY_LEVELS = 1_000
"""Levels of a frame that is inside no object."""


class Frame:
    """One open container: what is left to copy, and the copy so far.

    Attributes:
        items: A snapshot of the elements or pairs.
        index: The next of them.
        total: How many the container has, None if it kept changing.
        out: The copy.
        source: The container itself, kept so that its id stays taken.
        path: Ids of the containers this one stands in, shared with them.
        levels: How many containers may still open inside each other.
        is_note: Whether the keys are ours.
        key: The key or index being copied, for the path of a cut.
    """

    __slots__ = (
        "index",
        "is_note",
        "items",
        "key",
        "levels",
        "out",
        "path",
        "source",
        "total",
    )

    def __init__(
        self,
        listing: Listing,
        source: object,
        path: set[int],
        levels: int,
        *,
        is_note: bool = False,
    ) -> None:
        self.items = listing.items
        self.index = 0
        self.total = listing.total
        self.out: list[object] | dict[str, object] = (
            {} if listing.kind == "dict" else []
        )
        self.source = source
        self.path = path
        self.levels = levels
        self.is_note = is_note
        self.key: object = None
        path.add(id(source))

    def put(self, value: object) -> None:
        """Add the copy of the current item."""
        if type(self.out) is dict:
            self.out[str(self.key)] = value
        else:
            self.out.append(value)  # type: ignore[union-attr]

    def siblings(self) -> dict[object, object]:
        """Give the short texts beside the current item."""
        return {
            pair[0]: pair[1]
            for pair in self.items
            if type(pair) is tuple
            and type(pair[0]) is str
            and type(pair[1]) is str
            and len(pair[1]) < SHORTEST
        }


def outermost(items: list[object]) -> Frame:
    """Make the frame that holds the value itself."""
    return Frame(Listing("list", items, len(items)), None, set(), MANY_LEVELS)
