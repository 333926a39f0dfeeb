"""OpenAI's dialect: chat completions, completions and responses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from spantree.demo._replies import (
    Message,
    Reply,
    Request,
    Tool,
    pieces,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = "dict[str, Any]"
Event: TypeAlias = "tuple[str | None, Json | str]"
"""The name of a server-sent event, if it has one, and its data."""

_CREATED: Final = 1_700_000_000
_ARGUMENT_PIECE: Final = 8
_SERVER_ERROR: Final = 5  # HTTP: the hundreds of the status
_ROLES: Final = {"developer": "system", "function": "tool"}


def flat(content: object) -> str:
    """Give the text of a message's content, whichever form it has."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, map(flat, content)))
    if isinstance(content, dict):
        return flat(content.get("text") or content.get("content"))
    return ""


def _forced(choice: object) -> str | None:
    if choice == "required":
        return "*"
    if not isinstance(choice, dict):
        return None
    name = choice.get("name") or choice.get("function", {}).get("name")
    return str(name) if name else None


def error(status: int, message: str) -> Json:
    """Write an error."""
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    usual = (
        "server_error" if status // 100 == _SERVER_ERROR else "invalid_request_error"
    )
    kind = kinds.get(status, usual)
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


class Chat:
    """``/chat/completions``."""

    error = staticmethod(error)

    @staticmethod
    def read(body: Json) -> Request:
        """Read a request."""
        tools = [
            tool.get("function", {})
            for tool in body.get("tools") or []
            if body.get("tool_choice") != "none"
        ]
        response_format = body.get("response_format") or {}
        return Request(
            [
                Message(_ROLES.get(m["role"], m["role"]), flat(m.get("content")))
                for m in body.get("messages", [])
            ],
            [
                Tool(t["name"], t.get("parameters") or {}, t.get("description", ""))
                for t in tools
                if "name" in t
            ],
            forced=_forced(body.get("tool_choice")),
            schema=response_format.get("json_schema", {}).get("schema"),
        )

    @staticmethod
    def whole(body: Json, reply: Reply) -> Json:
        """Write a reply."""
        message: Json = {
            "role": "assistant",
            "content": reply.text or None,
            "refusal": reply.refusal or None,
        }
        if reply.thinking:
            message["reasoning_content"] = reply.thinking
        if reply.calls:
            message["tool_calls"] = [
                {
                    "id": call.call_id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in reply.calls
            ]
        choices = [
            {
                "index": index,
                "message": message,
                "logprobs": _logprobs(body, pieces(reply.text)),
                "finish_reason": reply.finish,
            }
            for index in range(body.get("n") or 1)
        ]
        return {
            **_chat_head(body, reply, "chat.completion"),
            "choices": choices,
            "usage": _chat_usage(reply, len(choices)),
        }

    @staticmethod
    def streamed(body: Json, reply: Reply) -> Iterator[Event]:
        """Write a reply in chunks; those of several choices alternate."""
        head = _chat_head(body, reply, "chat.completion.chunk")
        with_usage = (body.get("stream_options") or {}).get("include_usage")
        blank = {"usage": None} if with_usage else {}
        count = body.get("n") or 1
        for delta, finish in _chat_deltas(reply):
            said = [delta["content"]] if delta.get("content") else []
            for index in range(count):
                choice = {
                    "index": index,
                    "delta": delta,
                    "logprobs": _logprobs(body, said),
                    "finish_reason": finish,
                }
                yield None, {**head, "choices": [choice], **blank}
        if with_usage:
            usage = _chat_usage(reply, count)
            yield None, {**head, "choices": [], "usage": usage}
        yield None, "[DONE]"


def _chat_head(body: Json, reply: Reply, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{reply.reply_id}",
        "object": kind,
        "created": _CREATED,
        "model": body.get("model"),
        "system_fingerprint": "fp_demo",
    }


def _chat_usage(reply: Reply, choices: int) -> Json:
    written = reply.output_tokens * choices
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": written,
        "total_tokens": reply.input_tokens + written,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reply.thinking_tokens},
    }


def _logprobs(body: Json, said: list[str]) -> Json | None:
    if not body.get("logprobs") or not said:
        return None
    return {
        "content": [
            {"token": piece, "logprob": -0.5, "bytes": None, "top_logprobs": []}
            for piece in said
        ],
        "refusal": None,
    }


def _chat_deltas(reply: Reply) -> Iterator[tuple[Json, str | None]]:
    first: Json = {"role": "assistant", "content": "", "refusal": None}
    if reply.calls or reply.refusal:
        first["content"] = None
    yield first, None
    for piece in pieces(reply.thinking):
        yield {"reasoning_content": piece}, None
    for piece in pieces(reply.refusal):
        yield {"refusal": piece}, None
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": ""}
        opening = {"id": call.call_id, "type": "function", "function": function}
        yield {"tool_calls": [{"index": index, **opening}]}, None
        for piece in _argument_pieces(call.arguments):
            grown = {"index": index, "function": {"arguments": piece}}
            yield {"tool_calls": [grown]}, None
    for piece in pieces(reply.text):
        yield {"content": piece}, None
    yield {}, reply.finish


def _argument_pieces(arguments: str) -> list[str]:
    step = _ARGUMENT_PIECE
    return [arguments[at : at + step] for at in range(0, len(arguments), step)]


class Completions:
    """``/completions``, the legacy form."""

    error = staticmethod(error)

    @staticmethod
    def read(body: Json) -> Request:
        """Read a request."""
        return Request([Message("user", flat(body.get("prompt")))])

    @staticmethod
    def whole(body: Json, reply: Reply) -> Json:
        """Write a reply."""
        usage = _chat_usage(reply, 1)
        return {**_completion(body, reply, reply.text, reply.finish), "usage": usage}

    @staticmethod
    def streamed(body: Json, reply: Reply) -> Iterator[Event]:
        """Write a reply in chunks."""
        for piece in pieces(reply.text):
            yield None, _completion(body, reply, piece, None)
        yield None, _completion(body, reply, "", reply.finish)
        yield None, "[DONE]"


def _completion(body: Json, reply: Reply, text: str, finish: str | None) -> Json:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return {
        "id": f"cmpl-{reply.reply_id}",
        "object": "text_completion",
        "created": _CREATED,
        "model": body.get("model"),
        "choices": [choice],
    }


class Responses:
    """``/responses``."""

    error = staticmethod(error)

    @staticmethod
    def read(body: Json) -> Request:
        """Read a request."""
        given = body.get("input") or []
        items = (
            [{"role": "user", "content": given}] if isinstance(given, str) else given
        )
        instructions = body.get("instructions")
        messages = [Message("system", instructions)] if instructions else []
        messages += [message for item in items if (message := _item_read(item))]
        tools = [t for t in body.get("tools") or [] if t.get("type") == "function"]
        wanted = (body.get("text") or {}).get("format") or {}
        return Request(
            messages,
            [Tool(t["name"], t.get("parameters") or {}) for t in tools],
            forced=_forced(body.get("tool_choice")),
            schema=wanted.get("schema"),
        )

    @staticmethod
    def whole(body: Json, reply: Reply) -> Json:
        """Write a reply."""
        done = "incomplete" if reply.finish == "length" else "completed"
        return _response(body, reply, done, _response_items(reply))

    @staticmethod
    def streamed(body: Json, reply: Reply) -> Iterator[Event]:
        """Write a reply in events."""
        events = [
            ("created", {"response": _response(body, reply, "in_progress", [])}),
            *_item_events(reply),
        ]
        whole = Responses.whole(body, reply)
        events.append((whole["status"], {"response": whole}))
        for number, (name, data) in enumerate(events):
            kind = f"response.{name}"
            yield kind, {"type": kind, "sequence_number": number, **data}


def _item_read(item: Json) -> Message | None:
    if item.get("type") == "function_call_output":
        return Message("tool", flat(item.get("output")))
    if "role" not in item:
        return None
    role = str(item["role"])
    return Message(_ROLES.get(role, role), flat(item.get("content")))


def _response(body: Json, reply: Reply, status: str, output: list[Json]) -> Json:
    usage = {
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "input_tokens_details": {"cached_tokens": reply.cached_tokens},
        "output_tokens_details": {"reasoning_tokens": reply.thinking_tokens},
    }
    reason = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{reply.reply_id}",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "error": None,
        "incomplete_details": reason,
        "instructions": body.get("instructions"),
        "model": body.get("model"),
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": None if status == "in_progress" else usage,
    }


def _response_items(reply: Reply) -> list[Json]:
    items: list[Json] = []
    if reply.thinking:
        summary = {"type": "summary_text", "text": reply.thinking}
        thought = {"type": "reasoning", "id": f"rs_{reply.reply_id[:8]}"}
        items.append({**thought, "summary": [summary]})
    items += [
        {
            "type": "function_call",
            "id": f"fc_{call.call_id}",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
            "status": "completed",
        }
        for call in reply.calls
    ]
    if reply.calls:
        return items
    part: Json = {"type": "output_text", "text": reply.text, "annotations": []}
    if reply.refusal:
        part = {"type": "refusal", "refusal": reply.refusal}
    message = {
        "type": "message",
        "id": f"msg_{reply.reply_id[:8]}",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return [*items, message]


def _item_events(reply: Reply) -> Iterator[tuple[str, Json]]:
    for index, item in enumerate(_response_items(reply)):
        where = {"output_index": index, "item_id": item["id"]}
        deltas: list[tuple[str, Json]]
        if item["type"] == "function_call":
            opened = {**item, "status": "in_progress", "arguments": ""}
            deltas = [
                ("function_call_arguments.delta", {"delta": piece})
                for piece in _argument_pieces(item["arguments"])
            ]
        elif item["type"] == "reasoning":
            opened = {**item, "summary": []}
            deltas = [
                ("reasoning_summary_text.delta", {"summary_index": 0, "delta": piece})
                for piece in pieces(reply.thinking)
            ]
        else:
            opened = {**item, "status": "in_progress", "content": []}
            kind = item["content"][0]["type"]
            extra: Json = {} if reply.refusal else {"logprobs": []}
            deltas = [
                (f"{kind}.delta", {"content_index": 0, "delta": piece, **extra})
                for piece in pieces(reply.refusal or reply.text)
            ]
        yield "output_item.added", {"output_index": index, "item": opened}
        if "content" in item:
            empty = {"refusal": ""} if reply.refusal else {"text": ""}
            part = {**item["content"][0], **empty}
            yield "content_part.added", {**where, "content_index": 0, "part": part}
        yield from ((name, {**where, **data}) for name, data in deltas)
        yield "output_item.done", {"output_index": index, "item": item}


def encode(data: Json | str) -> bytes:
    """Give the bytes of a reply, or of the data of an event."""
    return data.encode() if isinstance(data, str) else json.dumps(data).encode()
