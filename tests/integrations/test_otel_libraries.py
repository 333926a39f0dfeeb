"""Libraries that other people's instrumentors trace, over the bridge."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from importlib.metadata import version

import pytest
from support.model_servers import model_server
from support.sdk import sdk

import spantree
from spantree import integrations
from spantree.entities.errors import MissingExtraError, SpantreeException
from spantree.integrations._otel_libraries import BridgedLibrary
from spantree.testing import outline

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

trace_api = sdk("opentelemetry.trace")


@pytest.fixture
def url():
    with model_server() as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_left():
    import opentelemetry.context

    provider, context = (
        trace_api._TRACER_PROVIDER,
        opentelemetry.context._RUNTIME_CONTEXT,
    )
    yield
    for library in integrations.bridged_libraries():
        library.autolog(disable=True)
    gc.collect()
    assert trace_api._TRACER_PROVIDER is provider
    assert opentelemetry.context._RUNTIME_CONTEXT is context
    assert spantree.get_current_active_span() is None


def need(*modules):
    for module in modules:
        sdk(module)


@pytest.fixture
def gemini(url):
    need("google.genai", "openinference.instrumentation.google_genai")
    from google import genai

    integrations.autolog("google-genai")
    return genai.Client(api_key="test", http_options={"base_url": url})


def test_gemini_chat_is_a_span_below_ours(gemini, traces):
    with spantree.start_span("ask"):
        gemini.models.generate_content(
            model="gemini-2.0-flash",
            contents="Hi",
            config={"temperature": 0.5, "system_instruction": "be brief"},
        )

    (trace,) = traces
    assert outline(trace).splitlines() == [
        "ask UNKNOWN",
        "  GenerateContent CHAT_MODEL",
    ]
    span = trace.data.spans[1]
    assert span.inputs["contents"] == [{"parts": [{"text": "Hi"}], "role": "user"}]
    reply = span.outputs["candidates"][0]["content"]
    assert reply["parts"] == [{"text": "Hello there"}]
    assert span.model_name == "gemini-2.0-flash"
    assert span.get_attribute("mlflow.llm.provider") == "google"
    assert span.get_attribute("temperature") == 0.5
    assert span.token_usage == {
        "input_tokens": 5,
        "output_tokens": 2,
        "total_tokens": 7,
    }
    assert trace.info.token_usage == span.token_usage
    assert span.scope["name"] == "openinference.instrumentation.google_genai"
    assert span.status.status_code.value == "OK"
    # What was said in their words is kept, too.
    assert span.get_attribute("llm.token_count.total") == 7


def test_gemini_streams_and_embeddings(gemini, traces):
    list(gemini.models.generate_content_stream(model="gemini-2.0-flash", contents="Hi"))
    gemini.models.embed_content(model="emb", contents="Hi")

    stream, embedding = (trace.data.spans[0] for trace in traces)
    assert (stream.name, stream.span_type) == ("GenerateContentStream", "CHAT_MODEL")
    part = stream.outputs["candidates"][0]["content"]["parts"][0]
    assert part == {"text": "Hello there"}
    assert stream.token_usage["total_tokens"] == 7
    assert (embedding.name, embedding.span_type) == ("EmbedContent", "EMBEDDING")
    assert embedding.outputs == [[0.1, 0.2, 0.3]]
    assert embedding.model_name == "emb"


def test_gemini_tools_run_below_ours_and_theirs(gemini, traces):
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with spantree.start_span("inside"):
            return f"sunny in {city}"

    gemini.models.generate_content(
        model="gemini-2.0-flash", contents="Weather?", config={"tools": [get_weather]}
    )

    assert any(s.name == "inside" for s in traces[0].data.spans)
    assert len(traces) == 1


def test_gemini_errors_are_errors(gemini, traces):
    from google.genai import errors

    with pytest.raises(errors.ServerError):
        gemini.models.generate_content(model="broken", contents="Hi")

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "ERROR"
    assert span.exception[0].endswith("ServerError")


async def test_gemini_asynchronous_calls_stay_apart(gemini, traces):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            await gemini.aio.models.generate_content(
                model="gemini-2.0-flash", contents=f"{number}"
            )

    await asyncio.gather(*map(ask, range(10)))

    assert len(traces) == 10
    for trace in traces:
        root, call = trace.data.spans
        said = call.inputs["contents"][0]["parts"][0]["text"]
        assert root.name == f"ask {said}"
        assert call.parent_id == root.span_id


@pytest.fixture
def ollama(url):
    need("ollama", "opentelemetry.instrumentation.ollama")
    import ollama

    integrations.autolog("ollama")
    return ollama.Client(host=url)


def test_ollama_chat_becomes_a_span(ollama, traces):
    said = [{"role": "user", "content": "Hi"}]
    with spantree.start_span("ask"):
        ollama.chat(model="llama3", messages=said)

    span = traces[0].data.spans[1]
    assert (span.name, span.span_type) == ("ollama.chat", "CHAT_MODEL")
    assert span.kind == "CLIENT"
    assert span.inputs == {"messages": said}
    assert span.outputs == {
        "messages": [{"role": "assistant", "content": "Hello there"}]
    }
    assert span.model_name == "llama3"
    assert span.get_attribute("mlflow.llm.provider") == "Ollama"
    assert span.token_usage == {
        "input_tokens": 5,
        "output_tokens": 2,
        "total_tokens": 7,
    }


def test_ollama_streams(ollama, traces):
    said = [{"role": "user", "content": "Hi"}]
    list(ollama.chat(model="llama3", messages=said, stream=True))

    (span,) = traces[0].data.spans
    assert span.outputs["messages"][0]["content"] == "Hello there"
    assert span.token_usage["total_tokens"] == 7


def test_litellm_completions(provider, traces):
    need("litellm", "openinference.instrumentation.litellm")
    integrations.autolog("litellm")
    import litellm

    litellm.completion(
        model="openai/gpt-4o-mini",
        api_base=provider.url,
        api_key="test",
        messages=[{"role": "user", "content": "Hi"}],
        temperature=0.5,
    )

    (span,) = traces[0].data.spans
    assert (span.name, span.span_type) == ("completion", "CHAT_MODEL")
    assert span.inputs == {"messages": [{"role": "user", "content": "Hi"}]}
    assert span.outputs == {
        "messages": [{"role": "assistant", "content": "You said: Hi"}]
    }
    assert span.get_attribute("temperature") == 0.5
    assert span.token_usage["input_tokens"] == 1
    assert span.llm_cost["total_cost"] > 0


def test_mistral_chat(provider, traces):
    need("mistralai", "openinference.instrumentation.mistralai")
    integrations.autolog("mistral")
    from mistralai.client import Mistral

    client = Mistral(api_key="test", server_url=provider.url.removesuffix("/v1"))
    said = [{"role": "user", "content": "Hi"}]
    client.chat.complete(model="mistral-small", messages=said)

    (span,) = traces[0].data.spans
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs["messages"] == said
    assert span.outputs["choices"][0]["message"]["content"] == "You said: Hi"
    assert span.get_attribute("mlflow.llm.provider") == "mistralai"
    assert span.token_usage["total_tokens"] == 5


async def test_agents_of_openai_are_one_trace(provider, traces):
    need("agents", "openinference.instrumentation.openai_agents")
    integrations.autolog("openai-agents")
    from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
    from openai import AsyncOpenAI

    @function_tool
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with spantree.start_span("inside"):
            return f"sunny in {city}"

    client = AsyncOpenAI(base_url=provider.url, api_key="test")
    model = OpenAIChatCompletionsModel(model="gpt-4o-mini", openai_client=client)
    agent = Agent(name="helper", model=model, tools=[get_weather])
    with spantree.start_span("ask"):
        await Runner.run(agent, "Give me the weather in Paris.")
    await client.close()

    (trace,) = traces
    spans = {span.name: span for span in trace.data.spans}
    assert spans["helper"].span_type == "AGENT"
    assert spans["get_weather"].span_type == "TOOL"
    assert spans["get_weather"].inputs == {"city": "Paris"}
    assert spans["get_weather"].outputs == "sunny in Paris"
    assert spans["generation"].span_type == "CHAT_MODEL"
    assert spans["generation"].inputs["messages"][-1]["role"] == "tool"
    assert spans["inside"].trace_id == trace.info.trace_id
    keys = {span.span_id for span in trace.data.spans}
    assert all(s.parent_id in keys for s in trace.data.spans[1:])
    used = [s.token_usage["total_tokens"] for s in trace.data.spans if s.token_usage]
    assert trace.info.token_usage["total_tokens"] == sum(used)


@pytest.fixture
def helper(provider):
    """Options → an agent of Pydantic AI, by the real client of Anthropic."""
    need("pydantic_ai.models.anthropic")
    from anthropic import AsyncAnthropic
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    integrations.autolog("pydantic-ai")

    def make(**options):
        client = AsyncAnthropic(api_key="k", base_url=provider.root, max_retries=0)
        by = AnthropicProvider(anthropic_client=client)
        model = AnthropicModel("claude-opus-4-6", provider=by)
        return Agent(model, name="helper", **options)

    return make


SAID = {"role": "user", "content": "the weather in Paris"}
CALLED = {
    "id": "toolu_f605b24b_0",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}


async def test_agents_of_pydantic_are_one_trace(helper, traces):
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with spantree.start_span("inside"):
            return f"sunny in {city}"

    agent = helper(instructions="be brief", tools=[get_weather])
    with spantree.start_span("ask"):
        reply = await agent.run("the weather in Paris")

    (trace,) = traces
    assert outline(trace).splitlines() == [
        "ask UNKNOWN",
        "  invoke_agent helper AGENT",
        "    chat claude-opus-4-6 CHAT_MODEL",
        "    execute_tool get_weather TOOL",
        "      inside UNKNOWN",
        "    chat claude-opus-4-6 CHAT_MODEL",
    ]
    _, run, first, tool, _, last = trace.data.spans
    brief = {"role": "system", "content": "be brief"}
    assert run.inputs == first.inputs == {"messages": [brief, SAID]}
    assert run.outputs == reply.output == "Here is what I found: sunny in Paris."
    assert run.token_usage is None
    (message,) = first.outputs["messages"]
    (called,) = message["tool_calls"]
    assert called["function"] == CALLED["function"]
    assert (tool.inputs, tool.outputs) == ({"city": "Paris"}, "sunny in Paris")
    assert [m["role"] for m in last.inputs["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    (message,) = last.outputs["messages"]
    assert message["content"] == reply.output
    for span in (first, last):
        assert span.model_name == "claude-opus-4-6"
        assert span.get_attribute("mlflow.llm.provider") == "anthropic"
        assert span.status.status_code.value == "OK"
    assert first.token_usage == {
        "input_tokens": 6,
        "output_tokens": 10,
        "total_tokens": 16,
    }
    assert trace.info.token_usage == {
        name: first.token_usage[name] + last.token_usage[name]
        for name in first.token_usage
    }


def test_agents_of_pydantic_give_structured_answers(helper, traces):
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    reply = helper(output_type=Place).run_sync("I like Paris")

    run, chat = traces[0].data.spans
    assert reply.output == Place(city="Paris")
    assert run.inputs == {"messages": [{"role": "user", "content": "I like Paris"}]}
    assert run.outputs == {"city": "Paris"}
    (message,) = chat.outputs["messages"]
    (called,) = message["tool_calls"]
    assert called["function"]["arguments"] == '{"city": "Paris"}'


@pytest.mark.parametrize("status", [429, 500])
async def test_agents_of_pydantic_fail_as_they_do(helper, status, traces):
    with pytest.raises(Exception, match=str(status)) as caught:
        await helper().run(f"@@status={status}@@")

    run, chat = traces[0].data.spans
    for span in (run, chat):
        assert span.status.status_code.value == "ERROR"
        assert span.exception[0].endswith(type(caught.value).__name__)
    assert traces[0].info.state == "ERROR"


async def stream(agent, question, seen, parts=99):
    async with agent.run_stream(question) as reply:
        texts = reply.stream_text(delta=True, debounce_by=None)
        async with contextlib.aclosing(texts):
            async for part in texts:
                seen.append(part)
                if len(seen) == parts:
                    break


async def test_streams_of_pydantic(helper, traces):
    seen = []
    await stream(helper(), "@@words=9@@", seen)

    run, chat = traces[0].data.spans
    assert run.outputs == "".join(seen)
    assert [m["content"] for m in chat.outputs["messages"]] == ["".join(seen)]
    assert chat.token_usage == {"output_tokens": 9}
    assert chat.get_attribute("spantree.stream.first_item_ms") > 0
    assert traces[0].info.state == "OK"


async def test_streams_of_pydantic_that_are_left_early(helper, traces):
    seen = []
    await stream(helper(), "@@words=9 chunk_delay=0.02@@", seen, parts=3)

    run, chat = traces[0].data.spans
    (message,) = chat.outputs["messages"]
    assert message["content"].startswith("".join(seen))
    assert {s.status.status_code.value for s in (run, chat)} == {"OK"}


async def test_streams_of_pydantic_that_break_off(helper, traces):
    seen = []
    with pytest.raises(Exception):
        await stream(helper(), "@@words=9 drop=6@@", seen)

    run, chat = traces[0].data.spans
    (message,) = chat.outputs["messages"]
    assert message["content"] == "".join(seen)
    # Pydantic AI says of the run that it failed, not of the call below.
    assert run.status.status_code.value == traces[0].info.state == "ERROR"


async def test_fifty_runs_of_pydantic_stay_apart(helper, traces):
    agent = helper()

    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            await agent.run(f"number {number}")

    await asyncio.gather(*map(ask, range(50)))

    assert len(traces) == 50
    for trace in traces:
        root, run, chat = trace.data.spans
        number = root.name.removeprefix("ask ")
        asked = {"messages": [{"role": "user", "content": f"number {number}"}]}
        assert run.parent_id == root.span_id
        assert chat.parent_id == run.span_id
        assert run.inputs == chat.inputs == asked
        assert run.outputs == f"You said: number {number}"


async def test_what_agents_of_pydantic_say_can_be_left_out(helper, traces):
    integrations.autolog("pydantic-ai", disable=True)
    integrations.autolog("pydantic-ai", log_inputs=False, log_outputs=False)
    await helper().run("number 7")
    integrations.autolog("pydantic-ai", disable=True)
    await helper().run("number 8")

    (trace,) = traces
    for span in trace.data.spans:
        assert (span.inputs, span.outputs) == (None, None)
        assert "number" not in str(span.attributes)


@pytest.mark.parametrize("is_stream", [False, True], ids=["run", "stream"])
async def test_tokens_of_pydantic_over_a_traced_client_count_once(
    helper, is_stream, traces
):
    integrations.autolog("anthropic")
    try:
        # More tokens than these it asks for in a stream, after a try without one.
        agent = helper(model_settings={"max_tokens": 100})
        await (stream(agent, "number 7", []) if is_stream else agent.run("number 7"))
    finally:
        integrations.autolog("anthropic", disable=True)

    (trace,) = traces
    assert [span.span_type for span in trace.data.spans] == [
        "AGENT",
        "CHAT_MODEL",
        "CHAT_MODEL",
    ]
    _, chat, call = trace.data.spans
    assert call.parent_id == chat.span_id
    assert call.token_usage["total_tokens"] == 7
    assert trace.info.token_usage == chat.token_usage
    assert chat.token_usage["total_tokens"] == 7


def test_pydantic_ai_is_known_by_its_own_version(helper):
    (row,) = [r for r in integrations.status() if r.library == "pydantic-ai"]

    assert row.state == "on"
    assert row.installed == version("pydantic-ai-slim")
    assert row.hooks_applied == ("pydantic-ai-slim",)


def test_a_library_that_instruments_itself_may_be_missing(monkeypatch):
    monkeypatch.setattr("spantree.integrations._otel_native.find_spec", lambda _: None)

    with pytest.raises(MissingExtraError) as caught:
        BridgedLibrary("pydantic-ai").autolog()
    assert str(caught.value) == (
        "pydantic-ai is not installed. Run: pip install pydantic-ai-slim"
    )
    assert BridgedLibrary("pydantic-ai").status().state == "not installed"


def test_agents_that_the_user_has_instrumented_are_left_alone():
    agent = sdk("pydantic_ai").Agent
    former = agent._instrument_default
    agent.instrument_all()
    try:
        with pytest.raises(SpantreeException, match="instrumented already"):
            BridgedLibrary("pydantic-ai").autolog()
        assert agent._instrument_default is True
    finally:
        agent.instrument_all(former)


def test_a_vector_store_gives_documents(traces):
    need("chromadb", "opentelemetry.instrumentation.chromadb")
    integrations.autolog("chroma")
    import chromadb

    with spantree.start_span("search"):
        shelf = chromadb.EphemeralClient().create_collection(
            "shelf", embedding_function=None
        )
        shelf.add(
            ids=["1", "2"],
            documents=["Paris", "Berlin"],
            embeddings=[[1.0, 0.0], [0.0, 1.0]],
            metadatas=[{"country": "France"}, {"country": "Germany"}],
        )
        shelf.query(query_embeddings=[[1.0, 0.0]], n_results=1)

    (trace,) = traces
    query = next(s for s in trace.data.spans if s.name == "chroma.query")
    assert query.span_type == "RETRIEVER"
    (document,) = query.outputs
    assert document["page_content"] == "Paris"
    assert document["metadata"] == {"country": "France"}
    assert document["id"] == "1"


def test_nothing_is_recorded_once_it_is_disabled(ollama, traces):
    integrations.autolog("ollama", disable=True)
    ollama.chat(model="llama3", messages=[{"role": "user", "content": "Hi"}])
    assert len(traces) == 0

    integrations.autolog("ollama")
    integrations.autolog("ollama")
    ollama.chat(model="llama3", messages=[{"role": "user", "content": "Hi"}])
    assert [len(trace.data.spans) for trace in traces] == [1]
    row = next(r for r in integrations.status() if r.library == "ollama")
    assert row.state == "on"


def test_inputs_and_outputs_can_be_left_out(ollama, traces):
    integrations.autolog("ollama", disable=True)
    integrations.autolog("ollama", log_inputs=False, log_outputs=False)
    ollama.chat(model="llama3", messages=[{"role": "user", "content": "secret"}])

    (span,) = traces[0].data.spans
    assert (span.inputs, span.outputs) == (None, None)
    assert "secret" not in str(span.attributes)
    assert "Hello" not in str(span.attributes)
    assert span.token_usage["total_tokens"] == 7


def test_settings_of_the_environment_are_put_back(ollama):
    assert "OTEL_SEMCONV_STABILITY_OPT_IN" not in os.environ


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "groq",
            "groq is traced by openinference-instrumentation-groq, which is not "
            "installed. Run: pip install openinference-instrumentation-groq",
        ),
        ("google_gena", "Did you mean 'google-genai'?"),
    ],
)
def test_what_is_missing_is_said_with_the_way_to_get_it(name, message):
    with pytest.raises(SpantreeException) as caught:
        integrations.autolog(name, must_be_installed=True)

    assert message in str(caught.value)


def test_an_instrumentor_that_cannot_be_imported_says_why(monkeypatch):
    need("opentelemetry.instrumentation.ollama")
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.ollama", None)

    with pytest.raises(MissingExtraError, match="can't be imported"):
        BridgedLibrary("ollama").autolog()
