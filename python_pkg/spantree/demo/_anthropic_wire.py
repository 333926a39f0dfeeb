"""Anthropic's dialect: messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from spantree.demo._openai_wire import flat
from spantree.demo._replies import Message, Request, Tool, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.demo._openai_wire import Event, Json
    from spantree.demo._replies import Reply

_INPUT_PIECE: Final = 8
_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}
_KINDS: Final = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class Messages:
    """``/v1/messages``."""

    @staticmethod
    def read(body: Json) -> Request:
        """Read a request."""
        system = flat(body.get("system"))
        messages = [Message("system", system)] if system else []
        for message in body.get("messages", []):
            messages += _read(message["role"], message.get("content"))
        choice = body.get("tool_choice") or {}
        tools = [] if choice.get("type") == "none" else body.get("tools") or []
        wanted = (body.get("output_config") or {}).get("format") or {}
        return Request(
            messages,
            [
                Tool(t["name"], t["input_schema"], t.get("description", ""))
                for t in tools
                if "input_schema" in t
            ],
            forced="*" if choice.get("type") == "any" else choice.get("name"),
            schema=wanted.get("schema"),
        )

    @staticmethod
    def whole(body: Json, reply: Reply) -> Json:
        """Write a reply."""
        usage = {**_input_usage(reply), "output_tokens": reply.output_tokens}
        return {
            **_head(body, reply),
            "content": _blocks(reply),
            "stop_reason": _stop_reason(reply),
            "usage": usage,
        }

    @staticmethod
    def streamed(body: Json, reply: Reply) -> Iterator[Event]:
        """Write a reply in events."""
        usage = {**_input_usage(reply), "output_tokens": 1}
        message = {**_head(body, reply), "content": [], "stop_reason": None}
        yield _event("message_start", message={**message, "usage": usage})
        yield _event("ping")
        for index, block in enumerate(_blocks(reply)):
            opened, deltas = _in_deltas(block)
            yield _event("content_block_start", index=index, content_block=opened)
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        ended = {"stop_reason": _stop_reason(reply), "stop_sequence": None}
        usage = {"output_tokens": reply.output_tokens}
        yield _event("message_delta", delta=ended, usage=usage)
        yield _event("message_stop")

    @staticmethod
    def error(status: int, message: str) -> Json:
        """Write an error."""
        kind = _KINDS.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}


def _event(kind: str, **data: object) -> Event:
    return kind, {"type": kind, **data}


def _read(role: str, content: Any) -> list[Message]:
    """Read one message; the results of tools come in those of the user."""
    parts = content if isinstance(content, list) else [{"text": content}]
    results = [p for p in parts if p.get("type") == "tool_result"]
    found = [Message("tool", flat(part.get("content"))) for part in results]
    text = flat([p for p in parts if p.get("type") != "tool_result"])
    return [*found, Message(role, text)] if text or not found else found


def _head(body: Json, reply: Reply) -> Json:
    return {
        "id": f"msg_{reply.reply_id}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "stop_sequence": None,
    }


def _stop_reason(reply: Reply) -> str:
    return "refusal" if reply.refusal else _STOP_REASONS[reply.finish]


def _input_usage(reply: Reply) -> Json:
    """Count what was sent; unlike OpenAI's, cached tokens are counted apart."""
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _blocks(reply: Reply) -> list[Json]:
    blocks: list[Json] = []
    if reply.thinking:
        thought = {"type": "thinking", "thinking": reply.thinking}
        blocks.append({**thought, "signature": f"sig-{reply.reply_id[:8]}"})
    if reply.text or reply.refusal:
        blocks.append({"type": "text", "text": reply.text or reply.refusal})
    blocks += [
        {
            "type": "tool_use",
            "id": call.call_id.replace("call_", "toolu_"),
            "name": call.name,
            "input": json.loads(call.arguments),
        }
        for call in reply.calls
    ]
    return blocks


def _in_deltas(block: Json) -> tuple[Json, list[Json]]:
    """Give a block as it begins, and the deltas that make it whole."""
    if block["type"] == "tool_use":
        text = json.dumps(block["input"])
        cuts = range(0, len(text), _INPUT_PIECE)
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": text[at : at + _INPUT_PIECE]}
            for at in cuts
        ]
    kind = block["type"]
    deltas = [{"type": f"{kind}_delta", kind: piece} for piece in pieces(block[kind])]
    if kind == "thinking":
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [*deltas, signature]
    return {**block, "text": ""}, deltas


def batch(body: Json) -> Json:
    """Write the reply to the order of a batch; nothing becomes of it."""
    counts = dict.fromkeys(("canceled", "errored", "expired", "succeeded"), 0)
    return {
        "id": "msgbatch_demo",
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": {**counts, "processing": len(body["requests"])},
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "results_url": None,
    }
