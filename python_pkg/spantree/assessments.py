"""Assessments: what people, judges and code say of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree._arguments import asks, read_from
from spantree._runtime import RUNTIME
from spantree._spelling import older_names
from spantree.entities.assessment import (
    Assessment,
    AssessmentError,
    AssessmentSource,
    AssessmentSourceType,
    Expectation,
    Feedback,
    IssueReference,
)
from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, SpantreeException
from spantree.entities.values import encode_exactly, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "delete_assessment",
    "get_assessment",
    "log_assessment",
    "log_expectation",
    "log_feedback",
    "log_issue",
    "override_feedback",
    "update_assessment",
]


_RUN_ID = "mlflow.assessment.sourceRunId"


@older_names(request_id="trace_id")
@asks
def log_feedback(
    *,
    trace_id: str,
    name: str = "feedback",
    value: Any = None,
    source: AssessmentSource | None = None,
    error: AssessmentError | BaseException | str | None = None,
    rationale: str | None = None,
    metadata: Mapping[str, str] | None = None,
    span_id: str | None = None,
) -> Feedback:
    """Say how good a trace, or one of its spans, was.

    Args:
        trace_id: A live or a stored trace.
        name: What is judged.
        value: A number, text, bool, list or dict.
        source: Who judged; code when left out.
        error: Why judging failed, instead of a value.
        rationale: Why.
        metadata: Text by key.
        span_id: The span judged; None for the whole trace.

    Returns:
        The feedback, with its id.

    Raises:
        SpantreeException: If the trace is unknown, or neither value nor error is given.
    """
    if value is None and error is None:
        msg = "log_feedback needs a value, or the error that kept it from being found."
        raise SpantreeException(msg)
    feedback = Feedback(
        name=name,
        source=source or AssessmentSource(AssessmentSourceType.CODE),
        trace_id=trace_id,
        value=value,
        error=error,
        rationale=rationale,
        metadata=dict(metadata or {}),
        span_id=span_id,
    )
    _put(trace_id, feedback)
    return feedback


@older_names(request_id="trace_id")
@asks
def log_expectation(
    *,
    trace_id: str,
    name: str,
    value: Any,
    source: AssessmentSource | None = None,
    metadata: Mapping[str, str] | None = None,
    span_id: str | None = None,
) -> Expectation:
    """Say what the right answer would have been.

    Args:
        trace_id: A live or a stored trace.
        name: What is expected.
        value: Any JSON data.
        source: Who says so; a person when left out.
        metadata: Text by key.
        span_id: The span meant; None for the whole trace.

    Returns:
        The expectation, with its id.

    Raises:
        SpantreeException: If the trace is unknown or the value None.
    """
    if value is None:
        msg = "log_expectation needs a value."
        raise SpantreeException(msg)
    expectation = Expectation(
        name=name,
        source=source or AssessmentSource(AssessmentSourceType.HUMAN),
        trace_id=trace_id,
        value=value,
        metadata=dict(metadata or {}),
        span_id=span_id,
    )
    _put(trace_id, expectation)
    return expectation


@older_names(request_id="trace_id")
@asks
def log_assessment(trace_id: str, assessment: Assessment) -> Assessment:
    """Attach a feedback or an expectation to a trace.

    Raises:
        SpantreeException: If the trace is unknown.
    """
    _put(trace_id, assessment)
    return assessment


@older_names(request_id="trace_id")
@asks
def log_issue(
    *,
    trace_id: str,
    issue_id: str,
    issue_name: str | None = None,
    source: AssessmentSource | None = None,
    run_id: str | None = None,
    rationale: str | None = None,
    metadata: Mapping[str, str] | None = None,
    span_id: str | None = None,
) -> IssueReference:
    """Say that a trace shows a known problem; there is no tracker here.

    Args:
        trace_id: A live or a stored trace.
        issue_id: The problem's id, wherever it is tracked.
        issue_name: What it is called.
        source: Who says so; code when left out.
        run_id: Kept as metadata; there are no runs here.
        rationale: Why.
        metadata: Text by key.
        span_id: The span that shows it; None for the whole trace.

    Returns:
        The pointer to the issue, with its own id.

    Raises:
        SpantreeException: If the trace is unknown.
    """
    given = {} if run_id is None else {_RUN_ID: run_id}
    issue = IssueReference(
        issue_id,
        issue_name,
        source,
        trace_id,
        rationale=rationale,
        metadata={**given, **(metadata or {})},
        span_id=span_id,
    )
    _put(trace_id, issue)
    return issue


@older_names(request_id="trace_id")
@asks
def get_assessment(trace_id: str, assessment_id: str) -> Assessment:
    """Give an assessment of a trace.

    Raises:
        SpantreeException: If the trace or the assessment is unknown.
    """
    for assessment in RUNTIME.require_trace(trace_id).info.assessments:
        if assessment.assessment_id == assessment_id:
            return assessment
    msg = f"Trace {trace_id} has no assessment {assessment_id!r}."
    raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)


@older_names(request_id="trace_id")
@asks
def update_assessment(
    trace_id: str, assessment_id: str, assessment: Assessment
) -> Assessment:
    """Change value, rationale, error or metadata of an assessment.

    Name, kind, source, span, creation time and validity stay.

    Raises:
        SpantreeException: If it is unknown, or name or kind would change.
    """
    known = get_assessment(trace_id, assessment_id)
    if type(known) is not type(assessment) or known.name != assessment.name:
        msg = (
            f"{known.kind.title()} {known.name!r} can't become "
            f"{assessment.kind.lower()} {assessment.name!r}: name and kind stay."
        )
        raise SpantreeException(msg)
    known.value = assessment.value
    known.error = assessment.error
    known.rationale = assessment.rationale or known.rationale
    known.metadata = {**known.metadata, **assessment.metadata}
    known.last_update_time_ms = assessment.last_update_time_ms
    _put(trace_id, known)
    return known


@older_names(request_id="trace_id")
@asks
def delete_assessment(trace_id: str, assessment_id: str) -> None:
    """Delete an assessment; one that it had overridden is valid again.

    Raises:
        SpantreeException: If the trace or the assessment is unknown.
    """
    trace = RUNTIME.require_trace(trace_id)
    if RUNTIME.elsewhere(trace.key) is None:
        RUNTIME.judge(
            trace, lambda store: store.delete_assessment(trace.key, assessment_id)
        )
    if (server := RUNTIME.server()) is not None:
        server.delete_assessment(trace.key, assessment_id)


@older_names(request_id="trace_id")
@asks
def override_feedback(
    *,
    trace_id: str,
    assessment_id: str,
    value: Any,
    rationale: str | None = None,
    source: AssessmentSource | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Feedback:
    """Replace a feedback by a better one; the old one is kept, no longer valid.

    Args:
        trace_id: The trace.
        assessment_id: The feedback to replace.
        value: The better value.
        rationale: Why.
        source: Who says so; code when left out.
        metadata: Text by key.

    Returns:
        The new feedback; its ``overrides`` is the old id.

    Raises:
        SpantreeException: If the trace or the feedback is unknown.
    """
    known = get_assessment(trace_id, assessment_id)
    feedback = Feedback(
        name=known.name,
        source=source or AssessmentSource(AssessmentSourceType.CODE),
        trace_id=trace_id,
        value=value,
        rationale=rationale,
        metadata=dict(metadata or {}),
        span_id=known.span_id,
        overrides=assessment_id,
    )
    _put(trace_id, feedback)
    return feedback


def _put(trace_id: str, assessment: Assessment) -> None:
    trace = RUNTIME.require_trace(trace_id)
    assessment.trace_id = trace_id
    assessment.value = _json_data(assessment.value)
    if (server := RUNTIME.elsewhere(trace.key)) is not None:
        server.put_assessment(trace.key, assessment)
        return
    RUNTIME.judge(trace, lambda store: store.put_assessment(trace.key, assessment))


def _json_data(value: object) -> object:
    """Copy JSON data, so that a later change does not show."""
    return read_from(
        lambda found: loads(encode_exactly(found)),
        value,
        "The value of an assessment is a bool, a number, text, or a list or dict of "
        "these",
    )
