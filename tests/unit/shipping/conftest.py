from __future__ import annotations

import pytest
from support.loopback import Loopback

import spantree


@pytest.fixture(autouse=True)
def _local_again():
    spantree.tracing.reset()
    yield
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")


@pytest.fixture
def server():
    with Loopback() as running:
        yield running
