"""Traces for the tests of the filter language."""

from __future__ import annotations

import pytest
from support import traces


@pytest.fixture
def make_trace():
    return traces.make_trace
