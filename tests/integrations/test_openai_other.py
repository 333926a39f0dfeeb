"""Responses, embeddings and legacy completions of the real SDK."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from support.sdk import sdk

import spantree

openai = sdk("openai")


def only_span(traces):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    return span


def test_a_response(client, traces):
    reply = client.responses.create(
        model="gpt-4o", input="hello", instructions="Be kind."
    )

    span = only_span(traces)
    assert span.name == "Responses"
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs["input"] == "hello"
    assert span.outputs == reply.to_dict()
    assert span.token_usage["total_tokens"] == reply.usage.total_tokens
    assert span.get_attribute("spantree.llm.finish_reasons") == ["completed"]
    assert span.get_attribute("instructions") is None


def test_an_incomplete_response_says_why(client, traces):
    client.responses.create(model="m", input="@@length@@ hello")

    reasons = only_span(traces).get_attribute("spantree.llm.finish_reasons")
    assert reasons == ["max_output_tokens"]


async def test_an_asynchronous_response(async_client, traces):
    reply = await async_client.responses.create(model="m", input="hello")

    assert only_span(traces).outputs == reply.to_dict()


def test_the_tools_of_a_response_have_the_form_of_chat(client, traces):
    tool = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}
    client.responses.create(
        model="m",
        input="How is the weather?",
        tools=[{"type": "function", "strict": False, **tool}],
    )

    (seen,) = only_span(traces).get_attribute("mlflow.chat.tools")
    assert seen == {"type": "function", "function": {"strict": False, **tool}}


@pytest.mark.parametrize("text", ["hello", "the weather and the time in Paris"])
def test_a_streamed_response_equals_one_at_once(client, traces, weather_tools, text):
    tools = [{"type": "function", **tool["function"]} for tool in weather_tools]
    asked = {"model": "m", "input": text, "tools": tools}
    client.responses.create(**asked)
    list(client.responses.create(**asked, stream=True))

    at_once, streamed = (trace.data.spans[0] for trace in traces)
    assert streamed.outputs == at_once.outputs
    assert streamed.token_usage == at_once.token_usage


def test_a_streamed_response_left_early_keeps_what_was_read(client, traces):
    with client.responses.create(model="m", input="@@words=9@@", stream=True) as stream:
        for event in stream:
            if getattr(event, "delta", "").strip() == "word2":
                break

    span = only_span(traces)
    assert span.get_attribute("spantree.stream.end") == "closed"
    (item,) = span.outputs["output"]
    assert item["content"] == [{"type": "output_text", "text": "word0 word1 word2"}]
    assert span.outputs["model"] == "m"


async def test_the_helper_of_responses(async_client, traces):
    async with async_client.responses.stream(model="m", input="hello") as helper:
        final = await helper.get_final_response()

    assert only_span(traces).outputs["output"][0]["id"] == final.output[0].id


def test_a_parsed_response(client, traces):
    class Place(BaseModel):
        city: str

    reply = client.responses.parse(model="m", input="I like Paris", text_format=Place)

    span = only_span(traces)
    assert reply.output_parsed == Place(city="Paris")
    assert span.inputs["text_format"]["name"] == "Place"
    assert "parsed" not in span.outputs["output"][0]["content"][0]


def test_embeddings(client, traces):
    reply = client.embeddings.create(model="text-embedding-3-small", input=["a", "b c"])

    span = only_span(traces)
    assert span.name == "Embeddings"
    assert span.span_type == "EMBEDDING"
    assert span.inputs["input"] == ["a", "b c"]
    assert len(span.outputs["data"][1]["embedding"]) == 64
    assert span.outputs["data"][1]["embedding"] == reply.data[1].embedding
    assert span.token_usage == {"input_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize("form", ["float", "base64"])
def test_long_vectors_are_kept_by_their_head(client, traces, form):
    reply = client.embeddings.create(
        model="m", input=["hello world"] * 3, dimensions=1536, encoding_format=form
    )

    vector = only_span(traces).outputs["data"][2]["embedding"]
    assert vector["$type"] == "embedding"
    assert vector["dimensions"] == 1536
    assert len(vector["head"]) == 8
    if form == "float":
        assert vector["head"] == reply.data[2].embedding[:8]


async def test_asynchronous_embeddings(async_client, traces):
    await async_client.embeddings.create(model="m", input="a")

    assert only_span(traces).name == "AsyncEmbeddings"


def test_legacy_completions(client, traces):
    reply = client.completions.create(model="m", prompt="hello")
    stream = client.completions.create(model="m", prompt="hello", stream=True)
    text = "".join(chunk.choices[0].text for chunk in stream)

    at_once, streamed = (trace.data.spans[0] for trace in traces)
    assert at_once.span_type == "LLM"
    assert at_once.outputs == reply.to_dict()
    assert streamed.outputs["choices"] == at_once.outputs["choices"]
    assert text == reply.choices[0].text


def test_a_list_of_models_is_no_span(client, traces):
    with spantree.start_span("list"):
        client.models.list()

    assert only_span(traces).name == "list"
