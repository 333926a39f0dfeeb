"""``POST /v1/traces``: OTLP over HTTP, as every OpenTelemetry exporter sends it.

Source: the OTLP specification 1.x, "OTLP/HTTP". A request is stored whole or refused
whole; sending it twice changes nothing.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from spantree.entities.dialects.applying import understand
from spantree.entities.errors import SpantreeException
from spantree.entities.experiment import DEFAULT_ID
from spantree.entities.ids import is_experiment_id
from spantree.entities.otel_proto import envelope_from_proto
from spantree.entities.otlp import from_otlp
from spantree.entities.trace import Trace, TraceLocation, TraceState
from spantree.web.bodies import parse_json, read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from spantree.web.desk import Desk

EXPERIMENT_HEADER = "x-mlflow-experiment-id"
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
# trace/v1/trace.proto, SpanFlags: the parent is known to be remote, and is.
_REMOTE_PARENT = 0x300
_HEX_DIGITS = 16


class MediaTypeError(SpantreeException):
    """A body in a form that is not taken."""


def routes(desk: Desk) -> list[Route]:
    """Give what takes spans."""

    async def export(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind not in (_JSON, _PROTOBUF):
            msg = f"Spans come as {_JSON} or {_PROTOBUF}, not as {kind or 'nothing'!r}."
            raise MediaTypeError(msg)
        body = await read_body(request)
        experiment = request.headers.get(EXPERIMENT_HEADER)
        if experiment is not None:
            await desk.check_experiment(experiment)
        traces = await desk.parse(partial(read_traces, body, kind, experiment))
        await desk.add(traces)
        # An empty ExportTraceServiceResponse: all were taken.
        return Response(b"" if kind == _PROTOBUF else b"{}", media_type=kind)

    return [Route("/v1/traces", export, methods=["POST"])]


def read_traces(body: bytes, kind: str, experiment: str | None) -> list[Trace]:
    """Read the traces, or parts of traces, of an export request.

    Args:
        body: The request's body.
        kind: Its media type.
        experiment: The id of the experiment they belong to; as they say when None.

    Raises:
        SpantreeException: If it is no such request; the message says where.
    """
    found = envelope_from_proto(body) if kind == _PROTOBUF else parse_json(body)
    traces = from_otlp(found)
    tops = _called_from_afar(found)
    return [_as_kept(trace, experiment, tops) for trace in traces]


def _as_kept(trace: Trace, experiment: str | None, tops: set[int]) -> Trace:
    understand(trace)
    info = trace.info
    # Ids of the sender's own store mean nothing here; names do.
    is_id = is_experiment_id(info.experiment_id)
    where = DEFAULT_ID if is_id else info.experiment_id
    spans = trace.data.spans
    has_top = any(s.parent_key is None or s.span_key in tops for s in spans)
    info = replace(
        info,
        trace_location=TraceLocation.from_experiment_id(experiment or where),
        # Until the top comes; a final state never gives way to this one.
        state=info.state if has_top else TraceState.IN_PROGRESS,
    )
    return Trace(info, trace.data)


def _called_from_afar(envelope: Any) -> set[int]:
    """Give the ids of the spans whose parent is another process's."""
    found = set()
    for span in _spans(envelope):
        flags = span.get("flags", 0)
        if isinstance(flags, int) and flags & _REMOTE_PARENT == _REMOTE_PARENT:
            found.add(_span_key(span.get("spanId") or span.get("span_id") or ""))
    return found


def _span_key(text: str) -> int:
    """Read an id that was read before: hex, or base64 as protobuf's JSON has it."""
    is_hex = len(text) == _HEX_DIGITS
    return int.from_bytes(bytes.fromhex(text) if is_hex else b64decode(text), "big")


def _spans(envelope: Any) -> list[dict[str, Any]]:
    return [
        span
        for by_resource in _listed(envelope, "resourceSpans", "resource_spans")
        for by_scope in _listed(by_resource, "scopeSpans", "scope_spans")
        for span in _listed(by_scope, "spans", "spans")
    ]


def _listed(holder: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    return next((found for name in names if (found := holder.get(name))), [])
