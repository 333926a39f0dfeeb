"""Where a trace belongs: the first found of several places to say so."""

from __future__ import annotations

import pytest

import spantree
from spantree.entities import MlflowExperimentLocation, TraceLocation
from spantree.exceptions import SpantreeException


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
