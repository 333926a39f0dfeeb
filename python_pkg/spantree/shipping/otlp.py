"""Any OpenTelemetry backend as a destination, by OTLP over HTTP.

Configured by the standard variables ``OTEL_EXPORTER_OTLP_*`` (OpenTelemetry 1.x,
"OpenTelemetry Protocol Exporter"); ``_TRACES_`` forms come first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from spantree._version import __version__
from spantree.entities.otlp import to_otlp
from spantree.entities.otlp_values import attributes_out
from spantree.shipping.errors import NotAllowedError, RefusedError
from spantree.shipping.http import REQUEST_S, HttpClient
from spantree.shipping.mlflow_wire import dumps
from spantree.shipping.outbox import What

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spantree.entities.trace import Trace
    from spantree.shipping.destination import Parcel
    from spantree.store.uri import Target

_PATH = "/v1/traces"
_DEFAULT = "http://localhost:4318"
_SPANS_AT_ONCE = 512
_BYTES_AT_ONCE = 4 * 2**20
_TOO_LARGE = 413
# The specification says milliseconds, OpenTelemetry's own Python SDK reads seconds.
_LEAST_MILLISECONDS = 1_000


class OtlpDestination:
    """See :class:`~spantree.shipping.destination.Destination`.

    Traces are sent when they have ended, and again when spans come late; there is
    nothing in OTLP to say that a tag has changed since.

    Args:
        target: ``otlp``, or an address.
    """

    def __init__(self, target: Target) -> None:
        url = endpoint(target.url or "otlp")
        cut = len(url) - len(_PATH)
        self._path = _PATH if url.endswith(_PATH) else ""
        self._client = HttpClient(
            url[:cut] if self._path else url,
            _headers(),
            timeout_s=_timeout_s(),
            ca_file=_variable("CERTIFICATE") or None,
        )
        self._encode: Callable[[dict[str, Any]], bytes] | None = None
        self._read: Any = None
        if _protocol() == "http/protobuf":
            self._encode, self._read = _protobuf()

    def send(self, parcels: Sequence[Parcel], sent: Callable[[Parcel], None]) -> None:
        """See the protocol."""
        waiting: list[Parcel] = []
        count = 0
        for parcel in parcels:
            spans = len(parcel.trace.data.spans)
            if What.SPANS not in parcel.what or not spans:
                sent(parcel)
                continue
            if waiting and count + spans > _SPANS_AT_ONCE:
                self._post_all(waiting, sent)
                waiting, count = [], 0
            waiting.append(parcel)
            count += spans
        self._post_all(waiting, sent)

    def delete(self, trace_ids: Sequence[str]) -> None:
        """See the protocol; OTLP can't take anything back."""

    def close(self) -> None:
        """See the protocol."""
        self._client.close()

    def _post_all(
        self, parcels: Sequence[Parcel], sent: Callable[[Parcel], None]
    ) -> None:
        if not parcels:
            return
        for envelope in _pieces(_envelope([parcel.trace for parcel in parcels])):
            self._post(envelope)
        for parcel in parcels:
            sent(parcel)

    def _post(self, envelope: dict[str, Any]) -> None:
        body, kind = dumps(envelope), "application/json"
        if len(body) > _BYTES_AT_ONCE and _count(envelope) > 1:
            for half in _halves(envelope):
                self._post(half)
            return
        if self._encode is not None:
            body, kind = self._encode(orjson.loads(body)), "application/x-protobuf"
        try:
            answer = self._client.ask(
                "POST", self._path, body, {"Content-Type": kind}, compress=True
            )
        except RefusedError as error:
            if error.status != _TOO_LARGE or _count(envelope) == 1:
                raise
            for half in _halves(envelope):
                self._post(half)
        else:
            _check_partial(answer.body, self._read)


def endpoint(uri: str) -> str:
    """Give the address to post to.

    Args:
        uri: ``otlp`` for what the environment names, ``otlp+http(s)://host[:port]``.

    Example:
        >>> endpoint("otlp+http://collector:4318")
        'http://collector:4318/v1/traces'
        >>> endpoint("otlp+https://api.example.org/otlp/v1/traces")
        'https://api.example.org/otlp/v1/traces'
    """
    if uri == "otlp":
        own = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        if own:
            return own  # as it stands, says the specification
        uri = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _DEFAULT
    base = uri.removeprefix("otlp+").partition("?")[0].rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH


def resource_attributes() -> dict[str, str]:
    """Say who sends: the standard variables, else the program's name."""
    found = {
        "telemetry.sdk.name": "spantree",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
        "service.name": Path(sys.argv[0] or "python").stem or "python",
    }
    found |= _pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    named = os.environ.get("OTEL_SERVICE_NAME")
    return {**found, "service.name": named} if named else found


def _envelope(traces: Sequence[Trace]) -> dict[str, Any]:
    """Write traces as they come from this program."""
    envelope = to_otlp(traces, gen_ai=True)
    ours = {"attributes": attributes_out(resource_attributes())}
    for by_resource in envelope["resourceSpans"]:
        attributes = by_resource["resource"].get("attributes", [])
        if {"key": "telemetry.sdk.name", "value": {"stringValue": "spantree"}} in (
            attributes
        ):
            by_resource["resource"] = ours
    return envelope


def _pieces(envelope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a trace of very many spans."""
    if _count(envelope) <= _SPANS_AT_ONCE:
        yield envelope
        return
    for half in _halves(envelope):
        yield from _pieces(half)


def _halves(envelope: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    flat = [
        (by_resource, by_scope, span)
        for by_resource in envelope["resourceSpans"]
        for by_scope in by_resource["scopeSpans"]
        for span in by_scope["spans"]
    ]
    middle = len(flat) // 2
    return _joined(flat[:middle]), _joined(flat[middle:])


def _joined(flat: Sequence[tuple[dict[str, Any], ...]]) -> dict[str, Any]:
    found: dict[int, dict[str, Any]] = {}
    scopes: dict[int, dict[str, Any]] = {}
    for by_resource, by_scope, span in flat:
        resource = found.setdefault(id(by_resource), {**by_resource, "scopeSpans": []})
        if id(by_scope) not in scopes:
            scopes[id(by_scope)] = {**by_scope, "spans": []}
            resource["scopeSpans"].append(scopes[id(by_scope)])
        scopes[id(by_scope)]["spans"].append(span)
    return {"resourceSpans": list(found.values())}


def _count(envelope: dict[str, Any]) -> int:
    return sum(
        len(by_scope["spans"])
        for by_resource in envelope["resourceSpans"]
        for by_scope in by_resource["scopeSpans"]
    )


def _protobuf() -> tuple[Callable[[dict[str, Any]], bytes], Any]:
    """Give what writes requests and reads answers; both are costly to import."""
    from spantree.entities.otel_proto import request_to_proto

    try:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceResponse,
        )
    except ModuleNotFoundError:
        msg = 'OTLP as protobuf needs opentelemetry-proto: pip install "spantree[ui]"'
        raise NotAllowedError(msg) from None
    return request_to_proto, ExportTraceServiceResponse


def _check_partial(body: bytes, response: Any) -> None:
    """Look whether spans were refused within a yes.

    Raises:
        RefusedError: If so, with the receiver's words.
    """
    count, words = 0, ""
    if response is not None and body:
        message = response.FromString(body)
        count = message.partial_success.rejected_spans
        words = message.partial_success.error_message
    elif body.lstrip()[:1] == b"{":
        partial = orjson.loads(body).get("partialSuccess") or {}
        count = int(partial.get("rejectedSpans") or 0)
        words = str(partial.get("errorMessage") or "")
    if count:
        raise RefusedError(f"{count} spans were rejected: {words}", 200)


def _variable(name: str) -> str:
    prefix = "OTEL_EXPORTER_OTLP_"
    own = os.environ.get(f"{prefix}TRACES_{name}")
    return (own or os.environ.get(prefix + name) or "").strip()


def _protocol() -> str:
    named = os.environ.get("SPANTREE_OTLP_PROTOCOL") or _variable("PROTOCOL")
    return named.lower() if named else "http/json"


def _headers() -> dict[str, str]:
    return _pairs(_variable("HEADERS"))


def _timeout_s() -> float:
    try:
        number = float(_variable("TIMEOUT"))
    except ValueError:
        return REQUEST_S
    in_seconds = number / 1000 if number >= _LEAST_MILLISECONDS else number
    return in_seconds if in_seconds > 0 else REQUEST_S


def _pairs(text: str) -> dict[str, str]:
    """Read ``key=value,key=value``, values percent-encoded (W3C baggage)."""
    found = {}
    for part in text.split(","):
        key, separator, value = part.partition("=")
        if separator and key.strip():
            found[unquote(key.strip())] = unquote(value.strip())
    return found
