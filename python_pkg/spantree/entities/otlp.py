"""Traces as OpenTelemetry's OTLP/JSON, and back without a loss.

One envelope, ``{"resourceSpans": [...]}``, is what collectors take by HTTP and what
files hold, one a line. Ids are lower-case hex, times decimal texts of nanoseconds.
Source: opentelemetry-proto 1.x, ``trace/v1/trace.proto``, and the OTLP specification's
JSON mapping.

What OTLP has no place for is in attributes that begin with ``spantree.``; what is known
of a trace as a whole stands on its root.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spantree.entities.checking import moment
from spantree.entities.ids import parse_span_id, parse_trace_id
from spantree.entities.otlp_info import info_from, info_out, is_trace_level
from spantree.entities.otlp_values import (
    OtlpError,
    attributes_in,
    attributes_out,
    write_json,
)
from spantree.entities.otlp_view import SCHEMA_URL, drop_view, view_of
from spantree.entities.span import (
    CHAT_TOOLS,
    COST,
    INPUTS,
    KIND,
    MODEL,
    OUTPUTS,
    PROVIDER,
    SCOPE,
    SPAN_TYPE,
    TOKEN_USAGE,
    TRACE_REQUEST_ID,
    Link,
    Span,
    SpanStatusCode,
    SpanType,
)
from spantree.entities.trace import Trace, TraceData
from spantree.entities.values import decode, encode, from_json, loads, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from spantree.entities.values import Captured

__all__ = ["OtlpError", "from_otlp", "to_otlp"]

RESOURCE = "spantree.resource"
_NAME = "spantree.name"
_TYPE, _IN, _OUT = "spantree.span_type", "spantree.inputs", "spantree.outputs"
_OPEN, _LINKS = "spantree.open", "spantree.links"
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_INTERNAL = 1
_STATUSES = ("UNSET", "OK", "ERROR")
_OUR_SCOPE: dict[str, Any] = {"name": "spantree"}
_OUR_RESOURCE: dict[str, Any] = {
    "attributes": [
        {"key": "telemetry.sdk.name", "value": {"stringValue": "spantree"}},
        {"key": "telemetry.sdk.language", "value": {"stringValue": "python"}},
    ]
}
# MLflow's exporter writes each value as JSON text.
_MLFLOW_JSON = (CHAT_TOOLS, COST, MODEL, PROVIDER, TOKEN_USAGE)
_NO_ID = 0
_TRACE_ID_BYTES = 16
_DIGITS = re.compile("[0-9]{1,20}")


def to_otlp(
    traces: Iterable[Trace],
    *,
    dialects: Sequence[str] = (),
    name_of: Callable[[Span], str] | None = None,
) -> dict[str, Any]:
    """Write traces as one envelope.

    Args:
        traces: Those without spans have no place in OTLP and are left out.
        dialects: Say what spans say in these words as well, ``"gen_ai"`` or
            ``"openinference"``, for programs that don't know ours; the messages of a
            chat are then in it twice.
        name_of: Gives spans other names; ours stand in an attribute then.

    Returns:
        JSON data; :func:`from_otlp` gives the traces back.
    """
    # By resource, then by scope, as they come.
    grouped: dict[bytes, dict[bytes, list[dict[str, Any]]]] = {}
    for trace in traces:
        whole, root = info_out(trace), trace.data.root
        for span in trace.data.spans:
            written = span_out(span, trace.data.spans)
            if dialects:
                written["attributes"] += view_of(span, dialects)
            if name_of is not None and (name := name_of(span)) != span.name:
                written["name"] = name
                written["attributes"] += attributes_out({_NAME: span.name})
            if span is root:
                for key, values in whole.items():
                    written[key] += values
            resource, scope = _raw(span, RESOURCE), _raw(span, SCOPE)
            grouped.setdefault(resource, {}).setdefault(scope, []).append(written)
    return {
        "resourceSpans": [
            {
                **_resource_out(resource),
                "scopeSpans": [
                    {**_scope_out(scope, gen_ai="gen_ai" in dialects), "spans": spans}
                    for scope, spans in scopes.items()
                ],
            }
            for resource, scopes in grouped.items()
        ]
    }


def from_otlp(envelope: object) -> list[Trace]:
    """Read an envelope, ours or anybody's.

    Args:
        envelope: JSON data. Ids may be hex or base64, integers texts or numbers, keys
            in snake case; unknown keys are ignored.

    Returns:
        Its traces, in the order of their first spans.

    Raises:
        OtlpError: If it is no such envelope; the message says where.
    """
    spans: dict[int, list[Span]] = {}
    whole: dict[int, dict[str, Captured]] = {}
    for where, resource, scope, found in _spans_of(envelope):
        try:
            span, of_trace = span_in(found, resource, scope)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            msg = f"{where}: {error}"
            raise OtlpError(msg) from error
        spans.setdefault(span.trace_key, []).append(span)
        whole.setdefault(span.trace_key, {}).update(of_trace)
    traces = []
    for key, members in spans.items():
        data = TraceData(members)
        traces.append(Trace(info_from(key, data, whole[key]), data))
    return traces


def span_out(span: Span, others: Sequence[Span]) -> dict[str, Any]:
    """Write a span, but not what is known of its trace.

    Args:
        span: The span.
        others: Those around it, by which the end of an open one is told.
    """
    own: dict[str, Captured] = {}
    if span.span_type != SpanType.UNKNOWN:
        own[_TYPE] = span.span_type
    if span.raw_inputs is not None:
        own[_IN] = encode(span.raw_inputs).decode()
    if span.raw_outputs is not None:
        own[_OUT] = encode(span.raw_outputs).decode()
    end_ns = span.end_time_ns
    if end_ns is None:
        own[_OPEN] = True
        end_ns = _last_instant(span, others)
    hidden = {KIND: _kind_out(span) != _INTERNAL}
    hidden |= {SCOPE: _raw(span, SCOPE), RESOURCE: _raw(span, RESOURCE)}  # type: ignore[dict-item]
    attributes = {k: v for k, v in span.raw_attributes.items() if not hidden.get(k)}
    links = [_link_out(link) for link in span.links]
    if None in links:
        own[_LINKS] = write_json([link.to_dict() for link in span.links])
        links = []
    written: dict[str, Any] = {
        "traceId": f"{span.trace_key:032x}",
        "spanId": f"{span.span_key:016x}",
        "name": span.name,
        "kind": _kind_out(span),
        "startTimeUnixNano": str(span.start_time_ns),
        "endTimeUnixNano": str(end_ns),
        "attributes": attributes_out({**attributes, **own}),
        "events": [
            {"timeUnixNano": str(at), "name": name, "attributes": attributes_out(given)}
            for name, at, given in span.raw_events
        ],
        "links": links,
        "status": _status_out(span),
    }
    if span.parent_key is not None:
        written["parentSpanId"] = f"{span.parent_key:016x}"
    return written


def _last_instant(span: Span, others: Sequence[Span]) -> int:
    """Give the last moment that is known of a span that never ended."""
    known = [at for _, at, _ in span.raw_events]
    for other in others:
        if other.parent_key == span.span_key:
            known += [other.start_time_ns, other.end_time_ns or 0]
    return max([span.start_time_ns, *known])


def _kind_out(span: Span) -> int:
    kind = span.raw_attributes.get(KIND)
    return _KINDS.index(kind) if kind in _KINDS else _INTERNAL


def _status_out(span: Span) -> dict[str, Any]:
    code = _STATUSES.index(span.status_code.value)
    message = {"message": span.status_message} if span.status_message else {}
    return {**({"code": code} if code else {}), **message}


def _link_out(link: Link) -> dict[str, Any] | None:
    trace_key, span_key = parse_trace_id(link.trace_id), parse_span_id(link.span_id)
    if trace_key is None or span_key is None:
        return None
    return {
        "traceId": f"{trace_key:032x}",
        "spanId": f"{span_key:016x}",
        "attributes": attributes_out(_captured_all(link.attributes or {})),
    }


def _captured_all(attributes: Mapping[str, object]) -> dict[str, Captured]:
    return {
        key: write_json(value) if isinstance(value, (dict, list)) else value  # type: ignore[misc]
        for key, value in attributes.items()
    }


def _plain(attributes: dict[str, Captured]) -> dict[str, object]:
    return {
        key: read_json(value) if isinstance(value, bytes) else value
        for key, value in attributes.items()
    }


def _raw(span: Span, key: str) -> bytes:
    """Give a captured object as its JSON text, empty when there is none to be moved."""
    value = span.raw_attributes.get(key)
    if not isinstance(value, (bytes, dict)):
        return b""
    return encode(value) if isinstance(decode(value), dict) else b""


def _resource_out(text: bytes) -> dict[str, Any]:
    if not text:
        return {"resource": _OUR_RESOURCE}
    return _described("resource", read_json(text))


def _scope_out(text: bytes, *, gen_ai: bool) -> dict[str, Any]:
    if text:
        return _described("scope", read_json(text))
    return {"scope": _OUR_SCOPE, **({"schemaUrl": SCHEMA_URL} if gen_ai else {})}


def _described(what: str, found: Any) -> dict[str, Any]:
    fields = {k: v for k, v in found.items() if k not in ("attributes", "schema_url")}
    attributes = found.get("attributes")
    if isinstance(attributes, dict):
        fields["attributes"] = attributes_out(_captured_all(attributes))
    schema = found.get("schema_url")
    return {what: fields, **({"schemaUrl": schema} if schema else {})}


def _spans_of(
    envelope: object,
) -> Iterator[tuple[str, Captured, Captured, dict[str, Any]]]:
    """Give each span with its place in the document, its resource and its scope."""
    for i, by_resource in _items(envelope, "resourceSpans", "$"):
        place = f"resourceSpans[{i}]"
        resource = _describe(by_resource, "resource", _OUR_RESOURCE)
        for j, by_scope in _items(by_resource, "scopeSpans", place):
            inner = f"{place}.scopeSpans[{j}]"
            scope = _describe(by_scope, "scope", _OUR_SCOPE)
            for k, span in _items(by_scope, "spans", inner):
                yield f"{inner}.spans[{k}]", resource, scope, span


def _items(
    holder: object, key: str, where: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    found = _get(holder, key, []) if isinstance(holder, dict) else None
    if not isinstance(found, list) or (where == "$" and key not in _keys(holder)):
        msg = f"{where}: an OTLP envelope holds a list {key!r} here"
        raise OtlpError(msg)
    for place, item in enumerate(found):
        if not isinstance(item, dict):
            msg = f"{where}.{key}[{place}]: this is an object, not {item!r:.40}"
            raise OtlpError(msg)
        yield place, item


def _keys(holder: object) -> set[str]:
    return {_camel(key) for key in holder} if isinstance(holder, dict) else set()


def _describe(holder: dict[str, Any], what: str, ours: dict[str, Any]) -> Captured:
    """Keep a resource or a scope of somebody else's as a captured object."""
    found = _get(holder, what, {}) or {}
    if found in (ours, {}):
        return None
    if not isinstance(found, dict):
        msg = f"{what} is an object, not {found!r:.40}"
        raise OtlpError(msg)
    kept: dict[str, Any] = {k: v for k, v in found.items() if k != "attributes"}
    if found.get("attributes"):
        kept["attributes"] = _plain(attributes_in(found["attributes"]))
    schema = _get(holder, "schemaUrl", None)
    return write_json({**kept, **({"schema_url": schema} if schema else {})})


def span_in(
    found: dict[str, Any], resource: Captured, scope: Captured
) -> tuple[Span, dict[str, Captured]]:
    """Read a span, and what it says of its trace."""
    attributes = attributes_in(_get(found, "attributes", []))
    drop_view(attributes)
    events = [_event_in(event) for event in _get(found, "events", []) or []]
    of_trace = {k: attributes.pop(k) for k in [*attributes] if is_trace_level(k)}
    judged = [e for e in events if is_trace_level(e[0])]
    for number, (name, _, given) in enumerate(judged):
        of_trace[f"{name}.{number}"] = given.get(name)
    parent = _get(found, "parentSpanId", None)
    is_open = attributes.pop(_OPEN, False) is True
    status, message = _status_in(_get(found, "status", {}) or {})
    links, named = attributes.pop(_LINKS, None), attributes.pop(_NAME, None)
    span = Span(
        trace_key=_id(_get(found, "traceId", ""), 16, "traceId"),
        span_key=_id(_get(found, "spanId", ""), 8, "spanId"),
        parent_key=_id(parent, 8, "parentSpanId") if parent else None,
        name=_text(named if named is not None else _get(found, "name", "")),
        span_type=_type_in(attributes),
        start_time_ns=moment(_nanoseconds(found, "startTimeUnixNano"), "its start"),
        end_time_ns=None
        if is_open
        else moment(_nanoseconds(found, "endTimeUnixNano"), "its end"),
        status_code=status,
        status_message=message,
        raw_inputs=_value_in(attributes, _IN, INPUTS),
        raw_outputs=_value_in(attributes, _OUT, OUTPUTS),
        raw_attributes=attributes,
        raw_events=[e for e in events if e not in judged],
        links=[_link_in(link) for link in _get(found, "links", []) or []],
    )
    if isinstance(links, bytes):
        span.links = [Link.from_dict(link) for link in read_json(links)]  # type: ignore[attr-defined]
    attributes.pop(TRACE_REQUEST_ID, None)
    for key in _MLFLOW_JSON:
        value = attributes.get(key)
        if isinstance(value, str) and value[:1] in ("{", "[", '"'):
            attributes[key] = _json_or_text(value)
    kind = _kind_in(_get(found, "kind", _INTERNAL))
    for key, value in ((KIND, kind), (SCOPE, scope), (RESOURCE, resource)):
        if value is not None:
            attributes[key] = value
    return span, of_trace


def _type_in(attributes: dict[str, Captured]) -> str:
    found = attributes.pop(_TYPE, None)
    theirs = attributes.pop(SPAN_TYPE, None)
    if found is None and isinstance(theirs, str):
        # MLflow's exporter writes each value as JSON text, its server takes it plain.
        found = theirs.strip('"')
    return found if isinstance(found, str) and found else SpanType.UNKNOWN


def _value_in(attributes: dict[str, Captured], ours: str, theirs: str) -> Captured:
    text, other = attributes.pop(ours, None), attributes.pop(theirs, None)
    found = text if text is not None else other
    return _json_or_text(found) if isinstance(found, str) else found


def _json_or_text(text: str) -> Captured:
    try:
        value = from_json(text)
        if isinstance(value, bytes):
            loads(value)
    except (ValueError, RecursionError):
        return text
    return value


def _event_in(found: dict[str, Any]) -> tuple[str, int, dict[str, Captured]]:
    at = _nanoseconds(found, "timeUnixNano")
    attributes = attributes_in(_get(found, "attributes", []))
    return _text(_get(found, "name", "")), at, attributes


def _link_in(found: dict[str, Any]) -> Link:
    trace_key = _id(_get(found, "traceId", ""), 16, "traceId")
    span_key = _id(_get(found, "spanId", ""), 8, "spanId")
    attributes = attributes_in(_get(found, "attributes", []))
    plain = _plain(attributes)
    return Link(f"tr-{trace_key:032x}", f"{span_key:016x}", plain or None)


def _status_in(found: dict[str, Any]) -> tuple[SpanStatusCode, str]:
    code = found.get("code", 0)
    if isinstance(code, str):
        code = code.removeprefix("STATUS_CODE_")
        code = _STATUSES.index(code) if code in _STATUSES else 0
    name = _STATUSES[code] if code in range(len(_STATUSES)) else "UNSET"
    return SpanStatusCode(name), _text(found.get("message", ""))


def _kind_in(found: object) -> str | None:
    if isinstance(found, str):
        name = found.removeprefix("SPAN_KIND_")
        found = _KINDS.index(name) if name in _KINDS else _INTERNAL
    if isinstance(found, int) and found in range(2, len(_KINDS)):
        return _KINDS[found]
    return None


def _id(found: object, size: int, what: str) -> int:
    """Read an id: hex as the specification says, or base64 as protobuf's JSON says."""
    import base64  # rare: senders that use protobuf's own JSON

    text, key = found if isinstance(found, str) else "", _NO_ID
    try:
        if len(text) == 2 * size:
            read = parse_trace_id if size == _TRACE_ID_BYTES else parse_span_id
            key = read(text) or _NO_ID
        elif text:
            raw = base64.b64decode(text, validate=True)
            key = int.from_bytes(raw, "big") if len(raw) == size else _NO_ID
    except ValueError:
        key = _NO_ID
    if key == _NO_ID:
        msg = f"{what} is {2 * size} hex digits, not all zero, and not {found!r:.60}"
        raise OtlpError(msg)
    return key


def _nanoseconds(found: dict[str, Any], key: str) -> int:
    value = _get(found, key, 0)
    if type(value) in (int, str) and _DIGITS.fullmatch(str(value)):
        return int(value)
    msg = f"{key} is nanoseconds since 1970, not {value!r:.40}"
    raise OtlpError(msg)


def _text(found: object) -> str:
    if not isinstance(found, str):
        msg = f"this is a text, not {found!r:.40}"
        raise OtlpError(msg)
    return found


def _get(holder: Mapping[str, Any], key: str, default: Any) -> Any:
    """Look a key up as OTLP spells it, or in snake case."""
    if key in holder:
        return holder[key]
    return holder.get(_snake(key), default)


@lru_cache(maxsize=64)
def _snake(key: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key)


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)
