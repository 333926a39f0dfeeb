"""What holds of every library's streams, however they end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading

import pytest
from support.ways import CALLS, STREAMS, of

import spantree
from spantree.entities.live_span import LiveSpan
from spantree.integrations import get_library
from spantree.recording.guard import RAISE_INTERNAL_ERRORS, reset_internal_errors

SYNC = [way for way in STREAMS if way[1] == "sync"]
ASYNC = [way for way in STREAMS if way[1] == "async"]
LONG = "@@words=9@@"
SLOW = "@@words=9 chunk_delay=0.2@@"

pytestmark = pytest.mark.filterwarnings(
    "ignore:Resolved model mismatch", "ignore::DeprecationWarning"
)


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog):
    caplog.set_level(logging.WARNING)
    yield
    loud = [r for r in caplog.records if r.name.startswith(("spantree", "opentel"))]
    loud += [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert [record.getMessage() for record in loud] == []


def read(way, parts):
    """Read the first three words, and the space behind them if it comes along."""
    text = ""
    while "word2" not in text:
        text += way.piece(next(parts))
    assert text.strip() == "word0 word1 word2"
    return text


async def aread(way, parts):
    iterator, text = aiter(parts), ""
    while "word2" not in text:
        text += way.piece(await anext(iterator))
    assert text.strip() == "word0 word1 word2"
    return text


async def settle():
    """Let the loop finish the generators that were dropped."""
    for _ in range(5):
        gc.collect()
        await asyncio.sleep(0.01)


def only_span(way, traces, text):
    (trace,) = traces
    (span,) = trace.data.spans
    assert (span.name, span.span_type) == (way.span_name, "CHAT_MODEL")
    assert span.end_time_ns is not None
    assert trace.info.state.value == span.status.status_code.value
    assert span.inputs == way.inputs(text)
    assert span.model_name == way.model
    return span


def assert_left_early(way, traces, said, *ends):
    span = only_span(way, traces, LONG)
    assert span.status.status_code.value == "OK"
    assert span.get_attribute("spantree.stream.end") in ends
    assert way.text(span.outputs) == said
    assert span.events == []


def assert_failed(way, traces, said, name):
    span = only_span(way, traces, SLOW)
    assert span.status.status_code.value == "ERROR"
    assert [event.name for event in span.events] == ["exception"]
    assert span.exception[0] == name
    assert span.get_attribute("spantree.stream.end") == "error"
    assert way.text(span.outputs) == said


@of(STREAMS)
def test_a_stream_that_is_read_to_its_end(way, traces):
    said = way(LONG)
    assert said.split() == [f"word{n}" for n in range(9)]

    span = only_span(way, traces, LONG)
    assert way.text(span.outputs) == said
    assert span.status.status_code.value == "OK"
    assert span.get_attribute("spantree.stream.end") == "exhausted"
    assert span.get_attribute("spantree.stream.first_item_ms") > 0
    assert span.events == []
    assert span.token_usage == way.usage(0, 9)


@of(SYNC)
def test_a_stream_that_is_closed(way, traces):
    parts = way.run(LONG)
    said = read(way, parts)
    parts.close()

    assert_left_early(way, traces, said, "closed")


@of(ASYNC)
async def test_an_asynchronous_stream_that_is_closed(way, traces):
    parts = await way.run(LONG)
    said = await aread(way, parts)
    await getattr(parts, "aclose", getattr(parts, "close", None))()
    await settle()

    assert_left_early(way, traces, said, "closed")


@of(SYNC)
def test_a_stream_that_is_broken_off_and_dropped(way, traces):
    text = ""
    for part in way.run(LONG):
        text += way.piece(part)
        if "word2" in text:
            break
    del part
    gc.collect()

    assert_left_early(way, traces, text, "closed", "garbage_collected")


@of(ASYNC)
async def test_an_asynchronous_stream_that_is_dropped(way, traces):
    parts = await way.run(LONG)
    said = await aread(way, parts)
    del parts
    await settle()

    assert_left_early(way, traces, said, "closed", "garbage_collected")


@of(SYNC)
def test_a_stream_that_nobody_reads(way, traces):
    way.run(LONG)
    gc.collect()

    assert_unread(traces)


@of(ASYNC)
async def test_an_asynchronous_stream_that_nobody_reads(way, traces):
    await way.run(LONG)
    await settle()

    assert_unread(traces)


def assert_unread(traces):
    # A generator that is never started has not asked the model.
    for trace in traces:
        (span,) = trace.data.spans
        assert span.end_time_ns is not None
        assert span.status.status_code.value == "OK"
        assert (span.outputs, span.events) == (None, [])


@pytest.fixture
def _heeds_interrupts():
    """Heed them also where a shell started the tests in its background."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@of(SYNC)
@pytest.mark.usefixtures("_heeds_interrupts")
def test_an_interrupt_while_reading(way, traces):
    main = threading.main_thread().ident
    interrupt = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    parts = way.run(SLOW)
    said = read(way, parts)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes in one of these
        interrupt.start()
        for part in parts:
            said += way.piece(part)
    del parts
    gc.collect()

    assert_failed(way, traces, said, "KeyboardInterrupt")


@of(ASYNC)
async def test_a_cancelled_read(way, traces):
    has_begun, said = asyncio.Event(), []

    async def consume():
        async for part in await way.run(SLOW):
            said.append(way.piece(part))
            if "word2" in said[-1]:
                has_begun.set()

    task = asyncio.create_task(consume())
    await has_begun.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settle()

    assert_failed(way, traces, "".join(said), "CancelledError")


@of(SYNC)
def test_spans_of_the_consumer_are_beside_the_streams(way, traces):
    with spantree.start_span("ask") as ask:
        for _ in way.run(LONG):
            with spantree.start_span("show") as shown:
                assert shown.parent_id == ask.span_id

    (trace,) = traces
    assert {s.parent_id for s in trace.data.spans[1:]} == {ask.span_id}
    assert {s.name for s in trace.data.spans[1:]} == {way.span_name, "show"}


@of([*CALLS, *STREAMS])
def test_what_is_sent_and_given_is_as_without_us(way, provider, traces):
    def observed():
        provider.requests.clear()
        found = asyncio.run(start()) if way.is_async else way.run(LONG)
        if way.is_stream and not way.is_async:
            next(found)
        gc.collect()
        (request,) = provider.requests
        return type(found), request.path, request.headers, request.body

    async def start():
        found = await way.run(LONG)
        if way.is_stream:
            await anext(aiter(found))
        return found

    traced = observed()
    get_library(way.name).autolog(disable=True)

    assert traced == observed()
    assert "traceparent" not in traced[2]
    assert len(traces) == 1


NESTS = [way for way in CALLS if way[0] not in ("openai", "anthropic")]


@of(NESTS)
def test_tokens_are_counted_once_over_a_traced_client(way, traces):
    get_library("openai").autolog()
    try:
        way("number 7")
    finally:
        get_library("openai").autolog(disable=True)

    (trace,) = traces
    reporting = [s for s in trace.data.spans if s.token_usage]
    # What DSPy calls of the client below is not among the methods that are traced.
    assert len(reporting) == (1 if way.name == "dspy" else 2)
    assert reporting[0].name == way.span_name
    assert trace.info.token_usage == reporting[0].token_usage == way.usage(2, 5)
    for span in reporting[1:]:
        usage = span.token_usage
        assert (usage["input_tokens"], usage["output_tokens"]) == (2, 5)


@of([*CALLS, *STREAMS])
@pytest.mark.parametrize("place", ["set_attributes", "set_outputs"])
def test_a_failure_of_ours_stays_ours(way, place, monkeypatch, caplog):
    def broken(*_):
        raise LookupError("ours")

    monkeypatch.delenv(RAISE_INTERNAL_ERRORS, raising=False)
    monkeypatch.setattr(LiveSpan, place, broken)
    assert way("number 7").strip() == "You said: number 7"

    gc.collect()
    reset_internal_errors()
    caplog.clear()
