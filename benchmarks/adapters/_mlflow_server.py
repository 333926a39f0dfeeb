"""A stand-in for an MLflow server: takes traces on loopback, counts their spans."""

from __future__ import annotations

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

_VERSION = b"3.17.2"


class _Spans:
    """What was received."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.count = 0
        self.newest = ""

    def add(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        number = sum(
            len(scope.spans)
            for resource in request.resource_spans
            for scope in resource.scope_spans
        )
        with self._lock:
            self.count += number
            self.newest = str(request)


_SPANS = _Spans()


class _Handler(BaseHTTPRequestHandler):
    """Answers the few requests that the tracing client makes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answers = {
            "/version": _VERSION,
            "/spans/count": str(_SPANS.count).encode(),
            "/spans/newest": _SPANS.newest.encode(),
        }
        self._answer(answers.get(self.path, b"{}"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            _SPANS.add(body)
            self._answer(b"{}")
            return
        request = json.loads(body or b"{}")
        if "trace" in request:
            # Says that spans are kept here, so the client uploads no file of them.
            tags = request["trace"]["trace_info"].setdefault("tags", {})
            tags["mlflow.trace.spansLocation"] = "TRACKING_STORE"
        self._answer(json.dumps(request).encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()  # ends with the worker, even when that is killed
