"""Traces as MLflow's REST API spells them: protobuf messages in their JSON form.

Source: what mlflow 3.17.2's client sends and reads; ``service.proto`` of that version.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from spantree.entities.assessment import (
    ASSESSMENT_KINDS,
    Assessment,
    changed,
    new_assessment_id,
)
from spantree.entities.checking import items, mapping, number, text_or_none
from spantree.entities.errors import SpantreeException, reading
from spantree.entities.ids import parse_trace_id
from spantree.entities.otlp import span_out
from spantree.entities.otlp_values import any_value, attributes_out
from spantree.entities.span_fields import INPUTS, OUTPUTS, SPAN_TYPE, SpanType
from spantree.entities.trace import Trace, TraceData
from spantree.entities.trace_info import TraceInfo, TraceLocation, TraceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spantree.entities.experiment import Experiment
    from spantree.entities.span import Span

ARTIFACTS = "mlflow.artifactLocation"
"""Tells the client where to put attachments."""
# Tells the client that spans came by OTLP: else it uploads them once more, as a file.
_SPANS_LOCATION = "mlflow.trace.spansLocation"
_SPANS_ARE_HERE = {_SPANS_LOCATION: "TRACKING_STORE"}
# A state that MLflow does not know travels here.
_STATE = "spantree.state"
_OURS = {
    "spantree.span_type": SPAN_TYPE,
    "spantree.inputs": INPUTS,
    "spantree.outputs": OUTPUTS,
}
_IDS = ("traceId", "spanId", "parentSpanId")
_JSON_FORMAT = "JSON_FORMAT"
_NAME = "assessment_name"


def info_out(info: TraceInfo) -> dict[str, Any]:
    """Write a ``TraceInfoV3``."""
    found = info.to_dict()
    duration_ms = found.pop("execution_duration_ms")
    if duration_ms is not None:
        found["execution_duration"] = f"{duration_ms / 1000:.3f}s"
    if info.state is TraceState.INTERRUPTED:
        found["state"] = TraceState.IN_PROGRESS.value
        found["trace_metadata"][_STATE] = info.state.value
    found["tags"] |= _SPANS_ARE_HERE
    found["tags"][ARTIFACTS] = (
        f"mlflow-artifacts:/{info.experiment_id}/traces/{info.trace_id}/artifacts"
    )
    found["assessments"] = [assessment_out(one) for one in info.assessments]
    return {key: value for key, value in found.items() if value is not None}


def trace_out(trace: Trace) -> dict[str, Any]:
    """Write a ``Trace``: its info, and its spans as OpenTelemetry's messages."""
    spans = [span_message(span) for span in trace.data.spans]
    return {"trace_info": info_out(trace.info), "spans": spans}


def span_message(span: Span) -> dict[str, Any]:
    """Write a span as protobuf's JSON: base64 ids, values spelled out."""
    written = span_out(span, ())
    if span.span_type == SpanType.UNKNOWN:
        written["attributes"] += attributes_out({SPAN_TYPE: SpanType.UNKNOWN})
    values = {INPUTS: span.raw_inputs, OUTPUTS: span.raw_outputs}
    for attribute in written["attributes"]:
        name = attribute["key"] = _OURS.get(attribute["key"], attribute["key"])
        if name in values:
            attribute["value"] = any_value(values[name])
    for holder in (written, *written["links"]):
        for name in _IDS:
            if name in holder:
                raw = bytes.fromhex(holder[name])
                holder[name] = base64.b64encode(raw).decode()
    return written


def info_in(found: Mapping[str, Any]) -> Trace:
    """Read the trace of a ``StartTraceV3`` request: its info, without spans.

    Raises:
        SpantreeException: If it is none.
    """
    try:
        info = found["trace"]["trace_info"]
        trace_id = info["trace_id"]
        if parse_trace_id(trace_id) is None:
            msg = f"{trace_id!r:.60} is no trace id: 'tr-' and 32 hex digits."
            raise SpantreeException(msg)
        where = info["trace_location"]["mlflow_experiment"]["experiment_id"]
        metadata = _texts(info.get("trace_metadata"))
        state = metadata.pop(_STATE, None) or info.get("state", "STATE_UNSPECIFIED")
        tags = _texts(info.get("tags"))
        for ours in (_SPANS_LOCATION, ARTIFACTS):
            tags.pop(ours, None)
        read = TraceInfo(
            trace_id=trace_id,
            trace_location=TraceLocation.from_experiment_id(str(where)),
            request_time=_milliseconds(info["request_time"]),
            state=TraceState(state),
            request_preview=text_or_none(info.get("request_preview"), "preview"),
            response_preview=text_or_none(info.get("response_preview"), "preview"),
            client_request_id=text_or_none(info.get("client_request_id"), "id"),
            execution_duration=_duration_ms(info.get("execution_duration")),
            trace_metadata=metadata,
            tags=tags,
        )
        judged = [assessment_in(one, trace_id) for one in info.get("assessments") or ()]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _unreadable("trace", error) from error
    return Trace(replace(read, assessments=judged), TraceData())


def assessment_out(assessment: Assessment) -> dict[str, Any]:
    """Write an ``Assessment``; expectations that are no scalars as JSON text."""
    found = assessment.to_dict()
    expected = found.get("expectation")
    if expected is not None and isinstance(expected["value"], (dict, list)):
        text = json.dumps(expected["value"])
        serialized = {"serialization_format": _JSON_FORMAT, "value": text}
        found["expectation"] = {"serialized_value": serialized}
    return found


def assessment_in(found: Mapping[str, Any], trace_id: str) -> Assessment:
    """Read an ``Assessment``; what the client leaves out is made up.

    Raises:
        SpantreeException: If it is none.
    """
    now = _time_text(time.time_ns() // 1_000_000)
    given = {key: value for key, value in found.items() if value not in (None, "")}
    made = {
        "assessment_id": new_assessment_id(),
        "create_time": now,
        "last_update_time": given.get("create_time", now),
        **given,
        "trace_id": trace_id,
    }
    if not any(kind.lower() in given for kind in ASSESSMENT_KINDS):
        msg = "An assessment has one of feedback, expectation and issue."
        raise SpantreeException(msg)
    try:
        return Assessment.from_dict(made)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("assessment", error) from error


def assessment_updated(known: Assessment, found: Mapping[str, Any]) -> Assessment:
    """Apply what an ``UpdateAssessment`` request names.

    Raises:
        SpantreeException: If it is no such request.
    """
    with reading("an update of an assessment"):
        given = mapping(found.get("assessment"), "assessment")
        mask = found.get("update_mask") or list(given)
        if isinstance(mask, dict):
            mask = mask.get("paths") or ()
        paths = mask.split(",") if isinstance(mask, str) else mask
        # A mask's JSON form has its paths in camel case.
        named = {_NAME if path == "assessmentName" else path for path in paths}
    whole = assessment_out(known)
    changes = {name: given[name] for name in named if name in given}
    if "metadata" in changes:
        changes["metadata"] = {**(known.metadata or {}), **_texts(changes["metadata"])}
    read = assessment_in({**whole, **changes}, str(known.trace_id))
    return changed(read, last_update_time_ms=time.time_ns() // 1_000_000)


def linked_prompts(known: str | None, added: Iterable[Mapping[str, Any]]) -> str:
    """Add versions of prompts to those that a trace's tag names, none twice.

    Raises:
        SpantreeException: If one has no name and version.
    """
    try:
        found = [{"name": str(p["name"]), "version": str(p["version"])} for p in added]
        before = items(json.loads(known) if known else None, "its tag")
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable("prompt", error) from error
    return json.dumps([*before, *(one for one in found if one not in before)])


def experiment_out(experiment: Experiment) -> dict[str, Any]:
    """Write an ``Experiment``."""
    return {
        "experiment_id": experiment.experiment_id,
        "name": experiment.name,
        "artifact_location": f"spantree:/{experiment.experiment_id}",
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": experiment.creation_time or 0,
        "last_update_time": experiment.last_update_time or 0,
        "tags": [{"key": k, "value": v} for k, v in experiment.tags.items()],
    }


def _unreadable(what: str, error: Exception) -> SpantreeException:
    if isinstance(error, SpantreeException):
        return error
    return SpantreeException(
        f"The {what} can't be read: {type(error).__name__}: {error}"
    )


def _texts(found: object) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        msg = f"Tags and metadata are texts by key, not {found!r:.40}."
        raise SpantreeException(msg)
    return {str(key): str(value) for key, value in found.items()}


def _milliseconds(text: str) -> int:
    """Read RFC 3339, whose fractions may have nine digits."""
    moment, _, rest = text.partition(".")
    fraction = rest.rstrip("Z").partition("+")[0]
    at = datetime.fromisoformat(moment.rstrip("Z")).replace(tzinfo=timezone.utc)
    return int(at.timestamp()) * 1000 + int(f"{fraction:0<3.3}" if fraction else 0)


def _duration_ms(text: str | None) -> int | None:
    if text is None:
        return None
    return number(round(float(text.rstrip("s")) * 1000), "execution_duration")


def _time_text(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
