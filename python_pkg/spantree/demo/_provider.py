"""A provider of models on this machine: loopback HTTP, no key, no network.

Real SDK clients talk to it, so that what is traced is what a program really does.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Protocol

from spantree.demo import _openai_wire as wire
from spantree.demo._replies import Message, Reply, Request, reply_to

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST: Final = "127.0.0.1"
_FASTEST_S = 0.005
_SLOWEST_S = 0.040
_CHUNK_S = 0.002


class _Dialect(Protocol):
    def read(self, body: wire.Json) -> Request: ...
    def whole(self, body: wire.Json, reply: Reply) -> wire.Json: ...
    def streamed(self, body: wire.Json, reply: Reply) -> Iterator[wire.Event]: ...


_DIALECTS: Final[dict[str, _Dialect]] = {
    "/v1/chat/completions": wire.Chat(),
    "/v1/completions": wire.Completions(),
    "/v1/responses": wire.Responses(),
}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in.

    Args:
        path: Path and query.
        headers: By name, as they were spelled.
        body: The raw bytes.
    """

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class DemoProvider:
    """A loopback server that answers OpenAI's dialect by rules.

    Requests can order it to misbehave, by directives in the last user message:

    ==================== =====================================================
    ``@@status=429@@``   that HTTP error, or only ``times=2`` times
    ``@@hangup@@``       closes the connection without a reply
    ``@@drop=3@@``       closes it after 3 events of a stream
    ``@@fail=3@@``       an error event after 3 events of a stream
    ``@@delay=0.5@@``    waits so many seconds before the reply
    ``@@chunk_delay=1@@`` and after each event of a stream
    ``@@say=some_words@@``, ``@@words=50@@`` reply with those words, or that many
    ``@@tool=NAME@@``    calls that tool
    ``@@length@@``, ``@@cached=5@@`` stops for length; 5 input tokens were cached
    ==================== =====================================================

    Args:
        has_latency: Whether replies take 5 to 40 ms, by the request's hash.
    """

    def __init__(self, *, has_latency: bool = True) -> None:
        self.has_latency = has_latency
        self.requests: list[Received] = []
        self.failures: Counter[str] = Counter()
        self._server = _Server((_HOST, 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(0.05,),
            name="spantree-demo",
            daemon=True,
        )
        self.pid = os.getpid()

    @property
    def url(self) -> str:
        """Where clients find it, ``/v1`` included."""
        return f"http://{_HOST}:{self._server.server_address[1]}/v1"

    def start(self) -> DemoProvider:
        """Begin to serve, on a daemon thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def latency_s(self, request: Request) -> float:
        """Seconds before a reply begins."""
        if not self.has_latency:
            return 0.0
        share = int(request.digest[:4], 16) / 0xFFFF
        return _FASTEST_S + share * (_SLOWEST_S - _FASTEST_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    provider: DemoProvider

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Answer the requests that list things."""
        self.server.provider.requests.append(
            Received(self.path, dict(self.headers.items()), b"")
        )
        if self.path == "/v1/models":
            model = {"id": "demo", "object": "model", "created": 0, "owned_by": "demo"}
            self._send({"object": "list", "data": [model]})
        else:
            self._send(wire.error(404, f"There is no {self.path} here."), 404)

    def do_POST(self) -> None:
        """Answer a call of a model."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = Received(self.path, dict(self.headers.items()), raw)
        self.server.provider.requests.append(received)
        path = self.path.partition("?")[0]
        try:
            if path == "/v1/embeddings":
                self._embed(received.json)
            elif path in _DIALECTS:
                self._answer(_DIALECTS[path], received.json)
            else:
                self._send(wire.error(404, f"There is no {path} here."), 404)
        except OSError:
            self.close_connection = True  # the client went away
        except Exception as error:  # noqa: BLE001 - the client is told, by status 400
            self._send(wire.error(400, f"{type(error).__name__}: {error}"), 400)

    def _embed(self, body: wire.Json) -> None:
        request = Request([Message("user", str(body.get("input")))])
        if not self._refuse(request):
            self._send(wire.embeddings(body))

    def _answer(self, dialect: _Dialect, body: wire.Json) -> None:
        request = dialect.read(body)
        if self._refuse(request):
            return
        reply = reply_to(request)
        if body.get("stream"):
            self._stream(dialect.streamed(body, reply), request.directives)
        else:
            self._send(dialect.whole(body, reply))

    def _refuse(self, request: Request) -> bool:
        """Wait as long as ordered; then say whether the reply was refused."""
        provider, orders = self.server.provider, request.directives
        time.sleep(float(orders.get("delay", provider.latency_s(request))))
        if "hangup" in orders:
            self.close_connection = True
            return True
        if "status" not in orders:
            return False
        done = provider.failures[request.digest]
        if done >= int(orders.get("times", done + 1)):
            return False
        provider.failures[request.digest] += 1
        status = int(orders["status"])
        self._send(wire.error(status, f"The demo was told to fail ({status})."), status)
        return True

    def _send(self, data: wire.Json, status: int = 200) -> None:
        raw = wire.encode(data)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("x-request-id", "req_demo")
        if status != HTTPStatus.OK:
            self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(raw)

    def _stream(self, events: Iterator[wire.Event], orders: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("x-request-id", "req_demo")
        self.end_headers()
        usual_s = _CHUNK_S if self.server.provider.has_latency else 0.0
        pause_s = float(orders.get("chunk_delay", usual_s))
        for number, (name, data) in enumerate(events):
            if orders.get("drop") == str(number):
                self.close_connection = True
                return
            if orders.get("fail") == str(number):
                self._write_event(None, wire.error(500, "The demo was told to fail."))
                break
            self._write_event(name, data)
            if pause_s:
                time.sleep(pause_s)
        self.wfile.write(b"0\r\n\r\n")

    def _write_event(self, name: str | None, data: wire.Json | str) -> None:
        head = f"event: {name}\n".encode() if name else b""
        raw = head + b"data: " + wire.encode(data) + b"\n\n"
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
