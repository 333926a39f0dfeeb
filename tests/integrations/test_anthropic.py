"""Messages of Anthropic's real SDK, answered at once."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys

import pytest
from pydantic import BaseModel
from support.sdk import sdk

import spantree
from spantree.integrations import anthropic as integration
from spantree.testing import outline

anthropic = sdk("anthropic")

WEATHER = {
    "name": "get_weather",
    "description": "Tell the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Place(BaseModel):
    city: str


def only_span(traces):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    return span


def sent_by(reply):
    """Give what the provider sent; the SDK adds an id of the request."""
    return {k: v for k, v in reply.to_dict().items() if not k.startswith("_")}


def test_a_message_becomes_a_span(claude, traces, asked):
    reply = claude.messages.create(
        **asked("Say hello."), service_tier="auto", system="Be kind."
    )

    span = only_span(traces)
    assert span.name == "Messages.create"
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs == {
        "model": "claude-opus-4-6",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Say hello."}],
        "service_tier": "auto",
        "system": "Be kind.",
    }
    assert span.outputs == sent_by(reply)
    assert span.model_name == "claude-opus-4-6"
    assert span.get_attribute("mlflow.llm.provider") == "anthropic"
    assert span.get_attribute("mlflow.message.format") == "anthropic"
    assert span.get_attribute("service_tier") == "auto"
    assert span.get_attribute("max_tokens") == 100
    assert span.get_attribute("system") is None
    assert span.get_attribute("spantree.llm.finish_reasons") == ["end_turn"]
    assert span.get_attribute("spantree.llm.response_id") == reply.id
    version = anthropic.__version__
    assert span.get_attribute("spantree.autolog") == f"anthropic {version}"


async def test_an_asynchronous_message(async_claude, traces, asked):
    reply = await async_claude.messages.create(**asked("Say hello."))

    assert only_span(traces).name == "AsyncMessages.create"
    assert only_span(traces).outputs == sent_by(reply)


def test_cached_tokens_are_part_of_the_input(claude, traces, asked):
    reply = claude.messages.create(**asked("@@cached=2@@ one two three"))

    assert reply.usage.input_tokens == 1
    assert only_span(traces).token_usage == {
        "input_tokens": 3,
        "output_tokens": reply.usage.output_tokens,
        "total_tokens": 3 + reply.usage.output_tokens,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 0,
    }


def test_thoughts_and_tool_calls_are_outputs(claude, traces, asked):
    claude.messages.create(
        **asked("@@think=let_me_see@@ The weather in Paris?"), tools=[WEATHER]
    )

    span = only_span(traces)
    thought, call = span.outputs["content"]
    assert thought["type"] == "thinking"
    assert thought["thinking"] == "let me see"
    assert thought["signature"].startswith("sig-")
    assert call["name"] == "get_weather"
    assert call["input"] == {"city": "Paris"}
    assert span.get_attribute("spantree.llm.finish_reasons") == ["tool_use"]
    (tool,) = span.get_attribute("mlflow.chat.tools")
    assert tool == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tell the weather.",
            "parameters": WEATHER["input_schema"],
        },
    }


def test_the_beta_is_the_same(claude, traces, asked):
    reply = claude.beta.messages.create(**asked("hello"), betas=["some-beta"])

    span = only_span(traces)
    assert span.name == "Messages.create"
    assert span.inputs["betas"] == ["some-beta"]
    assert span.outputs == sent_by(reply)


@pytest.mark.parametrize("place", ["messages", "beta.messages"])
def test_parse_keeps_the_schema_and_what_was_sent(claude, traces, asked, place):
    messages = claude.messages if place == "messages" else claude.beta.messages
    reply = messages.parse(**asked("I like Paris"), output_format=Place)

    span = only_span(traces)
    assert reply.parsed_output == Place(city="Paris")
    assert span.name == "Messages.parse"
    assert span.inputs["output_format"]["name"] == "Place"
    assert span.inputs["output_format"]["schema"]["properties"]["city"]
    (block,) = span.outputs["content"]
    assert block == {"type": "text", "text": '{"city": "Paris"}'}


async def test_asynchronous_parse(async_claude, traces, asked):
    reply = await async_claude.messages.parse(
        **asked("I like Paris"), output_format=Place
    )

    assert reply.parsed_output == Place(city="Paris")
    assert only_span(traces).name == "AsyncMessages.parse"


def test_a_tool_runner_is_a_span_a_turn(claude, traces, asked):
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with spantree.start_span("look", span_type="TOOL"):
            return f"sunny in {city}"

    with spantree.start_span("ask"):
        runner = claude.beta.messages.tool_runner(
            **asked("The weather in Paris?"), tools=[get_weather]
        )
        last = runner.until_done()

    assert "sunny in Paris" in last.content[0].text
    assert outline(traces[0]).splitlines() == [
        "ask UNKNOWN",
        "  Messages.create CHAT_MODEL",
        "  look TOOL",
        "  Messages.create CHAT_MODEL",
    ]


async def test_batches_are_ordered(claude, async_claude, traces, asked):
    requests = [{"custom_id": "a", "params": asked("hello")}]
    with spantree.start_span("both"):
        batch = claude.messages.batches.create(requests=requests)
        await async_claude.messages.batches.create(requests=requests)

    _, first, second = traces[0].data.spans
    assert first.name == "Batches.create"
    assert first.span_type == "TOOL"
    assert first.inputs == {"requests": requests}
    assert first.outputs["id"] == batch.id == "msgbatch_demo"
    assert second.name == "AsyncBatches.create"
    assert first.token_usage is None


def test_counting_tokens_is_no_call_of_a_model(claude, traces, asked):
    question = asked("hello")
    del question["max_tokens"]
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.count_tokens(**question)

    assert len(traces) == 0


@pytest.mark.parametrize("status", [400, 429, 500, 529])
def test_an_error_status_is_an_error_span(claude, traces, asked, status):
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(**asked(f"@@status={status}@@"))

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == type(caught.value).__name__
    assert "told to fail" in span.exception[1]


@pytest.mark.parametrize("order", ["status=429", "hangup"])
async def test_an_asynchronous_error_is_an_error_span(
    async_claude, traces, asked, order
):
    with pytest.raises(anthropic.APIError):
        await async_claude.messages.create(**asked(f"@@{order}@@"))

    assert only_span(traces).status.status_code == "ERROR"


async def test_a_cancelled_call_is_an_error_span(async_claude, traces, asked):
    call = async_claude.messages.create(**asked("@@delay=5@@"))
    task = asyncio.create_task(call)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert only_span(traces).exception[0] == "CancelledError"


def test_a_raw_response_keeps_its_headers_and_gives_outputs(claude, traces, asked):
    raw = claude.messages.with_raw_response.create(**asked("hello"))

    assert raw.headers["request-id"] == "req_demo"
    assert only_span(traces).outputs == sent_by(raw.parse())
    assert only_span(traces).token_usage["total_tokens"] > 0


async def test_an_asynchronous_raw_response(async_claude, traces, asked):
    raw = await async_claude.messages.with_raw_response.create(**asked("hello"))

    parsed = raw.parse()
    reply = await parsed if hasattr(parsed, "__await__") else parsed
    assert only_span(traces).outputs == sent_by(reply)


def test_a_streaming_response_is_recorded_when_the_user_reads_it(claude, traces, asked):
    with claude.messages.with_streaming_response.create(**asked("hello")) as response:
        assert traces[0].data.spans[0].end_time_ns is None
        reply = response.parse()

    assert only_span(traces).outputs == sent_by(reply)


async def test_an_asynchronous_streaming_response_that_nobody_reads(
    async_claude, traces, asked
):
    calls = async_claude.messages.with_streaming_response
    async with calls.create(**asked("hello")) as response:
        pass

    assert only_span(traces).outputs == {"status_code": 200, "request_id": "req_demo"}
    assert not hasattr(response.http_response, "_content")


@pytest.mark.parametrize("how", ["create", "stream=True", "stream", "parse"])
def test_requests_are_the_same_with_tracing_off_and_on(claude, provider, asked, how):
    def ask():
        if how == "stream":
            with claude.messages.stream(**asked("hello")) as stream:
                kind = type(stream)
                stream.until_done()
            return kind
        method = claude.messages.parse if how == "parse" else claude.messages.create
        extra = {"stream": True} if how == "stream=True" else {}
        reply = method(**asked("hello"), **extra)
        _ = list(reply)
        return type(reply)

    with spantree.start_span("above"):
        traced = ask()
    integration.autolog(disable=True)
    untraced = ask()

    first, second = provider.requests
    assert first == second
    assert traced is untraced


def test_propagate_adds_a_traceparent_and_nothing_else(claude, provider, traces, asked):
    claude.messages.create(**asked("hello"))
    integration.autolog(propagate=True)
    claude.messages.create(**asked("hello"))

    without, with_header = provider.requests
    span = traces[1].data.spans[0]
    expected = f"00-{span.trace_key:032x}-{span.span_key:016x}-01"
    assert with_header.body == without.body
    assert with_header.headers == {**without.headers, "traceparent": expected}


def test_inputs_and_outputs_can_be_left_out(claude, traces, asked):
    integration.autolog(log_inputs=False, log_outputs=False)
    claude.messages.create(**asked("hello"), tools=[WEATHER])

    span = only_span(traces)
    assert span.inputs is None
    assert span.outputs is None
    assert span.get_attribute("mlflow.chat.tools") is None
    assert span.token_usage["total_tokens"] > 0


def test_a_warning_of_the_sdk_names_the_line_of_the_user(claude, traces, asked):
    resource = importlib.import_module("anthropic.resources.messages.messages")
    old = {**asked("hello"), "model": next(iter(resource.DEPRECATED_MODELS))}
    with pytest.warns(DeprecationWarning) as caught:
        claude.messages.create(**old)

    assert [warning.filename for warning in caught] == [__file__]


def test_disabling_and_enabling_again(claude, traces, asked):
    integration.autolog(disable=True)
    claude.messages.create(**asked("hello"))
    for _ in range(5):
        integration.autolog()
    claude.messages.create(**asked("hello"))

    assert only_span(traces).name == "Messages.create"


def test_every_hook_is_in_place(claude):
    status = integration.status()

    assert status.state == "on"
    assert status.hooks_missing == ()
    assert len(status.hooks_applied) >= 24


def test_enabling_imports_nothing():
    program = """
import sys
from spantree.integrations import anthropic as integration
integration.autolog()
print("anthropic" in sys.modules, integration.status().state)
from spantree import demo
from spantree.testing import recorded_traces
with recorded_traces() as traces:
    demo.client("anthropic").messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "hello"}]
    )
print(integration.status().state, [s.name for t in traces for s in t.data.spans])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.splitlines() == [
        "False waiting for import",
        "on ['Messages.create']",
    ], done.stderr


async def test_fifty_calls_at_once(async_claude, traces, asked):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            return await async_claude.messages.create(**asked(f"number {number}"))

    await asyncio.gather(*map(ask, range(50)))

    assert len(traces) == 50
    for trace in traces:
        root, call = trace.data.spans
        number = root.name.removeprefix("ask ")
        assert call.outputs["content"][0]["text"] == f"You said: number {number}"


def test_what_is_asked_is_json_of_what_is_sent(claude, provider, traces, asked):
    first = claude.messages.create(**asked("hello"))
    claude.messages.create(
        model="m",
        max_tokens=9,
        messages=[
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": "again"},
        ],
    )

    sent = json.loads(provider.requests[-1].body)["messages"]
    assert traces[1].data.spans[0].inputs["messages"] == sent
