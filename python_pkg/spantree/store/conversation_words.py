"""Tells which conversations may hold a word, looking at each message once a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.store.conversations import items_of
from spantree.store.dialect import among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spantree.store.dialect import Connection
    from spantree.store.needles import Needle

_NONE: frozenset[Needle] = frozenset()


class ConversationWords:
    """The words found in conversations so far.

    Args:
        connection: To read through.
        found_in: Gives those of the words looked for that a text may hold.
    """

    def __init__(
        self, connection: Connection, found_in: Callable[[str], frozenset[Needle]]
    ) -> None:
        self._connection = connection
        self._found_in = found_in
        self._by_list: dict[int, frozenset[Needle]] = {}
        self._by_message: dict[int, frozenset[Needle]] = {}

    def look(self, numbers: Iterable[int]) -> None:
        """Look at conversations, all that are new in a few statements."""
        lists = self._read_lists(numbers)
        items = {number: items_of(suffix) for number, (_, suffix) in lists.items()}
        self._read_messages(
            {int(i) for found in items.values() for i in found if i.isdigit()}
        )
        # A list was written after the one that it continues.
        for number in sorted(lists):
            parent, suffix = lists[number]
            before = _NONE if parent is None else self.of(parent)
            said = [
                self._by_message.get(int(item), _NONE)
                for item in items[number]
                if item.isdigit()
            ]
            # Short messages stand in the suffix itself.
            self._by_list[number] = self._found_in(suffix).union(before, *said)

    def of(self, number: int) -> frozenset[Needle]:
        """Give the words that a conversation may hold, once it was looked at."""
        return self._by_list.get(number, _NONE)

    def _read_lists(self, numbers: Iterable[int]) -> dict[int, tuple[int | None, str]]:
        """Read new lists, and those that they continue."""
        found: dict[int, tuple[int | None, str]] = {}
        wanted = set(numbers) - self._by_list.keys()
        while wanted:
            select = "SELECT id, parent, suffix FROM mlist"
            rows = among(self._connection, select, "id", wanted).fetchall()
            found |= {number: (parent, suffix) for number, parent, suffix in rows}
            above = {parent for _, parent, _ in rows if parent is not None}
            wanted = above - found.keys() - self._by_list.keys()
        return found

    def _read_messages(self, numbers: set[int]) -> None:
        wanted = numbers - self._by_message.keys()
        if wanted:
            select = "SELECT id, body FROM msg"
            for number, body in among(self._connection, select, "id", wanted):
                self._by_message[number] = self._found_in(body)
