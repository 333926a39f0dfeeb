"""Traces made by hand, or merged in from elsewhere: ``log_trace`` and ``add_trace``."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, cast

from spantree.entities.errors import SpantreeException
from spantree.entities.live_span import LiveSpan
from spantree.entities.span import Link, SpanType
from spantree.entities.trace import Trace
from spantree.recording import (
    get_current_active_span,
    guard,
    is_a,
    pairs_of,
    start_span_no_context,
    time_of,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.span import Span

__all__ = ["add_trace", "log_trace"]


def log_trace(
    name: str = "Task",
    request: Any = None,
    response: Any = None,
    intermediate_outputs: Mapping[str, object] | None = None,
    attributes: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    start_time_ms: int | None = None,
    execution_time_ms: int | None = None,
) -> str:
    """Record a trace of work that is already done.

    Args:
        name: The root's name.
        request: Its inputs.
        response: Its outputs.
        intermediate_outputs: Outputs by name; each becomes a child.
        attributes: Attributes of the root.
        tags: Tags of the trace.
        start_time_ms: Milliseconds since 1970; now when left out.
        execution_time_ms: Its duration in milliseconds; 0 when left out.

    Returns:
        The trace's id.
    """
    began = _nanoseconds(start_time_ms)
    began = time.time_ns() if began is None else began
    ended = began + (_nanoseconds(execution_time_ms) or 0)
    root = start_span_no_context(
        name, inputs=request, attributes=attributes, tags=tags, start_time_ns=began
    )
    for child_name, outputs in pairs_of(intermediate_outputs):
        child = start_span_no_context(child_name, parent_span=root, start_time_ns=began)
        child.end(outputs=outputs, end_time_ns=ended)
    root.end(outputs=response, end_time_ns=ended)
    return root.trace_id


def _nanoseconds(milliseconds: object) -> int | None:
    if type(milliseconds) is float and math.isfinite(milliseconds):
        milliseconds = int(milliseconds)
    if type(milliseconds) is int:
        milliseconds *= 1_000_000
    return time_of(milliseconds)


def add_trace(trace: Trace | Mapping[str, Any], target: LiveSpan | None = None) -> None:
    """Merge a finished trace, for example a remote service's answer, into a live one.

    Span ids are kept; the trace id is replaced and kept as a link.

    Args:
        trace: The trace, or its ``to_dict()``.
        target: The span to put it under; the active one when left out. Without either
            it stands under a new root named ``Remote Trace <name>``.
    """
    with guard("add_trace"):
        if not is_a(trace, Trace):
            try:
                trace = Trace.from_dict(cast("Mapping[str, Any]", trace))
            except SpantreeException as error:
                warn("add_trace", "add_trace is left out: %s", error)
                return
        trace = cast("Trace", trace)
        parent = target if is_a(target, LiveSpan) else get_current_active_span()
        if parent is not None:
            _graft(trace, parent)
            return
        spans = trace.data.spans
        if not spans:
            warn("add_trace", "add_trace was given a trace without spans; ignored.")
            return
        root = start_span_no_context(
            f"Remote Trace <{trace.name}>",
            SpanType.UNKNOWN,
            start_time_ns=min(span.start_time_ns for span in spans),
        )
        _graft(trace, root)
        ends = [span.end_time_ns for span in spans if span.end_time_ns is not None]
        root.end(end_time_ns=max(ends) if ends else None)


def _graft(trace: Trace, parent: LiveSpan) -> None:
    if not parent:
        return
    grafted: dict[int, LiveSpan] = {}
    for span in trace.data.spans:
        above = grafted.get(span.parent_key or 0, parent)
        grafted[span.span_key] = _copy(span, above)


def _copy(span: Span, parent: LiveSpan) -> LiveSpan:
    copy = start_span_no_context(
        span.name, span.span_type, parent, start_time_ns=span.start_time_ns
    )
    copy.span_key = span.span_key
    copy.raw_inputs = span.raw_inputs
    copy.raw_attributes = dict(span.raw_attributes)
    copy.raw_events = list(span.raw_events)
    copy.links = [*span.links, Link(span.trace_id, span.span_id)]
    copy.raw_outputs = span.raw_outputs
    copy.status_code = span.status_code
    copy.status_message = span.status_message
    copy.end(end_time_ns=span.end_time_ns)
    return copy
