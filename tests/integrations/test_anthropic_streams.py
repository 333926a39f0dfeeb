"""Streams of Anthropic's real SDK: raw, and through the helper."""

from __future__ import annotations

import asyncio
import gc

import pytest
from support.sdk import sdk

import spantree

anthropic = sdk("anthropic")

TOOLS = [
    {
        "name": name,
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    for name in ("get_weather", "get_time")
]
QUESTION = "@@think=let_me_see@@ The weather and the time in Paris?"


def only_span(traces):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    return span


def text_of(span):
    return span.outputs["content"][-1]["text"]


@pytest.mark.parametrize("text", ["hello", "@@refuse@@", QUESTION])
@pytest.mark.parametrize("place", ["messages", "beta.messages"])
def test_a_stream_equals_an_answer_at_once(claude, traces, asked, text, place):
    messages = claude.messages if place == "messages" else claude.beta.messages
    messages.create(**asked(text), tools=TOOLS)
    stream = messages.create(**asked(text), tools=TOOLS, stream=True)
    assert isinstance(stream, anthropic.Stream)
    events = list(stream)
    with messages.stream(**asked(text), tools=TOOLS) as helper:
        helper.until_done()

    at_once, raw, helped = (trace.data.spans[0] for trace in traces)
    assert raw.outputs == helped.outputs == at_once.outputs
    assert raw.token_usage == helped.token_usage == at_once.token_usage
    assert [s.name for s in (at_once, raw, helped)] == [
        "Messages.create",
        "Messages.create",
        "Messages.stream",
    ]
    assert raw.get_attribute("spantree.stream.end") == "exhausted"
    assert raw.get_attribute("spantree.stream.items") == len(events)
    assert raw.get_attribute("spantree.stream.first_item_ms") > 0
    assert raw.get_attribute("stream") is True


async def test_asynchronous_streams_equal_an_answer_at_once(
    async_claude, traces, asked
):
    await async_claude.messages.create(**asked(QUESTION), tools=TOOLS)
    stream = await async_claude.messages.create(
        **asked(QUESTION), tools=TOOLS, stream=True
    )
    assert isinstance(stream, anthropic.AsyncStream)
    _ = [event async for event in stream]
    async with async_claude.messages.stream(**asked(QUESTION), tools=TOOLS) as helper:
        final = await helper.get_final_message()
    async with async_claude.beta.messages.stream(
        **asked(QUESTION), tools=TOOLS
    ) as helper:
        await helper.until_done()

    at_once, *streamed = (trace.data.spans[0] for trace in traces)
    assert final.content[-1].name == "get_time"
    assert [span.outputs for span in streamed] == [at_once.outputs] * 3
    assert [span.token_usage for span in streamed] == [at_once.token_usage] * 3


def test_the_helper_keeps_its_helpers(claude, traces, asked):
    with claude.messages.stream(**asked("hello")) as stream:
        kind = type(stream)
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert kind is anthropic.MessageStream
    assert final.content[0].text == text == text_of(only_span(traces))
    assert stream.get_final_text() == text


def test_a_request_is_sent_and_begins_when_the_manager_is_entered(
    claude, provider, traces, asked
):
    manager = claude.messages.stream(**asked("hello"))
    assert len(traces) == 0
    assert not provider.requests
    with spantree.start_span("above"), manager as stream:
        stream.until_done()

    root, call = traces[0].data.spans
    assert call.parent_id == root.span_id
    assert spantree.get_current_active_span() is None


def test_a_manager_that_is_never_entered_leaves_nothing(claude, traces, asked):
    claude.messages.stream(**asked("hello"))

    assert len(traces) == 0


@pytest.mark.parametrize("how", ["raw", "helper"])
def test_a_stream_that_is_left_early_is_closed_and_ok(claude, traces, asked, how):
    order = asked("@@words=9@@")
    made = (
        claude.messages.create(**order, stream=True)
        if how == "raw"
        else claude.messages.stream(**order)
    )
    with made as stream:
        for event in stream:
            if getattr(getattr(event, "delta", None), "text", "") == " word2":
                break

    span = only_span(traces)
    assert span.get_attribute("spantree.stream.end") == "closed"
    assert span.status.status_code == "OK"
    assert text_of(span) == "word0 word1 word2"


def test_a_dropped_stream_is_collected_and_ok(claude, traces, asked):
    stream = claude.messages.create(**asked("@@words=9@@"), stream=True)
    for _ in range(5):
        next(stream)
    del stream
    gc.collect()

    span = only_span(traces)
    assert span.get_attribute("spantree.stream.end") == "garbage_collected"
    assert span.status.status_code == "OK"
    assert text_of(span) == "word0 word1 word2"


def test_a_stream_that_is_never_read_has_no_outputs(claude, traces, asked):
    with claude.messages.create(**asked("hello"), stream=True):
        pass

    assert only_span(traces).outputs is None
    assert only_span(traces).status.status_code == "OK"


@pytest.mark.parametrize("order", ["fail=5", "drop=5"])
@pytest.mark.parametrize("how", ["raw", "helper"])
def test_a_failing_stream_is_an_error_with_the_partial_text(
    claude, traces, asked, order, how
):
    text = asked(f"@@words=9 {order}@@")
    made = (
        claude.messages.create(**text, stream=True)
        if how == "raw"
        else claude.messages.stream(**text)
    )
    with pytest.raises(Exception) as caught, made as stream:
        list(stream)

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == type(caught.value).__name__
    assert span.get_attribute("spantree.stream.end") == "error"
    assert text_of(span).startswith("word0")


def test_an_error_status_when_the_manager_is_entered(claude, traces, asked):
    manager = claude.messages.stream(**asked("@@status=429@@"))
    with pytest.raises(anthropic.RateLimitError), manager:
        pass

    assert only_span(traces).name == "Messages.stream"
    assert only_span(traces).status.status_code == "ERROR"


async def test_a_cancelled_stream_is_an_error_with_the_partial_text(
    async_claude, traces, asked
):
    began = asyncio.Event()

    async def read():
        order = asked("@@words=9 chunk_delay=0.05@@")
        async with async_claude.messages.stream(**order) as stream:
            async for _ in stream.text_stream:
                began.set()

    task = asyncio.create_task(read())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == "CancelledError"
    assert text_of(span).startswith("word0")


async def test_an_asynchronous_stream_left_early(async_claude, traces, asked):
    stream = await async_claude.messages.create(**asked("@@words=9@@"), stream=True)
    async with stream:
        async for event in stream:
            if getattr(getattr(event, "delta", None), "text", "") == " word2":
                break

    span = only_span(traces)
    assert span.get_attribute("spantree.stream.end") == "closed"
    assert text_of(span) == "word0 word1 word2"


def test_the_consumers_own_error_is_not_the_streams(claude, traces, asked):
    with (
        pytest.raises(ZeroDivisionError),
        claude.messages.stream(**asked("hello")) as stream,
    ):
        next(iter(stream))
        _ = 1 / 0

    span = only_span(traces)
    assert span.status.status_code == "OK"
    assert span.get_attribute("spantree.stream.end") == "closed"


def test_a_cut_off_tool_input_stays_text(claude, traces, asked):
    with claude.messages.create(
        **asked("The weather in Paris?"), tools=TOOLS, stream=True
    ) as stream:
        for event in stream:
            if getattr(event, "delta", None) is not None:
                break

    (block,) = only_span(traces).outputs["content"]
    assert block["name"] == "get_weather"
    assert block["input"] == '{"city":'


def test_chunk_events_on_request(claude, traces, asked):
    from spantree.integrations import anthropic as integration

    integration.autolog(chunk_events=True)
    events = list(claude.messages.create(**asked("hello"), stream=True))

    assert len(only_span(traces).events) == len(events)


def test_a_raw_streaming_response(claude, traces, asked):
    raw = claude.messages.with_raw_response.create(**asked("hello"), stream=True)
    assert raw.headers["request-id"] == "req_demo"
    list(raw.parse())

    assert only_span(traces).get_attribute("spantree.stream.end") == "exhausted"
    assert text_of(only_span(traces)) == "Hello! What would you like to know?"
