"""The public face on a store in memory, with every switch put back afterwards."""

from __future__ import annotations

import pytest

import spantree


@pytest.fixture(autouse=True)
def _fresh():
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
    yield
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
