"""What tests of recording need: the traces begun, and nobody else who hears of them."""

from __future__ import annotations

import pytest

from spantree.recording import RECORDER
from spantree.recording.context import CURRENT
from spantree.recording.open_traces import OpenTraces
from spantree.recording.scope import SCOPE
from spantree.testing import recorded_traces


@pytest.fixture
def traces(monkeypatch):
    """Give the traces begun in the test; no store takes part."""
    monkeypatch.setattr(RECORDER, "traces", OpenTraces())
    with recorded_traces() as found:
        yield found
    RECORDER.reset()
    assert CURRENT.get() is None
    assert SCOPE.get() is None


@pytest.fixture
def root(traces):
    """Give the root of the first trace, as it is when asked for."""
    return lambda: traces[0].data.root
