"""How Anthropic's requests and replies are written, as far as spans tell of them."""

from __future__ import annotations

from typing import Final

from spantree.entities.span import CHAT_TOOLS, MODEL, TOKEN_USAGE, SpanType
from spantree.integrations._call import WireFormat
from spantree.integrations._reduce_anthropic import MessagesReducer
from spantree.integrations._sdk_calls import FINISH_REASONS, RESPONSE_ID
from spantree.integrations._usage import anthropic_usage

# Client → who answers; the name of the class tells.
_HOSTS: Final = {"Bedrock": "bedrock", "Vertex": "vertex", "Foundry": "azure"}


def provider(client: object) -> str:
    """Say who answers, by the client's class."""
    name = type(client).__name__
    found = (vendor for part, vendor in _HOSTS.items() if part in name)
    return next(found, "anthropic")


def chat_tools(inputs: dict[str, object]) -> dict[str, object]:
    """Give the attribute of the tools offered, in the form of chat completions."""
    tools = inputs.get("tools")
    if not isinstance(tools, list) or not tools:
        return {}
    return {CHAT_TOOLS: [_chat_tool(tool) for tool in tools]}


def _chat_tool(tool: object) -> object:
    if not isinstance(tool, dict) or "input_schema" not in tool:
        return tool
    names = {"input_schema": "parameters"}
    function = {names.get(k, k): v for k, v in tool.items() if k != "type"}
    return {"type": "function", "function": function}


def _describe(reply: dict[str, object]) -> dict[str, object]:
    reason = reply.get("stop_reason")
    found = {
        MODEL: reply.get("model") or None,
        RESPONSE_ID: reply.get("id") or None,
        TOKEN_USAGE: anthropic_usage(reply.get("usage")),
        FINISH_REASONS: [reason] if reason else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _failure(reply: dict[str, object]) -> str | None:
    error = reply.get("error")
    if error is None:
        return None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or "The provider reported an error.")


MESSAGES: Final = WireFormat(
    SpanType.CHAT_MODEL,
    describe=_describe,
    failure=_failure,
    reducer=MessagesReducer,
)
# An order for later: what it costs isn't known yet.
BATCHES: Final = WireFormat(SpanType.TOOL, describe=lambda _batch: {})
