"""What a cell's output is made of: the payload, HTML and text, within one budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.span import SpanStatusCode
from spantree.entities.trace import (
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.render import html, text
from spantree.render.budget import LEAN, Budget, bundle_bytes, text_bytes
from spantree.render.payload import MIME, OutputDraft, output_ceiling
from spantree.render.tree import TraceTree
from spantree.render.words import cut_text, recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.span import Span

MAX_TREES = 3
MAX_ROWS = 10
_HTML_SHARE = 0.35
# Bytes of the sentences that say what was left out, in HTML and text together.
_NOTE_BYTES = 300


def mode_for(count: int, max_rows: int = MAX_ROWS) -> str:
    """Choose how so many traces are shown: as trees, as rows, as one table."""
    if count > max_rows:
        return "table"
    return "tree" if count <= MAX_TREES else "rows"


def span_bundle(span: Span, *, key: str) -> dict[str, object]:
    """Build the output of one span, without what stands around it in its trace."""
    failed = span.status_code is SpanStatusCode.ERROR
    info = TraceInfo(
        span.trace_id,
        TraceLocation.from_experiment_id("0"),
        request_time=span.start_time_ns // 1_000_000,
        state=TraceState.ERROR if failed else TraceState.OK,
    )
    return mime_bundle([Trace(info, TraceData([span]))], key=key)


def mime_bundle(
    traces: Sequence[Trace],
    *,
    key: str,
    rev: int = 0,
    live: bool = False,
    mode: str = "tree",
    depth: int = 2,
    open_errors: bool = True,
    total: int | None = None,
    budget: Budget = LEAN,
    ascii_only: bool | None = None,
) -> dict[str, object]:
    """Build a cell's output: three MIME types, each complete in itself.

    Args:
        traces: The traces, by start time.
        key: 16 hex digits that name the output; the viewer keeps its state under it.
        rev: Grows with each update of the output.
        live: Whether the cell still runs.
        mode: ``tree``, ``rows``, ``compact`` or ``table``.
        depth: Levels open at first.
        open_errors: Whether the ways to failed spans are open at first.
        total: Roots of the cell, when more than the traces given.
        budget: What the output may take in the notebook file.
        ascii_only: Draw text with ASCII; None asks the variable ``SPANTREE_ASCII``.

    Returns:
        The payload, ``text/html`` and ``text/plain``; what was left out is said in
        each of them.
    """
    trees = [TraceTree(trace) for trace in traces]
    glyphs = text.choose_glyphs(ascii_only=ascii_only)
    plain = text.draw_text(
        trees,
        mode=mode,
        live=live,
        total=total,
        glyphs=glyphs,
        reserve=_NOTE_BYTES // 2,
    )
    draft = OutputDraft(
        trees,
        budget,
        key=key,
        rev=rev,
        live=live,
        mode=mode,
        depth=depth,
        open_errors=open_errors,
        total=total,
    )
    bundle: dict[str, object] = {MIME: draft.payload, "text/html": "", "text/plain": ""}
    ceiling = output_ceiling(trees, budget)
    room = None
    html_room = html.MAX_BYTES
    if ceiling is not None:
        frame = bundle_bytes({MIME: None, "text/html": "", "text/plain": ""})
        room = ceiling - frame - text_bytes(plain) - 3 * _NOTE_BYTES
        html_room = min(html.MAX_BYTES, int(ceiling * _HTML_SHARE))
    used = draft.add_rows(room)
    if room is not None:
        html_room = max(0, min(html_room, room - used))
    drawn = html.draw_html(
        trees, mode=mode, live=live, total=total, max_bytes=html_room
    )
    draft.add_values(None if room is None else room - used - text_bytes(drawn))
    bundle["text/html"] = html.with_notes(drawn, cut_notes(draft))
    notes = cut_notes(draft, "%trace last")
    bundle["text/plain"] = text.with_notes(plain, notes, glyphs)
    return bundle


def cut_notes(draft: OutputDraft, call: str | None = None) -> list[str]:
    """Say what the payload leaves out.

    Args:
        draft: The payload, filled.
        call: What fetches a trace whole; the call with its id when left out.
    """
    cut = [one for one in draft.drafts if one.cut]
    if len(cut) > 1:
        return [f"parts of {len(cut)} traces are not saved here: %traces --last-cell"]
    return [f"{cut_text(one.cut)}: {call or recall(one.tree)}" for one in cut]
