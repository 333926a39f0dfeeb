"""Fault tests look at the recorder alone: no store, no display, no thread of ours."""

from __future__ import annotations

import os

import pytest

from spantree.recording import RECORDER
from spantree.recording.open_traces import OpenTraces


@pytest.fixture(autouse=True)
def _bare_recorder(monkeypatch):
    """Give the recorder nobody to tell, and its switches back afterwards."""
    monkeypatch.setattr(RECORDER, "traces", OpenTraces())
    yield
    RECORDER.reset()


@pytest.fixture
def seed():
    """Give the seed of a random test, and print it: SPANTREE_SEED repeats a run."""
    chosen = int(
        os.environ.get("SPANTREE_SEED") or int.from_bytes(os.urandom(4), "big")
    )
    print(f"SPANTREE_SEED={chosen}")
    return chosen
