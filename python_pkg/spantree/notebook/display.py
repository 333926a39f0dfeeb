"""Draws the output of a cell: one, whatever the cell did."""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

from spantree.recording import guard
from spantree.render import mime_bundle

if TYPE_CHECKING:
    from spantree.notebook.frames import Frame
    from spantree.notebook.host import Host

_FLUSH_SECONDS = 0.2
MAX_TREES = 3
MAX_ROWS = 10


def draw_frame(frame: Frame, host: Host) -> None:
    """Show the traces of a cell under it, or bring what is shown there up to date."""
    if not host.display:
        return
    with guard("notebook.draw"):
        traces = frame.to_draw()
        if not traces:
            return
        from IPython.display import display, update_display

        # What stands in a notebook is in the store as well, also if the kernel dies.
        host.flush(_FLUSH_SECONDS)
        bundle = mime_bundle(
            traces,
            key=frame.key,
            rev=frame.revision,
            mode=_mode(len(traces), is_quiet=frame.is_quiet),
        )
        frame.revision += 1
        if frame.has_output:
            # In an empty context the message belongs to the cell that runs now: a
            # client that executes notebooks drops what comes for one that has ended.
            Context().run(update_display, bundle, raw=True, display_id=frame.display_id)
        else:
            frame.has_output = True
            display(bundle, raw=True, display_id=frame.display_id)  # type: ignore[no-untyped-call]


def _mode(roots: int, *, is_quiet: bool) -> str:
    if is_quiet:
        return "compact"
    if roots <= MAX_TREES:
        return "tree"
    return "rows" if roots <= MAX_ROWS else "table"
