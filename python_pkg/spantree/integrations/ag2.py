"""Traces AG2 1.x by a middleware of its own kind: turns of agents, models and tools."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import (
    MESSAGE_FORMAT,
    MODEL,
    PROVIDER,
    TOKEN_USAGE,
    SpanType,
)
from spantree.integrations import _ag2_values as values
from spantree.integrations._call import Options
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._patch import Hook
from spantree.integrations._sdk_calls import FINISH_REASONS, RESPONSE_ID
from spantree.recording import guard, start_span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spantree.integrations._patch import Method
    from spantree.recording import LiveSpan

DISTRIBUTION: Final = "ag2"
SUPPORTED: Final = Versions(first=(1, 0), tested=(1, 2))

_integration = Integration("ag2", SUPPORTED)


class _Middleware:
    """What AG2 lets around the steps of one turn; has the methods of its own base.

    Args:
        agent: Whose turn it is.
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    async def on_turn(
        self,
        call_next: Callable[..., Awaitable[Any]],
        event: Any,
        context: Any,
    ) -> Any:
        return await _around(
            str(self._agent.name),
            SpanType.AGENT,
            lambda: values.messages_of([event]),
            lambda: call_next(event, context),
            lambda reply: (values.message_of(reply), {}),
        )

    async def on_llm_call(
        self,
        call_next: Callable[..., Awaitable[Any]],
        events: Any,
        context: Any,
    ) -> Any:
        return await _around(
            "chat",
            SpanType.CHAT_MODEL,
            lambda: values.messages_of(events),
            lambda: call_next(events, context),
            lambda reply: (values.message_of(reply), _described(reply)),
        )

    async def on_tool_execution(
        self,
        call_next: Callable[..., Awaitable[Any]],
        event: Any,
        context: Any,
    ) -> Any:
        return await _around(
            str(event.name),
            SpanType.TOOL,
            lambda: values.arguments_of(event),
            lambda: call_next(event, context),
            lambda result: (values.result_of(result), {}),
            lambda result: getattr(result, "error", None),
        )

    async def on_human_input(
        self,
        call_next: Callable[..., Awaitable[Any]],
        event: Any,
        context: Any,
    ) -> Any:
        return await call_next(event, context)


async def _around(
    name: str,
    span_type: str,
    inputs: Callable[[], object],
    go_on: Callable[[], Awaitable[Any]],
    told: Callable[[Any], tuple[object, dict[str, object]]],
    failure: Callable[[Any], BaseException | None] = lambda _result: None,
) -> Any:
    """Run a step inside of its span.

    Args:
        name: The span's name.
        span_type: Its type.
        inputs: Gives what goes in.
        go_on: Runs the step.
        told: Result → outputs and attributes.
        failure: Result → what AG2 caught, or None.
    """
    if not _integration.on:
        return await go_on()
    with start_span(name, span_type) as span:
        with guard(_integration.site):
            _begun(span, inputs)
        result = await go_on()
        with guard(_integration.site):
            outputs, attributes = told(result)
            span.set_attributes(attributes)
            if _integration.options.log_outputs:
                span.set_outputs(outputs)
            error = failure(result)
            if error is not None:
                span.record_exception(error)
        return result


def _begun(span: LiveSpan, inputs: Callable[[], object]) -> None:
    _integration.calls += 1
    span.set_attributes({MESSAGE_FORMAT: "ag2", "spantree.autolog": _integration.label})
    if _integration.options.log_inputs:
        span.set_inputs(inputs())


def _described(reply: Any) -> dict[str, object]:
    usage = values.usage_of(reply.usage)
    reasons = [reply.finish_reason] if reply.finish_reason else None
    found = {
        MODEL: reply.model,
        PROVIDER: reply.provider,
        RESPONSE_ID: reply.response_id,
        FINISH_REASONS: reasons,
        TOKEN_USAGE: usage,
    }
    return {name: value for name, value in found.items() if value}


def _with_middleware(original: Method) -> Method:
    """Add ours to each turn, innermost: it sees what the model really gets."""

    @wraps(original)
    def scope(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if _integration.on:
            given = tuple(keywords.get("additional_middleware") or ())
            ours = (lambda _event, _context: _Middleware(self),)
            keywords["additional_middleware"] = given + ours
        return original(self, *arguments, **keywords)

    return scope


_integration.hooks = (Hook(("ag2.agent",), "Agent", "_turn_scope", _with_middleware),)


def autolog(
    *,
    disable: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = True,
    log_inputs: bool = True,
    log_outputs: bool = True,
) -> None:
    """Trace AG2 from now on, imported already or not.

    Args:
        disable: Stop tracing instead; what is under way is finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether what goes in is recorded.
        log_outputs: Whether what comes out is recorded; usage and model always are.
    """
    del exclusive
    _integration.switch(
        Options(log_inputs=log_inputs, log_outputs=log_outputs),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether turns are traced, by which hook, and how many steps were."""
    return _integration.status()
