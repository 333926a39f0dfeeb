"""Traces AutoGen 0.4 to 0.7: agents, teams, models and tools.

A team is one trace, also when its agents run in a runtime that the user has started
before. Streams end when they are exhausted, closed, cancelled or dropped.
"""

from __future__ import annotations

import inspect
from copy import copy
from functools import wraps
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

from spantree.entities.span import MESSAGE_FORMAT, TOKEN_USAGE, SpanType
from spantree.integrations import _autogen_values as values
from spantree.integrations._bodies import (
    Body,
    around_body,
    owner_of_current,
    silent_body,
)
from spantree.integrations._call import Options
from spantree.integrations._families import FamilyHook
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._nesting import innermost
from spantree.integrations._patch import Hook
from spantree.integrations._threads import below
from spantree.recording import (
    LiveSpan,
    guard,
    start_span_no_context,
)
from spantree.recording.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spantree.integrations._bodies import Writer
    from spantree.integrations._patch import Method

DISTRIBUTION: Final = "autogen-agentchat"
SUPPORTED: Final = Versions(first=(0, 4), tested=(0, 7))

_integration = Integration(
    "autogen", SUPPORTED, module="autogen_agentchat", distribution=DISTRIBUTION
)
# Agent → the span of the team that it takes part in.
_teams: WeakKeyDictionary[object, ref[LiveSpan]] = WeakKeyDictionary()


def _begin(
    target: object,
    name: str,
    span_type: str,
    write: Writer,
    *,
    inputs: object,
    attributes: Mapping[str, object] | None = None,
) -> Body | None:
    if owner_of_current() is target:
        return None  # its own method called another one: one span for both
    parent = _parent(target)
    if parent is not None and not parent:
        return None
    span = start_span_no_context(
        name,
        span_type,
        parent_span=parent,
        inputs=inputs if _integration.options.log_inputs else None,
        attributes={
            MESSAGE_FORMAT: "autogen",
            "spantree.autolog": f"autogen {_integration.installed_version()}",
            **(attributes or {}),
        },
    )
    if not span:
        return silent_body(target, write, _integration.site)
    _integration.calls += 1
    return Body(span, target, write, _integration.site)


def _parent(target: object) -> LiveSpan | None:
    known = _teams.get(target)
    team = None if known is None else known()
    return innermost(team if team is None or team.end_time_ns is None else None)


def _set_outputs(span: LiveSpan, outputs: object) -> None:
    if _integration.options.log_outputs and outputs is not None:
        span.set_outputs(outputs)


def _write_value(
    span: LiveSpan, target: object, result: object, partial_text: str | None
) -> None:
    del target
    _set_outputs(span, partial_text if result is None else values.value_of(result))


def _write_reply(
    span: LiveSpan, target: object, result: object, partial_text: str | None
) -> None:
    del target
    if result is None:
        _set_outputs(span, {"message": {"role": "assistant", "content": partial_text}})
        return
    _set_outputs(span, values.chat_outputs(result))
    usage = values.usage_of(result)
    if usage is not None:
        span.set_attribute(TOKEN_USAGE, usage)


def _begin_agent(target: Any, method: str, arguments: dict[str, object]) -> Body | None:
    if not _integration.on:
        return None
    return _begin(
        target,
        f"{target.name}.{method}",
        SpanType.AGENT,
        _write_value,
        inputs=values.inputs_of(arguments),
    )


def _begin_team(target: Any, method: str, arguments: dict[str, object]) -> Body | None:
    if not _integration.on:
        return None
    body = _begin(
        target,
        f"{type(target).__name__}.{method}",
        SpanType.AGENT,
        _write_value,
        inputs=values.inputs_of(arguments),
    )
    if body is not None:
        for agent in getattr(target, "_participants", ()):
            _teams[agent] = ref(body.span)
    return body


def _begin_model(target: Any, method: str, arguments: dict[str, Any]) -> Body | None:
    if not _integration.on:
        return None
    return _begin(
        target,
        f"{type(target).__name__}.{method}",
        SpanType.CHAT_MODEL,
        _write_reply,
        inputs=values.chat_inputs(arguments),
        attributes=values.chat_attributes(target, arguments),
    )


def _begin_tool(target: Any, method: str, arguments: dict[str, object]) -> Body | None:
    del method
    if not _integration.on:
        return None
    call_id = arguments.get("call_id")
    return _begin(
        target,
        target.name,
        SpanType.TOOL,
        _write_value,
        inputs=values.value_of(arguments.get("args")),
        attributes={"tool_call_id": call_id} if call_id else None,
    )


def _begin_workbench(
    target: Any, method: str, arguments: dict[str, object]
) -> Body | None:
    del method
    # A static workbench runs tools of AutoGen's own, which are traced themselves.
    names = {base.__name__ for base in type(target).__mro__}
    if not _integration.on or "StaticWorkbench" in names:
        return None
    return _begin(
        target,
        str(arguments.get("name")),
        SpanType.TOOL,
        _write_value,
        inputs=values.value_of(arguments.get("arguments")),
    )


def _bind_function(original: Method) -> Method:
    """Let a tool's plain function, run in a thread, nest below the tool's span."""

    @wraps(original)
    async def run(self: Any, *arguments: Any, **keywords: Any) -> Any:
        above = CURRENT.get()
        if not _integration.on or above is None:
            return await original(self, *arguments, **keywords)
        tool = self
        with guard(_integration.site):
            function = self._func
            if not inspect.iscoroutinefunction(function):
                # What runs reads the tool's fields; the user's tool stays as it is.
                tool = copy(self)
                tool._func = below(function, above)  # noqa: SLF001
        return await original(tool, *arguments, **keywords)

    return run


def _hooks() -> Iterable[FamilyHook | Hook]:
    agent, team = around_body(_begin_agent), around_body(_begin_team)
    model, tool = around_body(_begin_model), around_body(_begin_tool)
    workbench = around_body(_begin_workbench)
    agents, teams = "autogen_agentchat.agents", "autogen_agentchat.teams"
    tools = "autogen_core.tools"
    for method in ("run", "run_stream", "on_messages", "on_messages_stream"):
        yield FamilyHook(agents, "BaseChatAgent", method, agent)
    for method in ("run", "run_stream"):
        yield FamilyHook(teams, "BaseGroupChat", method, team)
    for method in ("create", "create_stream"):
        yield FamilyHook("autogen_core.models", "ChatCompletionClient", method, model)
    yield FamilyHook(tools, "BaseTool", "run_json", tool)
    yield Hook((tools,), "FunctionTool", "run", _bind_function)
    stream = "run_json_stream"
    yield FamilyHook(tools, "BaseStreamTool", stream, tool, is_optional=True)
    yield FamilyHook(tools, "Workbench", "call_tool", workbench, is_optional=True)


_integration.hooks = tuple(_hooks())


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
    """Trace AutoGen's agents, teams, models and tools from now on.

    Classes of the user's own are traced too, whenever they are defined.

    Args:
        disable: Stop tracing instead; what is under way is finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the results are recorded; usage and model always are.
    """
    del exclusive
    _integration.switch(
        Options(log_inputs=log_inputs, log_outputs=log_outputs),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether calls are traced, by which hooks, and how many were."""
    return _integration.status()
