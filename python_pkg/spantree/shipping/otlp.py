"""Any OpenTelemetry backend as a destination, by OTLP over HTTP.

Configured by the standard variables ``OTEL_EXPORTER_OTLP_*`` (OpenTelemetry 1.x,
"OpenTelemetry Protocol Exporter"); ``_TRACES_`` forms come first.
"""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from spantree._version import __version__
from spantree.entities.dialects import write
from spantree.entities.otlp import to_otlp
from spantree.entities.otlp_values import attributes_out
from spantree.entities.trace import Trace, TraceData
from spantree.shipping.attachments import UNSENT, attachment_ids, unsent
from spantree.shipping.errors import NotAllowedError, RefusedError
from spantree.shipping.http import REQUEST_S, HttpClient
from spantree.shipping.mlflow_wire import dumps
from spantree.shipping.otlp_options import (
    otlp_options,
    semconv_name,
    without_content,
)
from spantree.shipping.outbox import What

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from spantree.entities.span import Span
    from spantree.shipping.destination import Parcel
    from spantree.store.uri import Target

_PATH = "/v1/traces"
_DEFAULT = "http://localhost:4318"
_SPANS_AT_ONCE = 512
_BYTES_AT_ONCE = 4 * 2**20
_TOO_LARGE = 413
_NOT_THIS_FORM = 415
_NO_GRPC = (
    "set SPANTREE_OTLP_PROTOCOL to http/json or http/protobuf, and an endpoint that "
    "takes HTTP, as on port 4318"
)
# The specification says milliseconds, OpenTelemetry's own Python SDK reads seconds.
_LEAST_MILLISECONDS = 1_000


class OtlpDestination:
    """See :class:`~spantree.shipping.destination.Destination`.

    Traces are sent when they have ended, and again when spans come late; there is
    nothing in OTLP to say that a tag has changed since.

    Args:
        target: ``otlp``, or an address.
        first_use: Held while modules are imported.
    """

    def __init__(self, target: Target, first_use: AbstractContextManager[None]) -> None:
        self._first_use = first_use
        uri = target.url or "otlp"
        protocol = _protocol()
        if uri == "otlp" and protocol == "grpc":
            msg = "OTLP goes out by HTTP, and OTEL_EXPORTER_OTLP_PROTOCOL says gRPC"
            raise NotAllowedError(msg, _NO_GRPC)
        url = endpoint(uri)
        cut = len(url) - len(_PATH)
        self._path = _PATH if url.endswith(_PATH) else ""
        self._client = HttpClient(
            url[:cut] if self._path else url,
            _headers(),
            timeout_s=_timeout_s(),
            ca_file=_variable("CERTIFICATE") or None,
            own_certificate=(
                _variable("CLIENT_CERTIFICATE"),
                _variable("CLIENT_KEY") or None,
            ),
        )
        self._compresses = _variable("COMPRESSION").lower() != "none"
        self._encode: Callable[[dict[str, Any]], bytes] | None = None
        self._read: Any = None
        if protocol == "http/protobuf":
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
                "POST",
                self._path,
                body,
                {"Content-Type": kind},
                compress=self._compresses,
            )
        except RefusedError as error:
            if error.status == _NOT_THIS_FORM and self._encode is None:
                # The specification leaves JSON to the receiver; protobuf they all take.
                with self._first_use:
                    self._encode, self._read = _protobuf(error.words)
                self._post(envelope)
                return
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
    options = otlp_options()
    if not options.content:
        traces = [without_content(trace) for trace in traces]
    name_of = _semconv_name if options.names == "semconv" else None
    traces = [_with_note(trace) for trace in traces]
    envelope = to_otlp(traces, dialects=options.dialects, name_of=name_of)
    if options.max_events is not None:
        _cut_events(envelope, options.max_events)
    ours = {"attributes": attributes_out(resource_attributes())}
    for by_resource in envelope["resourceSpans"]:
        attributes = by_resource["resource"].get("attributes", [])
        if {"key": "telemetry.sdk.name", "value": {"stringValue": "spantree"}} in (
            attributes
        ):
            by_resource["resource"] = ours
    return envelope


def _with_note(trace: Trace) -> Trace:
    """Say on the root what OTLP has no place for."""
    count, root = len(attachment_ids(trace)), trace.data.root
    if not count or root is None:
        return trace
    noted = copy.copy(root)
    said = unsent(count, "OTLP has no place for them")
    noted.raw_attributes = {**root.raw_attributes, UNSENT: said}
    spans = [noted if span is root else span for span in trace.data.spans]
    return Trace(trace.info, TraceData(spans))


def _semconv_name(span: Span) -> str:
    return semconv_name(span, write(span, "gen_ai"))


def _cut_events(envelope: dict[str, Any], most: int) -> None:
    """Leave events out, and say how many."""
    for _, _, span in _flat(envelope):
        dropped = len(span["events"]) - most
        if dropped > 0:
            span["events"] = span["events"][:most]
            span["droppedEventsCount"] = dropped


def _pieces(envelope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a trace of very many spans."""
    if _count(envelope) <= _SPANS_AT_ONCE:
        yield envelope
        return
    for half in _halves(envelope):
        yield from _pieces(half)


def _halves(envelope: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    flat = _flat(envelope)
    middle = len(flat) // 2
    return _joined(flat[:middle]), _joined(flat[middle:])


def _flat(envelope: dict[str, Any]) -> list[tuple[dict[str, Any], ...]]:
    """Give each span with its resource and its scope."""
    return [
        (by_resource, by_scope, span)
        for by_resource in envelope["resourceSpans"]
        for by_scope in by_resource["scopeSpans"]
        for span in by_scope["spans"]
    ]


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


def _protobuf(because: str = "") -> tuple[Callable[[dict[str, Any]], bytes], Any]:
    """Give what writes requests and reads answers; both are costly to import.

    Args:
        because: What a receiver said that made it necessary.
    """
    from spantree.entities.otel_proto import request_to_proto

    try:
        # The first encodes with it, and is not to import it then.
        from google.protobuf import json_format  # type: ignore[import-untyped]  # noqa: F401
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceResponse,
        )
    except ModuleNotFoundError:
        msg = "OTLP as protobuf needs opentelemetry-proto"
        words = f"{because}; {msg}" if because else msg
        raise NotAllowedError(words, 'pip install "spantree[ui]"') from None
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
