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


class Comparison:
    """What a run is compared with: found before it begins, shown when it has ended.

    Args:
        desk: The shell's parts.
        frame: The cell.
        name: The trace's name.
        before: What to compare with; None for the cell's last trace of this name.
    """

    def __init__(
        self, desk: Desk, frame: Frame, name: str, before: Trace | None
    ) -> None:
        self._before = before or _previous(desk, frame, name)

    def show(self, after: Trace) -> None:
        """Show one line that opens to the aligned trees."""
        from IPython.display import display

        if self._before is None:
            print(  # noqa: T201 - the answer to --compare
                "nothing to compare yet: run this cell again, or name a trace"
            )
            return
        diff = TraceDiff(self._before, after)
        hint = f"%trace diff {self._before.trace_id[:11]} {after.trace_id[:11]}"
        display(  # type: ignore[no-untyped-call]
            diff_bundle(diff, is_open=False, hint=hint), raw=True
        )


def _previous(desk: Desk, frame: Frame, name: str) -> Trace | None:
    from spantree.search import parse_query

    quoted = name.replace("'", "''")
    found = desk.host.summaries(parse_query(f"name = '{quoted}'"), _LOOKED_AT)
    for summary in found:
        cell_id = summary.metadata.get("spantree.cell.id")
        if cell_id == frame.cell_id and summary.dur_ns is not None:
            return desk.host.get_trace(summary.trace_id)
    return None
