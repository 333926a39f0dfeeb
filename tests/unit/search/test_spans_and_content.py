from __future__ import annotations

import warnings

import pytest

from spantree.search import FilterError, FilterHint, matches, parse_filter

START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def trace(make_trace):
    return make_trace(
        root={
            "raw_inputs": b'{"messages":[{"role":"user","content":"Where is Bern?"}]}',
            "raw_outputs": {"answer": "in Switzerland"},
        },
        tags={"mlflow.linkedPrompts": '[{"name":"ask","version":"3"}]'},
        spans=[
            {"name": "plan", "span_type": "CHAIN"},
            {
                "name": "search",
                "span_type": "TOOL",
                "parent_key": 2,
                "raw_inputs": "Alps",
            },
            {
                "name": "chat",
                "span_type": "CHAT_MODEL",
                "start_time_ns": START_NS + 5_000_000,
                "raw_attributes": {
                    "mlflow.chat.tokenUsage": b'{"input_tokens":5,"output_tokens":7}'
                },
            },
        ],
    )


@pytest.mark.parametrize(
    "text",
    [
        "inputs.messages[0].content CONTAINS 'Bern'",
        "inputs.messages[0].role = 'user'",
        "outputs.answer LIKE 'in %'",
        "trace.text LIKE '%Alps%'",
        "text MATCH 'bern ALPS'",
        "span.inputs MATCH 'alps'",
        "HAS outputs.answer",
        "HAS span.tokens",
        "NOT HAS tag.nothing",
        "prompt = 'ask/3'",
        "span(type = 'TOOL') UNDER span(name = 'agent')",
        "span(type = 'TOOL') CHILD OF span(name = 'plan')",
        "NOT span(type = 'TOOL') CHILD OF span(name = 'agent')",
        "span(name = 'chat') AFTER span(name = 'search')",
        "NOT span(name = 'search') AFTER span(name = 'chat')",
        "COUNT span(status = 'OK') = 4",
        "count span(type = 'TOOL') < 2 AND COUNT span(type = 'LLM') = 0",
        "COUNT span(type = 'TOOL') != 3",
        "span(depth = 2 AND name = 'search')",
        "span.tokens = 12 AND span.name = 'chat'",
    ],
)
def test_finds(trace, text):
    assert matches(parse_filter(text), trace)


@pytest.mark.parametrize(
    "text",
    [
        "inputs.messages[1].content CONTAINS 'Bern'",
        "text MATCH 'bern Zurich'",
        "HAS inputs.nothing",
        "prompt = 'ask/4'",
        "span(name = 'agent') UNDER span(name = 'plan')",
        "span(type = 'TOOL') CHILD OF span(name = 'agent')",
        "COUNT span(type = 'TOOL') > 1",
        "span(depth = 1 AND name = 'search')",
    ],
)
def test_finds_not(trace, text):
    assert not matches(parse_filter(text), trace)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("inputs[x] = 1", "an index is a number"),
        ("inputs.a[1 = 1", "an index is a number"),
        ("COUNT span(type = 'TOOL') LIKE 3", "is compared with a number"),
        ("COUNT span(type = 'TOOL') > 'x'", "is compared with a number"),
        ("span(type = 'TOOL') UNDER name = 'x'", "is missing here"),
        ("span(type = 'TOOL') CHILD span(name = 'x')", "OF is missing here"),
        ("name.x = 'y'", "unknown field"),
    ],
)
def test_refuses(text, problem):
    with pytest.raises(FilterError, match=problem):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("status = 'ok'", "'OK'"),
        ("span.type = 'tool'", "'TOOL'"),
        ("span(status IN ('Error'))", "'ERROR'"),
    ],
)
def test_doubtful_word_gets_one_hint(text, better):
    with pytest.warns(FilterHint, match=better) as caught:
        parse_filter(text)

    assert [warning.filename for warning in caught] == [__file__]


def test_right_words_get_no_hint():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_filter("status = 'OK' AND state = 'ok' AND span.type = 'my_type'")
