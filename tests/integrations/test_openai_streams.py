"""Streamed chat completions: whole, broken, and left early."""

from __future__ import annotations

import gc
import weakref

import pytest
from support.sdk import sdk

import spantree
from spantree.entities import TraceState
from spantree.integrations import openai as integration

openai = sdk("openai")

LONG = "@@words=20@@"
ERRORS = (openai.APIError, Exception)


def only_span(traces):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    return span


def ended(traces, how):
    span = only_span(traces)
    assert span.end_time_ns is not None
    assert span.get_attribute("spantree.stream.end") == how
    assert spantree.get_current_active_span() is None
    return span


def content(span):
    return span.outputs["choices"][0]["message"]["content"]


def read(stream, count):
    return "".join(next(stream).choices[0].delta.content or "" for _ in range(count))


def without(reply, *names):
    return {name: value for name, value in reply.items() if name not in names}


def test_a_stream_read_to_its_end(client, traces, said):
    stream = client.chat.completions.create(**said("hello"), stream=True)
    assert type(stream) is openai.Stream
    assert only_span(traces).end_time_ns is None
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    span = ended(traces, "exhausted")
    assert content(span) == text
    assert span.status.status_code == "OK"
    assert span.inputs["stream"] is True
    assert span.get_attribute("spantree.stream.items") == len(text.split()) + 2
    assert span.get_attribute("spantree.stream.first_item_ms") > 0
    assert span.get_attribute("spantree.llm.finish_reasons") == ["stop"]
    assert span.model_name == "gpt-4o-mini"
    assert span.events == []


def test_usage_is_unknown_unless_the_user_asked_for_it(client, provider, traces, said):
    list(client.chat.completions.create(**said("hello"), stream=True))

    assert only_span(traces).token_usage is None
    assert "stream_options" not in provider.requests[0].json


def test_usage_of_the_last_chunk_is_kept(client, traces, said):
    stream = client.chat.completions.create(
        **said("hello"), stream=True, stream_options={"include_usage": True}
    )
    *_, last = stream

    span = only_span(traces)
    assert span.token_usage["total_tokens"] == last.usage.total_tokens
    assert span.token_usage["input_tokens"] == last.usage.prompt_tokens


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("text", ["hello", "the weather and the time in Paris"])
def test_the_outputs_equal_those_of_a_reply_at_once(
    client, traces, said, weather_tools, n, text
):
    asked = {**said(text), "tools": weather_tools, "n": n}
    client.chat.completions.create(**asked)
    list(
        client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
    )

    at_once, streamed = (trace.data.spans[0] for trace in traces)
    assert streamed.outputs == at_once.outputs
    assert streamed.token_usage == at_once.token_usage


def test_chunk_events_are_recorded_when_asked_for(client, traces, said):
    integration.autolog(chunk_events=True)
    chunks = list(client.chat.completions.create(**said("hello"), stream=True))

    events = only_span(traces).events
    names = [f"mlflow.chunk.item.{n}" for n in range(len(chunks))]
    assert [event.name for event in events] == names
    assert events[0].attributes["mlflow.chunk.value"] == chunks[0].to_dict()


def test_a_stream_is_not_current_while_it_is_open(client, traces, said):
    with spantree.start_span("above"):
        stream = client.chat.completions.create(**said("hello"), stream=True)
        next(stream)
        with spantree.start_span("beside"):
            pass
        list(stream)

    above, call, beside = traces[0].data.spans
    assert call.parent_id == above.span_id
    assert beside.parent_id == above.span_id


@pytest.mark.parametrize("leave", ["close", "with", "break", "raise"])
def test_a_stream_closed_early_keeps_what_was_read(client, traces, said, leave):
    stream = client.chat.completions.create(**said(LONG), stream=True)
    if leave == "close":
        read(stream, 4)
        stream.close()
    elif leave == "with":
        with stream:
            read(stream, 4)
    elif leave == "break":
        with stream:
            for number, _ in enumerate(stream, 1):
                if number == 4:
                    break
    else:
        with pytest.raises(KeyError), stream:
            read(stream, 4)
            raise KeyError

    span = ended(traces, "closed")
    assert content(span) == "word0 word1 word2"
    assert span.status.status_code == "OK"
    assert span.get_attribute("spantree.stream.items") == 4


def test_a_dropped_stream_keeps_what_was_read(client, traces, said):
    stream = client.chat.completions.create(**said(LONG), stream=True)
    for number, _ in enumerate(stream, 1):
        if number == 4:
            break
    read_until = spantree.recording.time_ns()
    held = weakref.ref(stream)
    del stream
    gc.collect()

    assert held() is None
    span = ended(traces, "garbage_collected")
    assert content(span) == "word0 word1 word2"
    assert span.status.status_code == "OK"
    assert span.end_time_ns <= read_until
    assert traces[0].info.state == TraceState.OK


def test_a_stream_that_is_never_read(client, traces, said):
    client.chat.completions.create(**said(LONG), stream=True)
    gc.collect()

    span = ended(traces, "garbage_collected")
    assert span.outputs is None
    assert span.status.status_code == "OK"


def test_a_stream_that_is_closed_unread(client, traces, said):
    client.chat.completions.create(**said(LONG), stream=True).close()

    assert ended(traces, "closed").outputs is None


@pytest.mark.parametrize("order", ["drop=4", "fail=4"])
def test_a_stream_that_breaks_keeps_what_was_read(client, traces, said, order):
    stream = client.chat.completions.create(
        **said(f"@@{order} words=20@@"), stream=True
    )
    with pytest.raises(ERRORS) as caught:
        list(stream)

    span = ended(traces, "error")
    assert content(span) == "word0 word1 word2"
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == type(caught.value).__name__
    assert traces[0].info.state == TraceState.ERROR


@pytest.mark.parametrize("order", ["status=429", "status=500", "hangup"])
def test_a_stream_that_is_refused(client, traces, said, order):
    with pytest.raises(openai.APIError):
        client.chat.completions.create(**said(f"@@{order}@@"), stream=True)

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.end_time_ns is not None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_read_is_an_error(client, traces, said, kind):
    stream = client.chat.completions.create(**said(LONG), stream=True)
    read(stream, 4)

    def interrupted():
        raise kind
        yield

    stream._iterator._inner = interrupted()
    with pytest.raises(kind):
        next(stream)

    span = ended(traces, "error")
    assert span.exception[0] == kind.__name__
    assert content(span) == "word0 word1 word2"


def test_the_helper_gives_its_final_completion(client, traces, said):
    with client.chat.completions.stream(**said("hello")) as helper:
        events = list(helper)
        final = helper.get_final_completion()

    span = ended(traces, "exhausted")
    assert events
    assert content(span) == final.choices[0].message.content
    assert "stream_options" not in span.inputs


def test_the_helper_left_early_is_closed(client, traces, said):
    with client.chat.completions.stream(**said(LONG)) as helper:
        next(helper)

    assert ended(traces, "closed").status.status_code == "OK"


def test_a_helper_that_is_never_entered_makes_no_span(client, traces, said):
    client.chat.completions.stream(**said("hello"))

    assert len(traces) == 0


def test_a_raw_response_of_a_stream(client, traces, said):
    raw = client.chat.completions.with_raw_response.create(**said("hello"), stream=True)
    assert raw.headers["x-request-id"] == "req_demo"
    stream = raw.parse()
    assert raw.parse() is stream
    list(stream)

    assert content(ended(traces, "exhausted")).startswith("Hello!")


def test_a_raw_response_of_a_stream_that_is_dropped(client, traces, said):
    raw = client.chat.completions.with_raw_response.create(**said("hello"), stream=True)
    raw.http_response.close()
    del raw
    gc.collect()

    assert only_span(traces).end_time_ns is not None


def test_a_streaming_response_of_a_stream(client, traces, said):
    calls = client.chat.completions.with_streaming_response
    with calls.create(**said(LONG), stream=True) as response:
        read(response.parse(), 4)

    assert content(ended(traces, "closed")) == "word0 word1 word2"


def test_tracing_turned_off_in_the_middle_ends_the_span(client, traces, said):
    stream = client.chat.completions.create(**said("hello"), stream=True)
    next(stream)
    integration.autolog(disable=True)
    list(stream)
    list(client.chat.completions.create(**said("hello"), stream=True))

    assert content(ended(traces, "exhausted")).startswith("Hello!")


def test_nothing_is_kept_alive(client, traces, said):
    stream = client.chat.completions.create(**said("hello"), stream=True)
    first = next(stream)
    watched = [weakref.ref(stream), weakref.ref(first), weakref.ref(stream._iterator)]
    call = stream._iterator.call
    list(stream)
    del stream, first
    gc.collect()

    assert [ref() for ref in watched] == [None, None, None]
    assert call._span is None


def test_the_iterator_offers_what_the_inner_one_does(client, said):
    stream = client.chat.completions.create(**said("hello"), stream=True)

    assert stream._iterator.gi_frame is not None
    with stream:
        assert next(iter(stream)).choices
