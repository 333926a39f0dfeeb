"""Traces made by hand, for the tests of store and search."""

from __future__ import annotations

import json

from spantree.entities import (
    Span,
    SpanStatusCode,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)

START_NS = 1_700_000_000_000_000_000


def make_trace(number=1, *, spans=(), root=None, **info):
    """Make a trace of a root and the spans given as keywords of ``Span``."""
    root = {
        "name": "agent",
        "span_type": "CHAIN",
        "start_time_ns": START_NS,
        "end_time_ns": START_NS + 1_500_000_000,
        "status_code": SpanStatusCode.OK,
        **(root or {}),
    }
    below = {
        "parent_key": 1,
        "start_time_ns": START_NS + 1,
        "end_time_ns": START_NS + 2_000_000,
        "status_code": SpanStatusCode.OK,
    }
    made = [Span(trace_key=number, span_key=1, parent_key=None, **root)]
    for at, extra in enumerate(spans, 2):
        made.append(Span(trace_key=number, span_key=at, **{**below, **extra}))
    return Trace(
        TraceInfo(
            **{
                "trace_id": f"tr-{number:032x}",
                "trace_location": TraceLocation.from_experiment_id("0"),
                "request_time": START_NS // 1_000_000,
                "state": TraceState.OK,
                **info,
            }
        ),
        TraceData(made),
    )


def said_by(trace):
    """Give a trace's dict with attributes as values: a number has several spellings."""
    made = trace.to_dict()
    for span in made["data"]["spans"]:
        attributes = span["attributes"]
        span["attributes"] = {key: json.loads(text) for key, text in attributes.items()}
    return made
