"""``%%trace --compare``: a run of a cell against the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.render.diff import TraceDiff
from spantree.render.diff_bundle import diff_bundle

if TYPE_CHECKING:
    from spantree.entities.trace import Trace
    from spantree.notebook.desk import Desk
    from spantree.notebook.frames import Frame

_LOOKED_AT = 50
UNNAMED = "cell [{}]"
"""What ``%%trace`` calls a cell by its number."""


class Comparison:
    """What a run is compared with: found before it begins, shown when it has ended.

    Args:
        desk: The shell's parts.
        frame: The cell.
        name: The trace's name, if it was given one.
        before: What to compare with; None for the cell's last trace of this name.
    """

    def __init__(
        self, desk: Desk, frame: Frame, name: str | None, before: Trace | None
    ) -> None:
        self._before = before or _previous(desk, frame, name)
        # A cell without a name is known by its id, which not all front ends give.
        self._is_known_again = bool(name or frame.cell_id)

    def show(self, after: Trace) -> None:
        """Show one line that opens to the aligned trees."""
        from IPython.display import display

        if self._before is None:
            what = "run this cell again" if self._is_known_again else "name the cell"
            print(  # noqa: T201 - the answer to --compare
                f"nothing to compare yet: {what}, or give --compare a trace"
            )
            return
        diff = TraceDiff(self._before, after)
        hint = f"%trace diff {self._before.trace_id[:11]} {after.trace_id[:11]}"
        display(  # type: ignore[no-untyped-call]
            diff_bundle(diff, is_open=False, hint=hint), raw=True
        )


def _previous(desk: Desk, frame: Frame, name: str | None) -> Trace | None:
    from spantree.search import parse_query

    if name is not None:
        quoted = name.replace("'", "''")
        wanted = f"name = '{quoted}'"
    elif frame.cell_id:
        wanted = f"name LIKE '{UNNAMED.format('%')}'"
    else:
        return None
    found = desk.host.summaries(parse_query(wanted), _LOOKED_AT)
    for summary in found:
        cell_id = summary.metadata.get("spantree.cell.id")
        if cell_id == frame.cell_id and summary.dur_ns is not None:
            return desk.host.get_trace(summary.trace_id)
    return None
