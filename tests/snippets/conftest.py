"""Where the tutorials' code runs: a store in memory, and a provider on this machine."""

from __future__ import annotations

import pytest

import spantree
from spantree.demo import DemoProvider


@pytest.fixture(autouse=True)
def _fresh():
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
    yield
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")


@pytest.fixture(scope="session")
def provider():
    with_answers = DemoProvider(has_latency=False).start()
    yield with_answers
    with_answers.stop()


@pytest.fixture
def openai_offline(provider, monkeypatch):
    """Let a bare `OpenAI()` reach the provider; autolog is off again afterwards."""
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
    monkeypatch.setenv("OPENAI_API_KEY", "demo")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield
    spantree.openai.autolog(disable=True)


@pytest.fixture
def last():
    """Give the trace that ended last, without waiting for anything."""
    return lambda: spantree.get_trace(spantree.get_last_active_trace_id())
