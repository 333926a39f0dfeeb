"""Where a trace belongs: the first found of several places to say so."""

from __future__ import annotations

import sqlite3

import pytest

import spantree
from spantree import _runtime
from spantree.entities import MlflowExperimentLocation, TraceLocation
from spantree.exceptions import SpantreeException
from spantree.store import Writer


def where(**options):
    with spantree.start_span("root", **options) as root, spantree.start_span("child"):
        pass
    return spantree.get_trace(root.trace_id).info.experiment_id


def test_the_nearest_destination_wins():
    named, set_here, everywhere, own = (
        spantree.create_experiment(name) for name in "abcd"
    )
    assert where() == "0"

    spantree.set_experiment("a")
    assert where() == named

    spantree.tracing.set_destination(MlflowExperimentLocation(everywhere))
    assert where() == everywhere
    spantree.set_experiment("a")
    assert where() == everywhere

    spantree.tracing.set_destination(set_here, context_local=True)
    assert where() == set_here

    location = TraceLocation.from_experiment_id(own)
    assert where(trace_destination=location) == own

    spantree.tracing.set_destination(None, context_local=True)
    spantree.tracing.set_destination(None)
    assert where() == named


def test_a_search_looks_where_traces_go():
    spantree.tracing.set_destination("elsewhere")
    where()

    assert len(spantree.search_traces()) == 1


@pytest.fixture
def locked(tmp_path):
    """Lock the store that traces go to; gives what unlocks it."""
    path = tmp_path / "traces.db"
    spantree.set_tracking_uri(path)
    spantree.flush()
    spantree.create_experiment("first")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield lambda: connection.execute("ROLLBACK")
    connection.close()


def test_recording_waits_for_no_experiment(locked, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from the environment")
    spantree.tracing.reset()
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "call", None)  # what waits for the store
        with spantree.start_span("root") as root, spantree.start_span("child"):
            pass
        spantree.trace(len)("")
    locked()

    spantree.flush()
    found = spantree.get_experiment_by_name("from the environment")
    traces = spantree.search_traces(return_type="list")
    assert {t.info.experiment_id for t in traces} == {found.experiment_id}
    assert len(traces) == 2
    at_once = where()
    assert at_once == found.experiment_id
    assert root.trace_id in {t.trace_id for t in traces}


def test_a_trace_that_waits_for_its_store_names_its_experiment(locked, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named")
    monkeypatch.setattr(_runtime, "_ASKED_SECONDS", 0.01)
    spantree.tracing.reset()
    with spantree.start_span("root") as root:
        pass

    waiting = spantree.get_trace(root.trace_id).info.experiment_id
    locked()
    spantree.flush()

    stored = spantree.get_trace(root.trace_id).info.experiment_id
    assert (waiting, spantree.get_experiment(stored).name) == ("named", "named")


@pytest.mark.parametrize("name", ["2024", "by name"])
def test_an_experiment_of_the_environment_may_have_any_name(name, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    spantree.tracing.reset()

    assert spantree.get_experiment(where()).name == name
    assert spantree.get_experiment(where()).name == name
    assert len(spantree.search_traces()) == 2


def test_a_destination_of_the_environment_may_be_a_name(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACING_DESTINATION", "there")
    spantree.tracing.reset()

    assert spantree.get_experiment(where()).name == "there"


def test_a_destination_may_be_a_name():
    with spantree.start_span("root", trace_destination="there"):
        pass
    spantree.flush()

    found = spantree.search_traces(experiment_names=["there"], return_type="list")
    assert [t.name for t in found] == ["root"]


def test_the_experiment_is_decided_when_the_root_begins():
    with spantree.start_span("root") as root:
        spantree.set_experiment("late")
        with spantree.start_span("child"):
            pass

    assert spantree.get_trace(root.trace_id).info.experiment_id == "0"


def test_setting_an_experiment_does_not_turn_recording_on():
    spantree.tracing.disable()
    spantree.set_experiment("any")
    spantree.set_tracking_uri("memory:")

    with spantree.start_span("root") as root:
        assert not root


def test_experiments_by_name_and_id():
    made = spantree.create_experiment("made", tags={"team": "red"})

    assert spantree.get_experiment("0").name == "Default"
    assert spantree.get_experiment(made).name == "made"
    assert spantree.get_experiment_by_name("made").experiment_id == made
    assert spantree.get_experiment_by_name("unknown") is None
    assert spantree.set_experiment(experiment_id=made).name == "made"
    assert {e.name for e in spantree.search_experiments()} == {"Default", "made"}


@pytest.mark.parametrize(
    "ask",
    [
        lambda: spantree.set_experiment(experiment_id="999"),
        lambda: spantree.set_experiment("a", experiment_id="0"),
        lambda: spantree.set_experiment(),
        lambda: spantree.create_experiment("Default"),
        lambda: spantree.get_experiment("999"),
    ],
)
def test_what_can_not_be_is_refused(ask):
    with pytest.raises(SpantreeException):
        ask()
