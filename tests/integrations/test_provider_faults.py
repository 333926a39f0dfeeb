"""What goes wrong with a provider, and much at once: the same of every library."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from support.ways import CALLS, STREAMS, STRUCTURED, TOOLS, of

import spantree

WORDS = [f"word{n}" for n in range(9)]
PLACE = {"city": "Paris"}

pytestmark = pytest.mark.filterwarnings(
    "ignore:Resolved model mismatch", "ignore::DeprecationWarning"
)


def model_span(way, trace):
    (span,) = [s for s in trace.data.spans if s.name == way.span_name]
    assert span.span_type == "CHAT_MODEL"
    assert span.model_name == way.model
    assert trace.info.token_usage == span.token_usage
    assert trace.info.state.value == span.status.status_code.value
    return span


def only_span(way, traces):
    (trace,) = traces
    assert [span.name for span in trace.data.spans] == [way.span_name]
    return model_span(way, trace)


def assert_failed(span, error):
    (event,) = [e for e in span.events if e.name == "exception"]
    kind = event.attributes["exception.type"].rpartition(".")[2]
    assert kind == type(error).__name__
    assert event.attributes["exception.message"] == str(error)
    assert span.status.status_code.value == "ERROR"


@of([*CALLS, *STREAMS])
@pytest.mark.parametrize("status", [429, 500])
def test_an_error_status_is_the_span_s_and_the_caller_s(way, traces, status):
    text = f"@@status={status}@@"
    with pytest.raises(Exception, match=str(status)) as caught:  # noqa: PT012
        with spantree.start_span("ask"):
            way(text)

    (trace,) = traces
    root, span = trace.data.spans
    assert (root.name, root.status.status_code.value) == ("ask", "ERROR")
    assert span == model_span(way, trace)
    assert span.parent_id == root.span_id
    assert span.inputs == way.inputs(text)
    assert (span.outputs, span.token_usage) == (None, None)
    assert_failed(span, caught.value)


@of(STREAMS)
def test_a_connection_lost_in_mid_stream_keeps_the_part(way, traces):
    seen = []
    with pytest.raises(Exception) as caught:
        way("@@words=9 drop=6@@", seen)

    span = only_span(way, traces)
    text = way.text(span.outputs)
    assert text == "".join(seen)
    assert text.split() == WORDS[: len(text.split())]
    assert 0 < len(text.split()) < 9
    assert_failed(span, caught.value)


@of(STREAMS)
def test_slow_chunks_are_one_whole_reply(way, traces):
    text = "@@words=9 chunk_delay=0.01@@"
    reply = way(text)

    span = only_span(way, traces)
    assert reply.split() == WORDS
    assert span.inputs == way.inputs(text)
    assert way.text(span.outputs) == reply
    assert span.token_usage == way.usage(0, 9)
    assert span.status.status_code.value == "OK"


@of(CALLS)
def test_a_call_is_one_span_with_all_of_it(way, traces):
    text = way("number 7")

    span = only_span(way, traces)
    assert text == "You said: number 7"
    assert span.inputs == way.inputs("number 7")
    assert way.text(span.outputs) == text
    assert span.token_usage == way.usage(2, 5)
    assert span.status.status_code.value == "OK"


EVERY = [*CALLS, *STREAMS]


@of([way for way in EVERY if way[1] == "sync"])
def test_fifty_threads_at_once_stay_apart(way, traces):
    def ask(number):
        with spantree.start_span(f"ask {number}"):
            return way(f"number {number}")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: copy_context().run(ask, n), range(50)))

    each_has_its_own(way, traces, answers)


@of([way for way in EVERY if way[1] == "async"])
def test_fifty_tasks_at_once_stay_apart(way, traces):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            return await way.whole(f"number {number}")

    async def all_of_them():
        return await asyncio.gather(*map(ask, range(50)))

    each_has_its_own(way, traces, asyncio.run(all_of_them()))


def each_has_its_own(way, traces, answers):
    assert [text.strip() for text in answers] == [
        f"You said: number {n}" for n in range(50)
    ]
    assert len(traces) == 50
    numbers = set()
    for trace in traces:
        root, span = trace.data.spans
        number = int(root.name.removeprefix("ask "))
        numbers.add(number)
        assert span == model_span(way, trace)
        assert span.parent_id == root.span_id
        assert span.inputs == way.inputs(f"number {number}")
        assert way.text(span.outputs) == answers[number]
        assert span.token_usage == way.usage(2, 5)
        assert span.status.status_code.value == "OK"
    assert numbers == set(range(50))


def calls_in(outputs):
    """Find the calls of tools in outputs of any form: pairs of name and arguments."""
    if isinstance(outputs, dict) and "raw" in outputs:
        # LlamaIndex keeps the provider's reply beside what it makes of it.
        assert calls_in(outputs["raw"]) == calls_in(outputs["message"])
        return calls_in(outputs["message"])
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

    span = only_span(way, traces)
    assert "get_weather" in str(call)
    assert calls_in(span.outputs) == [("get_weather", PLACE)]
    (offered,) = span.get_attribute("mlflow.chat.tools")
    assert offered["function"]["name"] == "get_weather"
    assert span.inputs == way.inputs("the weather in Paris")
    assert span.token_usage == way.usage(4, 10)
    assert span.status.status_code.value == "OK"


@of(STRUCTURED)
def test_a_structured_answer(way, traces):
    answer = way("I like Paris")

    (trace,) = traces
    span = model_span(way, trace)
    root = trace.data.spans[0]
    assert answer == PLACE
    assert span.inputs == way.inputs("I like Paris")
    if way.name == "langchain":
        steps = ["RunnableSequence", "ChatOpenAI", "JsonOutputParser"]
        assert [s.name for s in trace.data.spans] == steps
        assert (root.inputs, root.outputs) == ("I like Paris", PLACE)
    if way.name == "llama_index":
        # It asks by a tool, which makes the answer.
        assert calls_in(span.outputs) == [("Place", PLACE)]
        assert root.name == f"StructuredLLM.{'a' * way.is_async}chat"
        assert root.outputs["raw"] == PLACE
        assert span.token_usage == way.usage(3, 10)
    else:
        assert json.loads(way.text(span.outputs)) == PLACE
        assert span.token_usage == way.usage(3, 9)
    assert {s.status.status_code.value for s in trace.data.spans} == {"OK"}
