"""What goes wrong with a provider, and much at once: the same of every library."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from support.sdk import sdk

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import spantree
from spantree.integrations import get_library

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MODEL = "gpt-4o-mini"
CLAUDE = "claude-opus-4-6"
WORDS = " ".join(f"word{n}" for n in range(9))

pytestmark = pytest.mark.filterwarnings(
    "ignore:Resolved model mismatch", "ignore::DeprecationWarning"
)


@dataclass
class Calls:
    """One library's ways to ask a model; each gives the text of the reply.

    A way that the library does not have is None.
    """

    name: str
    acall: Callable[[str], Awaitable[str]]
    call: Callable[[str], str] | None = None
    astream: Callable[[str], Awaitable[str]] | None = None
    stream: Callable[[str], str] | None = None
    model: str = MODEL


def _said(text):
    return [{"role": "user", "content": text}]


async def _joined(parts):
    return "".join([part async for part in parts if part])


def openai_calls(provider, closing):
    module = sdk("openai")
    place = {"base_url": provider.url, "api_key": "k", "max_retries": 0}
    http = module.DefaultHttpxClient(trust_env=False, verify=False)
    client = module.OpenAI(http_client=http, **place)

    def call(text):
        reply = client.chat.completions.create(model=MODEL, messages=_said(text))
        return reply.choices[0].message.content

    def stream(text):
        options = {"stream": True, "stream_options": {"include_usage": True}}
        parts = client.chat.completions.create(
            model=MODEL, messages=_said(text), **options
        )
        return "".join(p.choices[0].delta.content or "" for p in parts if p.choices)

    @contextlib.asynccontextmanager
    async def opened():
        http = module.DefaultAsyncHttpxClient(trust_env=False, verify=False)
        async with module.AsyncOpenAI(http_client=http, **place) as made:
            yield made

    async def acall(text):
        async with opened() as client:
            reply = await client.chat.completions.create(
                model=MODEL, messages=_said(text)
            )
        return reply.choices[0].message.content

    async def astream(text):
        options = {"stream": True, "stream_options": {"include_usage": True}}
        async with opened() as client:
            parts = await client.chat.completions.create(
                model=MODEL, messages=_said(text), **options
            )
            return await _joined(
                p.choices[0].delta.content if p.choices else "" async for p in parts
            )

    closing.callback(client.close)
    return Calls("openai", acall, call, astream, stream)


def anthropic_calls(provider, closing):
    module = sdk("anthropic")
    place = {"base_url": provider.root, "api_key": "k", "max_retries": 0}
    options = {"model": CLAUDE, "max_tokens": 100}
    http = module.DefaultHttpxClient(trust_env=False, verify=False)
    client = module.Anthropic(http_client=http, **place)

    def call(text):
        return client.messages.create(messages=_said(text), **options).content[0].text

    def stream(text):
        with client.messages.stream(messages=_said(text), **options) as parts:
            return "".join(parts.text_stream)

    @contextlib.asynccontextmanager
    async def opened():
        http = module.DefaultAsyncHttpxClient(trust_env=False, verify=False)
        async with module.AsyncAnthropic(http_client=http, **place) as made:
            yield made

    async def acall(text):
        async with opened() as client:
            reply = await client.messages.create(messages=_said(text), **options)
        return reply.content[0].text

    async def astream(text):
        async with (
            opened() as client,
            client.messages.stream(messages=_said(text), **options) as parts,
        ):
            return await _joined(parts.text_stream)

    closing.callback(client.close)
    return Calls("anthropic", acall, call, astream, stream, CLAUDE)


def langchain_calls(provider, _):
    module = sdk("langchain_openai")

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

    async def acall(text):
        return (await model().ainvoke(text)).content

    async def astream(text):
        return await _joined(part.content async for part in model().astream(text))

    return Calls(
        "langchain",
        acall,
        lambda text: model().invoke(text).content,
        astream,
        lambda text: "".join(part.content for part in model().stream(text)),
    )


def llama_index_calls(provider, _):
    module = sdk("llama_index.llms.openai_like")
    message = sdk("llama_index.core.llms").ChatMessage

    def model():
        return module.OpenAILike(
            model=MODEL,
            api_base=provider.url,
            api_key="k",
            is_chat_model=True,
            max_retries=0,
        )

    usage = {"stream_options": {"include_usage": True}}

    def said(text):
        return [message(role="user", content=text)]

    async def acall(text):
        return (await model().achat(said(text))).message.content

    def stream(text):
        parts = model().stream_chat(said(text), **usage)
        return "".join(part.delta or "" for part in parts)

    async def astream(text):
        parts = await model().astream_chat(said(text), **usage)
        return await _joined(part.delta async for part in parts)

    return Calls(
        "llama_index",
        acall,
        lambda text: model().chat(said(text)).message.content,
        astream,
        stream,
    )


def dspy_calls(provider, _):
    module = sdk("dspy")
    module.configure_cache(enable_disk_cache=False)
    model = module.LM(
        f"openai/{MODEL}",
        api_base=provider.url,
        api_key="k",
        cache=False,
        num_retries=0,
    )

    async def acall(text):
        return (await model.acall(text))[0]

    return Calls("dspy", acall, lambda text: model(text)[0])


def autogen_calls(provider, _):
    module = sdk("autogen_ext.models.openai")
    message = sdk("autogen_core.models").UserMessage
    info = dict.fromkeys(
        ("vision", "function_calling", "json_output", "structured_output"), False
    )

    @contextlib.asynccontextmanager
    async def opened():
        made = module.OpenAIChatCompletionClient(
            model=MODEL,
            base_url=provider.url,
            api_key="k",
            max_retries=0,
            model_info={**info, "family": "unknown"},
        )
        yield made
        await made.close()

    async def acall(text):
        async with opened() as client:
            return (await client.create([message(content=text, source="u")])).content

    async def astream(text):
        async with opened() as client:
            parts = client.create_stream(
                [message(content=text, source="u")],
                include_usage=True,
            )
            return await _joined(p if isinstance(p, str) else "" async for p in parts)

    return Calls("autogen", acall, None, astream)


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
STREAMS = [(name, kind, "stream") for name, kind, _ in CALLS if name != "dspy"]


@dataclass
class Way:
    """One way of one library to ask a model: text → text."""

    name: str
    model: str
    is_async: bool
    run: Callable[[str], Any]

    def __call__(self, text: str) -> str:
        return asyncio.run(self.run(text)) if self.is_async else self.run(text)


@pytest.fixture
def way(request, provider):
    name, kind, what = request.param
    sdk(NEEDS[name])
    library = get_library(name)
    library.autolog()
    with contextlib.ExitStack() as closing:
        calls = MADE[name](provider, closing)
        is_async = kind == "async"
        run = getattr(calls, f"a{what}" if is_async else what)
        yield Way(name, calls.model, is_async, run)
    library.autolog(disable=True)
    gc.collect()
    assert spantree.get_current_active_span() is None


def of(ways):
    ids = ["-".join(way) for way in ways]
    return pytest.mark.parametrize("way", ways, indirect=True, ids=ids)


def model_span(trace):
    (span,) = [s for s in trace.data.spans if s.span_type == "CHAT_MODEL"]
    return span


def exception_of(span):
    (event,) = [e for e in span.events if e.name == "exception"]
    return event.attributes["exception.type"].rpartition(".")[2]


@of(CALLS)
@pytest.mark.parametrize("status", [429, 500])
def test_an_error_status_is_the_span_s_and_the_caller_s(way, traces, status):
    with pytest.raises(Exception) as caught, spantree.start_span("ask"):  # noqa: PT012
        way(f"@@status={status}@@")

    (trace,) = traces
    assert [s.name for s in trace.data.spans][0] == "ask"
    span = model_span(trace)
    assert span.parent_id == trace.data.spans[0].span_id
    assert span.status.status_code.value == "ERROR"
    assert exception_of(span) == type(caught.value).__name__
    assert str(status) in span.status.description
    assert (span.outputs, span.token_usage) == (None, None)
    assert trace.info.state.value == "ERROR"


@of(STREAMS)
def test_an_error_status_of_a_stream(way, traces):
    with pytest.raises(Exception) as caught:
        way("@@status=500@@")

    (trace,) = traces
    span = model_span(trace)
    assert span.status.status_code.value == "ERROR"
    assert exception_of(span) == type(caught.value).__name__
    assert trace.info.state.value == "ERROR"


@of(STREAMS)
def test_a_connection_lost_in_mid_stream_keeps_the_part(way, traces):
    with pytest.raises(Exception) as caught:
        way("@@words=9 drop=6@@")

    (trace,) = traces
    span = model_span(trace)
    assert span.status.status_code.value == "ERROR"
    assert exception_of(span) == type(caught.value).__name__
    assert "word0" in str(span.outputs)
    assert "word8" not in str(span.outputs)
    assert trace.info.state.value == "ERROR"


@of(STREAMS)
def test_slow_chunks_are_one_whole_reply(way, traces):
    text = way("@@words=9 chunk_delay=0.01@@")

    (trace,) = traces
    span = model_span(trace)
    assert text.strip() == WORDS
    assert WORDS in str(span.outputs)
    assert span.status.status_code.value == "OK"
    assert span.model_name == way.model
    assert span.token_usage["output_tokens"] == 9
    assert trace.info.token_usage == span.token_usage


@of(CALLS)
def test_a_call_is_one_span_with_all_of_it(way, traces):
    text = way("number 7")

    (trace,) = traces
    span = model_span(trace)
    assert text == "You said: number 7"
    assert "number 7" in str(span.inputs)
    assert text in str(span.outputs)
    assert span.model_name == way.model
    assert span.token_usage == trace.info.token_usage
    assert span.token_usage["total_tokens"] > 0
    assert trace.info.state.value == "OK"


@of([way for way in CALLS if way[1] == "sync"])
def test_fifty_threads_at_once_stay_apart(way, traces):
    def ask(number):
        with spantree.start_span(f"ask {number}"):
            return way(f"number {number}")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: copy_context().run(ask, n), range(50)))

    assert answers == [f"You said: number {n}" for n in range(50)]
    each_has_its_own(traces)


@of([way for way in CALLS if way[1] == "async"])
def test_fifty_tasks_at_once_stay_apart(way, traces):
    async def ask(number):
        with spantree.start_span(f"ask {number}"):
            return await way.run(f"number {number}")

    async def all_of_them():
        return await asyncio.gather(*map(ask, range(50)))

    assert asyncio.run(all_of_them()) == [f"You said: number {n}" for n in range(50)]
    each_has_its_own(traces)


def each_has_its_own(traces):
    assert len(traces) == 50
    for trace in traces:
        root, span = trace.data.spans[0], model_span(trace)
        number = root.name.removeprefix("ask ")
        assert span.parent_id == root.span_id
        assert f"You said: number {number}" in str(span.outputs)
        assert f"number {number}" in str(span.inputs)
        assert trace.info.token_usage == span.token_usage
        assert span.status.status_code.value == "OK"
