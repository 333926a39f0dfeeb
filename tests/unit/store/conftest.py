"""Traces and stores for the tests of the stores."""

from __future__ import annotations

import pytest

from spantree.entities import (
    Span,
    SpanStatusCode,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.store import Writer, open_store, parse_tracking_uri

START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def make_trace():
    """Make a trace of a root and the spans given as keywords of ``Span``."""

    def make(number=1, *, spans=(), root=None, **info):
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

    return make


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "traces.db"


@pytest.fixture(params=["sqlite", "memory"])
def store(request, file):
    """Each engine in turn: they pass the same tests."""
    target = parse_tracking_uri(file if request.param == "sqlite" else "memory:")
    opened = open_store(target)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(file):
    opened = open_store(parse_tracking_uri(file))
    yield opened
    opened.close()


@pytest.fixture
def make_writer(file):
    """Make writers, closed after the test."""
    made = []

    def make(open_traces=tuple, target=file):
        opened = open_store(parse_tracking_uri(target))
        writer = Writer(lambda: opened, open_traces)
        made.append(writer)
        return writer

    yield make
    for writer in made:
        writer.close(2)


@pytest.fixture(autouse=True)
def _no_other_writer():
    """End the thread that other tests of this process may have left to the package."""
    import spantree

    spantree.set_tracking_uri("memory:")
