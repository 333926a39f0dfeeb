"""Traces as an MLflow server takes and gives them (MLflow 3.17, REST v3)."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.otlp import from_otlp, span_out
from spantree.entities.otlp_values import all_visible, attributes_out
from spantree.entities.span import INPUTS, OUTPUTS, SPAN_TYPE, Span, SpanType
from spantree.entities.trace import (
    SCHEMA_VERSION,
    SESSION,
    TRACE_NAME,
    USER,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.values import may_hold_long_integer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STATE = "spantree.state"
# As mlflow 3.17 stores them: longer texts are cut by the server without a word.
MAX_TAG, MAX_METADATA = 4_096, 250
_CUT = "… [cut]"
_NAMES = {
    "spantree.span_type": SPAN_TYPE,
    "spantree.inputs": INPUTS,
    "spantree.outputs": OUTPUTS,
}
_INT64 = range(-(2**63), 2**63)
_MAX_DEPTH = 30  # each level of a dict takes three of protobuf's
_ARTIFACTS = "mlflow.artifactLocation"
_SECONDS = re.compile(r"(\d+)(?:\.(\d{1,9}))?s")


def dumps(value: object) -> bytes:
    """Write JSON; lone surrogates become visible."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Or an integer beyond 64 bits, deep in what was too deep.
        return json.dumps(all_visible(value), ensure_ascii=False).encode()


def spans_out(traces: Sequence[Trace]) -> Iterator[bytes]:
    """Give the spans of traces as OTLP/JSON that MLflow's receiver understands."""
    for trace in traces:
        for span in trace.data.spans:
            yield dumps(_span_out(span, trace.data.spans))


def envelope(spans: Sequence[bytes]) -> bytes:
    """Put spans into the body of ``POST /v1/traces``."""
    opening = b'{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":'
    return opening + b'{"name":"spantree"},"spans":[' + b",".join(spans) + b"]}]}]}"


def info_out(trace: Trace, experiment_id: str) -> dict[str, Any]:
    """Give what ``POST /api/3.0/mlflow/traces`` takes as ``trace_info``.

    Args:
        trace: Its state INTERRUPTED, which MLflow does not know, is said as ERROR and
            in the metadata.
        experiment_id: On the server.
    """
    info = trace.info
    found = info.to_dict()
    duration_ms = found.pop("execution_duration_ms")
    if duration_ms is not None:
        found["execution_duration"] = f"{duration_ms / 1000:.3f}s"
    metadata = {SCHEMA_VERSION: "3", **info.trace_metadata}
    if info.state is TraceState.INTERRUPTED:
        found["state"] = TraceState.ERROR.value
        metadata[STATE] = TraceState.INTERRUPTED.value
    tags = dict(info.tags)
    tags.setdefault(TRACE_NAME, trace.name)
    for key in (SESSION, USER):
        # MLflow's own programs look for either.
        value = metadata.get(key) or tags.get(key)
        if value:
            metadata[key] = tags[key] = value
    location = TraceLocation.from_experiment_id(experiment_id)
    found |= {
        "trace_location": location.to_dict(),
        "trace_metadata": _cut(metadata, MAX_METADATA),
        "tags": _cut(tags, MAX_TAG),
        "assessments": [assessment_out(a) for a in found["assessments"]],
    }
    return {key: value for key, value in found.items() if value is not None}


def info_in(found: Mapping[str, Any], experiment_id: str) -> TraceInfo:
    """Read a ``trace_info`` of the server's.

    Args:
        found: JSON data.
        experiment_id: In the local store.
    """
    duration = _SECONDS.fullmatch(found.get("execution_duration") or "")
    data = dict(found)
    data["trace_location"] = TraceLocation.from_experiment_id(experiment_id).to_dict()
    data["request_time"] = _milliseconds_only(found["request_time"])
    if duration:
        fraction = int((duration[2] or "").ljust(9, "0"))
        data["execution_duration_ms"] = int(duration[1]) * 1000 + fraction // 1_000_000
    data["tags"] = {k: v for k, v in found.get("tags", {}).items() if k != _ARTIFACTS}
    data["assessments"] = [_assessment_in(a) for a in found.get("assessments") or []]
    info = TraceInfo.from_dict(data)
    state = info.trace_metadata.pop(STATE, None)
    if state == TraceState.INTERRUPTED.value:
        info.state = TraceState.INTERRUPTED
    return info


def trace_in(found: Mapping[str, Any], experiment_id: str) -> Trace:
    """Read an answer's ``trace``; its spans may have come in a file."""
    info = info_in(found["trace_info"], experiment_id)
    if "span_dicts" in found:
        return Trace(info, TraceData([Span.from_dict(s) for s in found["span_dicts"]]))
    spans = found.get("spans") or []
    scope = {"spans": spans}
    data = from_otlp({"resourceSpans": [{"scopeSpans": [scope]}]}) if spans else []
    return Trace(info, data[0].data if data else TraceData())


def span_file(trace: Trace) -> bytes:
    """Write the spans as the file ``traces.json`` that Databricks keeps them in."""
    return dumps(trace.data.to_dict())


def _span_out(span: Span, others: Sequence[Span]) -> dict[str, Any]:
    written = span_out(span, others)
    for attribute in written["attributes"]:
        key = attribute["key"] = _NAMES.get(attribute["key"], attribute["key"])
        if key in (INPUTS, OUTPUTS):
            attribute["value"] = {"stringValue": _tamed(attribute["value"])}
    if span.span_type == SpanType.UNKNOWN:
        # A search for it finds no span without the word.
        written["attributes"] += attributes_out({SPAN_TYPE: SpanType.UNKNOWN})
    for link in written["links"]:
        # Its receiver takes the ids of spans as hex, those of links as protobuf does.
        for name in ("traceId", "spanId"):
            link[name] = base64.b64encode(bytes.fromhex(link[name])).decode()
    return written


def _tamed(value: dict[str, str]) -> str:
    """Change what a server stores but can't give back, and no trace beside it.

    It turns stored JSON into protobuf when it is asked for a trace: integers beyond 64
    bits fail there, and its client reads no message of more than 100 levels.
    """
    text = value["stringValue"]
    openings = text.count("[") + text.count("{")
    raw = text.encode("utf-8", "surrogatepass")
    if openings <= _MAX_DEPTH and not may_hold_long_integer(raw):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    tame = _tame(found, 0)
    return text if tame == found else dumps(tame).decode()


def _tame(value: object, depth: int) -> object:
    if isinstance(value, int) and value not in _INT64:
        return str(value)
    if not isinstance(value, (dict, list)):
        return value
    if depth == _MAX_DEPTH:
        return dumps(value).decode()
    if isinstance(value, list):
        return [_tame(item, depth + 1) for item in value]
    return {key: _tame(item, depth + 1) for key, item in value.items()}


def _cut(texts: Mapping[str, str], longest: int) -> dict[str, str]:
    return {
        key: text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT
        for key, text in texts.items()
    }


def assessment_out(found: dict[str, Any]) -> dict[str, Any]:
    """Give an assessment's dict as the server takes it."""
    expectation = found.get("expectation")
    if expectation and isinstance(expectation["value"], (list, dict)):
        text = orjson.dumps(expectation["value"]).decode()
        value = {"serialization_format": "JSON_FORMAT", "value": text}
        return {**found, "expectation": {"serialized_value": value}}
    return found


def _assessment_in(found: dict[str, Any]) -> dict[str, Any]:
    times = {
        name: _milliseconds_only(found[name])
        for name in ("create_time", "last_update_time")
    }
    return {**found, **times}


def _milliseconds_only(text: str) -> str:
    """Cut a time to what Python 3.10 reads: three digits, or none."""
    head, dot, rest = text.partition(".")
    if not dot:
        return text
    digits = re.match(r"\d*", rest)
    count = len(digits[0]) if digits else 0
    return f"{head}.{rest[:3].ljust(3, '0') if count >= 3 else rest[:count].ljust(3, '0')}{rest[count:]}"  # noqa: E501, PLR2004
