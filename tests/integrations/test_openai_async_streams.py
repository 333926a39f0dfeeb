"""Asynchronous streams of chat completions: whole, broken, and left early."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from support.sdk import sdk

import spantree

openai = sdk("openai")

LONG = "@@words=20@@"


def ended(traces, how):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    assert span.get_attribute("spantree.stream.end") == how
    assert spantree.get_current_active_span() is None
    return span


def content(span):
    return span.outputs["choices"][0]["message"]["content"]


async def start(client, asked):
    return await client.chat.completions.create(**asked, stream=True)


async def read(stream, count):
    for _ in range(count):
        await stream.__anext__()


async def test_a_stream_read_to_its_end(async_client, traces, said):
    stream = await start(async_client, said("hello"))
    assert type(stream) is openai.AsyncStream
    text = "".join([c.choices[0].delta.content or "" async for c in stream])

    span = ended(traces, "exhausted")
    assert span.name == "AsyncCompletions"
    assert content(span) == text
    assert span.get_attribute("spantree.stream.first_item_ms") > 0


async def test_calls_of_tools_equal_those_of_a_reply_at_once(
    async_client, traces, said, weather_tools
):
    asked = {**said("the weather and the time"), "tools": weather_tools, "n": 2}
    await async_client.chat.completions.create(**asked)
    options = {"stream": True, "stream_options": {"include_usage": True}}
    async for _ in await async_client.chat.completions.create(**asked, **options):
        pass

    at_once, streamed = (trace.data.spans[0] for trace in traces)
    assert streamed.outputs == at_once.outputs


@pytest.mark.parametrize("leave", ["close", "with", "break"])
async def test_a_stream_closed_early_keeps_what_was_read(
    async_client, traces, said, leave
):
    stream = await start(async_client, said(LONG))
    if leave == "close":
        await read(stream, 4)
        await stream.close()
    elif leave == "with":
        async with stream:
            await read(stream, 4)
    else:
        async with stream:
            number = 0
            async for _ in stream:
                number += 1
                if number == 4:
                    break

    span = ended(traces, "closed")
    assert content(span) == "word0 word1 word2"
    assert span.status.status_code == "OK"


async def test_a_dropped_stream_keeps_what_was_read(async_client, traces, said):
    stream = await start(async_client, said(LONG))
    await read(stream, 4)
    held = weakref.ref(stream)
    del stream
    gc.collect()
    await asyncio.sleep(0.01)
    gc.collect()

    assert held() is None
    assert content(ended(traces, "garbage_collected")) == "word0 word1 word2"


async def test_a_stream_that_is_never_read(async_client, traces, said):
    await start(async_client, said(LONG))
    gc.collect()

    assert ended(traces, "garbage_collected").outputs is None


@pytest.mark.parametrize("order", ["drop=4", "fail=4"])
async def test_a_stream_that_breaks_keeps_what_was_read(
    async_client, traces, said, order
):
    stream = await start(async_client, said(f"@@{order} words=20@@"))
    with pytest.raises(Exception) as caught:
        await read(stream, 20)

    span = ended(traces, "error")
    assert content(span) == "word0 word1 word2"
    assert span.exception[0] == type(caught.value).__name__
    assert span.status.status_code == "ERROR"


async def test_a_cancelled_read_keeps_what_was_read(async_client, traces, said):
    arrived = asyncio.Event()

    async def consume():
        number = 0
        async for _ in await start(async_client, said("@@chunk_delay=0.05 words=99@@")):
            number += 1
            if number == 3:
                arrived.set()

    task = asyncio.create_task(consume())
    await arrived.wait()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    span = ended(traces, "error")
    assert content(span).startswith("word0 word1")
    assert span.exception[0] == "CancelledError"
    assert span.status.status_code == "ERROR"


async def test_the_helper(async_client, traces, said):
    async with async_client.chat.completions.stream(**said("hello")) as helper:
        final = await helper.get_final_completion()

    assert content(ended(traces, "exhausted")) == final.choices[0].message.content


async def test_the_helper_left_early_is_closed(async_client, traces, said):
    async with async_client.chat.completions.stream(**said(LONG)) as helper:
        await helper.__anext__()

    assert ended(traces, "closed").status.status_code == "OK"


async def test_a_raw_response_of_a_stream(async_client, traces, said):
    calls = async_client.chat.completions.with_raw_response
    raw = await calls.create(**said("hello"), stream=True)
    async for _ in raw.parse():
        pass

    assert content(ended(traces, "exhausted")).startswith("Hello!")


async def test_a_streaming_response_of_a_stream(async_client, traces, said):
    calls = async_client.chat.completions.with_streaming_response
    async with calls.create(**said(LONG), stream=True) as response:
        await read(await response.parse(), 4)

    assert content(ended(traces, "closed")) == "word0 word1 word2"


async def test_nothing_is_kept_alive(async_client, traces, said):
    stream = await start(async_client, said("hello"))
    first = await stream.__anext__()
    watched = [weakref.ref(stream), weakref.ref(first), weakref.ref(stream._iterator)]
    async for _ in stream:
        pass
    del stream, first
    # The loop closes the SDK's own generators first, traced or not.
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)

    assert [ref() for ref in watched] == [None, None, None]
