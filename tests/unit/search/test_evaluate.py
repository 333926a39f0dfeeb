from __future__ import annotations

import time

import pytest

from spantree.entities import (
    Expectation,
    Feedback,
    SpanStatusCode,
    TraceState,
)
from spantree.search import matches, parse_filter

pytestmark = pytest.mark.filterwarnings("ignore::spantree.search.FilterHint")

START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def trace(make_trace):
    return make_trace(
        0xABCDEF,
        tags={"env": "prod", "n": "12", "flag": "true"},
        trace_metadata={
            "mlflow.trace.session": "s-1",
            "spantree.cell.exec_count": "7",
        },
        client_request_id="req-1",
        assessments=[
            Feedback(name="ok", value=True),
            Feedback(name="score", value=0.5),
            Feedback(name="old", value="bad", valid=False),
            Expectation(name="answer", value="42"),
        ],
        root={
            "raw_inputs": b'{"q": "Wie geht es?"}',
        },
        spans=[
            {
                "name": "chat",
                "span_type": "CHAT_MODEL",
                "raw_attributes": {
                    "mlflow.llm.model": "gpt-4o",
                    "mlflow.chat.tokenUsage": b'{"input_tokens": 10, "output_tokens": 5}',
                    "mlflow.llm.cost": b'{"total_cost": 0.25}',
                    "a.b": 5,
                    "nested": b'{"deep": ["x", {"y": "z"}]}',
                },
            },
            {
                "name": "search",
                "span_type": "TOOL",
                "status_code": SpanStatusCode.ERROR,
                "status_message": "ValueError: no",
            },
        ],
    )


@pytest.mark.parametrize(
    "text",
    [
        "name = 'agent'",
        "name LIKE 'ag%' AND name LIKE '%en%' AND name LIKE '_gent'",
        "name ILIKE 'AGENT'",
        "name RLIKE '^a.*t$'",
        "name CONTAINS 'gen'",
        "status = 'OK' AND state IN ('ok', 'error')",
        "duration > 1s AND duration < 2s AND execution_time = 1500",
        "timestamp = 1700000000000 AND end_time = 1700000001500",
        "trace_id = 'tr-00000000000000000000000000abcdef'",
        "trace_id = '00000000000000000000000000'",
        "client_request_id = 'req-1'",
        "session = 's-1' AND tag.`mlflow.trace.session` = 's-1'",
        "tag.env = 'prod' AND tag.n = 12 AND tag.flag = TRUE",
        "tag.env != 'dev' AND tag.env IS NOT NULL AND tag.none IS NULL",
        "NOT tag.none = 'x'",
        "tokens = 15 AND input_tokens = 10 AND output_tokens BETWEEN 5 AND 6",
        "cost = 0.25",
        "span_count = 3 AND error_count = 1 AND llm_calls = 1",
        "error = 'ValueError: no'",
        "model = 'gpt-4o'",
        "cell = 7",
        "feedback.ok = true AND feedback.ok = 'true' AND feedback.score > 0.1",
        "feedback.old IS NULL AND assessment.answer = '42' AND expectation.answer = 42",
        "span.name = 'chat' AND span.type = 'CHAT_MODEL'",
        "span.name = 'chat' AND span(type = 'TOOL' AND status = 'ERROR')",
        "NOT (span.type = 'AGENT')",
        "span.attributes.a.b = 5 AND span.attributes.nested.deep.1.y = 'z'",
        "span.inputs.q LIKE 'Wie%'",
        "span.content LIKE '%no%'",
        "name = 'x' OR (name = 'agent' AND NOT name = 'y')",
    ],
)
def test_filter_finds_the_trace(trace, text):
    assert matches(parse_filter(text), trace)


@pytest.mark.parametrize(
    "text",
    [
        "name = 'Agent'",
        "name LIKE 'AG%'",
        "name LIKE 'gent'",
        "status = 'ok'",
        "tag.none != 'x'",
        "tag.none NOT IN ('x')",
        "tag.none NOT LIKE 'x'",
        "user = 'u'",
        "user IS NOT NULL",
        "span.name = 'chat' AND span.type = 'TOOL'",
        "feedback.old = 'bad'",
        "NOT span.type = 'TOOL'",
        "tag.env = 5",
    ],
)
def test_filter_does_not_find_the_trace(trace, text):
    assert not matches(parse_filter(text), trace)


def test_tokens_nobody_reported_match_nothing(make_trace):
    silent = make_trace()

    assert not matches(parse_filter("tokens >= 0"), silent)
    assert not matches(parse_filter("tokens < 0"), silent)
    assert matches(parse_filter("tokens IS NULL AND cost IS NULL"), silent)


def test_open_trace_has_no_duration(make_trace):
    trace = make_trace(root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)

    assert matches(parse_filter("duration IS NULL AND state = 'in_progress'"), trace)
    assert not matches(parse_filter("duration < 1h"), trace)


def test_framework_span_over_sdk_span_is_one_call(make_trace):
    trace = make_trace(
        spans=[
            {"name": "ChatOpenAI", "span_type": "CHAT_MODEL"},
            {"name": "create", "span_type": "CHAT_MODEL", "parent_key": 2},
        ]
    )

    assert matches(parse_filter("llm_calls = 1"), trace)


def test_catastrophic_pattern_ends_at_once(make_trace):
    trace = make_trace(root={"name": "a" * 5_000 + "!"})
    begun = time.process_time()

    assert not matches(parse_filter("name RLIKE '^(a+)+$'"), trace)
    assert time.process_time() - begun < 1
