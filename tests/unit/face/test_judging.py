"""Assessments of running, just ended and stored traces."""

from __future__ import annotations

import pytest

import spantree
from spantree.entities import (
    Assessment,
    AssessmentSource,
    Expectation,
    Feedback,
    Trace,
)
from spantree.exceptions import SpantreeException


@pytest.fixture
def judged():
    """Record a trace: its id."""
    with spantree.start_span("judged") as span:
        pass
    return span.trace_id


def test_a_running_trace_can_be_judged_and_shows_it():
    with spantree.start_span("s") as span:
        spantree.log_feedback(trace_id=span.trace_id, name="good", value=True)
        while_running = spantree.get_trace(span.trace_id).info.assessments
    at_once = spantree.get_trace(span.trace_id).info.assessments
    spantree.flush()
    stored = spantree.get_trace(span.trace_id).info.assessments

    assert [a.name for a in (*while_running, *at_once, *stored)] == ["good"] * 3


def test_the_older_name_of_the_trace_id_works_everywhere():
    with spantree.start_span("s") as span:
        pass
    made = spantree.log_feedback(request_id=span.request_id, value=1)

    found = spantree.get_assessment(
        request_id=span.request_id, assessment_id=made.assessment_id
    )
    spantree.set_trace_tag(request_id=span.request_id, key="k", value=1)

    assert found == made
    assert spantree.get_trace(request_id=span.request_id).info.tags["k"] == "1"


def test_two_spellings_that_differ_are_refused():
    with pytest.raises(SpantreeException, match="name the same thing, but differ"):
        spantree.get_trace("tr-1", request_id="tr-2")


def test_recording_calls_take_the_newer_of_two_spellings():
    client = spantree.TraceClient()
    root = client.start_trace("root")

    client.end_trace(root.trace_id, request_id="tr-" + "0" * 32)

    assert root.end_time_ns is not None


@pytest.mark.parametrize("uri", ["memory:", None])
def test_an_issue_is_a_kind_of_its_own(uri):
    spantree.set_tracking_uri(uri)
    with spantree.start_span("s") as span:
        pass

    made = spantree.log_issue(
        trace_id=span.trace_id, issue_id="i-7", issue_name="Slow", run_id="r"
    )
    spantree.log_feedback(trace_id=span.trace_id, name="i-7", value=True)

    found = spantree.get_assessment(span.trace_id, made.assessment_id)
    assert (found.kind, found.issue_id, found.issue_name) == ("ISSUE", "i-7", "Slow")
    assert found.to_dict()["issue"] == {"issue_name": "Slow"}
    assert Assessment.from_dict(found.to_dict()) == found == made
    trace = spantree.get_trace(span.trace_id)
    assert [a.kind for a in trace.search_assessments(type="feedback")] == ["FEEDBACK"]


def test_positional_arguments_come_in_the_order_of_mlflow():
    source = AssessmentSource("HUMAN", "ada")

    feedback = Feedback("right", True, None, source, "tr-1", {"k": "v"}, "span")
    expectation = Expectation("answer", "Paris", source, "tr-1")

    assert (feedback.value, feedback.error, feedback.source) == (True, None, source)
    assert (feedback.metadata, feedback.span_id) == ({"k": "v"}, "span")
    assert (expectation.value, expectation.source) == ("Paris", source)
    assert Feedback("right", error=ValueError("no")).error.error_code == "ValueError"
    assert Feedback().source.source_type == "CODE"
    assert Expectation().source.source_type == "HUMAN"


def test_assessments_survive_the_json_of_their_trace():
    with spantree.start_span("s") as span:
        pass
    source = AssessmentSource("human", "ada")
    spantree.log_feedback(trace_id=span.trace_id, value=[1, "x"], source=source)
    spantree.log_feedback(trace_id=span.trace_id, name="e", error=ValueError("no"))
    spantree.log_expectation(trace_id=span.trace_id, name="a", value={"b": 1})
    trace = spantree.get_trace(span.trace_id)

    again = Trace.from_json(trace.to_json())

    assert again.info.assessments == trace.info.assessments


def test_assessments_of_mlflow_can_be_read():
    read = Feedback.from_dict(
        {
            "assessment_id": "a-1",
            "assessment_name": "e",
            "trace_id": "tr-1",
            "source": {"source_type": "HUMAN", "source_id": "default"},
            "create_time": "2026-11-21T13:15:37.234Z",
            "last_update_time": "2026-11-21T13:15:37.234Z",
            "expectation": {
                "serialized_value": {
                    "serialization_format": "JSON_FORMAT",
                    "value": '{"a": 1}',
                }
            },
            "valid": True,
        }
    )

    assert (read.kind, read.value) == ("EXPECTATION", {"a": 1})
    assert read.create_time_ms == 1795266937234


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        "null",
        "{",
        '{"info": {}, "data": {}}',
        '{"info": 1, "data": []}',
        "[" * 300 + "]" * 300,
        '{"a":' * 5000,
    ],
)
def test_broken_json_raises_ours_only(broken):
    with pytest.raises(SpantreeException):
        Trace.from_json(broken)


@pytest.mark.parametrize(
    "wrong",
    [
        {"assessment_name": {}},
        {"assessment_id": None},
        {"source": "me"},
        {"source": {"source_type": "HUMAN", "source_id": 5}},
        {"feedback": 1},
        {"feedback": {"error": "no"}},
        {"feedback": {"error": {"error_code": 5}}},
        {"rationale": ["r"]},
        {"metadata": ["a"]},
        {"span_id": 5},
        {"overrides": {"a": 1}},
    ],
)
def test_a_broken_assessment_is_refused_at_once(wrong):
    whole = Feedback("right", True).to_dict()

    with pytest.raises(SpantreeException, match="not an assessment's dict"):
        Assessment.from_dict({**whole, **wrong})


def test_a_broken_attribute_is_refused_at_once():
    with spantree.start_span("s") as span:
        pass
    data = spantree.get_trace(span.trace_id).to_dict()
    data["data"]["spans"][0]["attributes"]["mlflow.spanInputs"] = "{oops"

    with pytest.raises(SpantreeException, match="not a span's dict"):
        Trace.from_dict(data)


@pytest.mark.parametrize(
    "value", [object(), b"x", {1}, [b"x"], {(1, 2): 3}, {"a": object()}]
)
def test_a_value_that_is_no_json_is_refused(judged, value):
    for log in (spantree.log_feedback, spantree.log_expectation):
        with pytest.raises(SpantreeException, match="a bool, a number, text"):
            log(trace_id=judged, name="bad", value=value)

    assert spantree.get_trace(judged).info.assessments == []


@pytest.mark.parametrize("value", [True, 1, 1.5, "t", [1, None], {"a": [1]}, 2**70])
def test_a_value_is_kept_as_it_was(judged, value):
    given = spantree.log_feedback(trace_id=judged, value=value)
    if isinstance(value, list):
        value.append("later")

    (kept,) = spantree.get_trace(judged).info.assessments
    assert kept.assessment_id == given.assessment_id
    assert kept.value == ([1, None] if isinstance(value, list) else value)
    assert (kept.name, kept.source.source_type) == ("feedback", "CODE")
    assert kept.source.source_id == "default"


def test_name_and_kind_of_an_assessment_stay(judged):
    made = spantree.log_feedback(trace_id=judged, name="good", value=1)

    for change in (Feedback("other", 2), Expectation("good", 2)):
        with pytest.raises(SpantreeException, match="name and kind stay"):
            spantree.update_assessment(judged, made.assessment_id, change)
    (kept,) = spantree.get_trace(judged).info.assessments
    assert (kept.name, kept.value) == ("good", 1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda unknown: spantree.log_feedback(trace_id=unknown, value=1),
        lambda unknown: spantree.log_expectation(trace_id=unknown, name="a", value=1),
        lambda unknown: spantree.log_assessment(unknown, Feedback("a", 1)),
        lambda unknown: spantree.log_issue(trace_id=unknown, issue_id="i"),
        lambda unknown: spantree.get_assessment(unknown, "a-1"),
        lambda unknown: spantree.delete_assessment(unknown, "a-1"),
        lambda unknown: spantree.TraceClient().get_trace(unknown),
        lambda unknown: spantree.set_trace_tag(unknown, "k", "v"),
        lambda unknown: spantree.delete_trace_tag(unknown, "k"),
    ],
)
def test_an_unknown_trace_is_named(ask):
    unknown = "tr-" + "9" * 32
    with pytest.raises(SpantreeException, match="9" * 32) as caught:
        ask(unknown)

    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_an_error_may_stand_for_a_value(judged):
    spantree.log_feedback(trace_id=judged, name="failed", error=ValueError("x"))

    (kept,) = spantree.get_trace(judged).info.assessments
    assert (kept.error.error_code, kept.error.error_message) == ("ValueError", "x")
    with pytest.raises(SpantreeException):
        spantree.log_feedback(trace_id=judged, name="neither")


def test_only_valid_feedback_is_found(judged):
    old = spantree.log_feedback(trace_id=judged, name="q", value=True)
    new = spantree.override_feedback(
        trace_id=judged, assessment_id=old.assessment_id, value=False
    )

    assert new.overrides == old.assessment_id
    assert spantree.get_assessment(judged, old.assessment_id).valid is False
    for text, count in (("true", 0), ("'true'", 0), ("false", 1), ("'false'", 1)):
        assert len(spantree.search_traces(f"feedback.q = {text}")) == count
