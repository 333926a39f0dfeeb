"""What a trace is: plain data, to and from dicts; knows no recorder and no store.

`pathlib` and `urllib` are imported when they are first needed: they take 3 ms.
"""

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
