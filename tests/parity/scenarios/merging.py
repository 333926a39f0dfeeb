"""``log_trace`` and ``add_trace``."""

from __future__ import annotations

from parity.lab import last, names, read, scenario, tree


@scenario()
def a_logged_trace(m):
    trace_id = m.log_trace(
        name="task",
        request={"q": 1},
        response="done",
        attributes={"a": 1},
        tags={"t": "1"},
        start_time_ms=1_700_000_000_000,
        execution_time_ms=250,
    )
    trace = read(m, trace_id)
    info = trace.info
    return [tree(trace), info.request_time, info.execution_duration, info.tags["t"]]


@scenario()
def intermediate_outputs(m):
    trace_id = m.log_trace(
        request="q", response="a", intermediate_outputs={"one": 1, "two": [2]}
    )
    return read(m, trace_id).data.intermediate_outputs


@scenario()
def a_trace_under_the_active_span(m):
    with m.start_span("remote") as remote:
        with m.start_span("inner"):
            pass
    finished = last(m)
    with m.start_span("local"):
        m.add_trace(finished)
    merged = last(m)
    ids = {s.span_id for s in merged.data.spans}
    return [names(merged), remote.span_id in ids]


@scenario()
def a_trace_as_a_dict(m):
    with m.start_span("remote"):
        pass
    finished = last(m).to_dict()
    with m.start_span("local"):
        m.add_trace(finished)
    return names(last(m))


@scenario()
def a_trace_under_a_target(m):
    with m.start_span("remote"):
        pass
    finished = last(m)
    with m.start_span("root"):
        with m.start_span("target") as target:
            pass
        with m.start_span("sibling"):
            m.add_trace(finished, target=target)
    return names(last(m))


@scenario()
def a_trace_without_a_place(m):
    with m.start_span("remote"):
        pass
    finished = last(m)
    m.add_trace(finished)
    return names(last(m))
