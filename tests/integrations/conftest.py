"""The real SDK against a provider on this machine, which logs what it receives."""

from __future__ import annotations

import gc

import pytest
from support.sdk import sdk

from spantree.demo import DemoProvider
from spantree.testing import recorded_traces


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


@pytest.fixture
def _autolog():
    """Trace openai during the test, with the default options."""
    from spantree.integrations import openai as integration

    integration.autolog()
    yield
    integration.autolog(disable=True)
    gc.collect()


@pytest.fixture
def client(provider, _autolog):
    openai = sdk("openai")
    with openai.OpenAI(
        base_url=provider.url,
        api_key="test",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False, verify=False),
    ) as made:
        yield made


@pytest.fixture
async def async_client(provider, _autolog):
    openai = sdk("openai")
    async with openai.AsyncOpenAI(
        base_url=provider.url,
        api_key="test",
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False, verify=False),
    ) as made:
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
    """Trace anthropic during the test, with the default options."""
    from spantree.integrations import anthropic as integration

    integration.autolog()
    yield
    integration.autolog(disable=True)
    gc.collect()


@pytest.fixture
def claude(provider, _anthropic_autolog):
    anthropic = sdk("anthropic")
    with anthropic.Anthropic(
        base_url=provider.root,
        api_key="test",
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(trust_env=False, verify=False),
    ) as made:
        yield made


@pytest.fixture
async def async_claude(provider, _anthropic_autolog):
    anthropic = sdk("anthropic")
    async with anthropic.AsyncAnthropic(
        base_url=provider.root,
        api_key="test",
        max_retries=0,
        http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False, verify=False),
    ) as made:
        yield made


def _asked(text):
    return {**_said(text), "model": "claude-opus-4-6", "max_tokens": 100}


@pytest.fixture
def asked():
    """Text → the keywords of a call of Anthropic's messages."""
    return _asked
