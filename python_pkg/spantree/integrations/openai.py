"""Traces the calls of the openai SDK, versions 1 to 3.

Not traced: realtime connections, files, batches, fine-tuning, lists of models; and
``with_raw_response`` objects that were taken before :func:`autolog` was called, since
they hold the methods as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import MESSAGE_FORMAT
from spantree.integrations import _openai_results, _openai_wire
from spantree.integrations._call import Call, Options, WireFormat
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._patch import Hook, around
from spantree.recording import (
    get_current_active_span,
    guard,
    start_span_no_context,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.integrations._patch import Method

DISTRIBUTION: Final = "openai"
SUPPORTED: Final = Versions(first=(1, 40), tested=(3, 54))

_integration = Integration("openai", SUPPORTED)


class _Operation:
    """Traces the calls of one kind of method."""

    def __init__(self, wire: WireFormat, *, only_streams: bool = False) -> None:
        self._wire = wire
        self._only_streams = only_streams

    @property
    def on(self) -> bool:
        return _integration.on

    def prepare(self, keywords: dict[str, Any]) -> None:
        if _integration.options.propagate:
            with guard(_integration.site):
                keywords["extra_headers"] = {**(keywords.get("extra_headers") or {})}

    def begin(
        self, target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Call | None:
        if self._only_streams and keywords.get("stream") is not True:
            return None
        with guard(_integration.site):
            return self._begin(target, arguments, keywords)
        return None

    def _begin(
        self, target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Call | None:
        parent = get_current_active_span()
        if parent is not None and not parent:
            return None
        options = _integration.options
        inputs = _openai_wire.request_inputs(arguments, keywords)
        attributes = {
            **_openai_wire.request_attributes(inputs),
            **_openai_wire.provider(getattr(target, "_client", None)),
            MESSAGE_FORMAT: "openai",
            "spantree.autolog": f"openai {_integration.installed_version()}",
        }
        if options.log_inputs:
            attributes |= _openai_wire.chat_tools(inputs)
        span = start_span_no_context(
            type(target).__name__,
            self._wire.span_type,
            parent_span=parent,
            inputs=inputs if options.log_inputs else None,
            attributes=attributes,
        )
        if not span:
            return None
        _integration.calls += 1
        if options.propagate:
            flow = f"00-{span.trace_key:032x}-{span.span_key:016x}-01"
            keywords["extra_headers"].setdefault("traceparent", flow)
        return Call(span, self._wire, options, _integration.site)

    def finish(self, call: Call, result: object) -> None:
        with guard(_integration.site):
            _openai_results.take(call, result)


def _pair(
    wrap: Callable[[Method], Method],
    method: str,
    *modules: str,
    is_optional: bool = False,
) -> list[Hook]:
    """Make the hooks of one method, ``Class.method``, of a class and its async twin."""
    owner, _, name = method.partition(".")
    places = tuple(f"openai.{module}" for module in modules)
    return [
        Hook(places, prefix + owner, name, wrap, is_optional=is_optional)
        for prefix in ("", "Async")
    ]


def _call_hooks() -> list[Hook]:
    chat = around(_Operation(_openai_wire.CHAT))
    completions = around(_Operation(_openai_wire.COMPLETIONS))
    responses = around(_Operation(_openai_wire.RESPONSES))
    retrieved = around(_Operation(_openai_wire.RESPONSES, only_streams=True))
    embeddings = around(_Operation(_openai_wire.EMBEDDINGS))
    # The package took over from a plain module of its name in the course of 1.x, where
    # `parse` first was a method of a class in beta.
    chat_modules = (
        "resources.chat.completions.completions",
        "resources.chat.completions",
    )
    beta_chat = "resources.beta.chat.completions"
    of_responses = "resources.responses.responses"
    of_beta = "resources.beta.responses.responses"
    return [
        *_pair(chat, "Completions.create", *chat_modules),
        *_pair(chat, "Completions.parse", *chat_modules, is_optional=True),
        *_pair(chat, "Completions.parse", beta_chat, is_optional=True),
        *_pair(completions, "Completions.create", "resources.completions"),
        *_pair(responses, "Responses.create", of_responses),
        *_pair(responses, "Responses.parse", of_responses, is_optional=True),
        *_pair(retrieved, "Responses.retrieve", of_responses, is_optional=True),
        *_pair(responses, "Responses.create", of_beta, is_optional=True),
        *_pair(embeddings, "Embeddings.create", "resources.embeddings"),
    ]


def _result_hooks() -> list[Hook]:
    closed = _openai_results.stream_closed
    parsed = _openai_results.response_parsed
    raw = ("openai._legacy_response",)
    return [
        *_pair(closed, "Stream.close", "_streaming"),
        *_pair(closed, "ChatCompletionStream.close", "lib.streaming.chat._completions"),
        *_pair(closed, "ResponseStream.close", "lib.streaming.responses._responses"),
        *_pair(parsed, "APIResponse.parse", "_response"),
        *_pair(_openai_results.response_read, "APIResponse.read", "_response"),
        *_pair(_openai_results.response_closed, "APIResponse.close", "_response"),
        Hook(raw, "LegacyAPIResponse", "parse", parsed),
    ]


_integration.hooks = (*_call_hooks(), *_result_hooks())


def autolog(
    *,
    disable: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    log_inputs: bool = True,
    log_outputs: bool = True,
    chunk_events: bool = False,
    propagate: bool = False,
    disable_openai_agent_tracer: bool = True,
) -> None:
    """Trace the calls of the openai SDK from now on, imported already or not.

    Calling it again changes the options. What the SDK sends and returns stays as it
    is.

    Args:
        disable: Stop tracing instead; calls under way are finished.
        silent: Say nothing about an untested version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: Trace nothing outside of :data:`SUPPORTED`.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the replies are recorded; usage and model always are.
        chunk_events: Record each chunk of a stream as an event, too.
        propagate: Send a ``traceparent`` header, so that a service of your own which
            stands behind the client can continue the trace.
        disable_openai_agent_tracer: Accepted, as MLflow does; without effect.
    """
    del exclusive, disable_openai_agent_tracer
    if disable or not log_traces:
        _integration.disable()
        return
    _integration.enable(
        Options(
            log_inputs=log_inputs,
            log_outputs=log_outputs,
            chunk_events=chunk_events,
            propagate=propagate,
        ),
        is_silent=silent,
        must_be_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether calls are traced, by which hooks, and how many were."""
    return _integration.status()
