"""A server on loopback that keeps what it is sent, and misbehaves when told to.

It answers what spantree asks of an MLflow server, of Databricks and of an OTLP
receiver. Real servers are used where one installs; this one is for their bad days.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self):
        return json.loads(self.body)


class Loopback:
    """Start with ``with``; ``mode`` says how it answers.

    ``up`` · ``slow`` (after 5 s) · ``hang`` (never) · ``500`` · ``429`` (Retry-After 1)
    · ``flap`` (every other request fails) · ``401`` · ``400`` · ``partial`` (an OTLP
    receiver that rejects a span) · a function of the
    request that gives one of these.
    """

    def __init__(self, mode="up", port=0):
        self.mode = mode
        self.port = port
        self.requests: list[Request] = []
        self.experiments = {"Default": "0"}
        self.infos: dict[str, dict] = {}
        self.spans: dict[tuple[str, str], dict] = {}
        self.files: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.words = "no thanks"
        self.artifacts = "mlflow-artifacts:/0/traces"
        self.reads_json = True
        self._released = threading.Event()
        self._lock = threading.Lock()

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def of(self, method, path):
        return [r for r in self.requests if r.method == method and path in r.path]

    def mode_for(self, request):
        mode = self.mode(request) if callable(self.mode) else self.mode
        if mode == "flap":
            return "500" if len(self.requests) % 2 else "up"
        return mode

    def answer(self, request):
        with self._lock:
            self.requests.append(request)
            mode = self.mode_for(request)
        if mode == "hang":
            self._released.wait(60)
        if mode == "slow":
            self._released.wait(5)
        if mode.isdigit():
            headers = {"Retry-After": "1"} if mode == "429" else {}
            return int(mode), {"error_code": "ODD", "message": self.words}, headers
        if mode == "partial":
            refused = {"rejectedSpans": "1", "errorMessage": self.words}
            return 200, {"partialSuccess": refused}, {}
        with self._lock:
            return self._handled(request)

    def _handled(self, request):
        url = urlsplit(request.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        path = url.path
        if path.endswith("/experiments/get-by-name"):
            return self._experiment(self.experiments.get(query["experiment_name"]))
        if path.endswith("/experiments/get"):
            known = query["experiment_id"] in self.experiments.values()
            return self._experiment(query["experiment_id"] if known else None)
        if path.endswith("/experiments/create"):
            number = str(len(self.experiments))
            self.experiments[request.json["name"]] = number
            return 200, {"experiment_id": number}, {}
        if path.endswith("/v1/traces") and not self.reads_json:
            if request.headers["Content-Type"] == "application/json":
                return 415, {"message": "only protobuf here"}, {}
            return 200, None, {}
        if path.endswith("/v1/traces"):
            for by_resource in request.json["resourceSpans"]:
                for by_scope in by_resource["scopeSpans"]:
                    for span in by_scope["spans"]:
                        self.spans[span["traceId"], span["spanId"]] = span
            return 200, {}, {}
        if path.endswith("/mlflow/traces"):
            info = request.json["trace"]["trace_info"]
            self.infos[info["trace_id"]] = info
            where = {"mlflow.artifactLocation": f"{self.artifacts}/{info['trace_id']}"}
            info = {**info, "tags": {**info["tags"], **where}}
            return 200, {"trace": {"trace_info": info}}, {}
        if "/mlflow/traces/tr-" in path and path.endswith("/tags"):
            info = self.infos[path.split("/")[-2]]
            info["tags"][request.json["key"]] = request.json["value"]
            return 200, {}, {}
        if "/mlflow-artifacts/" in path:
            self.files[path] = request.body
            return 200, {}, {}
        if path.endswith("/traces/get"):
            info = self.infos.get(query["trace_id"])
            if info is None:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, {}
            return 200, {"trace": {"trace_info": info, "spans": []}}, {}
        if "/mlflow/traces/tr-" in path and request.method == "GET":
            info = self.infos[path.rpartition("/")[2]]
            return 200, {"trace": {"trace_info": info}}, {}
        if path.endswith("/traces/delete-traces"):
            ids = request.json["request_ids"]
            self.deleted += ids
            gone = [self.infos.pop(i) for i in ids if i in self.infos]
            return 200, {"traces_deleted": len(gone)}, {}
        if "/fs/files/" in path and request.method == "GET":
            return 200, json.loads(self.files[path]), {}
        if "/fs/files/" in path:
            self.files[path] = request.body
            return 204, None, {}
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": path}, {}

    def _experiment(self, number):
        if number is None:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}, {}
        (name,) = [n for n, i in self.experiments.items() if i == number]
        return 200, {"experiment": {"experiment_id": number, "name": name}}, {}


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def handle_one_request(self):
            try:
                super().handle_one_request()
            except (OSError, ValueError):
                self.close_connection = True

        def _any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = Request(self.command, self.path, dict(self.headers), body)
            status, found, headers = server.answer(request)
            data = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, *_):
            pass

    return Handler
