"""LlamaIndex with its real OpenAI model, against a provider on this machine."""

from __future__ import annotations

import asyncio
import gc

import pytest
from support.sdk import sdk

import spantree
from spantree.testing import outline

sdk("llama_index.core")

from llama_index.core import Document, MockEmbedding, SummaryIndex, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike
from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent

from spantree.integrations import llama_index as integration
from spantree.integrations import openai as openai_integration

HELLO = [ChatMessage(role="user", content="Say hello.")]


@pytest.fixture(autouse=True)
def _autolog():
    integration.autolog()
    yield
    integration.autolog(disable=True)
    gc.collect()
    assert (len(integration._runs), len(integration._streams)) == (0, 0)
    assert spantree.get_current_active_span() is None


@pytest.fixture
def llm(provider):
    return OpenAILike(
        model="gpt-4o-mini",
        api_base=provider.url,
        api_key="test",
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


@pytest.fixture
def index(llm):
    with spantree.tracing.context(enabled=False):
        return VectorStoreIndex.from_documents(
            [Document(text="Paris is in France.", metadata={"source": "atlas"})],
            embed_model=MockEmbedding(embed_dim=4),
        )


def spans_by_name(trace):
    return {span.name: span for span in trace.data.spans}


def test_a_chat_becomes_a_span(llm, traces):
    reply = llm.chat(HELLO, temperature=0.5)

    (span,) = traces[0].data.spans
    assert (span.name, span.span_type) == ("OpenAILike.chat", "CHAT_MODEL")
    assert span.inputs == {
        "messages": [{"role": "user", "content": "Say hello."}],
        "temperature": 0.5,
    }
    assert span.outputs["message"] == {
        "role": "assistant",
        "content": reply.message.content,
    }
    assert span.outputs["raw"]["id"] == reply.raw.id
    assert span.model_name == "gpt-4o-mini"
    assert span.token_usage["input_tokens"] == reply.raw.usage.prompt_tokens
    assert span.token_usage["output_tokens"] == reply.raw.usage.completion_tokens
    assert span.status.status_code.value == "OK"


async def test_an_asynchronous_chat_becomes_a_span(llm, traces):
    reply = await llm.achat(HELLO)

    (span,) = traces[0].data.spans
    assert (span.name, span.span_type) == ("OpenAILike.achat", "CHAT_MODEL")
    assert span.outputs["message"]["content"] == reply.message.content
    assert span.token_usage["total_tokens"] == reply.raw.usage.total_tokens


def test_a_completion_keeps_its_prompt(llm, traces):
    reply = llm.complete("Say hello.")

    (span,) = traces[0].data.spans
    assert (span.name, span.span_type) == ("OpenAILike.complete", "LLM")
    assert span.inputs == {"prompt": "Say hello."}
    assert span.outputs["text"] == reply.text


def test_the_sdk_below_is_a_child_and_its_tokens_count_once(llm, traces):
    openai_integration.autolog()
    try:
        reply = llm.chat(HELLO)
    finally:
        openai_integration.autolog(disable=True)

    assert outline(traces[0]).splitlines() == [
        "OpenAILike.chat CHAT_MODEL",
        "  Completions CHAT_MODEL",
    ]
    assert traces[0].info.token_usage["total_tokens"] == reply.raw.usage.total_tokens


def test_a_stream_ends_with_its_last_part(llm, traces):
    stream = llm.stream_chat(HELLO)

    assert traces[0].data.spans[0].end_time_ns is None
    assert spantree.get_current_active_span() is None
    parts = list(stream)

    (span,) = traces[0].data.spans
    assert span.outputs["message"]["content"] == parts[-1].message.content
    assert span.get_attribute("spantree.stream.end") == "exhausted"
    assert span.get_attribute("spantree.stream.items") == len(parts)
    assert span.get_attribute("spantree.stream.first_item_ms") > 0
    assert span.status.status_code.value == "OK"


@pytest.mark.parametrize("leave", ["close", "drop", "never read"])
def test_a_stream_left_early_keeps_what_was_read(llm, traces, leave):
    stream = llm.stream_chat(HELLO)
    read = [] if leave == "never read" else [next(stream), next(stream)]
    text = read[-1].message.content if read else None
    if leave == "close":
        stream.close()
    del stream, read
    gc.collect()

    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    assert span.status.status_code.value == "OK"
    assert span.get_attribute("spantree.stream.end") in ("closed", "garbage_collected")
    found = span.outputs and span.outputs["message"]["content"]
    assert found == text


async def test_an_asynchronous_stream_ends_with_its_last_part(llm, traces):
    parts = [part async for part in await llm.astream_chat(HELLO)]

    (span,) = traces[0].data.spans
    assert span.outputs["message"]["content"] == parts[-1].message.content
    assert span.get_attribute("spantree.stream.end") == "exhausted"


async def test_a_cancelled_stream_is_an_error_with_the_partial_text(llm, traces):
    first, seen = asyncio.Event(), []

    async def read():
        said = [ChatMessage(role="user", content="@@words=9 chunk_delay=0.2@@")]
        async for part in await llm.astream_chat(said):
            seen.append(part.delta or "")
            first.set()

    task = asyncio.create_task(read())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "ERROR"
    assert span.exception[0] == "CancelledError"
    assert span.outputs["message"] == {"role": "assistant", "content": "".join(seen)}


def test_an_error_is_raised_as_it_is_and_recorded(llm, provider, traces):
    import openai

    said = [ChatMessage(role="user", content="@@status=429@@ Say hello.")]
    with pytest.raises(openai.RateLimitError):
        llm.chat(said)

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "ERROR"
    assert span.exception[0] == "RateLimitError"


def test_a_query_shows_documents_and_the_model(index, llm, traces):
    reply = index.as_query_engine(llm=llm).query("Where is Paris?")

    (trace,) = traces
    spans = spans_by_name(trace)
    assert trace.data.spans[0].name == "RetrieverQueryEngine.query"
    assert trace.data.spans[0].inputs == {"str_or_query_bundle": "Where is Paris?"}
    assert trace.data.spans[0].outputs["response"] == reply.response
    retrieved = spans["VectorIndexRetriever.retrieve"]
    assert retrieved.span_type == "RETRIEVER"
    (document,) = retrieved.outputs
    assert document == {
        "page_content": "Paris is in France.",
        "metadata": {"source": "atlas"},
        "id": reply.source_nodes[0].node.node_id,
        "score": 1.0,
    }
    assert spans["MockEmbedding.get_query_embedding"].span_type == "EMBEDDING"
    assert spans["MockEmbedding.get_query_embedding"].outputs == [0.5] * 4
    assert spans["OpenAILike.chat"].parent_id == spans["OpenAILike.predict"].span_id
    assert trace.info.token_usage == {
        k: v for k, v in spans["OpenAILike.chat"].token_usage.items()
    }


def test_a_streamed_query_is_one_trace_and_ends_with_its_stream(index, llm, traces):
    reply = index.as_query_engine(llm=llm, streaming=True).query("Where is Paris?")

    assert traces[0].data.spans[0].end_time_ns is None
    text = "".join(reply.response_gen)

    (trace,) = traces
    spans = spans_by_name(trace)
    root = trace.data.spans[0]
    assert root.outputs == {"response": text}
    assert root.end_time_ns is not None
    assert "OpenAILike.stream_chat" in spans
    assert all(span.end_time_ns is not None for span in trace.data.spans)


async def test_an_asynchronous_streamed_query_is_one_trace(index, llm, traces):
    engine = index.as_query_engine(llm=llm, streaming=True)
    reply = await engine.aquery("Where is Paris?")
    parts = [part async for part in reply.async_response_gen()]

    (trace,) = traces
    assert trace.data.spans[0].outputs == {"response": "".join(parts)}
    assert all(span.end_time_ns is not None for span in trace.data.spans)


async def test_an_agent_is_one_trace_with_its_tools(llm, traces):
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with spantree.start_span("look up"):
            return f"sunny in {city}"

    agent = FunctionAgent(tools=[get_weather], llm=llm)
    reply = await agent.run("Give me the weather in Paris.")

    (trace,) = traces
    lines = outline(trace).splitlines()
    assert lines[0] == "FunctionAgent.run AGENT"
    at = lines.index("    FunctionTool.acall TOOL")
    assert lines[at - 1 : at + 2] == [
        "  BaseWorkflowAgent.call_tool CHAIN",
        "    FunctionTool.acall TOOL",
        "      look up UNKNOWN",
    ]
    assert sum("astream_chat CHAT_MODEL" in line for line in lines) == 2
    tool = spans_by_name(trace)["FunctionTool.acall"]
    assert tool.inputs == {"city": "Paris"}
    assert tool.outputs["content"] == "sunny in Paris"
    root = trace.data.spans[0]
    assert root.inputs["start_event"]["user_msg"] == "Give me the weather in Paris."
    assert root.outputs["result"]["response"]["content"] == str(reply)
    model = spans_by_name(trace)["OpenAILike.astream_chat"]
    (tool,) = model.get_attribute("mlflow.chat.tools")
    assert tool["function"]["name"] == "get_weather"


async def test_a_workflow_shows_its_steps_and_their_errors(traces):
    class Failing(Workflow):
        @step
        async def work(self, ev: StartEvent) -> StopEvent:
            with spantree.start_span("inside"):
                raise ValueError(ev.topic)

    with pytest.raises(ValueError, match="jokes"):
        await Failing().run(topic="jokes")

    assert [line.split(".")[-1] for line in outline(traces[0]).splitlines()] == [
        "run CHAIN ERROR",
        "work CHAIN ERROR",
        "    inside UNKNOWN ERROR",
    ]
    assert traces[0].data.spans[0].inputs == {"start_event": {"topic": "jokes"}}


async def test_concurrent_calls_stay_apart(llm, traces):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            await llm.achat([ChatMessage(role="user", content=f"number {number}")])

    await asyncio.gather(*map(ask, range(20)))

    assert len(traces) == 20
    for trace in traces:
        root, child = trace.data.spans
        assert child.parent_id == root.span_id
        said = child.inputs["messages"][0]["content"]
        assert said == root.name.replace("ask", "number")


def test_the_active_span_is_the_parent(index, llm, traces):
    with spantree.start_span("mine"):
        SummaryIndex.from_documents([Document(text="a")]).as_retriever().retrieve("q")

    names = [line.strip().split()[0] for line in outline(traces[0]).splitlines()]
    assert names[0] == "mine"
    assert "SummaryIndexRetriever.retrieve" in names
    assert len(traces) == 1


def test_nothing_is_recorded_once_it_is_disabled(llm, traces):
    integration.autolog(disable=True)
    llm.chat(HELLO)
    integration.autolog()
    integration.autolog()
    llm.chat(HELLO)

    assert len(traces) == 1


def test_inputs_and_outputs_can_be_left_out(llm, traces):
    integration.autolog(log_inputs=False, log_outputs=False)
    llm.chat(HELLO)
    list(llm.stream_chat(HELLO))

    for trace in traces:
        (span,) = trace.data.spans
        assert (span.inputs, span.outputs) == (None, None)
        assert span.model_name == "gpt-4o-mini"
    assert traces[0].data.spans[0].token_usage is not None


def test_an_untraced_context_stays_so(llm, traces):
    with spantree.tracing.context(enabled=False):
        llm.chat(HELLO)

    assert len(traces) == 0


def test_the_requests_are_those_of_an_untraced_run(llm, provider):
    llm.chat(HELLO)
    list(llm.stream_chat(HELLO))
    traced = [request.body for request in provider.requests]
    provider.requests.clear()
    integration.autolog(disable=True)
    llm.chat(HELLO)
    list(llm.stream_chat(HELLO))

    assert traced == [request.body for request in provider.requests]
