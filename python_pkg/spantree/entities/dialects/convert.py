"""Messages and documents of other conventions, in the form of our own."""

from __future__ import annotations

import json
from typing import Any


def unflatten(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Give the items of a flattened list, ``prefix.N.…``, in order.

    Args:
        attributes: By name.
        prefix: Without the dot.

    Returns:
        Nested dicts; a level whose keys are all numbers is a list.
    """
    start = f"{prefix}."
    tree: dict[str, Any] = {}
    for name, value in attributes.items():
        if name.startswith(start):
            node = tree
            *path, last = name[len(start) :].split(".")
            for key in path:
                child = node.setdefault(key, {})
                node = child if isinstance(child, dict) else {}
            node[last] = value
    return dicts(_listed(tree))


def dicts(items: Any) -> list[dict[str, Any]]:
    """Give the dicts of a list; nothing of anything else."""
    held = items if isinstance(items, list) else []
    return [item for item in held if isinstance(item, dict)]


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    children = {key: _listed(value) for key, value in node.items()}
    if children and all(key.isdecimal() for key in children):
        return [children[key] for key in sorted(children, key=int)]
    return children


def flatten(items: list[Any], prefix: str) -> dict[str, Any]:
    """Write a list of nested dicts as :func:`unflatten` reads it."""
    found: dict[str, Any] = {}
    for number, item in enumerate(items):
        _flatten(item, f"{prefix}.{number}", found)
    return found


def _flatten(value: Any, name: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(item, f"{name}.{key}", found)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            _flatten(item, f"{name}.{number}", found)
    elif value is not None:
        found[name] = value


def parsed(value: Any) -> Any:
    """Give what a JSON text says; anything else, and broken JSON, as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def text(value: Any) -> str:
    """Write JSON text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def from_openinference(item: dict[str, Any]) -> dict[str, Any]:
    """Give one message of ``llm.input_messages`` or ``llm.output_messages``."""
    message = item.get("message")
    fields = message if isinstance(message, dict) else {}
    found: dict[str, Any] = {"role": fields.get("role"), "content": None}
    if "content" in fields:
        found["content"] = fields["content"]
    elif isinstance(fields.get("contents"), list):
        parts = dicts(fields["contents"])
        found["content"] = [_openinference_part(part) for part in parts]
    calls = fields.get("tool_calls")
    if isinstance(calls, list):
        found["tool_calls"] = [_openinference_call(call) for call in dicts(calls)]
    for name in ("tool_call_id", "name"):
        if name in fields:
            found[name] = fields[name]
    return found


def _openinference_part(part: dict[str, Any]) -> dict[str, Any]:
    fields = part.get("message_content")
    fields = fields if isinstance(fields, dict) else {}
    image = fields.get("image")
    if isinstance(image, dict):
        inner = image.get("image")
        url = inner.get("url") if isinstance(inner, dict) else None
        return {"type": "image_url", "image_url": {"url": url}}
    return fields


def _openinference_call(call: dict[str, Any]) -> dict[str, Any]:
    fields = call.get("tool_call")
    fields = fields if isinstance(fields, dict) else {}
    return {
        "id": fields.get("id"),
        "type": "function",
        "function": fields.get("function"),
    }


def to_openinference(message: dict[str, Any]) -> dict[str, Any]:
    """Write a message as :func:`from_openinference` reads it."""
    found: dict[str, Any] = {"role": message.get("role")}
    content = message.get("content")
    if isinstance(content, list):
        found["contents"] = [{"message_content": part} for part in content]
    else:
        found["content"] = content
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        found["tool_calls"] = [
            {"tool_call": {"id": call.get("id"), "function": call.get("function")}}
            for call in calls
            if isinstance(call, dict)
        ]
    for name in ("tool_call_id", "name"):
        if name in message:
            found[name] = message[name]
    return {"message": found}


def from_gen_ai(message: Any) -> list[dict[str, Any]]:
    """Give a message of ``gen_ai.input.messages``, tool results as their own."""
    if not isinstance(message, dict) or not isinstance(message.get("parts"), list):
        return [message] if isinstance(message, dict) else []
    results, calls, content = [], [], []
    for part in message["parts"]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_call_response":
            results.append(_gen_ai_result(part))
        elif kind == "tool_call":
            calls.append(_gen_ai_call(part))
        elif kind == "text":
            content.append({"type": "text", "text": part.get("content")})
        else:
            content.append(part)
    if results and not (calls or content):
        return results
    found: dict[str, Any] = {"role": message.get("role"), "content": _one(content)}
    if calls:
        found["tool_calls"] = calls
    if "finish_reason" in message:
        found["finish_reason"] = message["finish_reason"]
    return [found, *results]


def _one(content: list[Any]) -> Any:
    if len(content) == 1 and isinstance(content[0], dict) and "text" in content[0]:
        return content[0]["text"]
    return content or None


def _gen_ai_call(part: dict[str, Any]) -> dict[str, Any]:
    arguments = part.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": part.get("name"), "arguments": text}
    return {"id": part.get("id"), "type": "function", "function": function}


def _gen_ai_result(part: dict[str, Any]) -> dict[str, Any]:
    # `response` in the model of the convention, `result` in its text.
    content = part.get("response", part.get("result"))
    return {"role": "tool", "tool_call_id": part.get("id"), "content": content}


def to_gen_ai(message: dict[str, Any]) -> dict[str, Any]:
    """Write a message as :func:`from_gen_ai` reads it."""
    role, content = message.get("role"), message.get("content")
    if role == "tool":
        result = {"type": "tool_call_response", "id": message.get("tool_call_id")}
        return {"role": role, "parts": [{**result, "response": content}]}
    parts: list[Any] = []
    if isinstance(content, str):
        parts.append({"type": "text", "content": content})
    elif isinstance(content, list):
        parts += [_part_to_gen_ai(part) for part in content]
    for call in dicts(message.get("tool_calls")):
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": function.get("name"),
                "arguments": parsed(function.get("arguments")),
            }
        )
    found: dict[str, Any] = {"role": role, "parts": parts}
    if "finish_reason" in message:
        found["finish_reason"] = message["finish_reason"]
    return found


def _part_to_gen_ai(part: Any) -> Any:
    if isinstance(part, dict) and part.get("type") == "text" and "text" in part:
        return {"type": "text", "content": part["text"]}
    return part


def from_traceloop(item: dict[str, Any]) -> dict[str, Any]:
    """Give one message of ``gen_ai.prompt.N`` or ``gen_ai.completion.N``."""
    found: dict[str, Any] = {
        "role": item.get("role"),
        "content": parsed(item.get("content")),
    }
    calls = item.get("tool_calls")
    if isinstance(calls, list):
        found["tool_calls"] = [
            {
                "id": call.get("id"),
                "type": "function",
                "function": {
                    "name": call.get("name"),
                    "arguments": call.get("arguments"),
                },
            }
            for call in calls
            if isinstance(call, dict)
        ]
    if "finish_reason" in item:
        found["finish_reason"] = item["finish_reason"]
    return found


def document(fields: dict[str, Any]) -> dict[str, Any]:
    """Give a document of ``retrieval.documents`` or ``gen_ai.retrieval.documents``."""
    inner = fields.get("document")
    held = inner if isinstance(inner, dict) else fields
    found = {
        "page_content": held.get("content", held.get("page_content")),
        "metadata": parsed(held.get("metadata")) or {},
        "id": held.get("id"),
    }
    return {**found, "score": held["score"]} if "score" in held else found
