"""The ways of each library to ask a model, in one form, for tests that hold for all."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from support.sdk import sdk

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from spantree.integrations import get_library

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

MODEL = "gpt-4o-mini"
CLAUDE = "claude-opus-4-6"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
ABOUT = "Tell the weather."


@dataclass
class Calls:
    """One library's ways to ask a model.

    Calls give the text of the reply, or the calls of tools and the structured answer
    as the library gives them. A stream is the library's own object, not read yet, and
    ``piece`` the text of one of its parts. What a library does not have is None.
    """

    acall: Callable[[str], Awaitable[str]]
    atool: Callable[[str], Awaitable[Any]]
    astructured: Callable[[str], Awaitable[Any]]
    call: Callable[[str], str] | None = None
    tool: Callable[[str], Any] | None = None
    structured: Callable[[str], Any] | None = None
    astream: Callable[[str], Awaitable[Any]] | None = None
    stream: Callable[[str], Any] | None = None
    piece: Callable[[Any], str] = str
    model: str = MODEL


def get_weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def _place() -> Any:
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    return Place


def _said(text):
    return [{"role": "user", "content": text}]


def openai_calls(provider):
    module = sdk("openai")
    place = {"base_url": provider.url, "api_key": "k", "max_retries": 0}
    function = {"name": "get_weather", "description": ABOUT, "parameters": CITY}
    tools = [{"type": "function", "function": function}]
    answer = _place()
    streamed = {"stream": True, "stream_options": {"include_usage": True}}

    def asked(text, **options):
        return {"model": MODEL, "messages": _said(text), **options}

    def client():
        http = module.DefaultHttpxClient(trust_env=False, verify=False)
        return module.OpenAI(http_client=http, **place)

    def aclient():
        http = module.DefaultAsyncHttpxClient(trust_env=False, verify=False)
        return module.AsyncOpenAI(http_client=http, **place)

    def called(reply):
        return [c.function for c in reply.choices[0].message.tool_calls]

    def told(text, **options):
        with client() as made:
            return made.chat.completions.create(**asked(text, **options))

    async def atold(text, **options):
        async with aclient() as made:
            return await made.chat.completions.create(**asked(text, **options))

    def structured(text):
        with client() as made:
            parse = made.chat.completions.parse
            return parse(**asked(text, response_format=answer)).choices[0].message

    async def astructured(text):
        async with aclient() as made:
            parse = made.chat.completions.parse
            reply = await parse(**asked(text, response_format=answer))
            return reply.choices[0].message

    async def acall(text):
        return (await atold(text)).choices[0].message.content

    async def atool(text):
        return called(await atold(text, tools=tools))

    async def astream(text):
        return await aclient().chat.completions.create(**asked(text, **streamed))

    async def aparsed(text):
        return (await astructured(text)).parsed.model_dump()

    return Calls(
        acall,
        atool,
        aparsed,
        lambda text: told(text).choices[0].message.content,
        lambda text: called(told(text, tools=tools)),
        lambda text: structured(text).parsed.model_dump(),
        astream,
        lambda text: client().chat.completions.create(**asked(text, **streamed)),
        lambda part: part.choices[0].delta.content or "" if part.choices else "",
    )


def anthropic_calls(provider):
    module = sdk("anthropic")
    place = {"base_url": provider.root, "api_key": "k", "max_retries": 0}
    tools = [{"name": "get_weather", "description": ABOUT, "input_schema": CITY}]
    answer = _place()

    def asked(text, **options):
        return {
            "model": CLAUDE,
            "max_tokens": 100,
            "messages": _said(text),
            **options,
        }

    def client():
        http = module.DefaultHttpxClient(trust_env=False, verify=False)
        return module.Anthropic(http_client=http, **place)

    def aclient():
        http = module.DefaultAsyncHttpxClient(trust_env=False, verify=False)
        return module.AsyncAnthropic(http_client=http, **place)

    def called(reply):
        return [block for block in reply.content if block.type == "tool_use"]

    def told(text, how="create", **options):
        with client() as made:
            return getattr(made.messages, how)(**asked(text, **options))

    async def atold(text, how="create", **options):
        async with aclient() as made:
            return await getattr(made.messages, how)(**asked(text, **options))

    async def acall(text):
        return (await atold(text)).content[0].text

    async def atool(text):
        return called(await atold(text, tools=tools))

    async def astructured(text):
        reply = await atold(text, "parse", output_format=answer)
        return reply.parsed_output.model_dump()

    async def astream(text):
        return await aclient().messages.create(**asked(text, stream=True))

    def structured(text):
        reply = told(text, "parse", output_format=answer)
        return reply.parsed_output.model_dump()

    return Calls(
        acall,
        atool,
        astructured,
        lambda text: told(text).content[0].text,
        lambda text: called(told(text, tools=tools)),
        structured,
        astream,
        lambda text: client().messages.create(**asked(text, stream=True)),
        lambda part: getattr(getattr(part, "delta", None), "text", None) or "",
        CLAUDE,
    )


def langchain_calls(provider):
    module = sdk("langchain_openai")
    tool = sdk("langchain_core.tools").tool(get_weather)
    schema = {"title": "Place", **CITY}

    def model():
        # Of its own: LangChain shares one client of HTTP among all event loops.
        openai = sdk("openai")
        return module.ChatOpenAI(
            model=MODEL,
            base_url=provider.url,
            api_key="k",
            max_retries=0,
            stream_usage=True,
            http_async_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        )

    def offered():
        return model().bind_tools([tool])

    def asked():
        return model().with_structured_output(schema, method="json_schema")

    async def acall(text):
        return (await model().ainvoke(text)).content

    async def atool(text):
        return (await offered().ainvoke(text)).tool_calls

    async def astructured(text):
        return await asked().ainvoke(text)

    async def astream(text):
        return model().astream(text)

    return Calls(
        acall,
        atool,
        astructured,
        lambda text: model().invoke(text).content,
        lambda text: offered().invoke(text).tool_calls,
        lambda text: asked().invoke(text),
        astream,
        lambda text: model().stream(text),
        lambda part: part.text,
    )


def llama_index_calls(provider):
    module = sdk("llama_index.llms.openai_like")
    message = sdk("llama_index.core.llms").ChatMessage
    tool = sdk("llama_index.core.tools").FunctionTool.from_defaults(get_weather)
    answer = _place()
    usage = {"stream_options": {"include_usage": True}}

    def model():
        return module.OpenAILike(
            model=MODEL,
            api_base=provider.url,
            api_key="k",
            is_chat_model=True,
            is_function_calling_model=True,
            max_retries=0,
        )

    def said(text):
        return [message(role="user", content=text)]

    def called(reply):
        return model().get_tool_calls_from_response(reply)

    def answered(reply):
        return reply.raw.model_dump()

    async def acall(text):
        return (await model().achat(said(text))).message.content

    async def atool(text):
        return called(await model().achat_with_tools([tool], user_msg=text))

    async def astructured(text):
        return answered(await model().as_structured_llm(answer).achat(said(text)))

    async def astream(text):
        return await model().astream_chat(said(text), **usage)

    return Calls(
        acall,
        atool,
        astructured,
        lambda text: model().chat(said(text)).message.content,
        lambda text: called(model().chat_with_tools([tool], user_msg=text)),
        lambda text: answered(model().as_structured_llm(answer).chat(said(text))),
        astream,
        lambda text: model().stream_chat(said(text), **usage),
        lambda part: part.delta or "",
    )


def dspy_calls(provider):
    module = sdk("dspy")
    module.configure_cache(enable_disk_cache=False)
    function = {"name": "get_weather", "description": ABOUT, "parameters": CITY}
    tools = [{"type": "function", "function": function}]
    answer = _place()
    model = module.LM(
        f"openai/{MODEL}",
        api_base=provider.url,
        api_key="k",
        cache=False,
        num_retries=0,
    )

    def read(replies):
        import json

        return json.loads(replies[0])

    async def acall(text):
        return (await model.acall(text))[0]

    async def atool(text):
        return (await model.acall(text, tools=tools))[0]["tool_calls"]

    async def astructured(text):
        return read(await model.acall(text, response_format=answer))

    return Calls(
        acall,
        atool,
        astructured,
        lambda text: model(text)[0],
        lambda text: model(text, tools=tools)[0]["tool_calls"],
        lambda text: read(model(text, response_format=answer)),
    )


def autogen_calls(provider):
    module = sdk("autogen_ext.models.openai")
    message = sdk("autogen_core.models").UserMessage
    tool = sdk("autogen_core.tools").FunctionTool(get_weather, description=ABOUT)
    answer = _place()
    info = dict.fromkeys(("vision", "function_calling", "json_output"), False)

    def client():
        return module.OpenAIChatCompletionClient(
            model=MODEL,
            base_url=provider.url,
            api_key="k",
            max_retries=0,
            model_info={
                **info,
                "function_calling": True,
                "structured_output": True,
                "family": "unknown",
            },
        )

    def said(text):
        return [message(content=text, source="u")]

    async def told(text, **options):
        made = client()
        try:
            return (await made.create(said(text), **options)).content
        finally:
            await made.close()

    async def atool(text):
        return await told(text, tools=[tool])

    async def astructured(text):
        return answer.model_validate_json(
            await told(text, json_output=answer)
        ).model_dump()

    async def astream(text):
        return client().create_stream(said(text), include_usage=True)

    return Calls(
        told,
        atool,
        astructured,
        astream=astream,
        piece=lambda part: part if isinstance(part, str) else "",
    )


MADE = {
    "openai": openai_calls,
    "anthropic": anthropic_calls,
    "langchain": langchain_calls,
    "llama_index": llama_index_calls,
    "dspy": dspy_calls,
    "autogen": autogen_calls,
}
NEEDS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "langchain": "langchain_openai",
    "llama_index": "llama_index.llms.openai_like",
    "dspy": "dspy",
    "autogen": "autogen_ext.models.openai",
}


# AutoGen has no synchronous calls, and a model of DSPy does not stream.
KINDS = {name: ("async",) if name == "autogen" else ("sync", "async") for name in MADE}
CALLS = [(name, kind, "call") for name in MADE for kind in KINDS[name]]
TOOLS = [(name, kind, "tool") for name, kind, _ in CALLS]
STRUCTURED = [(name, kind, "structured") for name, kind, _ in CALLS]
STREAMS = [(name, kind, "stream") for name, kind, _ in CALLS if name != "dspy"]


@dataclass
class Way:
    """One way of one library to ask a model.

    Args:
        name: The library's.
        model: The model's.
        is_async: Whether ``run`` gives something to await.
        run: Text → what the library gives.
        piece: Part of a stream → its text.
        is_stream: Whether ``run`` gives a stream.
    """

    name: str
    model: str
    is_async: bool
    run: Callable[[str], Any]
    piece: Callable[[Any], str]
    is_stream: bool

    def __call__(self, text: str) -> Any:
        """Ask, and read a stream to its end."""
        if self.is_async:
            return asyncio.run(self.whole(text))
        found = self.run(text)
        return "".join(map(self.piece, found)) if self.is_stream else found

    async def whole(self, text: str) -> Any:
        """Do the same in a task."""
        found = await self.run(text)
        if not self.is_stream:
            return found
        return "".join([self.piece(part) async for part in found])


@contextlib.contextmanager
def open_way(name: str, kind: str, what: str, provider: Any) -> Iterator[Way]:
    """Give a way of a library, which is traced meanwhile."""
    sdk(NEEDS[name])
    library = get_library(name)
    library.autolog()
    try:
        calls = MADE[name](provider)
        is_async = kind == "async"
        run = getattr(calls, f"a{what}" if is_async else what)
        assert not is_async or inspect.iscoroutinefunction(run)
        is_stream = what == "stream"
        yield Way(name, calls.model, is_async, run, calls.piece, is_stream)
    finally:
        library.autolog(disable=True)


def of(ways: list[tuple[str, str, str]]) -> Any:
    """Run a test for each of the ways, by the fixture ``way``."""
    ids = ["-".join(way) for way in ways]
    return pytest.mark.parametrize("way", ways, indirect=True, ids=ids)
