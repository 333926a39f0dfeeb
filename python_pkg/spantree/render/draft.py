"""One trace of a payload, filled step by step as far as its bytes reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.render.attachments import Attachments
from spantree.render.bodies import body_size, has_body
from spantree.render.body_section import BodyFill
from spantree.render.budget import notebook_bytes
from spantree.render.columns import Columns, build_columns, row_ids
from spantree.render.header import build_header
from spantree.render.packing import pack
from spantree.render.previews import build_previews, has_preview
from spantree.render.selection import keep_rows, rank_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantree.render.budget import Budget
    from spantree.render.tree import TraceTree

# Levels of a notebook file above a trace's field: payload, traces, trace.
_DEPTH = 9
# A trace's name, tags and previews may take this share, so that they never push out
# the rows.
_HEADER_SHARE = 0.3
# Bytes of a full `cut` and of a section's key.
_CUT_BYTES = 220
_KEY_BYTES = 30
# Messages of exceptions, when the whole ones do not fit.
_SHORT_MESSAGE = 60


class TraceDraft:
    """Builds the payload of one trace in the order in which its parts matter.

    Call :meth:`add_rows`, then :meth:`add_values`; ``fields`` is then the payload's
    trace and ``fields["cut"]`` tells what was left out.

    Args:
        tree: The trace.
        budget: Limits of single values.
        live: Whether the newest rows matter more than the longest ones.
    """

    def __init__(self, tree: TraceTree, budget: Budget, *, live: bool) -> None:
        self.tree = tree
        self.fields: dict[str, Any] = {}
        self._budget = budget
        self._live = live
        self._rows: Sequence[int] = range(len(tree))
        self._place: Mapping[int, int] | Sequence[int] = self._rows
        self._attachments = Attachments()

    @property
    def cut(self) -> dict[str, int]:
        """What the payload leaves out of this trace."""
        cut: dict[str, int] = self.fields["cut"]
        return cut

    @property
    def places(self) -> dict[int, int]:
        """The payload's row of each span that is carried, by the span's identity."""
        return {
            id(span): at
            for at, row in enumerate(self._rows)
            if (span := self.tree.spans[row]) is not None
        }

    def add_rows(self, room: int | None) -> int:
        """Add header and columns: without ids if those do not fit, then fewer rows.

        Args:
            room: Bytes to take in the notebook file; None for no limit.

        Returns:
            The bytes taken.
        """
        share = None if room is None else int(room * _HEADER_SHARE)
        self.fields = build_header(self.tree, share)
        used = notebook_bytes(self.fields, _DEPTH - 1) + _CUT_BYTES + _KEY_BYTES
        columns, size = self._fitting_columns(None if room is None else room - used)
        self.fields["cols"] = columns
        spans = sum(self.tree.spans[row] is not None for row in self._rows)
        self._count_cut("rows", self.tree.span_count - spans)
        self._move_assessments()
        return used + size

    def add_values(self, room: int | None) -> int:
        """Add previews, bodies and attachments as far as they fit.

        Args:
            room: Bytes to take in the notebook file; None for no limit.

        Returns:
            The bytes taken.
        """
        ranked = rank_values(self.tree, self._rows)
        used = self._add_previews(ranked, room)
        used += self._add_bodies(ranked, None if room is None else room - used)
        return used + self._add_attachments(None if room is None else room - used)

    def _count_cut(self, key: str, count: int) -> None:
        if count > 0:
            self.cut[key] = count

    def _fitting_columns(self, room: int | None) -> tuple[object, int]:
        tree = self.tree
        found = _fitting_ids(
            build_columns(tree, self._rows), row_ids(tree, self._rows), room
        )
        limit = len(tree)
        while found is None:
            columns = build_columns(
                tree, self._rows, with_events=False, message_characters=_SHORT_MESSAGE
            )
            found = _fitting_ids(columns, row_ids(tree, self._rows), room)
            if found is None:
                packed = pack(columns)
                size = notebook_bytes(packed, _DEPTH)
                if limit <= 1:
                    return packed, size
                limit = max(1, min(limit - 1, int(limit * (room or 0) / size * 0.95)))
                ranked = tree.by_news if self._live else tree.by_weight
                self._rows = keep_rows(tree, ranked, limit)
                self._place = {row: at for at, row in enumerate(self._rows)}
        return found

    def _move_assessments(self) -> None:
        """Let assessments point to the payload's rows."""
        if len(self._rows) == len(self.tree):
            return
        for entry in self.fields["assess"]:
            row = entry.pop("row", None)
            if row is not None and row in self._place:
                entry["row"] = self._place[row]

    def _add_previews(self, ranked: Sequence[int], room: int | None) -> int:
        left = None if room is None else room - _KEY_BYTES
        section = build_previews(self.tree, ranked, self._place, left, _DEPTH)
        known = sum(map(has_preview, self.tree.spans))
        self._count_cut("previews", known - section.count)
        if section.count == 0:
            return 0
        self.fields["text"] = section.value
        return section.used + _KEY_BYTES

    def _add_bodies(self, ranked: Sequence[int], room: int | None) -> int:
        left = None if room is None else room - 2 * _KEY_BYTES
        fill = BodyFill(self.tree, self._attachments, left, _DEPTH)
        fill.take(ranked, self._budget)
        section = fill.section(self._place)
        absent, lost = 0, sum(section.cut_bytes.values())
        for row, span in enumerate(self.tree.spans):
            if span is not None and row not in section.cut_bytes and has_body(span):
                absent += 1
                lost += body_size(span)
        self._count_cut("bodies", absent)
        self._count_cut("body_bytes", lost)
        if section.value is None:
            return 0
        self.fields["bodies"] = section.value
        return section.used + 2 * _KEY_BYTES

    def _add_attachments(self, room: int | None) -> int:
        """Embed small attachments; their entries were paid for with the bodies."""
        entries, used, absent = self._attachments.entries, 0, 0
        largest = self._budget.blob_bytes
        for entry, data in zip(entries, self._attachments.data, strict=True):
            size = len(data) + _KEY_BYTES
            fits = room is None or used + size <= room
            if fits and (largest is None or entry["bytes"] <= largest):  # type: ignore[operator]
                entry["data"] = data
                used += size
            else:
                absent += 1
        self._count_cut("blobs", absent)
        if entries:
            self.fields["blobs"] = entries
        return used


def _fitting_ids(
    columns: Columns, ids: str | None, room: int | None
) -> tuple[object, int] | None:
    """Pack columns with ids, else without; None when neither fits."""
    choices = [columns] if ids is None else [{**columns, "id": ids}, columns]
    for choice in choices:
        value = pack(choice)
        size = notebook_bytes(value, _DEPTH)
        if room is None or size <= room:
            return value, size
    return None
