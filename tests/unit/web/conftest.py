"""A server in this process, and one who may ask it."""

from __future__ import annotations

from functools import partial

import pytest
from starlette.testclient import TestClient
from support.traces import make_trace

from spantree.recording.publish import mask_trace
from spantree.recording.redaction import Redactor
from spantree.store import MemoryStore
from spantree.web.app import create_app

TOKEN = "a-token"


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def site(store):
    """A client that may do everything."""
    mask = partial(mask_trace, redactor=Redactor())
    app = create_app(store, token=TOKEN, port=8080, mask=mask)
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def stranger(site):
    """The same server, without the token."""
    with TestClient(site.app, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.fixture
def some(store):
    """Five traces, the newest last."""
    traces = [
        make_trace(
            number,
            tags={"team": "red"},
            trace_metadata={"mlflow.trace.session": f"s{number % 2}"},
            root={"raw_inputs": b'{"q":"why?"}', "raw_outputs": "so"},
            spans=[{"name": "chat", "span_type": "CHAT_MODEL"}],
        )
        for number in range(1, 6)
    ]
    store.write(traces)
    return traces
