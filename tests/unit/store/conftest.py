"""Traces and stores for the tests of the stores."""

from __future__ import annotations

import pytest
from support import traces

from spantree.store import Writer, open_store, parse_tracking_uri


@pytest.fixture
def make_trace():
    return traces.make_trace


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "traces.db"


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def store(request):
    """Each engine in turn: they pass the same tests."""
    fixture = {"sqlite": "file", "postgres": "postgres_url"}.get(request.param)
    uri = request.getfixturevalue(fixture) if fixture else "memory:"
    opened = open_store(parse_tracking_uri(uri))
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(file):
    opened = open_store(parse_tracking_uri(file))
    yield opened
    opened.close()


@pytest.fixture
def make_writer(file):
    """Make writers, closed after the test."""
    made = []

    def make(open_traces=tuple, target=file):
        opened = open_store(parse_tracking_uri(target))
        writer = Writer(lambda: opened, open_traces)
        made.append(writer)
        return writer

    yield make
    for writer in made:
        writer.close(2)


@pytest.fixture(autouse=True)
def _no_other_writer():
    """End the thread that other tests of this process may have left to the package."""
    import spantree

    spantree.set_tracking_uri("memory:")
