"""What LangChain passes around, as JSON data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.span import CHAT_TOOLS, MODEL, PROVIDER, TOKEN_USAGE
from spantree.integrations._plain import model_fields, plain
from spantree.integrations._sdk_calls import FINISH_REASONS, REQUEST_MODEL, RESPONSE_ID
from spantree.integrations._usage import openai_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROLES: Final = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
}
# Of a message: what is told under another name, and what is noise when it is empty.
_RENAMED: Final = frozenset({"type", "content", "tool_calls", "tool_call_chunks"})
_EMPTY: Final[tuple[object, ...]] = (None, {}, [], "", False)
_NO_SUMS: Final = frozenset({"chunk_position"})
_MAX_DEPTH: Final = 50
_SCALARS: Final = (str, int, float, bool)


def value_of(value: Any, depth: int = 0) -> object:
    """Give JSON data for an input or an output.

    Args:
        value: Anything; messages get the form of chat completions, documents become
            ``{"page_content", "metadata", "id"}``.
        depth: How deep the value lies in the whole one.
    """
    if depth > _MAX_DEPTH or type(value) in _SCALARS:
        return value
    if isinstance(value, dict):
        return {k: value_of(v, depth + 1) for k, v in dict.items(value)}
    if isinstance(value, (list, tuple)):
        base = list if isinstance(value, list) else tuple
        return [value_of(v, depth + 1) for v in base.__iter__(value)]  # type: ignore[arg-type]
    return _instance_of(value, depth)


def _instance_of(value: Any, depth: int) -> object:
    fields = model_fields(value)
    if fields is None:
        fields = _dataclass_fields(value)
        if fields is None:
            return plain(value, depth)
    name = type(value).__name__
    if "content" in fields and name.endswith(("Message", "MessageChunk")):
        return message_of(value)
    if "page_content" in fields:
        return document_of(value)
    if name.endswith("PromptValue") and "messages" in fields:
        return {"messages": value_of(fields["messages"], depth + 1)}
    return {k: value_of(v, depth + 1) for k, v in fields.items() if k != "type"}


def _dataclass_fields(value: Any) -> dict[str, object] | None:
    """Give the fields of a dataclass of LangGraph's that say something."""
    kind = type(value)
    names = getattr(kind, "__dataclass_fields__", None)
    if names is None or not kind.__module__.startswith("langgraph."):
        return None
    found = {name: object.__getattribute__(value, name) for name in names}
    return {name: item for name, item in found.items() if item not in _EMPTY}


def message_of(message: Any) -> dict[str, object]:
    """Give a message in the form of chat completions, and what else it holds."""
    held = object.__getattribute__(message, "__dict__")
    kind = str(held.get("type") or "")
    role = _ROLES.get(kind) or str(held.get("role") or kind)
    found: dict[str, object] = {"role": role, "content": plain(held.get("content"))}
    calls = held.get("tool_calls")
    if calls:
        found["tool_calls"] = [_tool_call(call) for call in calls]
    for name, value in held.items():
        if name in _RENAMED or name in _NO_SUMS or value in _EMPTY or name == "role":
            continue
        if name == "additional_kwargs":
            # The provider's own form of what `tool_calls` tells.
            value = {k: v for k, v in value.items() if k != "tool_calls"}  # noqa: PLW2901
        if value not in _EMPTY and value != "success":
            found[name] = plain(value)
    return found


def _tool_call(call: Mapping[str, Any]) -> dict[str, object]:
    arguments = call.get("args")
    text = arguments if isinstance(arguments, str) else json.dumps(plain(arguments))
    function = {"name": call.get("name"), "arguments": text}
    return {"id": call.get("id"), "type": "function", "function": function}


def document_of(document: Any) -> dict[str, object]:
    """Give a document."""
    held = object.__getattribute__(document, "__dict__")
    found = {name: plain(held.get(name)) for name in ("page_content", "metadata")}
    return found if held.get("id") is None else {**found, "id": held["id"]}


def generations_of(result: Any) -> object:
    """Give what a model has said: a message or a text, or a list if there are more."""
    said = [_said(one) for one in _generations(result)]
    said = [one for one in said if one is not None]
    return said[0] if len(said) == 1 else said or None


def _generations(result: Any) -> list[Any]:
    lists: Sequence[Sequence[Any]] = getattr(result, "generations", None) or []
    return [one for some in lists for one in some]


def _said(generation: Any) -> object:
    held = object.__getattribute__(generation, "__dict__")
    message = held.get("message")
    if message is None:
        return held.get("text")
    # After an error there is one more, which only has the provider's words about it.
    return (
        None
        if held.get("generation_info") is None and _is_blank(message)
        else (message_of(message))
    )


def _is_blank(message: Any) -> bool:
    held = object.__getattribute__(message, "__dict__")
    return not (
        held.get("content") or held.get("tool_calls") or held.get("usage_metadata")
    )


def reply_attributes(result: Any) -> dict[str, object]:
    """Give the attributes that a model's reply tells."""
    found: dict[str, object] = {}
    reasons = []
    for generation in _generations(result):
        held = object.__getattribute__(generation, "__dict__")
        message = held.get("message")
        said = {} if message is None else object.__getattribute__(message, "__dict__")
        about = {**(held.get("generation_info") or {})}
        about |= said.get("response_metadata") or {}
        found[MODEL] = about.get("model_name") or about.get("model")
        found[RESPONSE_ID] = about.get("id") or said.get("id")
        reason = about.get("finish_reason") or about.get("stop_reason")
        reasons += [reason] if reason else []
        found[TOKEN_USAGE] = _usage(said.get("usage_metadata"))
    told = getattr(result, "llm_output", None) or {}
    found[MODEL] = found.get(MODEL) or told.get("model_name")
    found[TOKEN_USAGE] = found.get(TOKEN_USAGE) or openai_usage(told.get("token_usage"))
    found[FINISH_REASONS] = reasons
    return {name: value for name, value in found.items() if value}


def _usage(usage: Mapping[str, Any] | None) -> dict[str, int] | None:
    """Read the ``usage_metadata`` of a message."""
    if not usage:
        return None
    read = usage.get("input_token_details") or {}
    written = usage.get("output_token_details") or {}
    counts = {
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
        "cache_read_input_tokens": read.get("cache_read"),
        "cache_creation_input_tokens": read.get("cache_creation"),
        "reasoning_output_tokens": written.get("reasoning"),
    }
    return {k: v for k, v in counts.items() if type(v) is int} or None


def request_attributes(
    parameters: Mapping[str, Any], metadata: Mapping[str, Any]
) -> dict[str, object]:
    """Give the attributes that a call of a model begins with.

    Args:
        parameters: LangChain's ``invocation_params``.
        metadata: LangChain's; keys that begin with ``ls_`` say which model it is.
    """
    found: dict[str, object] = {
        name: value
        for name, value in parameters.items()
        if type(value) in _SCALARS and not name.startswith("_")
    }
    model = metadata.get("ls_model_name") or parameters.get("model")
    if isinstance(model, str):
        found[MODEL] = found[REQUEST_MODEL] = model
    vendor = metadata.get("ls_provider")
    if isinstance(vendor, str):
        found[PROVIDER] = vendor
    tools = parameters.get("tools")
    if isinstance(tools, list) and tools:
        found[CHAT_TOOLS] = [_tool(plain(tool)) for tool in tools]
    return found


def _tool(tool: object) -> object:
    if not isinstance(tool, dict) or "function" in tool or "name" not in tool:
        return tool
    names = {"input_schema": "parameters"}
    function = {names.get(k, k): v for k, v in tool.items() if k != "type"}
    return {"type": "function", "function": function}
