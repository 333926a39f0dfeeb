"""The bodies section: whole bodies, the most telling ones first, as far as they fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantree.render.bodies import Body, build_body, has_body
from spantree.render.budget import notebook_bytes
from spantree.render.packing import PLAIN_BYTES, PackedList, compact_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.render.attachments import Attachments
    from spantree.render.budget import Budget
    from spantree.render.tree import TraceTree

# After so many bodies that were too large, the room is taken as full.
_MAX_REJECTED = 16
# Bodies that were too large are worth a second try, shortened, above this room.
_LEAST_SHORT_BYTES = 1_500


@dataclass(slots=True)
class BodySection:
    """The value of the payload's ``bodies``, None if empty.

    Args:
        value: Plain or packed.
        used: Its bytes in the notebook file, those of the attachments' entries too.
        cut_bytes: Bytes cut from the values of each row that is carried.
    """

    value: object = None
    used: int = 0
    cut_bytes: dict[int, int] = field(default_factory=dict)


class BodyFill:
    """Takes the bodies of a trace into a number of bytes.

    Args:
        tree: The rows.
        attachments: Takes the media found in values that are carried.
        room: Bytes to take in the notebook file; None for no limit.
        depth: Levels of the notebook file above the section.
    """

    def __init__(
        self, tree: TraceTree, attachments: Attachments, room: int | None, depth: int
    ) -> None:
        self._tree = tree
        self._attachments = attachments
        self._room = room
        self._depth = depth
        self._packed = PackedList(room)
        self._cut_bytes: dict[int, int] = {}
        self._plain: dict[int, Body] = {}
        self._plain_bytes = 0
        self._entry_bytes = 0

    def take(self, ranked: Sequence[int], budget: Budget) -> None:
        """Take whole bodies in order, then the largest ones' beginnings.

        Args:
            ranked: Rows, most important first.
            budget: Limits of single values.
        """
        self._offer(ranked, budget.value_bytes)
        self._packed.rejected = []
        taken = set(self._packed.taken)
        for row in ranked:
            left = self._packed.left
            if left is None or left < _LEAST_SHORT_BYTES:
                break
            if row in taken:
                continue
            # Two values that do not deflate still fit.
            self._offer([row], left // 4)

    def _offer(self, rows: Iterable[int], limit: int | None) -> None:
        for row in rows:
            span = self._tree.spans[row]
            if span is None or not has_body(span):
                continue
            if len(self._packed.rejected) > _MAX_REJECTED or self._packed.is_full:
                break
            self._offer_one(row, limit)
        self._packed.settle()

    def _offer_one(self, row: int, limit: int | None) -> None:
        span = self._tree.spans[row]
        known = len(self._attachments.entries)
        body, lost = build_body(span, self._attachments, limit, self._tree.start_ns)  # type: ignore[arg-type]
        item = compact_json(body)
        self._cut_bytes[row] = lost
        self._plain_bytes += len(item)
        if self._plain_bytes <= PLAIN_BYTES:
            self._plain[row] = body
        added = self._attachments.entries[known:]
        if not added:
            self._packed.add(row, item)
            return
        reserve = notebook_bytes(added, self._depth)
        if self._packed.add_now(row, item, reserve=reserve):
            self._entry_bytes += reserve
        else:
            self._attachments.forget_after(known)

    def section(self, place: Mapping[int, int] | Sequence[int]) -> BodySection:
        """Give what was taken.

        Args:
            place: The payload's row of each row.
        """
        taken = self._packed.taken
        cut_bytes = {row: self._cut_bytes[row] for row in taken}
        if not taken:
            return BodySection()
        if self._plain_bytes <= PLAIN_BYTES and len(self._plain) == len(taken):
            value = {
                "r": [place[row] for row in self._plain],
                "b": list(self._plain.values()),
            }
            used = notebook_bytes(value, self._depth) + self._entry_bytes
            if self._room is None or used <= self._room:
                return BodySection(value, used, cut_bytes)
        text = self._packed.finish([place[row] for row in taken])
        return BodySection(text, len(text) + 2 + self._entry_bytes, cut_bytes)
