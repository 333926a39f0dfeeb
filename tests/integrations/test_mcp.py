"""Clients of the Model Context Protocol, against a server in the same process."""

from __future__ import annotations

import asyncio
import gc

import pytest
from support.sdk import sdk

import spantree
from spantree.integrations import get_library
from spantree.testing import outline

mcp = sdk("mcp")
server = sdk("mcp.server.mcpserver").MCPServer("weather")


@server.tool()
def get_weather(city: str) -> str:
    """Tell the weather."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"sunny in {city}"


@server.resource("atlas://{city}")
def page(city: str) -> str:
    """Tell about a city."""
    return f"{city} is a city."


@server.prompt()
def ask(city: str) -> str:
    """Ask for the weather."""
    return f"How is it in {city}?"


@pytest.fixture(autouse=True)
def _autolog():
    library = get_library("mcp")
    library.autolog()
    yield
    library.autolog(disable=True)
    gc.collect()
    assert spantree.get_current_active_span() is None


async def test_a_tool_s_call_is_a_span(traces):
    async with mcp.Client(server) as client:
        with spantree.start_span("ask"):
            reply = await client.call_tool("get_weather", {"city": "Paris"})

    (trace,) = traces
    assert outline(trace).splitlines() == ["ask UNKNOWN", "  get_weather TOOL"]
    span = trace.data.spans[1]
    assert reply.content[0].text == "sunny in Paris"
    assert span.inputs == {"city": "Paris"}
    assert span.outputs["content"] == [{"text": "sunny in Paris", "type": "text"}]
    assert span.get_attribute("mcp.method.name") == "tools/call"
    assert span.status.status_code.value == "OK"


async def test_a_tool_that_fails_is_an_error_with_its_words(traces):
    async with mcp.Client(server) as client:
        reply = await client.call_tool("get_weather", {"city": "Atlantis"})

    (span,) = traces[0].data.spans
    assert reply.is_error
    assert span.status.status_code.value == "ERROR"
    assert span.status.description == reply.content[0].text
    assert span.outputs["content"][0]["text"] == reply.content[0].text
    assert traces[0].info.state == "ERROR"


async def test_resources_and_prompts(traces):
    async with mcp.Client(server) as client:
        await client.read_resource("atlas://Paris")
        await client.get_prompt("ask", {"city": "Paris"})

    read, prompt = (trace.data.spans[0] for trace in traces)
    assert (read.name, read.span_type) == ("atlas://Paris", "RETRIEVER")
    assert read.inputs == {"uri": "atlas://Paris"}
    assert [part["text"] for part in read.outputs["contents"]] == ["Paris is a city."]
    assert (prompt.name, prompt.span_type) == ("ask", "CHAIN")
    assert prompt.inputs == {"city": "Paris"}
    (message,) = prompt.outputs["messages"]
    assert message["content"]["text"] == "How is it in Paris?"


async def test_a_request_that_the_server_refuses_is_an_error(traces):
    async with mcp.Client(server) as client:
        with pytest.raises(mcp.MCPError) as caught:
            await client.get_prompt("nobody knows")

    (span,) = traces[0].data.spans
    assert span.exception[:2] == ("MCPError", str(caught.value))
    assert span.status.status_code.value == "ERROR"


async def test_fifty_calls_at_once_stay_apart(traces):
    async with mcp.Client(server) as client:

        async def call(number):
            with spantree.start_span(f"ask {number}"):
                await client.call_tool("get_weather", {"city": str(number)})

        await asyncio.gather(*map(call, range(50)))

    assert len(traces) == 50
    for trace in traces:
        root, span = trace.data.spans
        city = root.name.removeprefix("ask ")
        assert span.parent_id == root.span_id
        assert span.inputs == {"city": city}
        assert span.outputs["content"][0]["text"] == f"sunny in {city}"


async def test_a_cancelled_call_is_an_error(traces):
    has_begun = asyncio.Event()

    @server.tool()
    async def wait() -> str:
        """Wait."""
        has_begun.set()
        await asyncio.sleep(60)
        return "done"

    async with mcp.Client(server) as client:
        task = asyncio.create_task(client.call_tool("wait"))
        await has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    (span,) = traces[0].data.spans
    assert span.exception[0] == "CancelledError"


async def test_it_can_be_left_out_or_switched_off(traces):
    async with mcp.Client(server) as client:
        get_library("mcp").autolog(log_inputs=False, log_outputs=False)
        await client.call_tool("get_weather", {"city": "Paris"})
        get_library("mcp").autolog(disable=True)
        await client.call_tool("get_weather", {"city": "Paris"})

    (trace,) = traces
    (span,) = trace.data.spans
    assert (span.inputs, span.outputs) == (None, None)
