"""AutoGen with its real OpenAI client, against a provider on this machine."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json

import pytest
from support.sdk import sdk

import spantree
from spantree.integrations import autogen as integration
from spantree.integrations import openai as openai_integration
from spantree.integrations._bodies import open_bodies
from spantree.testing import outline

sdk("autogen_agentchat")
sdk("autogen_ext.models.openai")

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import SingleThreadedAgentRuntime
from autogen_core.models import UserMessage
from autogen_core.tools import FunctionTool
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient

pytestmark = pytest.mark.filterwarnings("ignore:Resolved model mismatch")

MODEL = {
    "vision": False,
    "function_calling": True,
    "json_output": True,
    "family": "unknown",
    "structured_output": True,
}


@pytest.fixture(autouse=True)
def _autolog():
    integration.autolog()
    yield
    integration.autolog(disable=True)
    gc.collect()
    assert open_bodies() == 0
    assert spantree.get_current_active_span() is None


@pytest.fixture
async def model(provider):
    made = OpenAIChatCompletionClient(
        model="gpt-4o-mini",
        base_url=provider.url,
        api_key="test",
        max_retries=0,
        model_info=MODEL,
    )
    yield made
    await made.close()


def hello(text="Say hello."):
    return [UserMessage(content=text, source="user")]


def spans_by_name(trace):
    return {span.name: span for span in trace.data.spans}


def get_weather(city: str) -> str:
    """Tell the weather."""
    with spantree.start_span("inside"):
        return f"sunny in {city}"


async def test_a_model_call_becomes_a_span(model, traces):
    reply = await model.create(hello(), extra_create_args={"temperature": 0.5})

    (span,) = traces[0].data.spans
    assert span.name == "OpenAIChatCompletionClient.create"
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs == {
        "messages": [{"role": "user", "content": "Say hello."}],
        "extra_create_args": {"temperature": 0.5},
    }
    assert span.outputs == {
        "message": {"role": "assistant", "content": reply.content},
        "finish_reason": "stop",
    }
    assert span.model_name == "gpt-4o-mini"
    assert span.token_usage == {
        "input_tokens": reply.usage.prompt_tokens,
        "output_tokens": reply.usage.completion_tokens,
        "total_tokens": reply.usage.prompt_tokens + reply.usage.completion_tokens,
    }


async def test_the_sdk_below_is_a_child_and_its_tokens_count_once(model, traces):
    openai_integration.autolog()
    try:
        reply = await model.create(hello())
    finally:
        openai_integration.autolog(disable=True)

    assert outline(traces[0]).splitlines() == [
        "OpenAIChatCompletionClient.create CHAT_MODEL",
        "  AsyncCompletions CHAT_MODEL",
    ]
    assert traces[0].info.token_usage["input_tokens"] == reply.usage.prompt_tokens


async def test_a_stream_ends_with_its_last_part(model, traces):
    parts = [part async for part in model.create_stream(hello())]

    (span,) = traces[0].data.spans
    assert span.name == "OpenAIChatCompletionClient.create_stream"
    assert span.outputs["message"]["content"] == parts[-1].content
    assert span.get_attribute("spantree.stream.end") == "exhausted"
    assert span.get_attribute("spantree.stream.items") == len(parts)
    assert span.token_usage is None


async def test_a_stream_left_early_keeps_what_was_read(model, traces):
    stream = model.create_stream(hello())
    read = [await stream.__anext__(), await stream.__anext__()]
    await stream.aclose()

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "OK"
    assert span.get_attribute("spantree.stream.end") == "closed"
    assert span.outputs["message"]["content"] == "".join(read)


async def test_a_cancelled_stream_is_an_error_with_the_partial_text(model, traces):
    first, seen = asyncio.Event(), []

    async def read():
        async for part in model.create_stream(hello("@@words=9 chunk_delay=0.2@@")):
            seen.append(part)
            first.set()

    task = asyncio.create_task(read())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "ERROR"
    assert span.exception[0] == "CancelledError"
    assert span.outputs == {"message": {"role": "assistant", "content": "".join(seen)}}


@pytest.mark.parametrize("status", [429, 500])
async def test_an_error_is_raised_as_it_is_and_recorded(model, traces, status):
    import openai

    with pytest.raises(openai.APIStatusError):
        await model.create(hello(f"@@status={status}@@"))

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "ERROR"


async def test_an_agent_shows_models_and_tools(model, traces):
    agent = AssistantAgent(
        "helper", model, tools=[get_weather], reflect_on_tool_use=True
    )
    result = await agent.run(task="Give me the weather in Paris.")

    (trace,) = traces
    assert outline(trace).splitlines() == [
        "helper.run AGENT",
        "  OpenAIChatCompletionClient.create CHAT_MODEL",
        "  get_weather TOOL",
        "    inside UNKNOWN",
        "  OpenAIChatCompletionClient.create CHAT_MODEL",
    ]
    root, first, tool, *_ = trace.data.spans
    assert root.inputs == {"task": "Give me the weather in Paris."}
    said = root.outputs["messages"][-1]
    assert (said["source"], said["content"]) == (
        "helper",
        result.messages[-1].content,
    )
    assert (
        first.get_attribute("mlflow.chat.tools")[0]["function"]["name"] == "get_weather"
    )
    (call,) = first.outputs["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert tool.inputs == {"city": "Paris"}
    assert tool.outputs == "sunny in Paris"
    assert tool.get_attribute("tool_call_id") == call["id"]


async def test_a_tool_keeps_its_function_and_the_users_context(traces):
    from contextvars import ContextVar

    mine = ContextVar("mine", default="default")

    def read() -> str:
        return mine.get()

    tool = FunctionTool(read, description="d")
    mine.set("set")
    from autogen_core import CancellationToken

    # A thread of the executor has no copy of the context, traced or not.
    assert await tool.run_json({}, CancellationToken()) == "default"
    assert tool._func is read


async def test_a_streamed_agent_is_one_span(model, traces):
    agent = AssistantAgent("helper", model, model_client_stream=True)
    items = [item async for item in agent.run_stream(task="Say hello.")]

    assert isinstance(items[-1], TaskResult)
    (trace,) = traces
    assert outline(trace).splitlines() == [
        "helper.run_stream AGENT",
        "  OpenAIChatCompletionClient.create_stream CHAT_MODEL",
    ]
    root = trace.data.spans[0]
    assert root.outputs["messages"][-1]["content"] == items[-1].messages[-1].content
    assert root.get_attribute("spantree.stream.items") == len(items)


@pytest.mark.parametrize("has_own_runtime", [False, True])
async def test_a_team_is_one_trace(model, traces, has_own_runtime):
    runtime = None
    if has_own_runtime:
        runtime = SingleThreadedAgentRuntime()
        runtime.start()
    team = RoundRobinGroupChat(
        [AssistantAgent("first", model), AssistantAgent("second", model)],
        termination_condition=MaxMessageTermination(3),
        runtime=runtime,
    )
    result = await team.run(task="Say hello.")
    if runtime is not None:
        await runtime.stop()

    (trace,) = traces
    assert outline(trace).splitlines() == [
        "RoundRobinGroupChat.run AGENT",
        "  first.on_messages_stream AGENT",
        "    OpenAIChatCompletionClient.create CHAT_MODEL",
        "  second.on_messages_stream AGENT",
        "    OpenAIChatCompletionClient.create CHAT_MODEL",
    ]
    root = trace.data.spans[0]
    assert [m["source"] for m in root.outputs["messages"]] == [
        "user",
        "first",
        "second",
    ]
    assert root.outputs["stop_reason"] == result.stop_reason
    used = [s.token_usage for s in trace.data.spans if s.token_usage]
    total = sum(usage["total_tokens"] for usage in used)
    assert trace.info.token_usage["total_tokens"] == total


async def test_a_team_left_early_ends_its_spans(model, traces):
    team = RoundRobinGroupChat([AssistantAgent("first", model)], max_turns=1)
    stream = team.run_stream(task="Say hello.")
    await stream.__anext__()
    await stream.aclose()

    root = traces[0].data.spans[0]
    assert root.status.status_code.value == "OK"
    assert root.get_attribute("spantree.stream.end") == "closed"


async def test_an_agent_can_be_another_ones_tool(model, traces):
    inner = ReplayChatCompletionClient(["inner says"])
    writer = AssistantAgent("writer", inner)
    agent = AssistantAgent("helper", model, tools=[AgentTool(writer)])
    await agent.run(task="@@tool=writer@@ Write.")

    lines = outline(traces[0]).splitlines()
    at = lines.index("  writer TOOL")
    assert lines[at + 1].strip().startswith("writer.run")
    assert lines[at + 1].endswith("AGENT")
    assert "ReplayChatCompletionClient.create" in lines[at + 2]


async def test_classes_defined_later_are_traced_too(traces):
    class Echo(BaseChatAgent):
        produced_message_types = (TextMessage,)

        async def on_messages(self, messages, cancellation_token):
            return Response(chat_message=TextMessage(content="echo", source=self.name))

        async def on_reset(self, cancellation_token):
            pass

    await Echo("echo", "repeats").on_messages([], None)
    await Echo("echo", "repeats").run(task="x")

    assert [trace.data.spans[0].name for trace in traces] == [
        "echo.on_messages",
        "echo.run",
    ]
    assert [len(trace.data.spans) for trace in traces] == [1, 1]


async def test_concurrent_agents_stay_apart(model, traces):
    async def ask(number):
        agent = AssistantAgent(f"agent{number}", model)
        await agent.run(task=f"number {number}")

    await asyncio.gather(*map(ask, range(20)))

    assert len(traces) == 20
    for trace in traces:
        root, call = trace.data.spans
        assert call.parent_id == root.span_id
        assert call.inputs["messages"][-1]["content"] == root.inputs["task"]


def test_methods_stay_what_they_are():
    assert inspect.isasyncgenfunction(AssistantAgent.run_stream)
    assert inspect.iscoroutinefunction(AssistantAgent.run)
    assert list(inspect.signature(AssistantAgent.on_messages).parameters) == [
        "self",
        "messages",
        "cancellation_token",
    ]


async def test_nothing_is_recorded_once_it_is_disabled(model, traces):
    integration.autolog(disable=True)
    await AssistantAgent("helper", model).run(task="x")
    [_ async for _ in model.create_stream(hello())]
    integration.autolog()
    integration.autolog()
    await model.create(hello())

    assert len(traces) == 1


async def test_inputs_and_outputs_can_be_left_out(model, traces):
    integration.autolog(log_inputs=False, log_outputs=False)
    await AssistantAgent("helper", model).run(task="x")

    for span in traces[0].data.spans:
        assert (span.inputs, span.outputs) == (None, None)
    assert traces[0].info.token_usage is not None
