"""LangChain and LangGraph over the real SDKs."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest
from support.sdk import sdk

import spantree
from spantree.integrations import anthropic as anthropic_integration
from spantree.integrations import langchain as integration
from spantree.testing import outline

langchain_core = sdk("langchain_core")
langchain_openai = sdk("langchain_openai")
agents = sdk("langchain.agents")
graph = sdk("langgraph.graph")

from langchain_core.callbacks.manager import (  # noqa: E402
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.documents import Document  # noqa: E402
from langchain_core.language_models import FakeListLLM  # noqa: E402
from langchain_core.output_parsers import StrOutputParser  # noqa: E402
from langchain_core.prompts import ChatPromptTemplate  # noqa: E402
from langchain_core.retrievers import BaseRetriever  # noqa: E402
from langchain_core.runnables import RunnableLambda, RunnableParallel  # noqa: E402
from langchain_core.tools import tool  # noqa: E402

QUESTION = {"messages": [{"role": "user", "content": "How is the weather in Paris?"}]}
AGENT = [
    "LangGraph AGENT",
    "  model CHAIN",
    "    ChatOpenAI CHAT_MODEL",
    "  tools CHAIN",
    "    get_weather TOOL",
    "      look UNKNOWN",
    "  model CHAIN",
    "    ChatOpenAI CHAT_MODEL",
]
SEQUENCE = [
    "RunnableSequence CHAIN",
    "  ChatPromptTemplate CHAIN",
    "  ChatOpenAI CHAT_MODEL",
    "  StrOutputParser CHAIN",
]


@pytest.fixture(autouse=True)
def _traced():
    integration.autolog()
    yield
    integration.autolog(disable=True)
    gc.collect()
    assert not len(integration._runs)
    assert not integration._streams


@pytest.fixture
def model(provider):
    # Of its own: LangChain shares one client of HTTP among all event loops.
    http = sdk("openai").DefaultAsyncHttpxClient(trust_env=False, verify=False)
    return langchain_openai.ChatOpenAI(
        model="gpt-4o-mini",
        base_url=provider.url,
        api_key="k",
        max_retries=0,
        http_async_client=http,
    )


@pytest.fixture
def chain(model):
    return ChatPromptTemplate.from_template("{text}") | model | StrOutputParser()


@tool
def get_weather(city: str) -> str:
    """Tell the weather."""
    with spantree.start_span("look"):
        return f"sunny in {city}"


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document("a page", metadata={"n": 1}, id="d1"), Document(query)]


def only_trace(traces):
    assert len(traces) == 1
    assert all(span.end_time_ns is not None for span in traces[0].data.spans)
    return traces[0]


def only_span(traces):
    (span,) = only_trace(traces).data.spans
    return span


def lines(trace):
    return outline(trace).splitlines()


def test_a_chat_model_is_a_span(model, traces):
    reply = model.bind(temperature=0.5).invoke(
        [("system", "Be kind."), ("human", "hello")]
    )

    span = only_span(traces)
    assert span.name == "ChatOpenAI"
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs == {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hello"},
        ]
    }
    assert span.outputs["role"] == "assistant"
    assert span.outputs["content"] == reply.content
    assert span.model_name == "gpt-4o-mini"
    usage = reply.usage_metadata
    assert span.token_usage == {
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
        "cache_read_input_tokens": 0,
        "reasoning_output_tokens": 0,
    }
    assert span.get_attribute("mlflow.llm.provider") == "openai"
    assert span.get_attribute("mlflow.message.format") == "langchain"
    assert span.get_attribute("temperature") == 0.5
    assert span.get_attribute("spantree.llm.finish_reasons") == ["stop"]
    assert span.get_attribute("spantree.llm.response_id").startswith("chatcmpl-")
    version = langchain_core.__version__
    assert span.get_attribute("spantree.autolog") == f"langchain {version}"


async def test_an_asynchronous_chat_model(model, traces):
    reply = await model.ainvoke("hello")

    assert only_span(traces).outputs["content"] == reply.content


def test_tool_calls_are_outputs_and_tools_an_attribute(model, traces):
    model.bind_tools([get_weather]).invoke("How is the weather in Paris?")

    span = only_span(traces)
    (call,) = span.outputs["tool_calls"]
    assert call["function"] == {
        "name": "get_weather",
        "arguments": '{"city": "Paris"}',
    }
    (offered,) = span.get_attribute("mlflow.chat.tools")
    assert offered["function"]["name"] == "get_weather"


def test_structured_output(model, traces):
    schema = {
        "title": "Place",
        "type": "object",
        "properties": {"city": {"type": "string"}},
    }
    asked = model.with_structured_output(schema, method="json_schema")

    assert asked.invoke("I like Paris") == {"city": "Paris"}
    assert lines(only_trace(traces))[:2] == [
        "RunnableSequence CHAIN",
        "  ChatOpenAI CHAT_MODEL",
    ]


def test_a_stream_equals_an_answer_at_once(model, traces):
    model.stream_usage = True
    whole = model.invoke("hello")
    chunks = list(model.stream("hello"))

    at_once, streamed = (trace.data.spans[0] for trace in traces)
    assert streamed.outputs["content"] == at_once.outputs["content"] == whole.content
    assert streamed.token_usage == at_once.token_usage
    assert streamed.get_attribute("spantree.stream.end") == "exhausted"
    assert streamed.get_attribute("spantree.stream.items") >= len(chunks) - 1
    assert streamed.get_attribute("spantree.stream.first_item_ms") > 0


@pytest.mark.parametrize("kind", ["model", "chain"])
def test_the_spans_of_a_streams_consumer_are_no_part_of_it(model, chain, traces, kind):
    with spantree.start_span("ask"):
        chunks = model.stream("hello") if kind == "model" else chain.stream("hello")
        for _ in chunks:
            with spantree.start_span("show"):
                pass

    top, *rest = lines(only_trace(traces))
    assert top == "ask UNKNOWN"
    assert "  show UNKNOWN" in rest
    assert not any(line.startswith("    show") for line in rest)
    assert spantree.get_current_active_span() is None


def test_a_stream_that_is_left_early_is_ok_with_the_partial_text(model, traces):
    for number, _ in enumerate(model.stream("@@words=9@@")):
        if number == 3:
            break
    gc.collect()

    span = only_span(traces)
    assert span.status.status_code == "OK"
    assert span.get_attribute("spantree.stream.end") == "closed"
    assert span.outputs["content"] == "word0 word1 word2"


async def test_an_asynchronous_stream_that_is_left_early(model, traces):
    stream = model.astream("@@words=9@@")
    async for chunk in stream:
        if "word2" in chunk.text:
            break
    await stream.aclose()

    span = only_span(traces)
    assert span.status.status_code == "OK"
    assert span.outputs["content"] == "word0 word1 word2"


@pytest.mark.parametrize("order", ["fail=5", "drop=5"])
def test_a_failing_stream_is_an_error_with_the_partial_text(model, traces, order):
    with pytest.raises(Exception) as caught:
        list(model.stream(f"@@words=9 {order}@@"))

    span = only_span(traces)
    assert span.status.status_code == "ERROR"
    assert span.exception[0] == type(caught.value).__name__
    assert span.get_attribute("spantree.stream.end") == "error"
    assert span.outputs["content"].startswith("word0")


@pytest.mark.parametrize("status", [429, 500])
def test_an_error_is_an_error_all_the_way_up(chain, traces, status):
    with pytest.raises(Exception, match="told to fail"):
        chain.invoke(f"@@status={status}@@")

    assert lines(only_trace(traces)) == [
        "RunnableSequence CHAIN ERROR",
        "  ChatPromptTemplate CHAIN",
        "  ChatOpenAI CHAT_MODEL ERROR",
    ]


@pytest.mark.parametrize("kind", ["model", "chain"])
async def test_a_cancelled_call_is_an_error(model, chain, traces, kind):
    called = model if kind == "model" else chain
    task = asyncio.create_task(called.ainvoke("@@delay=5@@"))
    while not traces or traces[0].data.spans[-1].span_type != "CHAT_MODEL":  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    trace = only_trace(traces)
    assert trace.data.spans[0].status.status_code == "ERROR"
    assert trace.data.spans[-1].exception[0] == "CancelledError"


def test_a_chain(chain, traces):
    answer = chain.invoke({"text": "hello"})

    trace = only_trace(traces)
    root, prompt, call, parser = trace.data.spans
    assert lines(trace) == SEQUENCE
    assert root.inputs == {"text": "hello"}
    assert root.outputs == parser.outputs == answer
    assert prompt.outputs == {"messages": [{"role": "user", "content": "hello"}]}
    assert parser.inputs["content"] == call.outputs["content"]
    assert trace.info.token_usage == call.token_usage


def test_a_streamed_chain_has_its_inputs_and_outputs(chain, traces):
    answer = "".join(chain.stream({"text": "hello"}))

    root = only_trace(traces).data.spans[0]
    assert lines(only_trace(traces)) == SEQUENCE
    assert root.inputs == {"text": "hello"}
    assert root.outputs == answer


def test_each_item_of_a_batch_is_a_trace(chain, traces):
    answers = chain.batch([{"text": text} for text in ("a", "b", "c")])

    assert len(traces) == 3
    assert [lines(trace) for trace in traces] == [SEQUENCE] * 3
    assert {trace.data.spans[0].outputs for trace in traces} == set(answers)


async def test_each_item_of_an_asynchronous_batch_is_a_trace(chain, traces):
    await chain.abatch([{"text": text} for text in "abc"])

    assert [lines(trace) for trace in traces] == [SEQUENCE] * 3


def test_a_batch_below_a_span_stays_below_it(chain, traces):
    with spantree.start_span("ask"):
        chain.batch([{"text": text} for text in "ab"])

    trace = only_trace(traces)
    tops = [s for s in trace.data.spans if s.parent_id == trace.data.spans[0].span_id]
    assert [s.name for s in tops] == ["RunnableSequence"] * 2


def test_several_prompts_of_a_model_are_siblings(traces):
    model = FakeListLLM(responses=["one", "two"])
    with spantree.start_span("ask"):
        model.generate(["a", "b"])

    assert lines(only_trace(traces)) == [
        "ask UNKNOWN",
        "  FakeListLLM LLM",
        "  FakeListLLM LLM",
    ]
    _, first, second = traces[0].data.spans
    assert (first.inputs, first.outputs) == ({"prompt": "a"}, "one")
    assert (second.inputs, second.outputs) == ({"prompt": "b"}, "two")


def test_parallel_branches(traces):
    branches = RunnableParallel(a=lambda x: x + 1, b=lambda x: x + 2)

    assert branches.invoke(1) == {"a": 2, "b": 3}
    assert sorted(lines(only_trace(traces))[1:]) == ["  RunnableLambda CHAIN"] * 2
    assert traces[0].data.spans[0].outputs == {"a": 2, "b": 3}


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
def test_spans_of_the_users_nest_inside_of_a_runnable(chain, traces, how):
    @spantree.trace
    def work(text):
        return chain.invoke({"text": text})

    runnable = RunnableLambda(work)
    with spantree.start_span("ask"):
        if how == "invoke":
            runnable.invoke("hello")
        else:
            asyncio.run(runnable.ainvoke("hello"))

    assert lines(only_trace(traces)) == [
        "ask UNKNOWN",
        "  work CHAIN",
        "    work UNKNOWN",
        *("      " + line for line in SEQUENCE),
    ]


def test_a_retriever_gives_documents(traces):
    found = Shelf().invoke("question")

    span = only_span(traces)
    assert len(found) == 2
    assert span.name == "Shelf"
    assert span.span_type == "RETRIEVER"
    assert span.inputs == {"query": "question"}
    assert span.outputs == [
        {"page_content": "a page", "metadata": {"n": 1}, "id": "d1"},
        {"page_content": "question", "metadata": {}},
    ]


async def test_an_asynchronous_retriever(traces):
    await Shelf().ainvoke("question")

    assert only_span(traces).outputs[0]["page_content"] == "a page"


def test_a_failing_tool(traces):
    @tool
    def divide(a: int) -> float:
        """Divide by zero."""
        return a / 0

    with pytest.raises(ZeroDivisionError):
        divide.invoke({"a": 1})

    span = only_span(traces)
    assert span.span_type == "TOOL"
    assert span.inputs == {"a": 1}
    assert span.exception[0] == "ZeroDivisionError"


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
def test_an_agent_with_its_tools(model, traces, how):
    agent = agents.create_agent(model, [get_weather])

    async def astream():
        return [step async for step in agent.astream(QUESTION)]

    if how == "invoke":
        agent.invoke(QUESTION)
    elif how == "ainvoke":
        asyncio.run(agent.ainvoke(QUESTION))
    elif how == "stream":
        list(agent.stream(QUESTION))
    else:
        asyncio.run(astream())

    trace = only_trace(traces)
    assert lines(trace) == AGENT
    root, look = trace.data.spans[0], trace.data.spans[4]
    assert root.inputs == QUESTION
    assert root.outputs["messages"][-1]["content"].endswith("sunny in Paris.")
    assert look.inputs == {"city": "Paris"}
    assert look.outputs["content"] == "sunny in Paris"
    models = [s for s in trace.data.spans if s.span_type == "CHAT_MODEL"]
    total = sum(span.token_usage["total_tokens"] for span in models)
    assert trace.info.token_usage["total_tokens"] == total


def test_over_a_traced_sdk_tokens_count_once(model, provider, traces, client):
    agents.create_agent(model, [get_weather]).invoke(QUESTION)

    trace = only_trace(traces)
    names = [span.name for span in trace.data.spans]
    assert names.count("Completions") == 2
    outer = [s for s in trace.data.spans if s.name == "ChatOpenAI"]
    inner = [s for s in trace.data.spans if s.name == "Completions"]
    assert [s.parent_id for s in inner] == [s.span_id for s in outer]
    assert [s.token_usage for s in inner] == [s.token_usage for s in outer]
    total = sum(span.token_usage["total_tokens"] for span in inner)
    assert trace.info.token_usage["total_tokens"] == total


def test_over_anthropic(provider, traces):
    langchain_anthropic = sdk("langchain_anthropic")
    anthropic_integration.autolog()
    try:
        model = langchain_anthropic.ChatAnthropic(
            model="claude-opus-4-6", base_url=provider.root, api_key="k", max_retries=0
        )
        reply = model.invoke("@@cached=2@@ one two three")
    finally:
        anthropic_integration.autolog(disable=True)

    outer, inner = only_trace(traces).data.spans
    assert (outer.name, inner.name) == ("ChatAnthropic", "Messages.create")
    assert outer.outputs["content"] == reply.content
    assert outer.get_attribute("mlflow.llm.provider") == "anthropic"
    for key in ("input_tokens", "output_tokens", "cache_read_input_tokens"):
        assert outer.token_usage[key] == inner.token_usage[key]


async def events(runnable):
    return [
        (event["event"], event["name"])
        async for event in runnable.astream_events({"text": "hello"}, version="v2")
    ]


async def test_events_of_a_run_are_the_same_with_tracing_off_and_on(chain):
    traced = await events(chain)
    integration.autolog(disable=True)

    assert await events(chain) == traced
    assert ("on_chat_model_stream", "ChatOpenAI") in traced


def test_requests_and_results_are_the_same_with_tracing_off_and_on(chain, provider):
    with spantree.start_span("above"):
        traced = chain.invoke({"text": "hello"})
    integration.autolog(disable=True)
    untraced = chain.invoke({"text": "hello"})

    first, second = provider.requests
    assert traced == untraced
    assert first.body == second.body
    assert first.headers.keys() == second.headers.keys()


async def test_fifty_at_once(chain, traces):
    await asyncio.gather(*(chain.ainvoke({"text": f"number {n}"}) for n in range(50)))

    assert len(traces) == 50
    for trace in traces:
        root = trace.data.spans[0]
        assert lines(trace) == SEQUENCE
        assert root.outputs == f"You said: {root.inputs['text']}"


def test_a_graph_has_the_session_of_its_thread(traces):
    builder = graph.StateGraph(dict)
    builder.add_node("step", lambda state: {"n": state["n"] + 1})
    builder.add_edge(graph.START, "step")
    builder.add_edge("step", graph.END)

    builder.compile().invoke({"n": 1}, {"configurable": {"thread_id": "t-1"}})

    trace = only_trace(traces)
    assert lines(trace) == ["LangGraph CHAIN", "  step CHAIN"]
    assert trace.info.trace_metadata["mlflow.trace.session"] == "t-1"


def test_a_graph_that_waits_for_a_human_has_not_failed(traces):
    memory = sdk("langgraph.checkpoint.memory")
    types = sdk("langgraph.types")
    builder = graph.StateGraph(dict)
    builder.add_node("ask", lambda _state: {"answer": types.interrupt("Go on?")})
    builder.add_edge(graph.START, "ask")
    compiled = builder.compile(checkpointer=memory.InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}

    compiled.invoke({"n": 1}, config)
    compiled.invoke(types.Command(resume="yes"), config)

    assert [lines(trace) for trace in traces] == [
        ["LangGraph CHAIN", "  ask CHAIN"],
        ["LangGraph CHAIN", "  ask CHAIN"],
    ]


def test_hidden_runs_are_left_out(traces):
    inner = RunnableLambda(lambda x: x, name="inner")
    hidden = RunnableLambda(inner.invoke, name="hidden")
    outer = RunnableLambda(lambda x: x, name="outer") | hidden.with_config(
        tags=["langsmith:hidden"]
    )
    outer.invoke(1)

    assert lines(only_trace(traces)) == [
        "RunnableSequence CHAIN",
        "  outer CHAIN",
    ]


def test_metadata_tags_and_names(chain, traces):
    chain.invoke(
        {"text": "hello"},
        {"run_name": "greet", "tags": ["a"], "metadata": {"session_id": "s", "k": 1}},
    )

    root = only_trace(traces).data.spans[0]
    assert root.name == "greet"
    assert root.get_attribute("tags") == ["a"]
    assert root.get_attribute("metadata")["k"] == 1
    assert traces[0].info.trace_metadata["mlflow.trace.session"] == "s"


@pytest.mark.parametrize("is_async", [False, True])
def test_events_that_users_dispatch(traces, is_async):
    def tell(value):
        dispatch_custom_event("progress", {"share": 0.5})
        return value

    async def atell(value):
        await adispatch_custom_event("progress", {"share": 0.5})
        return value

    if is_async:
        asyncio.run(RunnableLambda(atell).ainvoke(1))
    else:
        RunnableLambda(tell).invoke(1)

    (event,) = only_span(traces).events
    assert event.name == "progress"
    assert event.attributes["data"] == {"share": 0.5}


def test_inputs_and_outputs_can_be_left_out(chain, traces):
    integration.autolog(log_inputs=False, log_outputs=False)
    chain.invoke({"text": "hello"})
    list(chain.stream({"text": "hello"}))

    for trace in traces:
        assert all(span.inputs is None for span in trace.data.spans)
        assert all(span.outputs is None for span in trace.data.spans)
    assert traces[0].info.token_usage["total_tokens"] > 0


def test_disabling_and_enabling_again(chain, traces):
    integration.autolog(disable=True)
    chain.invoke({"text": "hello"})
    for _ in range(5):
        integration.autolog()
    chain.invoke({"text": "hello"})

    assert lines(only_trace(traces)) == SEQUENCE


def test_a_run_that_is_under_way_when_tracing_stops_is_finished(model, traces):
    stream = model.stream("@@words=9@@")
    next(stream)
    integration.autolog(disable=True)
    _ = list(stream)

    assert only_span(traces).outputs["content"].endswith("word8")


def test_nothing_is_recorded_where_tracing_is_off(chain, traces):
    spantree.tracing.disable()
    try:
        assert chain.invoke({"text": "hello"})
    finally:
        spantree.tracing.enable()

    assert len(traces) == 0


def test_enabling_imports_nothing():
    program = """
import sys
from spantree.integrations import langchain as integration
integration.autolog()
print("langchain_core" in sys.modules, integration.status().state)
from spantree.testing import recorded_traces
from langchain_core.runnables import RunnableLambda
with recorded_traces() as traces:
    RunnableLambda(lambda x: x, name="same").invoke(1)
print(integration.status().state, [s.name for t in traces for s in t.data.spans])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.splitlines() == [
        "False waiting for import",
        "on ['same']",
    ], done.stderr
