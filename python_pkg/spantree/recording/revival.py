"""Open traces that were set aside, and that are gone on with by their ids alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree.entities.live_span import LiveSpan
from spantree.entities.preview import preview
from spantree.entities.trace import SESSION, TRACE_NAME, USER
from spantree.recording.live_trace import LiveTrace
from spantree.recording.publish import COST_PARTIAL

if TYPE_CHECKING:
    from spantree.entities.trace import Trace
    from spantree.recording.recorder import Recorder

# What publishing computes begins like this; session and user do, too, but are told.
_COMPUTED = "mlflow.trace"


def revive(trace: Trace, recorder: Recorder) -> LiveTrace:
    """Make a live trace of a stored one, held as any that has an open span.

    Args:
        trace: As the store gives it, with all its spans.
        recorder: Who is told when it ends.
    """
    info = trace.info
    nobody: Any = None
    spans = [LiveSpan.of(span, nobody) for span in trace.data.spans]
    root = spans[0]
    live = LiveTrace(recorder, trace.key, info.experiment_id, root)
    live.spans = [*spans]
    for span in spans:
        span.owner = live
    if root.end_time_ns is not None:
        live.open_after_root = {span for span in spans if span.end_time_ns is None}
    live.tags = {
        key: text
        for key, text in info.tags.items()
        if key != TRACE_NAME or text != root.name
    }
    live.metadata = {
        key: text
        for key, text in info.trace_metadata.items()
        if key in (SESSION, USER) or not key.startswith((_COMPUTED, COST_PARTIAL))
    }
    live.client_request_id = info.client_request_id
    if info.request_preview != preview(root.raw_inputs, "user"):
        live.request_preview = info.request_preview
    if info.response_preview != preview(root.raw_outputs, "assistant"):
        live.response_preview = info.response_preview
    recorder.traces.reopened(live)
    return live
