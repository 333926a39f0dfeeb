"""A provider of models on this machine: loopback HTTP, no key, no network.

Real SDK clients talk to it, so that what is traced is what a program really does.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from spantree.demo import _openai_other as other
from spantree.demo import _openai_wire as wire
from spantree.demo._anthropic_wire import Messages, batch
from spantree.demo._replies import Message, Reply, Request, reply_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Error: TypeAlias = "Callable[[int, str], wire.Json]"
_HOST: Final = "127.0.0.1"
_FASTEST_S = 0.005
_SLOWEST_S = 0.040
_CHUNK_S = 0.002


class _Dialect(Protocol):
    def read(self, body: wire.Json) -> Request: ...
    def whole(self, body: wire.Json, reply: Reply) -> wire.Json: ...
    def streamed(self, body: wire.Json, reply: Reply) -> Iterator[wire.Event]: ...
    def error(self, status: int, message: str) -> wire.Json: ...


_DIALECTS: Final[dict[str, _Dialect]] = {
    "/v1/chat/completions": wire.Chat(),
    "/v1/completions": wire.Completions(),
    "/v1/responses": wire.Responses(),
    "/v1/messages": Messages(),
}
_WHOLE: Final[dict[str, Callable[[wire.Json], wire.Json]]] = {
    "/v1/embeddings": other.embeddings,
    "/v1/images/generations": other.images,
    "/v1/images/edits": other.images,
    "/v1/images/variations": other.images,
    "/v1/audio/transcriptions": other.transcript,
    "/v1/audio/translations": other.transcript,
    "/v1/moderations": other.moderations,
    "/v1/messages/batches": batch,
}
_IN_EVENTS: Final[dict[str, Callable[[wire.Json], Iterator[wire.Event]]]] = {
    "/v1/images/generations": other.image_events,
    "/v1/audio/transcriptions": other.transcript_events,
}
_SPEECH: Final = "/v1/audio/speech"
# Azure names the deployment in the path.
_AZURE: Final = re.compile(r"^(?:/v1)?(?:/openai)?/deployments/[^/]+/")


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
    """A loopback server that answers OpenAI's and Anthropic's dialects by rules.

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
    ``@@think=some_words@@`` thinks those words first
    ``@@refuse@@``       refuses to answer
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
        """Where OpenAI's clients find it, ``/v1`` included."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """Where Anthropic's clients find it."""
        return f"http://{_HOST}:{self._server.server_address[1]}"

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
        path = _AZURE.sub("/v1/", self.path.partition("?")[0])
        dialect = _DIALECTS.get(path)
        write_error = dialect.error if dialect else wire.error
        try:
            if dialect:
                self._answer(dialect, received.json)
            elif path in _WHOLE:
                self._answer_simply(path, received)
            elif path == _SPEECH:
                self._send_bytes(other.SOUND, "audio/wav")
            else:
                self._send(wire.error(404, f"There is no {path} here."), 404)
        except OSError:
            self.close_connection = True  # the client went away
        except Exception as error:  # noqa: BLE001 - the client is told, by status 400
            self._send(write_error(400, f"{type(error).__name__}: {error}"), 400)

    def _answer_simply(self, path: str, received: Received) -> None:
        kind = self.headers.get("Content-Type", "")
        is_form = kind.startswith("multipart/")
        body = other.form(kind, received.body) if is_form else received.json
        said = str(body.get("input") or body.get("prompt"))
        request = Request([Message("user", said)])
        if self._refuse(request, wire.error):
            return
        if body.get("stream") in (True, "true"):
            self._stream(_IN_EVENTS[path](body), request.directives, wire.error)
        else:
            self._send(_WHOLE[path](body))

    def _answer(self, dialect: _Dialect, body: wire.Json) -> None:
        request = dialect.read(body)
        if self._refuse(request, dialect.error):
            return
        reply = reply_to(request)
        if body.get("stream"):
            events = dialect.streamed(body, reply)
            self._stream(events, request.directives, dialect.error)
        else:
            self._send(dialect.whole(body, reply))

    def _refuse(self, request: Request, write_error: _Error) -> bool:
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
        message = f"The demo was told to fail ({status})."
        self._send(write_error(status, message), status)
        return True

    def _send(self, data: wire.Json, status: int = 200) -> None:
        self._send_bytes(wire.encode(data), "application/json", status)

    def _send_bytes(self, raw: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self._send_request_id()
        if status != HTTPStatus.OK:
            self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(raw)

    def _send_request_id(self) -> None:
        self.send_header("x-request-id", "req_demo")  # OpenAI's name
        self.send_header("request-id", "req_demo")  # Anthropic's

    def _stream(
        self,
        events: Iterator[wire.Event],
        orders: dict[str, str],
        write_error: _Error,
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self._send_request_id()
        self.end_headers()
        usual_s = _CHUNK_S if self.server.provider.has_latency else 0.0
        pause_s = float(orders.get("chunk_delay", usual_s))
        for number, (name, data) in enumerate(events):
            if orders.get("drop") == str(number):
                self.close_connection = True
                return
            if orders.get("fail") == str(number):
                failure = write_error(500, "The demo was told to fail.")
                self._write_event(failure.get("type"), failure)
                break
            self._write_event(name, data)
            if pause_s:
                time.sleep(pause_s)
        self.wfile.write(b"0\r\n\r\n")

    def _write_event(self, name: str | None, data: wire.Json | str) -> None:
        head = f"event: {name}\n".encode() if name else b""
        raw = head + b"data: " + wire.encode(data) + b"\n\n"
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
