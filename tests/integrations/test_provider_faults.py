"""What goes wrong with a provider, and much at once: the same of every library."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from support.ways import CALLS, STREAMS, STRUCTURED, TOOLS, of

import spantree

WORDS = " ".join(f"word{n}" for n in range(9))

pytestmark = pytest.mark.filterwarnings(
    "ignore:Resolved model mismatch", "ignore::DeprecationWarning"
)


def model_span(trace):
    (span,) = [s for s in trace.data.spans if s.span_type == "CHAT_MODEL"]
    return span


def exception_of(span):
    (event,) = [e for e in span.events if e.name == "exception"]
    return event.attributes["exception.type"].rpartition(".")[2]


@of(CALLS)
@pytest.mark.parametrize("status", [429, 500])
def test_an_error_status_is_the_span_s_and_the_caller_s(way, traces, status):
    with pytest.raises(Exception) as caught, spantree.start_span("ask"):  # noqa: PT012
        way(f"@@status={status}@@")

    (trace,) = traces
    assert [s.name for s in trace.data.spans][0] == "ask"
    span = model_span(trace)
    assert span.parent_id == trace.data.spans[0].span_id
    assert span.status.status_code.value == "ERROR"
    assert exception_of(span) == type(caught.value).__name__
    assert str(status) in span.status.description
    assert (span.outputs, span.token_usage) == (None, None)
    assert trace.info.state.value == "ERROR"


@of(STREAMS)
@pytest.mark.parametrize("status", [429, 500])
def test_an_error_status_of_a_stream(way, traces, status):
    with pytest.raises(Exception) as caught:
        way(f"@@status={status}@@")

    (trace,) = traces
    span = model_span(trace)
    assert span.status.status_code.value == "ERROR"
    assert exception_of(span) == type(caught.value).__name__
    assert trace.info.state.value == "ERROR"


@of(STREAMS)
def test_a_connection_lost_in_mid_stream_keeps_the_part(way, traces):
    with pytest.raises(Exception) as caught:
        way("@@words=9 drop=6@@")

    (trace,) = traces
    span = model_span(trace)
    assert span.status.status_code.value == "ERROR"
    assert exception_of(span) == type(caught.value).__name__
    assert "word0" in str(span.outputs)
    assert "word8" not in str(span.outputs)
    assert trace.info.state.value == "ERROR"


@of(STREAMS)
def test_slow_chunks_are_one_whole_reply(way, traces):
    text = way("@@words=9 chunk_delay=0.01@@")

    (trace,) = traces
    span = model_span(trace)
    assert text.strip() == WORDS
    assert WORDS in str(span.outputs)
    assert span.status.status_code.value == "OK"
    assert span.model_name == way.model
    assert span.token_usage["output_tokens"] == 9
    assert trace.info.token_usage == span.token_usage


@of(CALLS)
def test_a_call_is_one_span_with_all_of_it(way, traces):
    text = way("number 7")

    (trace,) = traces
    span = model_span(trace)
    assert text == "You said: number 7"
    assert "number 7" in str(span.inputs)
    assert text in str(span.outputs)
    assert span.model_name == way.model
    assert span.token_usage == trace.info.token_usage
    assert span.token_usage["total_tokens"] > 0
    assert trace.info.state.value == "OK"


@of([way for way in CALLS if way[1] == "sync"])
def test_fifty_threads_at_once_stay_apart(way, traces):
    def ask(number):
        with spantree.start_span(f"ask {number}"):
            return way(f"number {number}")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: copy_context().run(ask, n), range(50)))

    assert answers == [f"You said: number {n}" for n in range(50)]
    each_has_its_own(traces)


@of([way for way in CALLS if way[1] == "async"])
def test_fifty_tasks_at_once_stay_apart(way, traces):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            return await way.run(f"number {number}")

    async def all_of_them():
        return await asyncio.gather(*map(ask, range(50)))

    assert asyncio.run(all_of_them()) == [f"You said: number {n}" for n in range(50)]
    each_has_its_own(traces)


def each_has_its_own(traces):
    assert len(traces) == 50
    for trace in traces:
        root, span = trace.data.spans[0], model_span(trace)
        number = root.name.removeprefix("ask ")
        assert span.parent_id == root.span_id
        assert f"You said: number {number}" in str(span.outputs)
        assert f"number {number}" in str(span.inputs)
        assert trace.info.token_usage == span.token_usage
        assert span.status.status_code.value == "OK"


def calls_in(outputs):
    """Find the calls of tools in outputs of any form: pairs of name and arguments."""
    if isinstance(outputs, list):
        return [call for item in outputs for call in calls_in(item)]
    if not isinstance(outputs, dict):
        return []
    arguments = outputs.get("arguments", outputs.get("input"))
    if "name" in outputs and arguments is not None:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
        return [(outputs["name"], read)]
    return [call for item in outputs.values() for call in calls_in(item)]


@of(TOOLS)
def test_the_calls_of_tools_are_outputs(way, traces):
    (call,) = way("the weather in Paris")

    (trace,) = traces
    (span,) = trace.data.spans
    assert "get_weather" in str(call)
    assert set(map(str, calls_in(span.outputs))) == {
        "('get_weather', {'city': 'Paris'})"
    }
    assert "the weather in Paris" in str(span.inputs)
    assert span.model_name == way.model
    assert span.token_usage["input_tokens"] == 4
    assert span.token_usage == trace.info.token_usage
    assert span.status.status_code.value == "OK"


@of(STRUCTURED)
def test_a_structured_answer(way, traces):
    answer = way("I like Paris")

    (trace,) = traces
    (span,) = [s for s in trace.data.spans if s.token_usage]
    assert span.span_type == "CHAT_MODEL"
    assert answer == {"city": "Paris"}
    assert "Paris" in str(span.outputs)
    assert span.model_name == way.model
    assert span.token_usage == trace.info.token_usage
    assert trace.info.state.value == "OK"
