"""A stream always ends its span, however it is left."""

from __future__ import annotations

import gc
import logging
import os
import sys
import warnings

import pytest
from faults.schedules import run_schedule

from spantree.recording import RECORDER, get_current_active_span
from spantree.recording.context import CURRENT
from spantree.testing import outline, recorded_traces

SCHEDULES = int(os.environ.get("SPANTREE_SCHEDULES", "1000"))


@pytest.fixture(autouse=True)
def _small_heap():
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_every_span_ends_and_none_stays_current(seed, caplog, monkeypatch):
    spans = 0
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    for number in range(SCHEDULES):
        with recorded_traces() as traces, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run_schedule(seed + number)

        context = f"SPANTREE_SEED={seed + number} SPANTREE_SCHEDULES=1"
        assert get_current_active_span() is None, context
        assert CURRENT.get() is None, context
        for trace in traces:
            assert "(open)" not in outline(trace), f"{context}\n{outline(trace)}"
            spans += len(trace.data.spans)
        assert not RECORDER.traces.all(), context
        errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
        assert not errors, f"{context}: {errors}"

    print(f"{spans} spans, {len(unraisable)} unraisable")
    assert spans > SCHEDULES
