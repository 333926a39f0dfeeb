"""Gemini and Ollama on this machine, as far as their clients need them.

Replies are fixed: chat says "Hello there", a request with tools calls the first of
them, embeddings are three numbers, and a model called ``broken`` answers 500.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ("Hello", " there")


@contextmanager
def model_server():
    """Run the server; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "broken" in self.path or body.get("model") == "broken":
            return self._json({"error": {"message": "broken", "code": 500}}, 500)
        if self.path.startswith("/api/"):
            return self._ollama(body)
        return self._gemini(body)

    def _ollama(self, body):
        if self.path == "/api/embed":
            return self._json(
                {
                    "model": body["model"],
                    "embeddings": [[0.1, 0.2, 0.3]],
                    "prompt_eval_count": 2,
                }
            )
        head = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z"}
        tail = {
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 5,
            "eval_count": 2,
        }
        if not body.get("stream", True):
            message = {"role": "assistant", "content": "".join(WORDS)}
            if body.get("tools"):
                name = body["tools"][0]["function"]["name"]
                call = {"function": {"name": name, "arguments": {"city": "Paris"}}}
                message = {"role": "assistant", "content": "", "tool_calls": [call]}
            return self._json({**head, "message": message, **tail})
        parts = [
            {**head, "message": {"role": "assistant", "content": word}, "done": False}
            for word in WORDS
        ]
        parts.append({**head, "message": {"role": "assistant", "content": ""}, **tail})
        lines = "".join(json.dumps(part) + "\n" for part in parts)
        return self._send(lines.encode(), "application/x-ndjson")

    def _gemini(self, body):
        if "mbedContent" in self.path:
            vector = {"values": [0.1, 0.2, 0.3]}
            is_batch = "batch" in self.path
            return self._json(
                {"embeddings": [vector]} if is_batch else {"embedding": vector}
            )
        usage = {
            "promptTokenCount": 5,
            "candidatesTokenCount": 2,
            "totalTokenCount": 7,
        }
        if "streamGenerateContent" in self.path:
            parts = [_candidate([{"text": word}]) for word in WORDS]
            parts[-1]["usageMetadata"] = usage
            events = "".join(f"data: {json.dumps(part)}\r\n\r\n" for part in parts)
            return self._send(events.encode(), "text/event-stream")
        content = [{"text": "".join(WORDS)}]
        tools = body.get("tools") or []
        if tools and len(body["contents"]) == 1:
            name = tools[0]["functionDeclarations"][0]["name"]
            content = [{"functionCall": {"name": name, "args": {"city": "Paris"}}}]
        return self._json({**_candidate(content), "usageMetadata": usage})

    def _json(self, reply, status=200):
        self._send(json.dumps(reply).encode(), "application/json", status)

    def _send(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _candidate(parts):
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": parts},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "modelVersion": "gemini-2.0-flash",
        "responseId": "r-1",
    }
