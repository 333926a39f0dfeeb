"""A store of its own for each test, and traces in it."""

from __future__ import annotations

import pytest
from support.traces import make_trace

import spantree
from spantree._runtime import RUNTIME


@pytest.fixture
def keep(tmp_path):
    """Open a fresh store, put traces into it, and give what it then holds by id."""
    made = iter(range(100))

    def fresh(traces=()):
        spantree.set_tracking_uri(tmp_path / f"{next(made)}.db")
        RUNTIME.write(lambda store: store.write(list(traces)))
        return held()

    yield fresh
    spantree.set_tracking_uri("memory:")


def held():
    found = spantree.search_traces(
        experiment_ids=[e.experiment_id for e in spantree.search_experiments()],
        return_type="list",
    )
    return {trace.trace_id: trace.to_dict() for trace in found}


@pytest.fixture
def stored():
    return held


@pytest.fixture
def some_traces():
    return [
        make_trace(
            number,
            tags={"team": "red"},
            trace_metadata={"mlflow.trace.session": f"s{number}"},
            root={"raw_inputs": b'{"q":"why?"}', "raw_outputs": "so"},
            spans=[{"name": "chat", "span_type": "CHAT_MODEL"}],
        )
        for number in range(1, 6)
    ]
