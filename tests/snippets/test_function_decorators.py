"""Function decorators in depth: names, orders, threads, streams, reducers."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import time
from concurrent.futures import ThreadPoolExecutor

import spantree as mlflow
from spantree.entities import SpanType
from spantree.testing import outline


def test_repeated_names_are_numbered_for_the_eye_only(last):
    @mlflow.trace(name="add_1")
    def add_1(x):
        return x + 1

    @mlflow.trace(name="minus_1")
    def minus_1(x):
        return x - 1

    @mlflow.trace(name="trace_test")
    def trace_test(x):
        return minus_1(add_1(add_1(x)))

    assert trace_test(4) == 5

    spans = last().data.spans
    assert [s.name for s in spans] == ["trace_test", "add_1", "add_1", "minus_1"]
    assert [s.display_name for s in spans] == [
        "trace_test",
        "add_1_1",
        "add_1_2",
        "minus_1",
    ]


def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        began = time.perf_counter_ns()
        while time.perf_counter_ns() - began < 2_000_000:
            pass
        return function(*args, **kwargs)

    return wrapper


def test_the_outermost_decorator_measures_the_others(last):
    @mlflow.trace
    @timed
    def outside():
        return 1

    @timed
    @mlflow.trace
    def inside():
        return 1

    outside()
    with_timing = last().data.root
    inside()
    without = last().data.root

    assert with_timing.end_time_ns - with_timing.start_time_ns >= 2_000_000
    assert without.end_time_ns - without.start_time_ns < 2_000_000
    assert (with_timing.name, without.name) == ("outside", "inside")


def test_a_context_per_task(last):
    @mlflow.trace
    def worker(question):
        return f"answer to {question}"

    @mlflow.trace
    def main(questions):
        results = []
        with ThreadPoolExecutor(max_workers=2) as executor:
            for question in questions:
                ctx = contextvars.copy_context()
                results.append(executor.submit(ctx.run, worker, question))
        return [r.result() for r in results]

    main(["a", "b"])

    assert outline(last()).splitlines() == ["main UNKNOWN", *["  worker UNKNOWN"] * 2]


def test_streams_and_reducers(last):
    @mlflow.trace
    def stream_data():
        yield from range(5)

    @mlflow.trace(output_reducer=lambda outputs: ",".join(outputs))
    def stream_text():
        yield from "hello"

    list(stream_data())
    numbers = last().data.root
    list(stream_text())
    text = last().data.root

    assert numbers.outputs == [0, 1, 2, 3, 4]
    assert text.outputs == "h,e,l,l,o"
    assert [e.attributes["mlflow.chunk.value"] for e in text.events] == [
        '"h"',
        '"e"',
        '"l"',
        '"l"',
        '"o"',
    ]


def test_a_stream_left_early_is_reduced_too(last):
    @mlflow.trace(output_reducer=lambda outputs: ",".join(outputs))
    def stream_text():
        yield from "hello"

    for letter in stream_text():
        if letter == "e":
            break

    assert last().data.root.outputs == "h,e"
    assert last().info.state == "OK"


def aggregate_chunks(outputs):
    """Join real chunks into one message, as the guide does."""
    if not outputs:
        return None
    from openai.types.chat import ChatCompletionChunk

    assert all(isinstance(o, ChatCompletionChunk) for o in outputs)
    content = "".join(o.choices[0].delta.content or "" for o in outputs if o.choices)
    return {"role": "assistant", "content": content}


def test_aggregate_chunks(openai_offline, last):
    from openai import OpenAI

    client = OpenAI()

    @mlflow.trace(span_type=SpanType.CHAT_MODEL, output_reducer=aggregate_chunks)
    def stream_chat(prompt):
        yield from client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": prompt}],
            stream=True,
        )

    content = "".join(
        chunk.choices[0].delta.content or ""
        for chunk in stream_chat("Say something.")
        if chunk.choices
    )

    assert last().data.root.outputs == {"role": "assistant", "content": content}
    assert content


def test_aggregate_chunks_of_a_stream_left_early(openai_offline, last):
    from openai import OpenAI

    client = OpenAI()

    @mlflow.trace(output_reducer=aggregate_chunks)
    def stream_chat(prompt):
        yield from client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": prompt}],
            stream=True,
        )

    stream = stream_chat("Say something.")
    next(stream), next(stream)
    stream.close()

    assert last().data.root.outputs["role"] == "assistant"
    assert last().data.root.get_attribute("spantree.stream.end") == "closed"


def test_the_request_id_inside_a_stream(last):
    seen = []

    @mlflow.trace
    def stream():
        if current_span := mlflow.get_current_active_span():
            seen.append(current_span.request_id)
        yield 1

    @mlflow.trace
    async def async_stream():
        if current_span := mlflow.get_current_active_span():
            seen.append(current_span.request_id)
        yield 1

    async def read():
        return [item async for item in async_stream()]

    list(stream())
    first = last().trace_id
    asyncio.run(read())
    second = last().trace_id

    mlflow.tracing.disable()
    list(stream())
    mlflow.tracing.enable()

    assert seen == [first, second]
