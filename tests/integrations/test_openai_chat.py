"""Chat completions of the real SDK, answered at once."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel
from support.sdk import sdk

import spantree
from spantree.entities import TraceState
from spantree.integrations import openai as integration
from spantree.recording import reset_internal_errors
from spantree.testing import outline

openai = sdk("openai")


def only_span(traces):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    return span


def test_a_call_becomes_a_span(client, traces, said):
    reply = client.chat.completions.create(**said("Say hello."), temperature=0.5)

    span = only_span(traces)
    assert span.name == "Completions"
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Say hello."}],
        "temperature": 0.5,
    }
    assert span.outputs == reply.to_dict()
    assert traces[0].info.state == TraceState.OK


def test_model_usage_and_parameters_are_attributes(client, traces, said):
    reply = client.chat.completions.create(
        **said("@@cached=2@@ Say hello."), temperature=0.5
    )

    span = only_span(traces)
    assert span.model_name == "gpt-4o-mini"
    assert span.token_usage == {
        "input_tokens": reply.usage.prompt_tokens,
        "output_tokens": reply.usage.completion_tokens,
        "total_tokens": reply.usage.total_tokens,
        "cache_read_input_tokens": 2,
        "reasoning_output_tokens": 0,
    }
    assert span.get_attribute("mlflow.llm.provider") == "openai"
    assert span.get_attribute("mlflow.message.format") == "openai"
    assert span.get_attribute("temperature") == 0.5
    assert span.get_attribute("spantree.llm.request_model") == "gpt-4o-mini"
    assert span.get_attribute("spantree.llm.finish_reasons") == ["stop"]
    assert span.get_attribute("spantree.llm.response_id") == reply.id
    assert span.get_attribute("spantree.llm.system_fingerprint") == "fp_demo"
    assert span.get_attribute("spantree.autolog") == f"openai {openai.__version__}"


async def test_an_asynchronous_call_becomes_a_span(async_client, traces, said):
    reply = await async_client.chat.completions.create(**said("Say hello."))

    span = only_span(traces)
    assert span.name == "AsyncCompletions"
    assert span.outputs == reply.to_dict()
    assert span.token_usage["total_tokens"] == reply.usage.total_tokens


def test_it_nests_under_the_active_span(client, traces, said):
    with spantree.start_span("ask", span_type="CHAIN"):
        client.chat.completions.create(**said("one"))
        client.chat.completions.create(**said("two"))
        assert spantree.get_current_active_span().name == "ask"

    assert outline(traces[0]).splitlines() == [
        "ask CHAIN",
        "  Completions CHAT_MODEL",
        "  Completions CHAT_MODEL",
    ]
    assert spantree.get_current_active_span() is None


async def test_tasks_nest_under_the_span_that_made_them(async_client, traces, said):
    import asyncio

    with spantree.start_span("ask"):
        calls = [async_client.chat.completions.create(**said(t)) for t in "ab"]
        await asyncio.gather(*calls)

    assert [s.name for s in traces[0].data.spans] == ["ask", *["AsyncCompletions"] * 2]
    assert len(traces) == 1


def test_the_tools_are_an_attribute_and_the_calls_outputs(
    client, traces, said, weather_tools
):
    client.chat.completions.create(
        **said("Give me the weather and the time in Paris."), tools=weather_tools
    )

    span = only_span(traces)
    assert span.get_attribute("mlflow.chat.tools") == weather_tools
    message = span.outputs["choices"][0]["message"]
    assert [c["function"]["name"] for c in message["tool_calls"]] == [
        "get_weather",
        "get_time",
    ]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"city": "Paris"}'
    assert span.get_attribute("spantree.llm.finish_reasons") == ["tool_calls"]


def test_messages_of_the_sdk_are_recorded_as_they_are_sent(
    client, provider, traces, said
):
    first = client.chat.completions.create(**said("hello")).choices[0].message
    client.chat.completions.create(
        model="m", messages=[first, {"role": "user", "content": "again"}]
    )

    sent = provider.requests[-1].json["messages"]
    assert traces[1].data.spans[0].inputs["messages"][0]["content"] == first.content
    assert traces[1].data.spans[0].inputs["messages"][0]["role"] == "assistant"
    assert sent[0]["content"] == first.content


def test_inputs_are_a_snapshot(client, traces, said):
    asked = said("before")
    client.chat.completions.create(**asked)
    asked["messages"][0]["content"] = "after"

    assert only_span(traces).inputs["messages"][0]["content"] == "before"


def test_headers_and_sentinels_are_not_inputs(client, traces, said):
    client.chat.completions.create(
        **said("hello"),
        extra_headers={"x-secret": "s"},
        extra_body={"top_k": 3},
        timeout=9,
        seed=openai.NOT_GIVEN,
    )

    assert set(only_span(traces).inputs) == {"model", "messages", "extra_body"}


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_error_status_is_an_error_span(client, traces, said, status):
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**said(f"@@status={status}@@"))

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == type(caught.value).__name__
    assert "told to fail" in span.exception[1]
    assert traces[0].info.state == TraceState.ERROR


@pytest.mark.parametrize("order", ["status=429", "hangup"])
async def test_an_asynchronous_error_is_an_error_span(
    async_client, traces, said, order
):
    with pytest.raises(openai.APIError):
        await async_client.chat.completions.create(**said(f"@@{order}@@"))

    assert only_span(traces).status.status_code == "ERROR"


def test_a_hang_up_is_an_error_span(client, traces, said):
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**said("@@hangup@@"))

    assert only_span(traces).status.status_code == "ERROR"


def test_retries_are_one_span(client, traces, said):
    patient = client.with_options(max_retries=3)
    patient.chat.completions.create(**said("@@status=500 times=2@@ hello"))

    assert only_span(traces).status.status_code == "OK"


async def test_a_cancelled_call_is_an_error_span(async_client, traces, said):
    import asyncio

    call = async_client.chat.completions.create(**said("@@delay=5@@"))
    task = asyncio.create_task(call)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == "CancelledError"


def test_wrong_arguments_raise_as_without_tracing(client, traces):
    with pytest.raises(TypeError, match="Missing required arguments"):
        client.chat.completions.create(model="m")


async def test_wrong_arguments_raise_at_the_call_of_a_coroutine(async_client, traces):
    with pytest.raises(TypeError, match="Missing required arguments"):
        async_client.chat.completions.create(model="m")

    assert len(traces) == 0


class Place(BaseModel):
    city: str


def test_parse_keeps_the_schema_and_what_was_sent(client, traces, said):
    reply = client.chat.completions.parse(**said("I like Paris"), response_format=Place)

    span = only_span(traces)
    assert reply.choices[0].message.parsed == Place(city="Paris")
    assert span.inputs["response_format"]["name"] == "Place"
    assert span.inputs["response_format"]["schema"]["properties"]["city"]
    message = span.outputs["choices"][0]["message"]
    assert message["content"] == '{"city": "Paris"}'
    assert "parsed" not in message


async def test_asynchronous_parse(async_client, traces, said):
    reply = await async_client.chat.completions.parse(
        **said("I like Paris"), response_format=Place
    )

    assert reply.choices[0].message.parsed == Place(city="Paris")
    assert only_span(traces).name == "AsyncCompletions"


def test_a_raw_response_keeps_its_headers_and_gives_outputs(client, traces, said):
    raw = client.chat.completions.with_raw_response.create(**said("hello"))

    assert raw.headers["x-request-id"] == "req_demo"
    assert only_span(traces).outputs == json.loads(raw.text)
    assert raw.parse().to_dict() == only_span(traces).outputs
    assert only_span(traces).token_usage["total_tokens"] > 0


async def test_an_asynchronous_raw_response(async_client, traces, said):
    raw = await async_client.chat.completions.with_raw_response.create(**said("hello"))

    assert raw.parse().to_dict() == only_span(traces).outputs


def test_the_retries_of_a_raw_response_are_an_attribute(client, traces, said):
    patient = client.with_options(max_retries=3)
    patient.chat.completions.with_raw_response.create(**said("@@status=500 times=2@@"))

    assert only_span(traces).get_attribute("spantree.llm.retries") == 2


def test_a_streaming_response_is_recorded_when_the_user_reads_it(client, traces, said):
    calls = client.chat.completions.with_streaming_response
    with calls.create(**said("hello")) as response:
        assert not response.is_closed
        assert traces[0].data.spans[0].end_time_ns is None
        reply = response.parse()

    assert only_span(traces).outputs == reply.to_dict()


def test_a_streaming_response_that_nobody_reads_is_not_read(client, traces, said):
    calls = client.chat.completions.with_streaming_response
    with calls.create(**said("hello")) as response:
        pass

    assert only_span(traces).outputs == {"status_code": 200, "request_id": "req_demo"}
    assert not hasattr(response.http_response, "_content")


def test_lines_of_a_streaming_response_reach_the_user(client, traces, said):
    calls = client.chat.completions.with_streaming_response
    with calls.create(**said("hello")) as response:
        lines = "".join(response.iter_lines())

    assert json.loads(lines)["object"] == "chat.completion"
    assert only_span(traces).status.status_code == "OK"


async def test_an_asynchronous_streaming_response(async_client, traces, said):
    calls = async_client.chat.completions.with_streaming_response
    async with calls.create(**said("hello")) as response:
        reply = await response.json()

    assert only_span(traces).outputs == reply


@pytest.mark.parametrize("stream", [False, True])
def test_requests_are_the_same_with_tracing_off_and_on(client, provider, said, stream):
    def ask():
        asked = said("hello")
        reply = client.chat.completions.create(**asked, stream=stream, logit_bias={})
        kind = type(reply)
        _ = list(reply)
        return kind

    with spantree.start_span("above"):
        traced = ask()
    integration.autolog(disable=True)
    untraced = ask()

    first, second = provider.requests
    assert first == second
    assert traced is untraced


def test_propagate_adds_a_traceparent_and_nothing_else(client, provider, traces, said):
    client.chat.completions.create(**said("hello"))
    integration.autolog(propagate=True)
    client.chat.completions.create(**said("hello"))

    without, with_header = provider.requests
    span = traces[1].data.spans[0]
    expected = f"00-{span.trace_key:032x}-{span.span_key:016x}-01"
    assert with_header.body == without.body
    assert with_header.headers == {**without.headers, "traceparent": expected}


async def test_propagate_reaches_asynchronous_calls(async_client, provider, said):
    integration.autolog(propagate=True)
    given = {"x-mine": "1"}
    await async_client.chat.completions.create(**said("hello"), extra_headers=given)

    assert "traceparent" in provider.requests[0].headers
    assert given == {"x-mine": "1"}


def test_inputs_and_outputs_can_be_left_out(client, traces, said, weather_tools):
    integration.autolog(log_inputs=False, log_outputs=False)
    client.chat.completions.create(**said("hello"), tools=weather_tools)

    span = only_span(traces)
    assert span.inputs is None
    assert span.outputs is None
    assert span.get_attribute("mlflow.chat.tools") is None
    assert span.token_usage["total_tokens"] > 0


def test_nothing_is_recorded_where_tracing_is_off(client, traces, said):
    spantree.tracing.disable()
    try:
        reply = client.chat.completions.create(**said("Say hello."))
    finally:
        spantree.tracing.enable()

    assert reply.choices
    assert len(traces) == 0


def azure_client(kind, provider):
    return kind(
        azure_endpoint=provider.root,
        api_key="k",
        api_version="2024-10-21",
        max_retries=0,
    )


def test_a_client_of_azure(provider, _autolog, traces, said):
    with azure_client(openai.AzureOpenAI, provider) as azure:
        reply = azure.chat.completions.create(**said("hello"))

    span = only_span(traces)
    assert "/deployments/gpt-4o-mini/" in provider.requests[0].path
    assert span.get_attribute("mlflow.llm.provider") == "azure"
    assert span.outputs == reply.to_dict()
    assert span.token_usage["total_tokens"] == reply.usage.total_tokens


async def test_an_asynchronous_client_of_azure(provider, _autolog, traces, said):
    async with azure_client(openai.AsyncAzureOpenAI, provider) as azure:
        stream = await azure.chat.completions.create(**said("hello"), stream=True)
        _ = [chunk async for chunk in stream]

    span = only_span(traces)
    assert span.get_attribute("mlflow.llm.provider") == "azure"
    answer = span.outputs["choices"][0]["message"]["content"]
    assert answer == "Hello! What would you like to know?"


@pytest.mark.parametrize("order", ["@@refuse@@", "@@think=let_me_see@@ hello"])
def test_reasoning_refusal_and_logprobs_are_the_same_when_streamed(
    client, traces, said, order
):
    asked = {**said(order), "logprobs": True, "n": 2}
    client.chat.completions.create(**asked)
    list(client.chat.completions.create(**asked, stream=True))

    at_once, streamed = (trace.data.spans[0].outputs for trace in traces)
    assert streamed == {k: v for k, v in at_once.items() if k != "usage"}


def test_reasoning_and_refusal_are_outputs(client, traces, said):
    client.chat.completions.create(**said("@@think=let_me_see@@ hello"))
    client.chat.completions.create(**said("@@refuse@@"))

    thought, refused = (trace.data.spans[0] for trace in traces)
    message = thought.outputs["choices"][0]["message"]
    assert message["reasoning_content"] == "let me see"
    assert thought.token_usage["reasoning_output_tokens"] == 3
    message = refused.outputs["choices"][0]["message"]
    assert message["refusal"] == "I would rather not."
    assert message["content"] is None


def test_fifty_calls_at_once_are_fifty_traces(client, provider, traces, said):
    from concurrent.futures import ThreadPoolExecutor

    def ask(number):
        call = client.chat.completions.create(**said(f"number {number}"))
        return call.choices[0].message.content

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))

    found = {
        trace.data.spans[0].inputs["messages"][0]["content"]: trace.data.spans[
            0
        ].outputs["choices"][0]["message"]["content"]
        for trace in traces
    }
    assert len(traces) == 50
    assert found == {f"number {n}": answer for n, answer in enumerate(answers)}


async def test_fifty_streams_at_once(async_client, traces, said):
    import asyncio

    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            stream = await async_client.chat.completions.create(
                **said(f"number {number}"), stream=True
            )
            return [chunk async for chunk in stream]

    await asyncio.gather(*map(ask, range(50)))

    assert len(traces) == 50
    for trace in traces:
        root, call = trace.data.spans
        number = root.name.removeprefix("ask ")
        content = call.outputs["choices"][0]["message"]["content"]
        assert content == f"You said: number {number}"
        assert call.parent_id == root.span_id


@pytest.mark.parametrize("where", ["_sdk_calls.request_inputs", "_openai_wire._vendor"])
def test_a_failure_of_ours_before_the_call_is_counted_only(
    client, traces, said, monkeypatch, where
):
    monkeypatch.delenv("SPANTREE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr(f"spantree.integrations.{where}", lambda *_: 1 / 0)
    reply = client.chat.completions.create(**said("hello"))

    assert reply.choices
    assert len(traces) == 0
    assert integration.status().internal_errors == 1
    reset_internal_errors()


def test_a_failure_of_ours_after_the_call_still_ends_the_span(
    client, traces, said, monkeypatch
):
    monkeypatch.delenv("SPANTREE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr(integration._results, "take", lambda *_: 1 / 0)
    reply = client.chat.completions.create(**said("hello"))

    assert reply.choices
    assert only_span(traces).outputs is None
    assert integration.status().internal_errors == 1
    reset_internal_errors()
