"""Clients of a provider on this machine, for tutorials and tests.

``spantree.demo.client()`` is a real ``openai.OpenAI``: the same classes, the same
requests, another address. Replies are computed by rules, so that they are the same
each time; see :class:`DemoProvider` for how to make it fail.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from spantree.demo._provider import DemoProvider, Received
from spantree.entities.errors import (
    MissingExtraError,
    SpantreeException,
    did_you_mean,
)

if TYPE_CHECKING:
    from types import ModuleType

    import openai

__all__ = ["DemoProvider", "Received", "async_client", "client"]

_KINDS: Final = ("openai",)
_KEY: Final = "OPENAI_API_KEY"
_lock = threading.Lock()
_running: DemoProvider | None = None


def client(kind: str = "openai", *, real: bool = False) -> openai.OpenAI:
    """Give an SDK client that needs no key and no network.

    Args:
        kind: ``openai``.
        real: Use the hosted API if ``OPENAI_API_KEY`` is set; one printed line says
            which is used.

    Returns:
        An ``openai.OpenAI``; the provider behind it starts at the first use.

    Raises:
        SpantreeException: If there is no such kind of client.
        MissingExtraError: If the SDK is not installed.
    """
    sdk = _sdk(kind)
    if real and _is_hosted():
        hosted: openai.OpenAI = sdk.OpenAI()
        return hosted
    local: openai.OpenAI = sdk.OpenAI(
        **_local(), http_client=sdk.DefaultHttpxClient(trust_env=False)
    )
    # The SDK imports this part at its first use: 0.2 s in the middle of a first trace.
    _ = local.chat.completions
    return local


def async_client(kind: str = "openai", *, real: bool = False) -> openai.AsyncOpenAI:
    """Give an asynchronous SDK client that needs no key and no network.

    It belongs to one event loop, as every asynchronous client does.

    Args:
        kind: ``openai``.
        real: Use the hosted API if ``OPENAI_API_KEY`` is set; one printed line says
            which is used.

    Returns:
        An ``openai.AsyncOpenAI``; the provider behind it starts at the first use.

    Raises:
        SpantreeException: If there is no such kind of client.
        MissingExtraError: If the SDK is not installed.
    """
    sdk = _sdk(kind)
    if real and _is_hosted():
        hosted: openai.AsyncOpenAI = sdk.AsyncOpenAI()
        return hosted
    local: openai.AsyncOpenAI = sdk.AsyncOpenAI(
        **_local(), http_client=sdk.DefaultAsyncHttpxClient(trust_env=False)
    )
    return local


def _sdk(kind: str) -> ModuleType:
    if kind not in _KINDS:
        hint, known = did_you_mean(kind, _KINDS), ", ".join(_KINDS)
        raise SpantreeException(f"Unknown kind '{kind}'.{hint} Known: {known}.")
    try:
        import openai
    except ImportError as error:
        raise MissingExtraError(
            'The demo client needs openai. Run: pip install "spantree[demo]"'
        ) from error
    module: ModuleType = openai
    return module


def _is_hosted() -> bool:
    has_key = bool(os.environ.get(_KEY))
    used = "the hosted API" if has_key else f"the demo provider ({_KEY} is not set)"
    print(f"spantree.demo: using {used}")  # noqa: T201 - the line that says which
    return has_key


def _local() -> dict[str, Any]:
    return {"base_url": _provider().url, "api_key": "demo"}


def _provider() -> DemoProvider:
    """Give this process's provider; a fork doesn't inherit the serving thread."""
    global _running  # noqa: PLW0603 - one server per process
    with _lock:
        if _running is None or _running.pid != os.getpid():
            _running = DemoProvider().start()
        return _running
