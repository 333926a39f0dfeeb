"""More features, as in autolog_features.py: of LlamaIndex, DSPy and AutoGen."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from typing import TYPE_CHECKING, Any

from parity.autolog_features import Lab, feature, kept, nests_in_tool, status, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

WEATHER_IN_PARIS = "Give me the weather in Paris."


def named(lab: Lab, part: str) -> list[Any]:
    return [span for span in lab.spans() if part in span.name]


def typed(lab: Lab, span_type: str) -> list[Any]:
    return [span for span in lab.spans() if span.span_type == span_type]


def models(lab: Lab) -> list[Any]:
    """The calls of models, by either of the two types."""
    return [span for span in lab.spans() if span.span_type in ("CHAT_MODEL", "LLM")]


def tokens_of_trace(lab: Lab) -> Any:
    lab.spans()
    trace = lab.m.get_trace(lab.m.get_last_active_trace_id())
    return (trace.info.token_usage or {}).get("total_tokens")


def place() -> Any:
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    return Place


def weather(lab: Lab) -> Callable[[str], str]:
    def get_weather(city: str) -> str:
        """Tell the weather."""
        with lab.m.start_span("look"):
            return f"sunny in {city}"

    return get_weather


async def cancelled(
    call: Coroutine[Any, Any, Any], when: asyncio.Event | None = None
) -> None:
    """Cancel a call after a second, or when an event has come."""
    task = asyncio.create_task(call)
    await (asyncio.sleep(1) if when is None else when.wait())
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# LlamaIndex -----------------------------------------------------------------------------


def llama(lab: Lab) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(
        model="gpt-4o-mini",
        api_base=f"{lab.root}/v1",
        api_key="k",
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


def said(text: str) -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=text)]


def atlas(lab: Lab, **options: Any) -> Any:
    from llama_index.core import Document, MockEmbedding, VectorStoreIndex

    page = Document(text="Paris is in France.", metadata={"source": "atlas"})
    index = VectorStoreIndex.from_documents(
        [page], embed_model=MockEmbedding(embed_dim=4)
    )
    return index.as_query_engine(llm=llama(lab), **options)


@feature("llama_index", "chat: inputs, outputs, model, tokens")
def _(lab: Lab) -> bool:
    reply = llama(lab).chat(said("hello"))
    (span,) = typed(lab, "CHAT_MODEL")
    return (
        "hello" in str(span.inputs)
        and kept(span, reply.message.content)
        and usage(span, "total_tokens") == reply.raw.usage.total_tokens
        and span.get_attribute("mlflow.llm.model") == "gpt-4o-mini"
    )


@feature("llama_index", "asynchronous chat")
def _(lab: Lab) -> bool:
    asyncio.run(llama(lab).achat(said("@@say=fine@@")))
    return kept(typed(lab, "CHAT_MODEL")[0], "fine")


@feature("llama_index", "completion")
def _(lab: Lab) -> bool:
    llama(lab).complete("@@say=fine@@")
    return kept(lab.spans()[0], "fine")


@feature("llama_index", "streamed chat")
def _(lab: Lab) -> bool:
    list(llama(lab).stream_chat(said("@@words=9@@")))
    return kept(typed(lab, "CHAT_MODEL")[0], "word0 word1", "word8")


@feature("llama_index", "asynchronous stream")
def _(lab: Lab) -> bool:
    async def read() -> None:
        stream = await llama(lab).astream_chat(said("@@words=9@@"))
        _ = [part async for part in stream]

    asyncio.run(read())
    return kept(typed(lab, "CHAT_MODEL")[0], "word0 word1", "word8")


@feature("llama_index", "tool calls")
def _(lab: Lab) -> bool:
    from llama_index.core.tools import FunctionTool

    tool = FunctionTool.from_defaults(weather(lab))
    llama(lab).chat_with_tools([tool], user_msg="the weather in Paris")
    return kept(typed(lab, "CHAT_MODEL")[0], "get_weather", "Paris")


@feature("llama_index", "structured output")
def _(lab: Lab) -> bool:
    llama(lab).as_structured_llm(place()).chat(said("I like Paris"))
    return kept(typed(lab, "CHAT_MODEL")[0], "Paris")


@feature("llama_index", "stream left early: kept, OK, partial text")
def _(lab: Lab) -> bool:
    stream = llama(lab).stream_chat(said("@@words=9@@"))
    for part in stream:
        if "word2" in part.message.content:
            break
    stream.close()
    (span,) = typed(lab, "CHAT_MODEL")
    return status(span) == "OK" and kept(span, "word0 word1")


@feature("llama_index", "stream dropped and collected: kept, OK, partial text")
def _(lab: Lab) -> bool:
    stream = llama(lab).stream_chat(said("@@words=9@@"))
    for part in stream:
        if "word2" in part.message.content:
            break
    del stream, part
    gc.collect()
    (span,) = typed(lab, "CHAT_MODEL")
    return status(span) == "OK" and kept(span, "word0 word1")


@feature("llama_index", "server hangs up mid-stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        list(llama(lab).stream_chat(said("@@words=9 drop=4@@")))
    (span,) = typed(lab, "CHAT_MODEL")
    return status(span) == "ERROR" and kept(span, "word0 word1")


@feature("llama_index", "cancelled stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    async def run() -> None:
        first = asyncio.Event()

        async def read() -> None:
            messages = said("@@words=9 chunk_delay=1@@")
            async for _ in await llama(lab).astream_chat(messages):
                first.set()

        await cancelled(read(), first)

    asyncio.run(run())
    (span,) = typed(lab, "CHAT_MODEL")
    return status(span) == "ERROR" and "message" in span.outputs


@feature("llama_index", "error status: ERROR with the exception")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        llama(lab).chat(said("@@status=429@@"))
    (span,) = typed(lab, "CHAT_MODEL")
    events = [event for event in span.events if event.name == "exception"]
    return status(span) == "ERROR" and bool(events)


@feature("llama_index", "query: documents, and the model below")
def _(lab: Lab) -> bool:
    atlas(lab).query("Where is Paris?")
    retrieved = typed(lab, "RETRIEVER")[-1]
    (document,) = retrieved.outputs
    return (
        document["page_content"] == "Paris is in France."
        and document["metadata"]["source"] == "atlas"
        and len(typed(lab, "CHAT_MODEL")) == 1
    )


@feature("llama_index", "streamed query: one trace, whole text")
def _(lab: Lab) -> bool:
    reply = atlas(lab, streaming=True).query("Where is Paris?")
    text = "".join(reply.response_gen)
    root = lab.spans()[0]
    return kept(root, text) and bool(typed(lab, "CHAT_MODEL"))


def run_llama_agent(lab: Lab) -> None:
    from llama_index.core.agent.workflow import FunctionAgent

    async def run() -> None:
        agent = FunctionAgent(tools=[weather(lab)], llm=llama(lab))
        await agent.run(WEATHER_IN_PARIS)

    asyncio.run(run())


@feature("llama_index", "agent: one trace with models, tools, answer")
def _(lab: Lab) -> bool:
    run_llama_agent(lab)
    (tool,) = typed(lab, "TOOL")
    root = lab.spans()[0]
    models = typed(lab, "CHAT_MODEL")
    return kept(tool, "sunny in Paris") and root.outputs is not None and len(models) > 1


@feature("llama_index", "your spans nest inside of a tool")
def _(lab: Lab) -> bool:
    run_llama_agent(lab)
    return nests_in_tool(lab)


@feature("llama_index", "over a traced SDK, tokens are counted once")
def _(lab: Lab) -> bool:
    lab.m.openai.autolog()
    try:
        reply = llama(lab).chat(said("hello"))
        counted = tokens_of_trace(lab)
    finally:
        lab.m.openai.autolog(disable=True)
    return bool(counted == reply.raw.usage.total_tokens)


# DSPy -----------------------------------------------------------------------------------

WHERE = '@@say={"answer":"Paris"}@@ Where is it?'


@contextlib.contextmanager
def dspy_with(lab: Lab, replies: Any = None) -> Any:
    import os

    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import dspy

    dspy.configure_cache(enable_disk_cache=False)
    place = {"api_base": f"{lab.root}/v1", "api_key": "k"}
    lm = dspy.LM("openai/gpt-4o-mini", cache=False, num_retries=0, **place)
    adapter = dspy.JSONAdapter() if replies is None else dspy.ChatAdapter()
    used = lm if replies is None else dspy.utils.DummyLM(replies)
    with dspy.context(lm=used, adapter=adapter):
        yield dspy


@feature("dspy", "module: inputs and outputs")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        dspy.Predict("question -> answer")(question=WHERE)
    root = lab.spans()[0]
    return root.inputs["question"] == WHERE and kept(root, "Paris")


@feature("dspy", "model: messages, reply, model")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        dspy.Predict("question -> answer")(question=WHERE)
    (span,) = typed(lab, "CHAT_MODEL")
    return (
        "Where is it?" in str(span.inputs)
        and kept(span, "Paris")
        and "gpt-4o-mini" in span.get_attribute("mlflow.llm.model")
    )


@feature("dspy", "model: tokens of each call")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        dspy.Predict("question -> answer")(question=WHERE)
        (used,) = [entry["usage"] for entry in dspy.settings.lm.history]
    (span,) = typed(lab, "CHAT_MODEL")
    return bool(usage(span, "total_tokens") == used["total_tokens"])


@feature("dspy", "adapter: format and parse")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        dspy.Predict("question -> answer")(question=WHERE)
    names = {span.name for span in typed(lab, "PARSER")}
    return names == {"JSONAdapter.format", "JSONAdapter.parse"}


@feature("dspy", "asynchronous module")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        asyncio.run(dspy.Predict("question -> answer").acall(question=WHERE))
    return kept(lab.spans()[0], "Paris") and len(typed(lab, "CHAT_MODEL")) == 1


@feature("dspy", "tool calls")
def _(lab: Lab) -> bool:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "get_weather", "parameters": schema}
    with dspy_with(lab) as dspy:
        tools = [{"type": "function", "function": function}]
        dspy.settings.lm("the weather in Paris", tools=tools)
    return kept(lab.spans()[0], "get_weather", "Paris")


@feature("dspy", "structured output")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        dspy.settings.lm("I like Paris", response_format=place())
    return kept(lab.spans()[0], "Paris")


def stream_dspy(lab: Lab, question: str, parts: int = 99) -> None:
    """Read so many parts of a streamed program, then leave."""

    async def read(program: Any) -> None:
        stream = program(question=question)
        async for _ in stream:
            nonlocal parts
            parts -= 1
            if not parts:
                break
        await stream.aclose()

    async def run() -> None:
        with dspy_with(lab) as dspy:
            program = dspy.Predict("question -> answer")
            streamed = dspy.streamify(program, is_async_program=True)
            # DSPy cancels the task that leaves.
            await asyncio.wait([asyncio.create_task(read(streamed))])
            await asyncio.sleep(0.5)

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    asyncio.run(run())


@feature("dspy", "streamed program")
def _(lab: Lab) -> bool:
    stream_dspy(lab, WHERE)
    (span,) = typed(lab, "CHAT_MODEL")
    return kept(span, "Paris") and kept(lab.spans()[0], "Paris")


@feature("dspy", "streamed program left early: kept, OK, partial text")
def _(lab: Lab) -> bool:
    stream_dspy(lab, "@@words=9 chunk_delay=0.05@@", parts=3)
    (span,) = typed(lab, "CHAT_MODEL")
    return status(span) == "OK" and kept(span, "word0 word1")


@feature("dspy", "server hangs up mid-stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    stream_dspy(lab, "@@words=9 drop=4@@")
    (span,) = typed(lab, "CHAT_MODEL")
    return status(span) == "ERROR" and kept(span, "word0 word1")


def run_react(lab: Lab) -> None:
    replies = [
        {
            "next_thought": "t",
            "next_tool_name": "get_weather",
            "next_tool_args": {"city": "Paris"},
        },
        {"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "r", "answer": "sunny"},
    ]
    with dspy_with(lab, replies) as dspy:
        dspy.ReAct("question -> answer", tools=[weather(lab)])(question="Weather?")


@feature("dspy", "agent: a span of that type, tools, answer")
def _(lab: Lab) -> bool:
    run_react(lab)
    root = lab.spans()[0]
    found = [tool for tool in typed(lab, "TOOL") if "get_weather" in tool.name]
    return root.span_type == "AGENT" and kept(root, "sunny") and len(found) == 1


@feature("dspy", "your spans nest inside of a tool")
def _(lab: Lab) -> bool:
    run_react(lab)
    return nests_in_tool(lab)


@feature("dspy", "threads (`Parallel`) nest below the span that began them")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        module = dspy.Predict("question -> answer")
        example = dspy.Example(question=WHERE).with_inputs("question")
        with lab.m.start_span("all"):
            run = dspy.Parallel(num_threads=3, disable_progress_bar=True)
            run([(module, example)] * 5)
    root = lab.spans()[0]
    below = [span for span in named(lab, "Predict") if span.parent_id == root.span_id]
    return len(below) == 5


@feature("dspy", "error of the provider: ERROR with the exception")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy, contextlib.suppress(Exception):
        dspy.Predict("question -> answer")(question="@@status=400@@")
    root = lab.spans()[0]
    events = [event for event in root.events if event.name == "exception"]
    return status(root) == "ERROR" and bool(events)


@feature("dspy", "cancelled call: ERROR")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        call = dspy.Predict("question -> answer").acall(question="@@delay=5@@")
        asyncio.run(cancelled(call))
    return status(lab.spans()[0]) == "ERROR"


@feature("dspy", "tokens of the trace, counted once")
def _(lab: Lab) -> bool:
    with dspy_with(lab) as dspy:
        dspy.Predict("question -> answer")(question=WHERE)
        (used,) = [entry["usage"] for entry in dspy.settings.lm.history]
    return bool(tokens_of_trace(lab) == used["total_tokens"])


# AutoGen --------------------------------------------------------------------------------


def with_autogen(lab: Lab, use: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info = {
        "vision": False,
        "function_calling": True,
        "json_output": True,
        "family": "unknown",
        "structured_output": True,
    }

    async def run() -> Any:
        client = OpenAIChatCompletionClient(
            model="gpt-4o-mini",
            base_url=f"{lab.root}/v1",
            api_key="k",
            max_retries=0,
            model_info=info,
        )
        try:
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(run())


def to_autogen(text: str) -> list[Any]:
    from autogen_core.models import UserMessage

    return [UserMessage(content=text, source="user")]


def helper(lab: Lab, client: Any) -> Any:
    from autogen_agentchat.agents import AssistantAgent

    return AssistantAgent("helper", client, tools=[weather(lab)])


@feature("autogen", "model call: inputs, outputs, model, tokens")
def _(lab: Lab) -> bool:
    reply = with_autogen(lab, lambda client: client.create(to_autogen("hello")))
    span = lab.spans()[0]
    return (
        "hello" in str(span.inputs)
        and kept(span, reply.content)
        and usage(span, "input_tokens") == reply.usage.prompt_tokens
        and span.get_attribute("mlflow.llm.model") == "gpt-4o-mini"
    )


@feature("autogen", "streamed model call")
def _(lab: Lab) -> bool:
    async def use(client: Any) -> None:
        _ = [part async for part in client.create_stream(to_autogen("@@words=9@@"))]

    with_autogen(lab, use)
    return kept(models(lab)[0], "word0 word1", "word8")


@feature("autogen", "stream left early: kept, OK, partial text")
def _(lab: Lab) -> bool:
    async def use(client: Any) -> None:
        stream = client.create_stream(to_autogen("@@words=9@@"))
        for _ in range(3):
            await stream.__anext__()
        await stream.aclose()

    with_autogen(lab, use)
    (span,) = models(lab)
    return status(span) == "OK" and kept(span, "word0 word1")


@feature("autogen", "server hangs up mid-stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    async def use(client: Any) -> None:
        with contextlib.suppress(Exception):
            messages = to_autogen("@@words=9 drop=4@@")
            _ = [part async for part in client.create_stream(messages)]

    with_autogen(lab, use)
    (span,) = models(lab)
    return status(span) == "ERROR" and kept(span, "word0 word1")


@feature("autogen", "tool calls")
def _(lab: Lab) -> bool:
    from autogen_core.tools import FunctionTool

    tool = FunctionTool(weather(lab), description="Tell the weather.")
    asked = to_autogen("the weather in Paris")
    with_autogen(lab, lambda client: client.create(asked, tools=[tool]))
    return kept(models(lab)[0], "get_weather", "Paris")


@feature("autogen", "structured output")
def _(lab: Lab) -> bool:
    asked = to_autogen("I like Paris")
    with_autogen(lab, lambda client: client.create(asked, json_output=place()))
    return kept(models(lab)[0], "Paris")


@feature("autogen", "cancelled stream: ERROR, partial text")
def _(lab: Lab) -> bool:
    async def use(client: Any) -> None:
        first = asyncio.Event()

        async def read() -> None:
            messages = to_autogen("@@words=9 chunk_delay=1@@")
            async for _ in client.create_stream(messages):
                first.set()

        await cancelled(read(), first)

    with_autogen(lab, use)
    (span,) = models(lab)
    return status(span) == "ERROR" and "message" in span.outputs


@feature("autogen", "error status: ERROR with the exception")
def _(lab: Lab) -> bool:
    with contextlib.suppress(Exception):
        with_autogen(lab, lambda client: client.create(to_autogen("@@status=429@@")))
    (span,) = models(lab)
    events = [event for event in span.events if event.name == "exception"]
    return status(span) == "ERROR" and bool(events)


@feature("autogen", "agent: model, tools, answer")
def _(lab: Lab) -> bool:
    with_autogen(
        lab, lambda client: helper(lab, client).run(task="The weather in Paris?")
    )
    root = lab.spans()[0]
    (tool,) = typed(lab, "TOOL")
    return (
        root.span_type == "AGENT"
        and kept(root, "sunny in Paris")
        and kept(tool, "sunny in Paris")
        and bool(models(lab))
    )


@feature("autogen", "your spans nest inside of a tool")
def _(lab: Lab) -> bool:
    with_autogen(
        lab, lambda client: helper(lab, client).run(task="The weather in Paris?")
    )
    return nests_in_tool(lab)


@feature("autogen", "streamed agent (`run_stream`)")
def _(lab: Lab) -> bool:
    async def use(client: Any) -> None:
        stream = helper(lab, client).run_stream(task="The weather in Paris?")
        _ = [part async for part in stream]

    with_autogen(lab, use)
    root = lab.spans()[0]
    return root.span_type == "AGENT" and kept(root, "sunny in Paris")


@feature("autogen", "team: one trace with its agents")
def _(lab: Lab) -> bool:
    async def use(client: Any) -> None:
        from autogen_agentchat.agents import AssistantAgent
        from autogen_agentchat.conditions import MaxMessageTermination
        from autogen_agentchat.teams import RoundRobinGroupChat

        both = [AssistantAgent(name, client) for name in ("first", "second")]
        end = MaxMessageTermination(3)
        await RoundRobinGroupChat(both, termination_condition=end).run(task="hello")

    with_autogen(lab, use)
    agents = {span.name.partition(".")[0] for span in typed(lab, "AGENT")}
    return {"first", "second"} < agents and len(models(lab)) == 2


@feature("autogen", "agents of classes defined after `autolog()`")
def _(lab: Lab) -> bool:
    from autogen_agentchat.agents import BaseChatAgent
    from autogen_agentchat.base import Response
    from autogen_agentchat.messages import TextMessage

    class Late(BaseChatAgent):
        produced_message_types = (TextMessage,)

        async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
            return Response(chat_message=TextMessage(content="fine", source=self.name))

        async def on_reset(self, cancellation_token: Any) -> None:
            pass

    asyncio.run(Late("late", "comes late").run(task="hello"))
    return kept(lab.spans()[0], "fine")


@feature("autogen", "over a traced SDK, tokens are counted once")
def _(lab: Lab) -> bool:
    lab.m.openai.autolog()
    try:
        reply = with_autogen(lab, lambda client: client.create(to_autogen("hello")))
        counted = tokens_of_trace(lab)
    finally:
        lab.m.openai.autolog(disable=True)
    used = reply.usage
    return bool(counted == used.prompt_tokens + used.completion_tokens)
