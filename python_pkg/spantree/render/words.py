"""What outputs say in words: states, totals, what is missing and where to find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree.entities.rollup import token_total
from spantree.entities.trace import TraceState
from spantree.entities.values import decode
from spantree.render.errors import error_text
from spantree.render.format import (
    counted,
    format_bytes,
    format_clock,
    format_cost,
    format_duration,
    format_tokens,
)
from spantree.render.tree import (
    ERROR,
    LEFT_EARLY,
    NO_END,
    OK,
    ORPHAN,
    OTHER_PROCESS,
    RUNNING,
    TRUNCATED,
    VALUE_CUT,
)
from spantree.render.values import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span
    from spantree.render.tree import TraceTree

_LOST_WHY = {
    "queue": "queue full",
    "limit": "limit reached",
    "crash": "the process died",
}
_CUT_PARTS = (
    ("rows", "span", "spans"),
    ("previews", "preview", "previews"),
    ("bodies", "body", "bodies"),
    ("blobs", "attachment", "attachments"),
    ("tags", "tag", "tags"),
    ("assess", "assessment", "assessments"),
)


def trace_state(tree: TraceTree, *, live: bool) -> str:
    """Say what has become of a trace, as in ``OK`` or ``running since 14:03:12``."""
    state = tree.trace.info.state
    if state is TraceState.IN_PROGRESS:
        since = f"since {format_clock(tree.start_ns)}"
        return f"running {since}" if live else f"running when saved ({since})"
    if state is TraceState.INTERRUPTED:
        return "interrupted (no end recorded)"
    return "" if state is TraceState.STATE_UNSPECIFIED else state.value


def trace_facts(tree: TraceTree, *, live: bool, ascii_only: bool = False) -> list[str]:
    """Give the parts of a trace's headline after its name."""
    facts = [trace_state(tree, live=live)]
    if tree.total_us is not None:
        facts.append(format_duration(tree.total_us, ascii_only=ascii_only))
    facts.append(counted(tree.span_count, "span"))
    if tree.error_rows:
        facts.append(counted(len(tree.error_rows), "error"))
    at_least = ">= " if ascii_only else "≥ "
    if tree.tokens is not None:
        mark = at_least if tree.totals.is_usage_partial else ""
        facts.append(f"{mark}{format_tokens(tree.tokens)} tok")
    if tree.usage.total_cost is not None:
        mark = at_least if tree.totals.is_cost_partial else ""
        facts.append(mark + format_cost(tree.usage.total_cost))
    return [fact for fact in facts if fact]


def row_notes(tree: TraceTree, row: int) -> list[str]:
    """Say in words what is special about a row; nothing for one that went well."""
    span, flags = tree.spans[row], tree.flags[row]
    if span is None:
        return []
    notes = []
    if tree.state[row] == ERROR:
        notes.append(f"ERROR {error_text(span)}".rstrip())
    elif tree.state[row] == RUNNING:
        notes.append("running")
    elif tree.state[row] == NO_END:
        notes.append("no end recorded")
    if flags & LEFT_EARLY:
        notes.append("stopped early")
    if flags & ORPHAN and tree.parent[row] < 0:
        notes.append("orphan")
    if flags & VALUE_CUT:
        notes.append(_truncated(span))
    if flags & OTHER_PROCESS:
        notes.append("other process")
    return notes


def row_is_ok(tree: TraceTree, row: int) -> bool:
    """Tell whether a row ended well and said so."""
    return tree.state[row] == OK


def row_name(tree: TraceTree, row: int) -> str:
    """Give a row's name as stored; a placeholder says which parent is missing."""
    span = tree.spans[row]
    if span is None:
        return f"parent {tree.missing_id(row)[:4]}… not received"
    return span.name


def row_figures(tree: TraceTree, row: int) -> list[str]:
    """Give a row's own model, tokens and cost."""
    span = tree.spans[row]
    figures = []
    if span is not None and span.model_name:
        figures.append(span.model_name)
    tokens = token_total(tree.own_usage.get(row, {}))
    if tokens is not None:
        figures.append(f"{format_tokens(tokens)} tok")
    return figures


def lost_text(tree: TraceTree) -> str:
    """Say how many spans were never recorded; ``""`` when none is known of."""
    count, why = tree.lost
    if not count:
        return ""
    reason = f" ({_LOST_WHY.get(why, why)})" if why else ""
    return f"{counted(count, 'span')} not recorded{reason}"


def cut_text(cut: Mapping[str, int]) -> str:
    """Say what a payload leaves out, ``""`` when nothing; given its ``cut``."""
    parts = [
        counted(cut[key], one, many) for key, one, many in _CUT_PARTS if cut.get(key)
    ]
    if cut.get("body_bytes"):
        size = format_bytes(cut["body_bytes"])
        parts.append(f"{size} of values")
    return f"not saved here: {', '.join(parts)}" if parts else ""


def recall(tree: TraceTree) -> str:
    """Give the call that fetches the whole trace."""
    return f"spantree.get_trace('{tree.trace.trace_id}')"


def _truncated(span: Span) -> str:
    """Say how many bytes of a span's values were cut when they were recorded."""
    try:
        entries = decode(span.raw_attributes.get(TRUNCATED))
    except DECODE_ERRORS:
        entries = None
    lost = 0
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("unit") == "bytes":
            total, kept = entry.get("total"), entry.get("kept")
            if type(total) is int and type(kept) is int:
                lost += max(0, total - kept)
    return f"truncated, {format_bytes(lost)}" if lost else "truncated"
