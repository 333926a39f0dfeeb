"""What is known of a trace as a whole, among the attributes and events of its root."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spantree.entities.assessment import Assessment
from spantree.entities.experiment import DEFAULT_ID
from spantree.entities.ids import trace_id_text
from spantree.entities.otlp_values import OtlpError, attributes_out, write_json
from spantree.entities.preview import preview
from spantree.entities.span import SpanStatusCode
from spantree.entities.trace_info import (
    SESSION,
    USER,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.values import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantree.entities.trace import Trace, TraceData
    from spantree.entities.values import Captured

_NS_PER_MS = 1_000_000
_TAG, _METADATA = "spantree.tag.", "spantree.meta."
_ASSESSMENT = "spantree.assessment"
_STATE, _EXPERIMENT = "spantree.state", "spantree.experiment"
_START_MS, _DURATION_MS = "spantree.request_time_ms", "spantree.execution_duration_ms"
_TEXTS = {
    "client_request_id": "spantree.client_request_id",
    "request_preview": "spantree.request_preview",
    "response_preview": "spantree.response_preview",
}
_MLFLOW_TAG = "mlflow.traceTag."
# Standard attributes that other programs look at.
_STANDARD = {SESSION: "session.id", USER: "user.id"}
_ALONE = {_STATE, _EXPERIMENT, _START_MS, _DURATION_MS, *_TEXTS.values()}


def is_trace_level(name: str) -> bool:
    """Tell whether an attribute or an event speaks of the trace, not of its span."""
    prefixes = (_TAG, _METADATA, _MLFLOW_TAG)
    return name in _ALONE or name == _ASSESSMENT or name.startswith(prefixes)


def info_out(trace: Trace) -> dict[str, list[dict[str, Any]]]:
    """Give the attributes and the events that the root carries for its trace."""
    info, root = trace.info, trace.data.root
    found: dict[str, Captured] = {
        _STATE: info.state.value,
        _EXPERIMENT: info.experiment_id,
    }
    found |= {
        key: v for n, key in _TEXTS.items() if (v := getattr(info, n)) is not None
    }
    found |= {_TAG + key: value for key, value in info.tags.items()}
    metadata = dict(info.trace_metadata)
    for key, standard in _STANDARD.items():
        if metadata.get(key) and root and standard not in root.raw_attributes:
            found[standard] = metadata.pop(key)
    found |= {_METADATA + key: value for key, value in metadata.items()}
    start_ms, duration_ms = _times(trace.data)
    if info.request_time != start_ms:
        found[_START_MS] = info.request_time
    if info.execution_duration != duration_ms:
        found[_DURATION_MS] = info.execution_duration
    events = [
        {
            "timeUnixNano": str(a.create_time_ms * _NS_PER_MS),
            "name": _ASSESSMENT,
            "attributes": attributes_out({_ASSESSMENT: write_json(a.to_dict())}),
        }
        for a in info.assessments
    ]
    return {"attributes": attributes_out(found), "events": events}


def info_from(key: int, data: TraceData, found: Mapping[str, Captured]) -> TraceInfo:
    """Read it back; what a foreign trace does not say is taken from its spans.

    Raises:
        OtlpError: If what it says can't be.
    """
    start_ms, duration_ms = _times(data)
    texts = {name: _text(found.get(key)) for name, key in _TEXTS.items()}
    info = TraceInfo(
        trace_id=trace_id_text(key),
        trace_location=TraceLocation.from_experiment_id(
            _text(found.get(_EXPERIMENT)) or DEFAULT_ID
        ),
        request_time=_integer(found.get(_START_MS, start_ms)) or 0,
        execution_duration=_integer(found.get(_DURATION_MS, duration_ms)),
        state=_state(found.get(_STATE), data),
        tags={**_below(found, _MLFLOW_TAG), **_below(found, _TAG)},
        trace_metadata=_below(found, _METADATA),
        assessments=[_assessment(v) for k, v in found.items() if _is_assessment(k)],
        **texts,
    )
    return _with_standard(info, data) if _STATE in found else _foreign(info, data)


def _with_standard(info: TraceInfo, data: TraceData) -> TraceInfo:
    """Take session and user from the root, where they stand for others to see."""
    root = data.root
    for key, standard in _STANDARD.items():
        if root and key not in info.trace_metadata and standard in root.raw_attributes:
            value = _text(root.raw_attributes.pop(standard))
            if value:
                info.trace_metadata[key] = value
    return info


def _foreign(info: TraceInfo, data: TraceData) -> TraceInfo:
    root = data.root
    if root is None:
        return info
    for key, standard in _STANDARD.items():
        value = _text(root.raw_attributes.get(standard))
        if value:
            info.trace_metadata.setdefault(key, value)
    return replace(
        info,
        request_preview=info.request_preview or preview(root.raw_inputs, "user"),
        response_preview=info.response_preview
        or preview(root.raw_outputs, "assistant"),
    )


def _times(data: TraceData) -> tuple[int, int | None]:
    root = data.root
    if root is None:
        return 0, None
    start, end = root.start_time_ns, root.end_time_ns
    return start // _NS_PER_MS, None if end is None else (end - start) // _NS_PER_MS


def _state(found: Captured, data: TraceData) -> TraceState:
    if isinstance(found, str):
        try:
            return TraceState(found)
        except ValueError as error:
            msg = f"{_STATE} can't be {found!r:.40}"
            raise OtlpError(msg) from error
    root = data.root
    failed = root is not None and root.status_code is SpanStatusCode.ERROR
    return TraceState.ERROR if failed else TraceState.OK


def _below(found: Mapping[str, Captured], prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix): _text(value) or ""
        for key, value in found.items()
        if key.startswith(prefix)
    }


def _is_assessment(key: str) -> bool:
    return key.startswith(f"{_ASSESSMENT}.")


def _assessment(text: Captured) -> Assessment:
    found = read_json(text) if isinstance(text, bytes) else None
    try:
        return Assessment.from_dict(found)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{_ASSESSMENT} can't be read: {type(error).__name__}: {error}"
        raise OtlpError(msg) from error


def _text(value: Captured) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.decode() if isinstance(value, bytes) else str(value)


def _integer(value: Captured) -> int | None:
    if value is None or type(value) is int:
        return value
    msg = f"milliseconds are a whole number, not {value!r:.40}"
    raise OtlpError(msg)
