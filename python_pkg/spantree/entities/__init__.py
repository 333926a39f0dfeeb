"""What a trace is: plain data, to and from dicts; knows no recorder and no store.

Everything here is loaded when it is first used: who records needs little of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spantree.entities.assessment import (
        Assessment,
        AssessmentError,
        AssessmentSource,
        AssessmentSourceType,
        Expectation,
        Feedback,
        IssueReference,
    )
    from spantree.entities.document import Document
    from spantree.entities.experiment import Experiment
    from spantree.entities.live_span import LiveSpan, NoOpSpan
    from spantree.entities.paging import PagedList
    from spantree.entities.session import Session
    from spantree.entities.span import (
        Link,
        Span,
        SpanEvent,
        SpanLogLevel,
        SpanStatus,
        SpanStatusCode,
        SpanType,
    )
    from spantree.entities.trace import (
        MlflowExperimentLocation,
        Trace,
        TraceData,
        TraceInfo,
        TraceLocation,
        TraceState,
    )

_MODULES = {
    "Assessment": "assessment",
    "AssessmentError": "assessment",
    "AssessmentSource": "assessment",
    "AssessmentSourceType": "assessment",
    "Document": "document",
    "Expectation": "assessment",
    "Experiment": "experiment",
    "Feedback": "assessment",
    "IssueReference": "assessment",
    "Link": "span",
    "LiveSpan": "live_span",
    "MlflowExperimentLocation": "trace",
    "NoOpSpan": "live_span",
    "PagedList": "paging",
    "Session": "session",
    "Span": "span",
    "SpanEvent": "span",
    "SpanLogLevel": "span",
    "SpanStatus": "span",
    "SpanStatusCode": "span",
    "SpanType": "span",
    "Trace": "trace",
    "TraceData": "trace",
    "TraceInfo": "trace",
    "TraceLocation": "trace",
    "TraceState": "trace",
}

__all__ = [
    "Assessment",
    "AssessmentError",
    "AssessmentSource",
    "AssessmentSourceType",
    "Document",
    "Expectation",
    "Experiment",
    "Feedback",
    "IssueReference",
    "Link",
    "LiveSpan",
    "MlflowExperimentLocation",
    "NoOpSpan",
    "PagedList",
    "Session",
    "Span",
    "SpanEvent",
    "SpanLogLevel",
    "SpanStatus",
    "SpanStatusCode",
    "SpanType",
    "Trace",
    "TraceData",
    "TraceInfo",
    "TraceLocation",
    "TraceState",
]


def __getattr__(name: str) -> object:
    """Load a name when it is first asked for."""
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = import_module(f"{__name__}.{_MODULES[name]}")
    found: object = getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the names, loaded or not."""
    return sorted(__all__)
