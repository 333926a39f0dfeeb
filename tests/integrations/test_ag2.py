"""AG2 with its real clients of models, against a provider on this machine."""

from __future__ import annotations

import asyncio

import pytest
from support.sdk import sdk

import spantree
from spantree.integrations import ag2 as integration
from spantree.testing import outline

sdk("ag2")
config = sdk("ag2.config.anthropic")

from ag2 import Agent

QUESTION = "Give me the weather in Paris."


@pytest.fixture(autouse=True)
def _autolog():
    integration.autolog()
    yield
    integration.autolog(disable=True)
    assert spantree.get_current_active_span() is None


def get_weather(city: str) -> str:
    """Tell the weather."""
    with spantree.start_span("inside"):
        if city == "Atlantis":
            raise LookupError(city)
        return f"sunny in {city}"


@pytest.fixture
def agent(provider):
    model = config.AnthropicConfig(
        model="claude-opus-4-6",
        api_key="k",
        base_url=provider.root,
        max_tokens=100,
        max_retries=0,
    )
    return Agent("helper", "Be kind.", config=model, tools=[get_weather])


async def test_a_turn_is_one_trace_with_models_and_tools(agent, provider, traces):
    reply = await agent.ask(QUESTION)

    (trace,) = traces
    assert outline(trace).splitlines() == [
        "helper AGENT",
        "  chat CHAT_MODEL",
        "  get_weather TOOL",
        "    inside UNKNOWN",
        "  chat CHAT_MODEL",
    ]
    turn, first, tool, _, last = trace.data.spans
    said = {"role": "user", "content": QUESTION}
    assert turn.inputs == first.inputs == {"messages": [said]}
    assert turn.outputs == last.outputs
    assert last.outputs == {"role": "assistant", "content": reply.body}
    (call,) = first.outputs["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert (tool.inputs, tool.outputs) == ({"city": "Paris"}, "sunny in Paris")
    assert last.inputs["messages"][0] == said
    assert last.inputs["messages"][-1]["content"] == "sunny in Paris"
    for model in (first, last):
        assert model.model_name == "claude-opus-4-6"
        assert model.get_attribute("mlflow.llm.provider") == "anthropic"
    used = [model.token_usage["total_tokens"] for model in (first, last)]
    assert trace.info.token_usage["total_tokens"] == sum(used) > 0
    assert trace.info.state.value == "OK"
    assert len(provider.requests) == 2


async def test_a_tool_that_fails_is_an_error_span(agent, traces):
    await agent.ask("Give me the weather in Atlantis.")  # AG2 tells the model of it

    tool = next(s for s in traces[0].data.spans if s.span_type == "TOOL")
    assert tool.status.status_code.value == "ERROR"
    assert tool.exception[0] == "LookupError"


@pytest.mark.parametrize("status", [429, 500])
async def test_an_error_status(agent, traces, status):
    with pytest.raises(Exception, match="told to fail") as caught:
        await agent.ask(f"@@status={status}@@")

    assert outline(traces[0]).splitlines() == [
        "helper AGENT ERROR",
        "  chat CHAT_MODEL ERROR",
    ]
    assert traces[0].data.spans[1].exception[0] == type(caught.value).__name__


async def test_a_cancelled_turn_is_an_error(agent, traces):
    task = asyncio.create_task(agent.ask("@@delay=5@@"))
    while not traces or len(traces[0].data.spans) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert {s.status.status_code.value for s in traces[0].data.spans} == {"ERROR"}


async def test_turns_at_once_stay_apart(agent, traces):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            return (await agent.ask(f"number {number}")).body

    answers = await asyncio.gather(*map(ask, range(50)))

    assert answers == [f"You said: number {n}" for n in range(50)]
    assert len(traces) == 50
    for trace in traces:
        root, turn, _ = trace.data.spans
        assert turn.parent_id == root.span_id
        assert turn.outputs["content"].endswith(root.name.removeprefix("ask "))


async def test_disabling_and_options(agent, traces):
    integration.autolog(disable=True)
    await agent.ask("hello")
    assert len(traces) == 0

    integration.autolog(log_inputs=False, log_outputs=False)
    integration.autolog(log_inputs=False, log_outputs=False)
    await agent.ask("hello")
    assert {(s.inputs, s.outputs) for s in traces[0].data.spans} == {(None, None)}
    assert len(traces[0].data.spans) == 2
    assert traces[0].info.token_usage["total_tokens"] > 0
    assert integration.status().state == "on"
