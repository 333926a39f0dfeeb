"""The ways of each library to ask a model, in one form, for tests that hold for all."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
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
class Record:
    """How the span of a library's model is written.

    Args:
        name: ``"call"``, ``"tool"``, ``"structured"`` or ``"stream"``, and whether it
            is asynchronous → the span's name.
        inputs: Text and which of the four → the inputs.
        text: Outputs → the text of the reply; refuses outputs of another form.
        zeros: Counts of tokens that the library passes on, and that are 0 here.
    """

    name: Callable[[str, bool], str]
    inputs: Callable[[str, str], Any]
    text: Callable[[Any], str | None]
    zeros: tuple[str, ...] = ("cache_read_input_tokens", "reasoning_output_tokens")

    def usage(self, given: int, said: int) -> dict[str, int]:
        """Give the whole usage of a reply."""
        counted = {"input_tokens": given, "output_tokens": said}
        return {**counted, "total_tokens": given + said, **dict.fromkeys(self.zeros, 0)}


@dataclass
class Calls:
    """One library's ways to ask a model.

    Calls give the text of the reply, or the calls of tools and the structured answer
    as the library gives them. A stream is the library's own object, not read yet, and
    ``piece`` the text of one of its parts. What a library does not have is None.
    """

    record: Record
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


def _named(schema):
    """How a class of an answer is written."""
    return {"name": schema.__name__, "schema": schema.model_json_schema()}


def _only_text(message):
    """Give the text of an assistant's message."""
    assert message["role"] == "assistant"
    return message["content"]


def _choice_text(outputs):
    (choice,) = outputs["choices"]
    assert choice["index"] == 0
    return _only_text(choice["message"])


def _block_text(outputs):
    assert outputs["role"] == "assistant"
    (block,) = outputs["content"]
    assert set(block) == {"type", "text"}
    return block["text"]


def _http(kind="", of="openai"):
    """Make an SDK's client of HTTP; reading certificates would take most of a call."""
    make = getattr(sdk(of), f"Default{kind}HttpxClient")
    return make(trust_env=False, verify=False)


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
        return module.OpenAI(http_client=_http(), **place)

    def aclient():
        return module.AsyncOpenAI(http_client=_http("Async"), **place)

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

    more = {
        "stream": streamed,
        "tool": {"tools": tools},
        "structured": {"response_format": _named(answer)},
    }
    record = Record(
        lambda _, is_async: "AsyncCompletions" if is_async else "Completions",
        lambda text, what: asked(text, **more.get(what, {})),
        _choice_text,
    )
    return Calls(
        record,
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
        return module.Anthropic(http_client=_http(of="anthropic"), **place)

    def aclient():
        http = _http("Async", of="anthropic")
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

    more = {
        "stream": {"stream": True},
        "tool": {"tools": tools},
        "structured": {"output_format": _named(answer)},
    }

    def name(what, is_async):
        method = "parse" if what == "structured" else "create"
        return f"{'Async' if is_async else ''}Messages.{method}"

    record = Record(
        name,
        lambda text, what: asked(text, **more.get(what, {})),
        _block_text,
        ("cache_read_input_tokens", "cache_creation_input_tokens"),
    )
    return Calls(
        record,
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
        return module.ChatOpenAI(
            model=MODEL,
            base_url=provider.url,
            api_key="k",
            max_retries=0,
            stream_usage=True,
            http_client=_http(),
            http_async_client=_http("Async"),
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

    record = Record(
        lambda *_: "ChatOpenAI", lambda text, _: {"messages": _said(text)}, _only_text
    )
    return Calls(
        record,
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
            http_client=_http(),
            async_http_client=_http("Async"),
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

    def name(what, is_async):
        is_stream = what == "stream"
        return f"OpenAILike.{'a' * is_async}{'stream_' * is_stream}chat"

    def inputs(text, what):
        given = {"messages": _said(text), **(usage if what == "stream" else {})}
        # What it makes of a tool or a class is what it sends.
        sent = provider.requests[-1].json
        made = ("tools", "tool_choice", "parallel_tool_calls")
        return {**given, **{name: sent[name] for name in made if name in sent}}

    record = Record(name, inputs, lambda outputs: _only_text(outputs["message"]))
    return Calls(
        record,
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
        return json.loads(replies[0])

    async def acall(text):
        return (await model.acall(text))[0]

    async def atool(text):
        return (await model.acall(text, tools=tools))[0]["tool_calls"]

    async def astructured(text):
        return read(await model.acall(text, response_format=answer))

    more = {
        "tool": {"tools": tools},
        "structured": {"response_format": _named(answer)},
    }

    def only(outputs):
        (text,) = outputs
        return text

    record = Record(
        lambda *_: "LM.__call__",
        lambda text, what: {"prompt": text, **more.get(what, {})},
        only,
    )
    return Calls(
        record,
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
            http_client=_http("Async"),
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

    def inputs(text, what):
        more = {"json_output": _named(answer)} if what == "structured" else {}
        return {"messages": _said(text), **more}

    record = Record(
        lambda what, _: (
            "OpenAIChatCompletionClient.create" + "_stream" * (what == "stream")
        ),
        inputs,
        lambda outputs: _only_text(outputs["message"]),
        (),
    )
    return Calls(
        record,
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
        what: ``"call"``, ``"tool"``, ``"structured"`` or ``"stream"``.
        record: How its span is written.
        run: Text → what the library gives.
        piece: Part of a stream → its text.
    """

    name: str
    model: str
    is_async: bool
    what: str
    record: Record
    run: Callable[[str], Any]
    piece: Callable[[Any], str]

    @property
    def is_stream(self) -> bool:
        """Whether ``run`` gives a stream."""
        return self.what == "stream"

    @property
    def span_name(self) -> str:
        """The name of the model's span."""
        return self.record.name(self.what, self.is_async)

    def inputs(self, text: str) -> Any:
        """Give the inputs of the model's span."""
        return self.record.inputs(text, self.what)

    def text(self, outputs: Any) -> str | None:
        """Give the text of the reply in the outputs of the model's span."""
        return self.record.text(outputs)

    def usage(self, given: int, said: int) -> dict[str, int]:
        """Give the usage of the model's span."""
        return self.record.usage(given, said)

    def __call__(self, text: str, seen: list[str] | None = None) -> Any:
        """Ask, and read a stream to its end.

        Args:
            text: The question.
            seen: Gets the texts of a stream's parts as they come.
        """
        if self.is_async:
            return asyncio.run(self.whole(text, seen))
        found = self.run(text)
        if not self.is_stream:
            return found
        seen = [] if seen is None else seen
        for part in found:
            seen.append(self.piece(part))
        return "".join(seen)

    async def whole(self, text: str, seen: list[str] | None = None) -> Any:
        """Do the same in a task."""
        found = await self.run(text)
        if not self.is_stream:
            return found
        seen = [] if seen is None else seen
        async for part in found:
            seen.append(self.piece(part))
        return "".join(seen)


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
        yield Way(name, calls.model, is_async, what, calls.record, run, calls.piece)
    finally:
        library.autolog(disable=True)


def of(ways: list[tuple[str, str, str]]) -> Any:
    """Run a test for each of the ways, by the fixture ``way``."""
    ids = ["-".join(way) for way in ways]
    return pytest.mark.parametrize("way", ways, indirect=True, ids=ids)
