"""What AG2 passes around, as JSON data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from spantree.integrations._plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

_COUNTS: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "cache_read_input_tokens": "cache_read_input_tokens",
    "cache_creation_input_tokens": "cache_creation_input_tokens",
    "thinking_tokens": "reasoning_output_tokens",
}


def messages_of(events: Iterable[Any]) -> dict[str, object]:
    """Give the messages that a history of events stands for."""
    found: list[object] = []
    for event in events:
        kind = type(event).__name__
        if hasattr(event, "parts"):
            found += [{"role": "user", "content": part_of(p)} for p in event.parts]
        elif kind == "ModelResponse":
            found.append(message_of(event))
        elif kind == "ToolResultsEvent":
            found += [
                {
                    "role": "tool",
                    "tool_call_id": result.parent_id,
                    "content": result_of(result),
                }
                for result in event.results
            ]
    return {"messages": found}


def message_of(reply: Any) -> object:
    """Give a model's reply as a message."""
    message: dict[str, object] = {"role": "assistant", "content": reply.content}
    calls = reply.tool_calls.calls if reply.tool_calls else ()
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    return message


def arguments_of(call: Any) -> object:
    """Give what a tool is called with; text that is no JSON stays text."""
    try:
        found: object = json.loads(call.arguments)
    except ValueError:
        found = call.arguments
    return found


def result_of(result: Any) -> object:
    """Give what a tool returned: one part by itself."""
    parts = [part_of(part) for part in result.result.parts]
    return parts[0] if len(parts) == 1 else parts


def part_of(part: Any) -> object:
    """Give one part of what is sent: its text or its data, else its type."""
    for name in ("content", "data", "url"):
        found = getattr(part, name, None)
        if found is not None and not isinstance(found, bytes):
            return plain(found)
    return {"type": type(part).__name__}


def usage_of(usage: Any) -> dict[str, int]:
    """Give the tokens that are known."""
    counts = {ours: getattr(usage, name, None) for name, ours in _COUNTS.items()}
    found = {name: int(n) for name, n in counts.items() if n is not None}
    if "total_tokens" not in found and {"input_tokens", "output_tokens"} <= {*found}:
        found["total_tokens"] = found["input_tokens"] + found["output_tokens"]
    return found
