"""The real SDK against a provider on this machine, which logs what it receives."""

from __future__ import annotations

import gc

import pytest
from support.sdk import sdk
from support.ways import open_way

import spantree
from spantree.demo import DemoProvider
from spantree.integrations import get_library
from spantree.testing import recorded_traces


@pytest.fixture(autouse=True, scope="module")
def _collections_are_quick():
    """Let them pass over what was there before: half a second, with all libraries."""
    # Garbage that is frozen would never be collected, nor the runs it holds be ended.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _running_provider():
    provider = DemoProvider(has_latency=False).start()
    yield provider
    provider.stop()


@pytest.fixture
def provider(_running_provider):
    _running_provider.requests.clear()
    _running_provider.failures.clear()
    return _running_provider


@pytest.fixture
def traces():
    with recorded_traces() as found:
        yield found


def _traced(library):
    """Trace a library during a test, with the default options."""
    integration = get_library(library)
    integration.autolog()
    yield
    integration.autolog(disable=True)
    gc.collect()


def _client(library, kind, base_url):
    """Make a client of an SDK; it never tries again."""
    module = sdk(library)
    is_async = kind.startswith("Async")
    http = module.DefaultAsyncHttpxClient if is_async else module.DefaultHttpxClient
    return getattr(module, kind)(
        base_url=base_url,
        api_key="test",
        max_retries=0,
        http_client=http(trust_env=False, verify=False),
    )


@pytest.fixture
def _autolog():
    yield from _traced("openai")


@pytest.fixture
def client(provider, _autolog):
    with _client("openai", "OpenAI", provider.url) as made:
        yield made


@pytest.fixture
async def async_client(provider, _autolog):
    async with _client("openai", "AsyncOpenAI", provider.url) as made:
        yield made


def _said(text):
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}


@pytest.fixture
def said():
    """Text → the keywords of a chat call."""
    return _said


@pytest.fixture
def weather_tools():
    """Two tools; the question that calls both is "the weather and the time in Paris"."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}}
    return [
        {"type": "function", "function": {"name": name, "parameters": city}}
        for name in ("get_weather", "get_time")
    ]


@pytest.fixture
def _anthropic_autolog():
    yield from _traced("anthropic")


@pytest.fixture
def claude(provider, _anthropic_autolog):
    with _client("anthropic", "Anthropic", provider.root) as made:
        yield made


@pytest.fixture
async def async_claude(provider, _anthropic_autolog):
    async with _client("anthropic", "AsyncAnthropic", provider.root) as made:
        yield made


def _asked(text):
    return {**_said(text), "model": "claude-opus-4-6", "max_tokens": 100}


@pytest.fixture
def asked():
    """Text → the keywords of a call of Anthropic's messages."""
    return _asked


@pytest.fixture
def way(request, provider):
    """One way of one library to ask a model; see ``support.ways``."""
    with open_way(*request.param, provider) as found:
        yield found
    gc.collect()
    assert spantree.get_current_active_span() is None
