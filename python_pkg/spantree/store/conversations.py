"""Keeps conversations: a list is the longest list known before, and what follows.

Each message is stored once, whatever many lists it is part of. Everything counts who
refers to it, and what nobody refers to any more is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.store.messages import MARK_PATTERN, MessageList, hash_of

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from spantree.store.dialect import Connection

# A shorter message takes less room in the list than a row of its own.
_SHORTEST_MESSAGE = 64
# So many steps it takes at most to read a list.
_LONGEST_CHAIN = 64
_SEPARATOR = b",\n"
_FIND_LIST = "SELECT id FROM mlist WHERE hash = ?"
_DEPTH = (
    "WITH RECURSIVE above(id) AS (SELECT CAST(? AS bigint) "
    "UNION ALL SELECT mlist.parent FROM above JOIN mlist ON mlist.id = above.id "
    "WHERE mlist.parent IS NOT NULL) "
    "SELECT count(*) FROM above"
)


class ConversationWriter:
    """Stores conversations within a transaction.

    Args:
        connection: To write through.
    """

    def __init__(self, connection: Connection) -> None:
        self._execute = connection.execute
        self._insert_row = connection.insert
        self._find_list = _FIND_LIST + connection.dialect.locked

    def keep(self, found: MessageList) -> int:
        """Give a conversation's number, stored if need be, and count the referrer."""
        number, known = self._longest_known(found.hashes)
        if known < len(found.hashes):
            number = self._insert(found, number, known)
        self._execute("UPDATE mlist SET refs = refs + 1 WHERE id = ?", (number,))
        return number

    def release(self, numbers: Iterable[int]) -> None:
        """Count one referrer less of each; delete what has none left."""
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            self._execute("UPDATE mlist SET refs = refs - 1 WHERE id = ?", (number,))
            found = self._execute(
                "SELECT parent, suffix FROM mlist WHERE id = ? AND refs <= 0", (number,)
            ).fetchone()
            if found is None:
                continue
            parent, suffix = found
            self._execute("DELETE FROM mlist WHERE id = ?", (number,))
            for item in items_of(suffix):
                if item.isdigit():
                    self._release_message(int(item))
            if parent is not None:
                waiting.append(parent)

    def _longest_known(self, hashes: list[bytes]) -> tuple[int, int]:
        """Give the number of the list that holds the most of the first messages."""
        for count in range(len(hashes), 0, -1):
            found = self._execute(self._find_list, (hashes[count - 1],)).fetchone()
            if found is not None:
                return int(found[0]), count
        return 0, 0

    def _insert(self, found: MessageList, parent: int, known: int) -> int:
        if parent and self._depth(parent) >= _LONGEST_CHAIN:
            parent = known = 0
        items = [self._item(message) for message in found.messages[known:]]
        suffix = (b"[" + _SEPARATOR.join(items) + b"]").decode()
        number = self._insert_row(
            "INSERT INTO mlist(hash, parent, suffix, refs) VALUES(?, ?, ?, 0)",
            (found.hashes[-1], parent or None, suffix),
        )
        if parent:
            self._execute("UPDATE mlist SET refs = refs + 1 WHERE id = ?", (parent,))
        return number

    def _depth(self, number: int) -> int:
        return int(self._execute(_DEPTH, (number,)).fetchone()[0])

    def _item(self, message: bytes) -> bytes:
        if len(message) < _SHORTEST_MESSAGE:
            return message
        key = hash_of(message)
        counted = self._execute("UPDATE msg SET refs = refs + 1 WHERE hash = ?", (key,))
        if not counted.rowcount:
            self._execute(
                "INSERT INTO msg(hash, refs, body) VALUES(?, 1, ?)",
                (key, message.decode()),
            )
        found = self._execute("SELECT id FROM msg WHERE hash = ?", (key,)).fetchone()
        return b"%d" % found[0]

    def _release_message(self, number: int) -> None:
        self._execute("UPDATE msg SET refs = refs - 1 WHERE id = ?", (number,))
        self._execute("DELETE FROM msg WHERE id = ? AND refs <= 0", (number,))


class ConversationReader:
    """Puts conversations back in their places; knows what it has read before.

    Args:
        connection: To read through.
    """

    def __init__(self, connection: Connection) -> None:
        self._execute = connection.execute
        self._messages: dict[int, bytes] = {}
        self._lists: dict[int, list[bytes]] = {}

    def expand(self, body: bytes) -> bytes:
        """Give a chunk's body with every conversation in full."""
        return MARK_PATTERN.sub(self._text, body)

    def _text(self, mark: re.Match[bytes]) -> bytes:
        return b"[" + b",".join(self._list(int(mark[1]))) + b"]"

    def _list(self, number: int | None) -> list[bytes]:
        suffixes: list[tuple[int, list[bytes]]] = []
        while number is not None and number not in self._lists:
            found = self._execute(
                "SELECT parent, suffix FROM mlist WHERE id = ?", (number,)
            ).fetchone()
            if found is None:
                break
            suffixes.append((number, [self._message(i) for i in items_of(found[1])]))
            number = found[0]
        messages = [] if number is None else self._lists.get(number, [])
        for list_id, suffix in reversed(suffixes):
            messages = self._lists[list_id] = messages + suffix
        return messages

    def _message(self, item: bytes) -> bytes:
        if not item.isdigit():
            return item
        number = int(item)
        if number not in self._messages:
            found = self._execute(
                "SELECT body FROM msg WHERE id = ?", (number,)
            ).fetchone()
            self._messages[number] = found[0].encode() if found else b"null"
        return self._messages[number]


def items_of(suffix: str) -> list[bytes]:
    """Give what a list adds to its parent: numbers of messages, and short messages."""
    return suffix[1:-1].encode().split(_SEPARATOR)
