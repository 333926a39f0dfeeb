"""Feedback and expectations."""

from __future__ import annotations

from parity.lab import raised, read, scenario


def traced(m):
    with m.start_span("s") as span:
        pass
    m.flush_trace_async_logging()
    return span.trace_id


def kept(m, trace_id, *, all=False):
    found = read(m, trace_id).search_assessments(all=all)
    return sorted(
        [a.name, a.value, a.source.source_type, a.rationale, a.valid] for a in found
    )


@scenario()
def feedback(m):
    trace_id = traced(m)
    m.log_feedback(trace_id=trace_id, name="good", value=True, rationale="why")
    m.log_feedback(trace_id=trace_id, value=0.5)
    return kept(m, trace_id)


@scenario()
def feedback_of_any_kind(m):
    trace_id = traced(m)
    for name, value in (("b", "text"), ("c", [1, 2]), ("d", {"k": 1})):
        m.log_feedback(trace_id=trace_id, name=name, value=value)
    return kept(m, trace_id)


@scenario()
def feedback_from_a_person(m):
    trace_id = traced(m)
    source = m.entities.AssessmentSource(source_type="human", source_id="ada")
    found = m.log_feedback(trace_id=trace_id, value=True, source=source)
    return [found.source.source_type, found.source.source_id, kept(m, trace_id)]


@scenario()
def failed_judgements(m):
    trace_id = traced(m)
    error = m.entities.AssessmentError(error_code="E", error_message="no")
    m.log_feedback(trace_id=trace_id, name="q", error=error)
    m.log_feedback(trace_id=trace_id, name="r", error=ValueError("bad"))
    found = read(m, trace_id).search_assessments()
    return sorted([a.name, a.error_code, a.error_message] for a in found)


@scenario()
def an_expectation(m):
    trace_id = traced(m)
    m.log_expectation(trace_id=trace_id, name="answer", value="42")
    m.log_expectation(trace_id=trace_id, name="facts", value={"a": [1]})
    return kept(m, trace_id)


@scenario()
def an_assessment_read_by_id(m):
    trace_id = traced(m)
    logged = m.log_feedback(trace_id=trace_id, name="good", value=1)
    found = m.get_assessment(trace_id, logged.assessment_id)
    return [found.name, found.feedback.value, type(found).__name__]


@scenario()
def an_updated_assessment(m):
    trace_id = traced(m)
    logged = m.log_feedback(trace_id=trace_id, name="good", value=1)
    change = m.entities.Feedback(name="good", value=2, rationale="again")
    m.update_assessment(trace_id, logged.assessment_id, change)
    return kept(m, trace_id)


@scenario()
def a_deleted_assessment(m):
    trace_id = traced(m)
    logged = m.log_feedback(trace_id=trace_id, name="good", value=1)
    m.delete_assessment(trace_id, logged.assessment_id)
    return kept(m, trace_id)


@scenario()
def an_overridden_feedback(m):
    trace_id = traced(m)
    first = m.log_feedback(trace_id=trace_id, name="good", value=False)
    second = m.override_feedback(
        trace_id=trace_id, assessment_id=first.assessment_id, value=True
    )
    return [
        second.overrides == first.assessment_id,
        kept(m, trace_id),
        kept(m, trace_id, all=True),
    ]


@scenario()
def an_assessment_made_first(m):
    trace_id = traced(m)
    made = m.entities.Expectation(name="answer", value=1)
    m.log_assessment(trace_id, made)
    return kept(m, trace_id)


@scenario()
def an_unknown_trace_can_not_be_judged(m):
    missing = "tr-" + "0" * 31 + "1"
    return raised(lambda: m.log_feedback(trace_id=missing, value=1))


@scenario(
    ours=True,
    why="a feedback without value and error says nothing; the reference stores null",
)
def feedback_needs_a_value_or_an_error(m):
    trace_id = traced(m)
    return raised(lambda: m.log_feedback(trace_id=trace_id, name="x")) is not None


@scenario()
def feedback_in_filters(m):
    trace_id = traced(m)
    traced(m)
    m.log_feedback(trace_id=trace_id, name="good", value=True)
    m.log_expectation(trace_id=trace_id, name="answer", value="42")
    return [
        len(m.search_traces(filter_string=text))
        for text in (
            "feedback.good = 'true'",
            "feedback.good = 'false'",
            "expectation.answer = '42'",
        )
    ]


@scenario()
def source_types(m):
    source = m.entities.AssessmentSource
    return [
        source("human").source_type,
        source("AI_JUDGE").source_type,
        source("code", "x").source_id,
        raised(lambda: source("robot")) is not None,
    ]


@scenario()
def assessments_in_rows(m):
    trace_id = traced(m)
    m.log_feedback(trace_id=trace_id, name="good", value=True, rationale="why")
    row = m.search_traces().iloc[0]["assessments"][0]
    return [sorted(row), row["feedback"], row["source"], row["rationale"]]
