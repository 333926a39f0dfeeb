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


@pytest.fixture(params=["sqlite", "postgres"])
def send_to(request):
    """Send what is recorded from now on somewhere, out of each engine in turn."""
    rest = []
    if request.param == "postgres":
        rest = [request.getfixturevalue("postgres_url")]
    return lambda *uris: spantree.set_tracking_uri([*rest, *uris])
