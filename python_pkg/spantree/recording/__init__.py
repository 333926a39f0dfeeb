"""How a running program becomes spans.

`pathlib`, the executors of `threads` and what few programs ask for are imported when
they are first needed: recording does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from spantree.entities.live_span import LiveSpan, NoOpSpan
from spantree.recording.clock import time_ns
from spantree.recording.context import NO_OP
from spantree.recording.decorator import trace
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
from spantree.recording.open_traces import Listener, OpenTraces
from spantree.recording.recorder import RECORDER, Recorder
from spantree.recording.routes import TracingOrderWarning
from spantree.recording.scope import context
from spantree.recording.site import Site, experiment_of, make_site, plain_site
from spantree.recording.span_edits import set_captured
from spantree.recording.spans import (
    get_active_trace_id,
    get_current_active_span,
    start_span,
    start_span_no_context,
    update_current_trace,
)

if TYPE_CHECKING:
    from spantree.recording.expiry import Expiry
    from spantree.recording.live_trace import LiveTrace
    from spantree.recording.processors import processors_set
    from spantree.recording.remote import continue_trace, headers
    from spantree.recording.revival import revive

_LATER = {
    "Expiry": "expiry",
    "LiveTrace": "live_trace",
    "continue_trace": "remote",
    "headers": "remote",
    "processors_set": "processors",
    "revive": "revival",
}

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
    "plain_site",
    "processors_set",
    "reset_internal_errors",
    "revive",
    "set_captured",
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


def __getattr__(name: str) -> object:
    """Load a name when it is first asked for."""
    if name not in _LATER:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found: object = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found
