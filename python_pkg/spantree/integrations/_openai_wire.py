"""How OpenAI's requests and replies are written, as far as spans tell of them."""

from __future__ import annotations

import base64
import binascii
import struct
from functools import lru_cache
from typing import Final

from spantree.entities.span import (
    CHAT_TOOLS,
    MODEL,
    TOKEN_USAGE,
    SpanType,
)
from spantree.integrations._call import WireFormat
from spantree.integrations._reduce import ChatReducer
from spantree.integrations._reduce_responses import ResponsesReducer
from spantree.integrations._sdk_calls import FINISH_REASONS, RESPONSE_ID
from spantree.integrations._usage import openai_usage

SYSTEM_FINGERPRINT: Final = "spantree.llm.system_fingerprint"

# Hosts of others that speak OpenAI's dialect → their name.
_HOSTS: Final = {
    "openai.azure.com": "azure",
    "openrouter.ai": "openrouter",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "deepseek.com": "deepseek",
    "together.xyz": "together",
    "fireworks.ai": "fireworks",
    "googleapis.com": "google",
    "x.ai": "xai",
    "databricks.com": "databricks",
    "azuredatabricks.net": "databricks",
}

_WHOLE_VECTORS = 4_096  # numbers of an embeddings reply that are kept as they are
_HEAD = 8


def chat_tools(inputs: dict[str, object]) -> dict[str, object]:
    """Give the attribute of the tools offered, in the form of chat completions."""
    tools = inputs.get("tools")
    if not isinstance(tools, list) or not tools:
        return {}
    return {CHAT_TOOLS: [_chat_tool(tool) for tool in tools]}


def _chat_tool(tool: object) -> object:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return tool
    if "function" in tool:
        return tool
    function = {k: v for k, v in tool.items() if k != "type"}
    return {"type": "function", "function": function}


def provider(client: object) -> str:
    """Say who answers, by the client's class and host."""
    if "Azure" in type(client).__name__:
        return "azure"
    host = str(getattr(getattr(client, "base_url", None), "host", ""))
    return _vendor(host)


@lru_cache(maxsize=64)
def _vendor(host: str) -> str:
    for suffix, name in _HOSTS.items():
        if host == suffix or host.endswith("." + suffix):
            return name
    return "openai"


def described(reply: dict[str, object], reasons: object = None) -> dict[str, object]:
    """Give the attributes that any reply tells."""
    found: dict[str, object] = {}
    if model := reply.get("model"):
        found[MODEL] = model
    if response_id := reply.get("id"):
        found[RESPONSE_ID] = response_id
    if (fingerprint := reply.get("system_fingerprint")) is not None:
        found[SYSTEM_FINGERPRINT] = fingerprint
    if usage := openai_usage(reply.get("usage")):
        found[TOKEN_USAGE] = usage
    if reasons:
        found[FINISH_REASONS] = reasons
    return found


def _describe_chat(reply: dict[str, object]) -> dict[str, object]:
    choices = reply.get("choices")
    reasons = [
        reason
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
        and (reason := choice.get("finish_reason")) is not None
    ]
    return described(reply, reasons)


def _describe_response(reply: dict[str, object]) -> dict[str, object]:
    details = reply.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    reason = reason or reply.get("status")
    return described(reply, [reason] if reason else [])


def _response_failure(reply: dict[str, object]) -> str | None:
    if reply.get("status") != "failed":
        return None
    error = reply.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or "The provider reported a failed response.")


def _short_vectors(reply: dict[str, object]) -> dict[str, object]:
    """Keep the vectors of a reply whole while they are few numbers."""
    data = reply.get("data")
    items = data if isinstance(data, list) else []
    vectors = [item.get("embedding") for item in items if isinstance(item, dict)]
    if sum(_dimensions(vector) for vector in vectors) <= _WHOLE_VECTORS:
        return reply
    short = [
        {**item, "embedding": _short_vector(item.get("embedding"))}
        if isinstance(item, dict)
        else item
        for item in items
    ]
    return {**reply, "data": short}


def _dimensions(vector: object) -> int:
    if isinstance(vector, str):  # base64 of 32-bit floats
        return len(vector) * 3 // 16
    return len(vector) if isinstance(vector, list) else 0


def _short_vector(vector: object) -> object:
    head = vector[:_HEAD] if isinstance(vector, list) else _first_floats(vector)
    dimensions = _dimensions(vector)
    return {"$type": "embedding", "dimensions": dimensions, "head": head}


def _first_floats(vector: object) -> list[float]:
    # 4 characters of base64 hold 3 bytes: 44 characters hold the first 8 floats.
    try:
        raw = base64.b64decode(str(vector)[:44])
    except binascii.Error:
        return []
    count = min(len(raw) // 4, _HEAD)
    return list(struct.unpack(f"<{count}f", raw[: 4 * count]))


CHAT: Final = WireFormat(
    SpanType.CHAT_MODEL, describe=_describe_chat, reducer=ChatReducer
)
COMPLETIONS: Final = WireFormat(
    SpanType.LLM,
    describe=_describe_chat,
    reducer=lambda: ChatReducer("text_completion"),
)
RESPONSES: Final = WireFormat(
    SpanType.CHAT_MODEL,
    describe=_describe_response,
    failure=_response_failure,
    reducer=ResponsesReducer,
)
EMBEDDINGS: Final = WireFormat(
    SpanType.EMBEDDING, describe=described, shape=_short_vectors
)
