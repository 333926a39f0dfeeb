from __future__ import annotations

import builtins

import pandas as pd
import pytest

from spantree.entities import Feedback, TraceState
from spantree.entities.errors import MissingExtraError
from spantree.search import compat_frame, typed_frame

COMPAT_COLUMNS = [
    "trace_id",
    "trace",
    "client_request_id",
    "state",
    "request_time",
    "execution_duration",
    "request",
    "response",
    "trace_metadata",
    "tags",
    "spans",
    "assessments",
]
TYPED = {
    "trace_id": "str",
    "name": "category",
    "status": "category",
    "start_time": "datetime64[ns, UTC]",
    "duration_ms": "float64",
    "spans": "Int64",
    "errors": "Int64",
    "error": "str",
    "models": "category",
    "llm_calls": "Int64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "total_tokens": "Int64",
    "cached_tokens": "Int64",
    "cost_usd": "Float64",
    "session": "category",
    "user": "category",
    "request": "str",
    "response": "str",
    "tags": "object",
    "feedback": "object",
    "cell": "str",
}


def test_compat_frame_has_mlflows_columns(make_trace):
    frame = compat_frame(
        [
            make_trace(
                root={"raw_inputs": b'{"q": 1}', "raw_outputs": 5},
                execution_duration=1500,
            )
        ]
    )

    assert list(frame.columns) == COMPAT_COLUMNS
    row = frame.iloc[0]
    assert (row.request, row.response, row.state) == ({"q": 1}, 5, "OK")
    assert row.execution_duration == 1500
    assert frame.dtypes["request_time"] == "int64"
    assert frame.dtypes["execution_duration"] == "int64"
    assert frame.dtypes["response"] == "object"
    assert isinstance(row.spans[0]["attributes"]["mlflow.spanType"], str)


def test_empty_compat_frame_keeps_columns_as_objects():
    frame = compat_frame([])

    assert list(frame.columns) == COMPAT_COLUMNS
    assert {str(dtype) for dtype in frame.dtypes} == {"object"}


def test_running_trace_makes_duration_nullable(make_trace):
    running = make_trace(2, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)
    done = make_trace(1, execution_duration=5)

    frame = compat_frame([done, running])

    assert frame.dtypes["execution_duration"] == "Int64"
    assert frame.execution_duration.isna().tolist() == [False, True]


def test_compat_frame_without_spans(make_trace):
    frame = compat_frame([make_trace()], include_spans=False)

    assert frame.spans.tolist() == [[]]


def test_typed_frame_has_its_dtypes_also_when_empty(make_trace):
    full = typed_frame([make_trace()])
    empty = typed_frame([])

    assert {c: str(d) for c, d in full.dtypes.items()} == TYPED
    assert {c: str(d) for c, d in empty.dtypes.items()} == TYPED


def test_unknown_tokens_are_na_and_known_ones_sum(make_trace):
    usage = {"mlflow.chat.tokenUsage": b'{"input_tokens": 10, "output_tokens": 5}'}
    frame = typed_frame(
        [make_trace(1), make_trace(2, spans=[{"name": "c", "raw_attributes": usage}])]
    )

    assert frame.total_tokens.isna().tolist() == [True, False]
    assert frame.total_tokens.sum(min_count=1) == 15
    assert frame.cost_usd.isna().all()


def test_typed_frame_shows_valid_feedback(make_trace):
    judged = [
        Feedback(name="good", value=True),
        Feedback(name="x", value=1, valid=False),
    ]

    frame = typed_frame([make_trace(assessments=judged)])

    assert frame.feedback.tolist() == [{"good": True}]
    assert frame.start_time.iloc[0] == pd.Timestamp(1_700_000_000, unit="s", tz="UTC")


def test_missing_pandas_says_what_to_install(monkeypatch, make_trace):
    real = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)

    with pytest.raises(MissingExtraError, match=r'pip install "spantree\[notebook\]"'):
        compat_frame([make_trace()])
