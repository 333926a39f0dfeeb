"""What tracing of a library should keep, tried on any module that speaks MLflow's API.

Each feature calls the real SDK against the loopback provider and looks at the trace that
the module under test recorded. The looks are lenient about form (a streamed answer may be
text or a message), since they also judge MLflow. Nothing here imports spantree or MLflow.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Lab:
    """The module under test, and where the provider is.

    Args:
        m: ``spantree`` or ``mlflow``.
        root: The provider's address, without ``/v1``.
        requests: Gives the headers of the requests since the last look.
    """

    m: Any
    root: str
    requests: Callable[[], list[dict[str, str]]]

    def openai(self, kind: str = "OpenAI", **options: Any) -> Any:
        import openai

        is_async = kind.startswith("Async")
        http = openai.DefaultAsyncHttpxClient if is_async else openai.DefaultHttpxClient
        place = (
            {"azure_endpoint": self.root, "api_version": "2024-10-21"}
            if "Azure" in kind
            else {"base_url": f"{self.root}/v1"}
        )
        return getattr(openai, kind)(
            api_key="k",
            max_retries=0,
            http_client=http(trust_env=False),
            **place,
            **options,
        )

    def anthropic(self, kind: str = "Anthropic") -> Any:
        import anthropic

        return getattr(anthropic, kind)(api_key="k", base_url=self.root, max_retries=0)

    def langchain(self) -> Any:
        from langchain_openai import ChatOpenAI
        from openai import DefaultAsyncHttpxClient

        return ChatOpenAI(
            model="gpt-4o-mini",
            base_url=f"{self.root}/v1",
            api_key="k",
            max_retries=0,
            http_async_client=DefaultAsyncHttpxClient(trust_env=False),
        )

    def spans(self) -> list[Any]:
        """Give the spans of the newest trace, the first one first; none if none."""
        gc.collect()
        self.m.flush_trace_async_logging()
        trace_id = self.m.get_last_active_trace_id()
        trace = None if trace_id is None else self.m.get_trace(trace_id)
        found = [] if trace is None else trace.data.spans
        return sorted(found, key=lambda span: span.start_time_ns)

    def only(self) -> Any:
        (span,) = self.spans()
        return span


FEATURES: dict[str, dict[str, Callable[[Lab], bool]]] = {}


def feature(library: str, words: str) -> Callable[[Any], Any]:
    """Register a look at a feature, described in words."""

    def register(run: Callable[[Lab], bool]) -> Callable[[Lab], bool]:
        FEATURES.setdefault(library, {})[words] = run
        return run

    return register


def holds(run: Callable[[Lab], bool], lab: Lab) -> bool:
    """Say whether a feature is there; an exception says it isn't."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(run(lab))
        except Exception:
            return False


def asked(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}


def kept(span: Any, *words: str) -> bool:
    """Whether the outputs hold all of the words."""
    shown = json.dumps(span.outputs, default=str)
    return all(word in shown for word in words)


def status(span: Any) -> str:
    return str(span.status.status_code.value).rsplit(".", 1)[-1]


def usage(span: Any, key: str) -> Any:
    return (span.get_attribute("mlflow.chat.tokenUsage") or {}).get(key)


WEATHER = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
            },
        },
    }
    for name in ("get_weather", "get_time")
]
PLACE = {
    "title": "Place",
    "type": "object",
    "properties": {"city": {"type": "string"}},
}
QUESTION = "The weather and the time in Paris?"


# OpenAI ---------------------------------------------------------------------------------


@feature("openai", "chat: inputs, outputs, model, tokens")
def _(lab: Lab) -> bool:
    reply = lab.openai().chat.completions.create(**asked("hello"))
    span = lab.only()
    return (
        span.inputs["messages"][0]["content"] == "hello"
        and kept(span, reply.choices[0].message.content)
        and usage(span, "total_tokens") == reply.usage.total_tokens
        and span.get_attribute("mlflow.llm.model") == "gpt-4o-mini"
    )


async def _achat(lab: Lab, text: str, **extra: Any) -> None:
    async with lab.openai("AsyncOpenAI") as client:
        stream = await client.chat.completions.create(**asked(text), **extra)
        if extra.get("stream"):
            _ = [chunk async for chunk in stream]


@feature("openai", "asynchronous chat")
def _(lab: Lab) -> bool:
    asyncio.run(_achat(lab, "@@say=fine@@"))
    return kept(lab.only(), "fine")


@feature("openai", "streamed chat")
def _(lab: Lab) -> bool:
    list(lab.openai().chat.completions.create(**asked("@@words=9@@"), stream=True))
    return kept(lab.only(), "word0 word1", "word8")


@feature("openai", "asynchronous stream")
def _(lab: Lab) -> bool:
    asyncio.run(_achat(lab, "@@words=9@@", stream=True))
    return kept(lab.only(), "word0 word1", "word8")


@feature("openai", "stream helper (`.stream()`)")
def _(lab: Lab) -> bool:
    with lab.openai().chat.completions.stream(**asked("@@words=9@@")) as stream:
        stream.until_done()
    return kept(lab.only(), "word0 word1", "word8")


@feature("openai", "streamed: all choices (`n=2`)")
def _(lab: Lab) -> bool:
    client = lab.openai()
    list(client.chat.completions.create(**asked("hello"), n=2, stream=True))
    return len(lab.only().outputs["choices"]) == 2


@feature("openai", "streamed: tool calls")
def _(lab: Lab) -> bool:
    list(
        lab.openai().chat.completions.create(
            **asked(QUESTION), tools=WEATHER, stream=True
        )
    )
    return kept(lab.only(), "get_weather", "get_time", "Paris")


@feature("openai", "streamed: refusal")
def _(lab: Lab) -> bool:
    list(lab.openai().chat.completions.create(**asked("@@refuse@@"), stream=True))
    return kept(lab.only(), "I would rather not.")


@feature("openai", "streamed: reasoning")
def _(lab: Lab) -> bool:
    text = "@@think=let_me_see@@ hello"
    list(lab.openai().chat.completions.create(**asked(text), stream=True))
    return kept(lab.only(), "let me see")


@feature("openai", "streamed: logprobs")
def _(lab: Lab) -> bool:
    client = lab.openai()
    list(client.chat.completions.create(**asked("hello"), logprobs=True, stream=True))
    return kept(lab.only(), "logprob", "-0.5")


@feature("openai", "streamed: finish reason")
def _(lab: Lab) -> bool:
    text = asked("@@length@@ hello")
    list(lab.openai().chat.completions.create(**text, stream=True))
    return kept(lab.only(), '"length"')


@feature("openai", "streamed: tokens, where they are asked for")
def _(lab: Lab) -> bool:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    list(lab.openai().chat.completions.create(**asked("hello"), **options))
    return usage(lab.only(), "total_tokens") is not None


@feature("openai", "structured output (`parse`): outputs, and the schema asked for")
def _(lab: Lab) -> bool:
    from pydantic import create_model

    place = create_model("Place", city=(str, ...))
    client = lab.openai()
    client.chat.completions.parse(**asked("I like Paris"), response_format=place)
    return kept(lab.only(), "Paris") and "city" in json.dumps(
        lab.only().inputs["response_format"], default=str
    )


@feature("openai", "`with_raw_response`: outputs and tokens")
def _(lab: Lab) -> bool:
    lab.openai().chat.completions.with_raw_response.create(**asked("@@say=fine@@"))
    return kept(lab.only(), "fine") and usage(lab.only(), "total_tokens") is not None


@feature("openai", "`with_streaming_response`: what the user reads")
def _(lab: Lab) -> bool:
    calls = lab.openai().chat.completions.with_streaming_response
    with calls.create(**asked("@@say=fine@@")) as response:
        response.read()
    return kept(lab.only(), "fine")


@feature("openai", "responses")
def _(lab: Lab) -> bool:
    lab.openai().responses.create(model="gpt-4o-mini", input="@@say=fine@@")
    return kept(lab.only(), "fine") and usage(lab.only(), "total_tokens") is not None


@feature("openai", "streamed responses")
def _(lab: Lab) -> bool:
    client = lab.openai()
    list(client.responses.create(model="m", input="@@words=9@@", stream=True))
    return kept(lab.only(), "word0 word1", "word8")


@feature("openai", "streamed responses left early: the part that was read")
def _(lab: Lab) -> bool:
    client = lab.openai()
    with client.responses.create(model="m", input="@@words=9@@", stream=True) as stream:
        for event in stream:
            if "word2" in getattr(event, "delta", ""):
                break
    return kept(lab.only(), "word0 word1") and status(lab.only()) == "OK"


@feature("openai", "legacy completions")
def _(lab: Lab) -> bool:
    lab.openai().completions.create(model="m", prompt="@@say=fine@@")
    return kept(lab.only(), "fine")


@feature("openai", "embeddings")
def _(lab: Lab) -> bool:
    lab.openai().embeddings.create(model="m", input="hello", encoding_format="float")
    return kept(lab.only(), "embedding")


@feature("openai", "images")
def _(lab: Lab) -> bool:
    lab.openai().images.generate(model="gpt-image-1", prompt="a point")
    return kept(lab.only(), "b64_json")


@feature("openai", "sound to text")
def _(lab: Lab) -> bool:
    sound = ("a.wav", b"RIFF")
    lab.openai().audio.transcriptions.create(model="gpt-4o-transcribe", file=sound)
    return kept(lab.only(), "This is what was said.")


@feature("openai", "text to sound")
def _(lab: Lab) -> bool:
    lab.openai().audio.speech.create(model="tts-1", voice="alloy", input="hello")
    return lab.only().inputs["input"] == "hello"


@feature("openai", "moderation")
def _(lab: Lab) -> bool:
    lab.openai().moderations.create(input="violence")
    return kept(lab.only(), "flagged")


@feature("openai", "Azure client, named as such")
def _(lab: Lab) -> bool:
    lab.openai("AzureOpenAI").chat.completions.create(**asked("hello"))
    return lab.only().get_attribute("mlflow.llm.provider") == "azure"


@feature("openai", "cached tokens")
def _(lab: Lab) -> bool:
    lab.openai().chat.completions.create(**asked("@@cached=2@@ one two three"))
    return usage(lab.only(), "cache_read_input_tokens") == 2


@feature("openai", "reasoning tokens")
def _(lab: Lab) -> bool:
    lab.openai().chat.completions.create(**asked("@@think=let_me_see@@ hello"))
    return usage(lab.only(), "reasoning_output_tokens") == 3


@feature("openai", "cost of a known model")
def _(lab: Lab) -> bool:
    lab.openai().chat.completions.create(**asked("hello"))
    return (lab.only().get_attribute("mlflow.llm.cost") or {}).get("total_cost", 0) > 0


@feature("openai", "error status: ERROR with the exception")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        lab.openai().chat.completions.create(**asked("@@status=429@@"))
    return status(lab.only()) == "ERROR" and bool(lab.only().events)


@feature("openai", "stream left early: kept, OK, partial text")
def _(lab: Lab) -> bool:
    words = asked("@@words=9@@")
    with lab.openai().chat.completions.create(**words, stream=True) as stream:
        for number, _chunk in enumerate(stream):
            if number == 3:
                break
    return status(lab.only()) == "OK" and kept(lab.only(), "word0 word1 word2")


@feature("openai", "stream dropped and collected: kept, OK, partial text")
def _(lab: Lab) -> bool:
    words = asked("@@words=9@@")
    stream = lab.openai().chat.completions.create(**words, stream=True)
    for _number in range(4):
        next(stream)
    del stream
    return status(lab.only()) == "OK" and kept(lab.only(), "word0 word1 word2")


@feature("openai", "server hangs up mid-stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    words = asked("@@words=9 drop=4@@")
    with contextlib.suppress(Exception):
        list(lab.openai().chat.completions.create(**words, stream=True))
    return status(lab.only()) == "ERROR" and kept(lab.only(), "word0 word1")


@feature("openai", "cancelled stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    async def read() -> None:
        words = asked("@@words=9 chunk_delay=0.05@@")
        task = asyncio.create_task(
            _achat(lab, words["messages"][0]["content"], stream=True)
        )
        await asyncio.sleep(0.5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(read())
    return status(lab.only()) == "ERROR" and kept(lab.only(), "word0")


@feature("openai", "streams stay the SDK's own objects")
def _(lab: Lab) -> bool:
    import openai

    stream = lab.openai().chat.completions.create(**asked("hello"), stream=True)
    is_own = type(stream) is openai.Stream and hasattr(stream, "response")
    list(stream)
    return is_own and len(lab.spans()) == 1


@feature("openai", "no header is added to requests")
def _(lab: Lab) -> bool:
    lab.requests()
    lab.openai().chat.completions.create(**asked("hello"))
    lab.only()
    (headers,) = lab.requests()
    return not any(name.lower() == "traceparent" for name in headers)


# Anthropic ------------------------------------------------------------------------------


def claude(text: str) -> dict[str, Any]:
    return {**asked(text), "model": "claude-opus-4-6", "max_tokens": 100}


CLAUDE_TOOLS = [
    {
        "name": tool["function"]["name"],
        "input_schema": tool["function"]["parameters"],
    }
    for tool in WEATHER
]


@feature("anthropic", "messages: inputs, outputs, model, tokens")
def _(lab: Lab) -> bool:
    reply = lab.anthropic().messages.create(**claude("hello"))
    span = lab.only()
    return (
        span.inputs["messages"][0]["content"] == "hello"
        and kept(span, reply.content[0].text)
        and usage(span, "output_tokens") == reply.usage.output_tokens
        and span.get_attribute("mlflow.llm.model") == "claude-opus-4-6"
    )


async def _aclaude(lab: Lab, text: str, how: str) -> None:
    async with lab.anthropic("AsyncAnthropic") as client:
        if how == "helper":
            async with client.messages.stream(**claude(text)) as helper:
                await helper.until_done()
        elif how == "stream":
            stream = await client.messages.create(**claude(text), stream=True)
            _ = [event async for event in stream]
        else:
            await client.messages.create(**claude(text))


for _how, _words in (
    ("create", "asynchronous messages"),
    ("stream", "asynchronous `stream=True`"),
    ("helper", "asynchronous helper (`.stream()`)"),
):

    def _look(lab: Lab, how: str = _how) -> bool:
        asyncio.run(_aclaude(lab, "@@words=9@@", how))
        return kept(lab.only(), "word0 word1", "word8")

    feature("anthropic", _words)(_look)


@feature("anthropic", "streamed messages (`stream=True`)")
def _(lab: Lab) -> bool:
    list(lab.anthropic().messages.create(**claude("@@words=9@@"), stream=True))
    return kept(lab.only(), "word0 word1", "word8")


@feature("anthropic", "stream helper (`.stream()`)")
def _(lab: Lab) -> bool:
    with lab.anthropic().messages.stream(**claude("@@words=9@@")) as stream:
        stream.until_done()
    return kept(lab.only(), "word0 word1", "word8")


@feature("anthropic", "streamed: thinking, tool calls, tokens")
def _(lab: Lab) -> bool:
    text = claude(f"@@think=let_me_see@@ {QUESTION}")
    with lab.anthropic().messages.stream(**text, tools=CLAUDE_TOOLS) as stream:
        stream.until_done()
    span = lab.only()
    has_tokens = usage(span, "output_tokens") is not None
    return has_tokens and kept(span, "let me see", "get_weather", "get_time", "Paris")


@feature("anthropic", "beta")
def _(lab: Lab) -> bool:
    lab.anthropic().beta.messages.create(**claude("@@say=fine@@"))
    return kept(lab.only(), "fine")


@feature("anthropic", "structured output (`parse`)")
def _(lab: Lab) -> bool:
    from pydantic import create_model

    place = create_model("Place", city=(str, ...))
    lab.anthropic().messages.parse(**claude("I like Paris"), output_format=place)
    return kept(lab.only(), "Paris")


@feature("anthropic", "raw response")
def _(lab: Lab) -> bool:
    lab.anthropic().messages.with_raw_response.create(**claude("@@say=fine@@"))
    return kept(lab.only(), "fine")


@feature("anthropic", "cached tokens are part of the input")
def _(lab: Lab) -> bool:
    lab.anthropic().messages.create(**claude("@@cached=2@@ one two three"))
    return (
        usage(lab.only(), "input_tokens") == 3
        and usage(lab.only(), "cache_read_input_tokens") == 2
    )


@feature("anthropic", "cost of a known model")
def _(lab: Lab) -> bool:
    lab.anthropic().messages.create(**claude("hello"))
    return (lab.only().get_attribute("mlflow.llm.cost") or {}).get("total_cost", 0) > 0


@feature("anthropic", "error status: ERROR with the exception")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        lab.anthropic().messages.create(**claude("@@status=429@@"))
    return status(lab.only()) == "ERROR" and bool(lab.only().events)


@feature("anthropic", "stream left early: kept, OK, partial text")
def _(lab: Lab) -> bool:
    with lab.anthropic().messages.stream(**claude("@@words=9@@")) as stream:
        for text in stream.text_stream:
            if "word2" in text:
                break
    return status(lab.only()) == "OK" and kept(lab.only(), "word0 word1 word2")


@feature("anthropic", "server hangs up mid-stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    text = claude("@@words=9 drop=6@@")
    with contextlib.suppress(Exception):
        list(lab.anthropic().messages.create(**text, stream=True))
    return status(lab.only()) == "ERROR" and kept(lab.only(), "word0 word1")


@feature("anthropic", "orders of batches")
def _(lab: Lab) -> bool:
    requests = [{"custom_id": "a", "params": claude("hello")}]
    lab.anthropic().messages.batches.create(requests=requests)
    return kept(lab.only(), "msgbatch_demo")


@feature("anthropic", "no header is added to requests")
def _(lab: Lab) -> bool:
    lab.requests()
    lab.anthropic().messages.create(**claude("hello"))
    lab.only()
    (headers,) = lab.requests()
    return not any(name.lower() == "traceparent" for name in headers)


# LangChain and LangGraph ----------------------------------------------------------------


def chain_of(lab: Lab) -> Any:
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate.from_template("{text}")
    return prompt | lab.langchain() | StrOutputParser()


def types(lab: Lab) -> list[str]:
    return [span.span_type for span in lab.spans()]


@feature("langchain", "chat model: inputs, outputs, model, tokens")
def _(lab: Lab) -> bool:
    reply = lab.langchain().invoke("hello")
    span = lab.only()
    total = reply.usage_metadata["total_tokens"]
    return kept(span, reply.content) and usage(span, "total_tokens") == total


@feature("langchain", "chain with its steps")
def _(lab: Lab) -> bool:
    chain_of(lab).invoke({"text": "hello"})
    root, *steps = lab.spans()
    return len(steps) == 3 and all(s.parent_id == root.span_id for s in steps)


@feature("langchain", "asynchronous chain")
def _(lab: Lab) -> bool:
    asyncio.run(chain_of(lab).ainvoke({"text": "@@say=fine@@"}))
    return kept(lab.spans()[0], "fine") and len(lab.spans()) == 4


@feature("langchain", "streamed chain: outputs")
def _(lab: Lab) -> bool:
    list(chain_of(lab).stream({"text": "@@words=9@@"}))
    return kept(lab.spans()[0], "word0 word1", "word8")


@feature("langchain", "stream left early: kept, OK, partial text")
def _(lab: Lab) -> bool:
    for chunk in lab.langchain().stream("@@words=9@@"):
        if "word2" in chunk.content:
            break
    return status(lab.only()) == "OK" and kept(lab.only(), "word0 word1 word2")


@feature("langchain", "server hangs up mid-stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        list(lab.langchain().stream("@@words=9 drop=4@@"))
    return status(lab.only()) == "ERROR" and kept(lab.only(), "word0 word1")


@feature("langchain", "asynchronous stream")
def _(lab: Lab) -> bool:
    async def read() -> None:
        _ = [chunk async for chunk in lab.langchain().astream("@@words=9@@")]

    asyncio.run(read())
    return kept(lab.only(), "word0 word1", "word8")


@feature("langchain", "tool calls")
def _(lab: Lab) -> bool:
    lab.langchain().bind_tools(WEATHER).invoke("the weather in Paris")
    return kept(lab.only(), "get_weather", "Paris")


@feature("langchain", "structured output")
def _(lab: Lab) -> bool:
    model = lab.langchain().with_structured_output(PLACE, method="json_schema")
    answer = model.invoke("I like Paris")
    return answer == {"city": "Paris"} and kept(lab.spans()[0], "Paris")


@feature("langchain", "error status: ERROR with the exception")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        lab.langchain().invoke("@@status=429@@")
    events = [event for event in lab.only().events if event.name == "exception"]
    return status(lab.only()) == "ERROR" and bool(events)


@feature("langchain", "batch: a trace for each item")
def _(lab: Lab) -> bool:
    chain_of(lab).batch([{"text": "a"}, {"text": "b"}])
    return len(lab.spans()) == 4


@feature("langchain", "retriever: documents")
def _(lab: Lab) -> bool:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> Any:
            return [Document("a page", metadata={"n": 1})]

    Shelf().invoke("question")
    (document,) = lab.only().outputs
    return document["page_content"] == "a page" and document["metadata"]["n"] == 1


def agent_of(lab: Lab) -> Any:
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with lab.m.start_span("look"):
            return f"sunny in {city}"

    return create_agent(lab.langchain(), [get_weather])


ASKED_AGENT = {"messages": [{"role": "user", "content": "The weather in Paris?"}]}


@feature("langchain", "agent: model, tools, answer")
def _(lab: Lab) -> bool:
    agent_of(lab).invoke(ASKED_AGENT)
    found = types(lab)
    return found.count("CHAT_MODEL") == 2 and found.count("TOOL") == 1


def nests_in_tool(lab: Lab) -> bool:
    spans = {span.span_id: span for span in lab.spans()}
    (look,) = (span for span in spans.values() if span.name == "look")
    return bool(spans[look.parent_id].span_type == "TOOL")


@feature("langchain", "your spans nest inside of a tool")
def _(lab: Lab) -> bool:
    agent_of(lab).invoke(ASKED_AGENT)
    return nests_in_tool(lab)


@feature("langchain", "your spans nest inside of a tool, asynchronously")
def _(lab: Lab) -> bool:
    asyncio.run(agent_of(lab).ainvoke(ASKED_AGENT))
    return nests_in_tool(lab)


@feature("langchain", "cancelled model call: ERROR")
def _(lab: Lab) -> bool:
    async def cancel() -> None:
        task = asyncio.create_task(chain_of(lab).ainvoke({"text": "@@delay=5@@"}))
        await asyncio.sleep(1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    models = [span for span in lab.spans() if span.span_type == "CHAT_MODEL"]
    return [status(span) for span in models] == ["ERROR"]


@feature("langchain", "over a traced SDK, tokens are counted once")
def _(lab: Lab) -> bool:
    lab.m.openai.autolog()
    try:
        reply = lab.langchain().invoke("hello")
        spans = lab.spans()
    finally:
        lab.m.openai.autolog(disable=True)
    trace = lab.m.get_trace(lab.m.get_last_active_trace_id())
    total = (trace.info.token_usage or {}).get("total_tokens")
    return len(spans) == 2 and total == reply.usage_metadata["total_tokens"]


@feature("langchain", "a graph's thread is the session")
def _(lab: Lab) -> bool:
    from langgraph.graph import END, START, StateGraph

    builder = StateGraph(dict)
    builder.add_node("step", lambda state: state)
    builder.add_edge(START, "step")
    builder.add_edge("step", END)
    builder.compile().invoke({"n": 1}, {"configurable": {"thread_id": "t-1"}})
    lab.spans()
    trace = lab.m.get_trace(lab.m.get_last_active_trace_id())
    return trace.info.trace_metadata.get("mlflow.trace.session") == "t-1"
