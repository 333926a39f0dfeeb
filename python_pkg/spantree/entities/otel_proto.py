"""A span as OpenTelemetry's protobuf message, and back.

The message is filled from the OTLP JSON form, so there is one translation of values;
only ids differ, which protobuf's JSON writes as base64 and OTLP's as hex.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from spantree.entities.errors import MissingExtraError
from spantree.entities.otlp import OtlpError, span_in, span_out
from spantree.entities.otlp_values import all_visible
from spantree.entities.span_fields import INPUTS, OUTPUTS, SPAN_TYPE

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1 import trace_pb2

    from spantree.entities.span import Span

# As MLflow names them (3.17); what it does not know keeps our names.
_NAMES = {
    "spantree.span_type": SPAN_TYPE,
    "spantree.inputs": INPUTS,
    "spantree.outputs": OUTPUTS,
}
_IDS = ("traceId", "spanId", "parentSpanId")


def to_proto(span: Span) -> trace_pb2.Span:
    """Fill the message for a span.

    Raises:
        MissingExtraError: If opentelemetry-proto is not installed.
    """
    json_format, message = _protobuf("to_otel_proto()")
    written = _with_ids(span_out(span, ()), _to_base64)
    for attribute in written["attributes"]:
        attribute["key"] = _NAMES.get(attribute["key"], attribute["key"])
    filled: trace_pb2.Span = json_format.ParseDict(all_visible(written), message())
    return filled


def from_proto(message: trace_pb2.Span) -> Span:
    """Read such a message.

    Raises:
        MissingExtraError: If opentelemetry-proto is not installed.
        OtlpError: If the ids are none.
    """
    json_format, _ = _protobuf("from_otel_proto()")
    found = _with_keys(json_format.MessageToDict(message))
    span, _ = span_in(_with_ids(found, _to_hex), None, None)
    return span


def envelope_from_proto(body: bytes) -> dict[str, Any]:
    """Read an ``ExportTraceServiceRequest`` as the data of OTLP/JSON.

    Args:
        body: The message's bytes, as ``/v1/traces`` takes them.

    Returns:
        What :func:`spantree.entities.otlp.from_otlp` reads.

    Raises:
        MissingExtraError: If opentelemetry-proto is not installed.
        OtlpError: If the bytes are no such message.
    """
    json_format, _ = _protobuf("OTLP as protobuf")
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    try:
        request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        msg = f"This is no ExportTraceServiceRequest: {error}"
        raise OtlpError(msg) from None
    found: dict[str, Any] = _with_keys(json_format.MessageToDict(request))
    return {"resourceSpans": [], **found}


def request_to_proto(envelope: dict[str, Any]) -> bytes:
    """Encode an OTLP/JSON envelope as the protobuf body of ``POST /v1/traces``.

    Args:
        envelope: As :func:`~spantree.entities.otlp.to_otlp` writes it; its ids are
            changed.

    Raises:
        MissingExtraError: If opentelemetry-proto is not installed.
    """
    json_format, _ = _protobuf("OTLP as protobuf")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    for by_resource in envelope["resourceSpans"]:
        for by_scope in by_resource["scopeSpans"]:
            for span in by_scope["spans"]:
                _with_ids(span, _to_base64)
    message = ExportTraceServiceRequest()
    filled = json_format.ParseDict(all_visible(envelope), message)
    encoded: bytes = filled.SerializeToString()
    return encoded


def _protobuf(method: str) -> tuple[Any, Any]:
    try:
        from google.protobuf import json_format  # type: ignore[import-untyped]
        from opentelemetry.proto.trace.v1.trace_pb2 import Span
    except ModuleNotFoundError:
        msg = f'{method} needs opentelemetry-proto. Run: pip install "spantree[ui]"'
        raise MissingExtraError(msg) from None
    return json_format, Span


def _with_ids(found: dict[str, Any], convert: Any) -> dict[str, Any]:
    for holder in (found, *found.get("links", ())):
        for name in _IDS:
            if holder.get(name):
                holder[name] = convert(holder[name])
    return found


def _with_keys(value: Any) -> Any:
    """Add the empty keys of attributes, which protobuf's JSON leaves out."""
    if isinstance(value, list):
        return [_with_keys(item) for item in value]
    if isinstance(value, dict):
        found = {key: _with_keys(item) for key, item in value.items()}
        return {"key": "", **found} if found.keys() == {"value"} else found
    return value


def _to_base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def _to_hex(text: str) -> str:
    try:
        return base64.b64decode(text).hex()
    except ValueError as error:
        msg = f"{text!r} is no id: {error}"
        raise OtlpError(msg) from None
