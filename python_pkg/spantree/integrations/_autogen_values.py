"""What AutoGen passes around, as JSON data."""

from __future__ import annotations

from typing import Any, Final

from spantree.entities.span import CHAT_TOOLS, MODEL
from spantree.integrations._plain import plain

_ROLES: Final = {
    "SystemMessage": "system",
    "UserMessage": "user",
    "AssistantMessage": "assistant",
    "FunctionExecutionResultMessage": "tool",
}
_NOT_INPUTS: Final = frozenset({"cancellation_token", "output_task_messages"})


def inputs_of(arguments: dict[str, Any]) -> dict[str, object]:
    """Give the arguments of a run by name, without those that are machinery."""
    return {
        name: value_of(value)
        for name, value in arguments.items()
        if value is not None and name not in _NOT_INPUTS
    }


def value_of(value: Any) -> object:
    """Give JSON data: messages with their type, tools by what describes them."""
    if isinstance(value, (list, tuple)):
        return [value_of(item) for item in value]
    if isinstance(value, dict):
        return {str(key): value_of(item) for key, item in value.items()}
    names = {base.__name__ for base in type(value).__mro__}
    if names & {"BaseMessage", "BaseChatMessage", "BaseAgentEvent"}:
        return {**_fields(value), "type": type(value).__name__}
    if "TaskResult" in names:
        return {
            "messages": value_of(list(value.messages)),
            "stop_reason": value.stop_reason,
        }
    if type(value).__name__ == "Response":
        return {
            "chat_message": value_of(value.chat_message),
            "inner_messages": value_of(list(value.inner_messages or ())),
        }
    return plain(value)


def _fields(value: object) -> dict[str, object]:
    found = plain(value)
    return found if isinstance(found, dict) else {"value": found}


def chat_inputs(arguments: dict[str, Any]) -> dict[str, object]:
    """Give the arguments of a model's call, messages as OpenAI writes them."""
    found: dict[str, object] = {
        "messages": [m for given in arguments["messages"] for m in _chat(given)]
    }
    for name in ("json_output", "tool_choice", "extra_create_args"):
        if arguments.get(name) and arguments[name] != "auto":
            found[name] = plain(arguments[name])
    return found


def _chat(message: Any) -> list[dict[str, object]]:
    role = _ROLES.get(type(message).__name__, type(message).__name__)
    if role == "tool":
        return [
            {"role": role, "tool_call_id": it.call_id, "content": it.content}
            for it in message.content
        ]
    return [{"role": role, **_content(message.content)}]


def _content(content: Any) -> dict[str, object]:
    if isinstance(content, str):
        return {"content": content}
    if all(type(item).__name__ == "FunctionCall" for item in content):
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in content
        ]
        return {"content": None, "tool_calls": calls}
    return {"content": [_part(item) for item in content]}


def _part(item: object) -> object:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    url = getattr(item, "data_uri", None)  # autogen_core.Image
    return {"type": "image_url", "image_url": {"url": url}} if url else plain(item)


def chat_outputs(result: Any) -> dict[str, object]:
    """Give a model's reply."""
    found: dict[str, object] = {
        "message": {"role": "assistant", **_content(result.content)},
        "finish_reason": result.finish_reason,
    }
    if result.thought:
        found["thought"] = result.thought
    if result.cached:
        found["cached"] = True
    return found


def chat_attributes(client: Any, arguments: dict[str, Any]) -> dict[str, object]:
    """Give the attributes of a model's call, before it is made."""
    held = vars(client)
    settings = held.get("_create_args")
    model = settings.get("model") if isinstance(settings, dict) else None
    model = model or held.get("_model_name") or held.get("_model")
    found: dict[str, object] = {}
    if isinstance(model, str):
        found |= {MODEL: model, "spantree.llm.request_model": model}
    tools = [_tool(tool) for tool in arguments.get("tools") or ()]
    if tools:
        found[CHAT_TOOLS] = tools
    return found


def _tool(tool: Any) -> dict[str, object]:
    schema = tool if isinstance(tool, dict) else tool.schema
    wanted = ("name", "description", "parameters")
    return {
        "type": "function",
        "function": {k: plain(schema[k]) for k in wanted if k in schema},
    }


def usage_of(result: Any) -> dict[str, int] | None:
    """Read a reply's token counts.

    Returns:
        By the keys of ``mlflow.chat.tokenUsage``; None when they are unknown, which
        AutoGen writes as 0, and for a reply from a cache.
    """
    read, written = result.usage.prompt_tokens, result.usage.completion_tokens
    if result.cached or not (read or written):
        return None
    return {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
    }
