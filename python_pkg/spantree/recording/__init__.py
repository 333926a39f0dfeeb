"""How a running program becomes spans.

`pathlib` and the executors of `threads` are imported when they are first needed: they
take 4 ms, which recording does without.
"""

from spantree.entities.live_span import LiveSpan, NoOpSpan
from spantree.recording.clock import time_ns
from spantree.recording.context import NO_OP
from spantree.recording.decorator import trace
from spantree.recording.expiry import Expiry
from spantree.recording.forks import FIRST_USE
from spantree.recording.given import is_a, items_of, pairs_of, text_of, time_of
from spantree.recording.guard import (
    counters,
    guard,
    internal_error_tracebacks,
    internal_errors,
    reset_internal_errors,
    warn,
)
from spantree.recording.live_trace import LiveTrace
from spantree.recording.open_traces import Listener, OpenTraces
from spantree.recording.processors import processors_set
from spantree.recording.recorder import RECORDER, Recorder
from spantree.recording.remote import continue_trace, headers
from spantree.recording.revival import revive
from spantree.recording.routes import TracingOrderWarning
from spantree.recording.scope import context
from spantree.recording.site import Site, experiment_of, make_site
from spantree.recording.spans import (
    get_active_trace_id,
    get_current_active_span,
    start_span,
    start_span_no_context,
    update_current_trace,
)

__all__ = [
    "FIRST_USE",
    "NO_OP",
    "RECORDER",
    "Expiry",
    "Listener",
    "LiveSpan",
    "LiveTrace",
    "NoOpSpan",
    "OpenTraces",
    "Recorder",
    "Site",
    "TracingOrderWarning",
    "context",
    "continue_trace",
    "counters",
    "experiment_of",
    "get_active_trace_id",
    "get_current_active_span",
    "guard",
    "headers",
    "internal_error_tracebacks",
    "internal_errors",
    "is_a",
    "is_enabled",
    "items_of",
    "make_site",
    "pairs_of",
    "processors_set",
    "reset_internal_errors",
    "revive",
    "start_span",
    "start_span_no_context",
    "text_of",
    "time_ns",
    "time_of",
    "trace",
    "update_current_trace",
    "warn",
]


def is_enabled() -> bool:
    """Whether tracing is on in this process."""
    return RECORDER.enabled
