"""Traces of every kind, made by hypothesis."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from spantree.entities import (
    Expectation,
    Feedback,
    Link,
    Span,
    SpanStatusCode,
    Trace,
    TraceData,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from spantree.entities.values import encode_exactly

NS = 1_700_000_000_000_000_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\u2028", "\x00", "$spantree", "$bigint", "漢字", "</script>", "\ud800 lone"]
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["$bigint", "$$bigint", "$json", "$bytes", "$x", "$$spantree", "a.b", "mlflow.x"]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([2**63 - 1, 2**63, -(2**63) - 1, 2**70, 1.0, -0.0])
)
CLEAN = TEXT.filter(lambda t: "\ud800" not in t)


def deep(levels):
    value = "bottom"
    for _ in range(levels):
        value = [value]
    return value


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS.filter(lambda n: n - n == 0) | CLEAN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
) | st.builds(deep, st.integers(15, 60))
CONTAINERS = JSON.filter(lambda v: isinstance(v, (dict, list))).map(
    lambda v: json.dumps(v, ensure_ascii=False, separators=(",", ":")).encode()
)
# A note, as the recorder writes what JSON can't say.
NOTES = st.sampled_from([encode_exactly({"a": float("inf"), "b": float("-inf")})])
CAPTURED = (
    st.none()
    | st.booleans()
    | NUMBERS.filter(lambda n: n == n)
    | TEXT
    | CONTAINERS
    | NOTES
)
ATTRIBUTES = st.dictionaries(
    KEYS.map(lambda k: f"user.{k}"), CAPTURED, max_size=4
) | st.fixed_dictionaries(
    {
        "mlflow.chat.tokenUsage": st.just(b'{"input_tokens":5}'),
        "mlflow.llm.model": st.just("gpt"),
        "spantree.llm.request_model": CAPTURED,
        "gen_ai.response.model": CAPTURED,
        "spantree.kind": st.sampled_from(["CLIENT", "SERVER"]),
        "spantree.scope": st.just(b'{"name":"lib","attributes":{"k":[1]}}'),
    }
)
IDS = st.integers(1, 2**64 - 1)
LINKS = st.builds(
    Link,
    st.sampled_from(["tr-" + "ab" * 16, "no id"]),
    st.sampled_from(["cd" * 8]),
    st.none() | st.dictionaries(KEYS, JSON, max_size=2),
)


@st.composite
def any_trace(draw):
    """Make a trace whose texts, numbers and times are as odd as they come."""
    key = draw(st.integers(1, 2**128 - 1))
    keys = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    spans = [_span(draw, key, keys, at) for at in range(len(keys))]
    data = TraceData(spans)
    start = draw(st.sampled_from([spans[0].start_time_ns // 1_000_000, 5]))
    texts = st.dictionaries(KEYS, TEXT, max_size=3)
    info = TraceInfo(
        trace_id=f"tr-{key:032x}",
        trace_location=TraceLocation.from_experiment_id(draw(st.sampled_from("057"))),
        request_time=start,
        state=draw(st.sampled_from(TraceState)),
        request_preview=draw(st.none() | TEXT),
        response_preview=draw(st.none() | TEXT),
        client_request_id=draw(st.none() | TEXT),
        execution_duration=draw(st.none() | st.integers(0, 10**6)),
        trace_metadata=draw(
            texts
            | st.fixed_dictionaries(
                {"mlflow.trace.session": TEXT, "mlflow.trace.user": TEXT}
            )
        ),
        tags=draw(texts),
        assessments=draw(st.lists(_assessments(), max_size=2)),
    )
    return Trace(info, data)


def _span(draw, trace_key, keys, at):
    parents = keys[:at]
    # Siblings that began in the same nanosecond have no order of their own.
    start = NS + 10 * draw(st.integers(0, 10**10)) + at
    return Span(
        trace_key=trace_key,
        span_key=keys[at],
        parent_key=draw(st.sampled_from(parents)) if parents else None,
        name=draw(TEXT),
        span_type=draw(st.sampled_from(["UNKNOWN", "TOOL"]) | TEXT.filter(bool)),
        start_time_ns=start,
        end_time_ns=draw(st.none() | st.integers(start, start + 10**10)),
        status_code=draw(st.sampled_from(SpanStatusCode)),
        status_message=draw(TEXT),
        raw_inputs=draw(CAPTURED),
        raw_outputs=draw(CAPTURED),
        raw_attributes=draw(ATTRIBUTES),
        raw_events=draw(
            st.lists(
                st.tuples(
                    TEXT,
                    st.integers(0, 2**63),
                    st.dictionaries(KEYS, CAPTURED, max_size=2),
                ),
                max_size=2,
            )
        ),
        links=draw(st.lists(LINKS, max_size=2)),
    )


def _assessments():
    return st.builds(
        Feedback,
        name=CLEAN,
        value=JSON,
        rationale=st.none() | CLEAN,
        span_id=st.sampled_from([None, "cd" * 8]),
        valid=st.booleans(),
    ) | st.builds(Expectation, name=CLEAN, value=JSON)
