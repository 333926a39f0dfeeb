"""Clients of a provider on this machine, for tutorials and tests.

``spantree.demo.client()`` is a real ``openai.OpenAI``, ``client("anthropic")`` a real
``anthropic.Anthropic``: the same classes, the same requests, another address. Replies
are computed by rules, so that they are the same each time; see :class:`DemoProvider`
for how to make it fail.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from spantree.demo._provider import DemoProvider, Received
from spantree.entities.errors import (
    MissingExtraError,
    SpantreeException,
    did_you_mean,
)

if TYPE_CHECKING:
    import anthropic
    import openai

__all__ = ["DemoProvider", "Received", "async_client", "client"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """The clients of one SDK.

    Args:
        name: ``OpenAI``; the asynchronous one is ``AsyncOpenAI``.
        key: The variable of the environment that holds the key of the hosted API.
        path: What clients expect the address to end with.
    """

    name: str
    key: str
    path: str


_KINDS: Final = {
    "openai": _Kind("OpenAI", "OPENAI_API_KEY", "/v1"),
    "anthropic": _Kind("Anthropic", "ANTHROPIC_API_KEY", ""),
}
_lock = threading.Lock()
_running: DemoProvider | None = None


@overload
def client(
    kind: Literal["openai"] = "openai", *, real: bool = False
) -> openai.OpenAI: ...
@overload
def client(
    kind: Literal["anthropic"], *, real: bool = False
) -> anthropic.Anthropic: ...
def client(kind: str = "openai", *, real: bool = False) -> Any:
    """Give an SDK client that needs no key and no network.

    Args:
        kind: ``openai`` or ``anthropic``.
        real: Use the hosted API if ``OPENAI_API_KEY`` or ``ANTHROPIC_API_KEY`` is set;
            one printed line says which is used.

    Returns:
        An ``openai.OpenAI`` or an ``anthropic.Anthropic``; the provider behind it
        starts at the first use.

    Raises:
        SpantreeException: If there is no such kind of client.
        MissingExtraError: If the SDK is not installed.
    """
    made = _make(kind, real=real, is_async=False)
    if kind == "openai":
        # The SDK imports this part at its first use: 0.2 s in the middle of a first
        # trace.
        _ = made.chat.completions
    return made


@overload
def async_client(
    kind: Literal["openai"] = "openai", *, real: bool = False
) -> openai.AsyncOpenAI: ...
@overload
def async_client(
    kind: Literal["anthropic"], *, real: bool = False
) -> anthropic.AsyncAnthropic: ...
def async_client(kind: str = "openai", *, real: bool = False) -> Any:
    """Give an asynchronous SDK client that needs no key and no network.

    It belongs to one event loop, as every asynchronous client does.

    Args:
        kind: ``openai`` or ``anthropic``.
        real: Use the hosted API if ``OPENAI_API_KEY`` or ``ANTHROPIC_API_KEY`` is set;
            one printed line says which is used.

    Returns:
        An ``openai.AsyncOpenAI`` or an ``anthropic.AsyncAnthropic``; the provider
        behind it starts at the first use.

    Raises:
        SpantreeException: If there is no such kind of client.
        MissingExtraError: If the SDK is not installed.
    """
    return _make(kind, real=real, is_async=True)


def _make(kind: str, *, real: bool, is_async: bool) -> Any:
    if kind not in _KINDS:
        hint, known = did_you_mean(kind, _KINDS), ", ".join(_KINDS)
        raise SpantreeException(f"Unknown kind '{kind}'.{hint} Known: {known}.")
    try:
        sdk = import_module(kind)
    except ImportError as error:
        extra = '"spantree[demo]"' if kind == "openai" else kind
        raise MissingExtraError(
            f"The demo client needs {kind}. Run: pip install {extra}"
        ) from error
    found, prefix = _KINDS[kind], "Async" if is_async else ""
    make = getattr(sdk, prefix + found.name)
    if real and _is_hosted(found.key):
        return make()
    return make(
        base_url=_provider().root + found.path,
        api_key="demo",
        http_client=getattr(sdk, f"Default{prefix}HttpxClient")(trust_env=False),
    )


def _is_hosted(key: str) -> bool:
    has_key = bool(os.environ.get(key))
    used = "the hosted API" if has_key else f"the demo provider ({key} is not set)"
    print(f"spantree.demo: using {used}")  # noqa: T201 - the line that says which
    return has_key


def _provider() -> DemoProvider:
    """Give this process's provider; a fork doesn't inherit the serving thread."""
    global _running  # noqa: PLW0603 - one server per process
    with _lock:
        if _running is None or _running.pid != os.getpid():
            _running = DemoProvider().start()
        return _running
