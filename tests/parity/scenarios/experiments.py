"""Experiments and destinations."""

from __future__ import annotations

import time

from parity.lab import last, raised, scenario


@scenario()
def an_experiment_is_made_by_name(m):
    found = m.set_experiment("made by name")
    with m.start_span("s"):
        pass
    info = last(m).info
    return [found.name, info.experiment_id == found.experiment_id]


@scenario()
def an_experiment_by_id(m):
    made = m.create_experiment("made first", tags={"k": "v"})
    found = m.set_experiment(experiment_id=made)
    return [found.name, found.tags.get("k"), isinstance(made, str)]


@scenario()
def experiments_that_can_not_be(m):
    m.create_experiment("twice")
    return [
        raised(lambda: m.create_experiment("twice")),
        raised(lambda: m.set_experiment(experiment_id="4711")),
        raised(lambda: m.set_experiment("a", experiment_id="0")),
        raised(lambda: m.get_experiment("4711")),
        m.get_experiment_by_name("no such"),
    ]


@scenario()
def the_default_experiment(m):
    found = m.get_experiment("0")
    return [found.name, found.lifecycle_stage]


@scenario()
def finding_experiments(m):
    for name in ("find me 1", "find me 2"):
        m.create_experiment(name)
    found = m.search_experiments(filter_string="name LIKE 'find me%'")
    return sorted(e.name for e in found)


_CONDITIONS = (
    "name = 'Plan A'",
    "name != 'Plan A'",
    "attribute.name ILIKE 'plan%'",
    "name LIKE 'plan%'",
    "tags.team = 'red'",
    "tags.team != 'red'",
    "tag.`team` LIKE 'r%' AND name LIKE 'Plan%'",
    "tags.team IS NULL",
    "tags.team IS NOT NULL",
    "creation_time > 0 AND last_update_time >= 1",
    "creation_time < 5",
    "creation_time LIKE '5'",
    "name > 'a'",
    "colour = 'red'",
    "name = 'a' OR name = 'b'",
    "name",
)


@scenario()
def finding_experiments_by_each_condition(m):
    for name, tags in (("Plan A", {"team": "red"}), ("Plan B", {"team": "blue"})):
        m.create_experiment(name, tags=tags)
    m.create_experiment("Plan C")

    def names(condition):
        found = m.search_experiments(filter_string=condition)
        return sorted(e.name for e in found if e.name.startswith("Plan"))

    return {
        condition: raised(lambda condition=condition: names(condition))
        or names(condition)
        for condition in _CONDITIONS
    }


@scenario()
def experiments_by_pages(m):
    for name in ("sheet 1", "sheet 2", "sheet 3"):
        m.create_experiment(name)
    asked = {"filter_string": "name LIKE 'sheet%'", "order_by": ["name DESC"]}
    client = m.MlflowClient()
    first = client.search_experiments(max_results=2, **asked)
    second = client.search_experiments(max_results=2, page_token=first.token, **asked)
    deleted = client.search_experiments(view_type=2, **asked)
    return [
        [e.name for e in first],
        first.token is None,
        [e.name for e in second],
        second.token is None,
        list(deleted),
    ]


@scenario()
def a_destination_for_one_function(m):
    other = m.create_experiment("other place")
    place = m.entities.MlflowExperimentLocation(other)

    @m.trace(trace_destination=place)
    def f():
        return 1

    f()
    return last(m).info.experiment_id == other


@scenario()
def a_destination_for_all(m):
    other = m.create_experiment("for all")
    m.tracing.set_destination(m.entities.MlflowExperimentLocation(other))
    with m.start_span("s"):
        pass
    return last(m).info.experiment_id == other


@scenario()
def a_detached_span_elsewhere(m):
    other = m.create_experiment("elsewhere")
    span = m.start_span_no_context("s", experiment_id=other)
    span.end()
    return last(m).info.experiment_id == other


@scenario()
def experiments_the_newest_first(m):
    for name in ("older", "newer"):
        time.sleep(0.01)  # times are in milliseconds
        m.create_experiment(f"of two the {name}")
    found = m.search_experiments(filter_string="name LIKE 'of two the%'")
    everything = [e.name for e in m.search_experiments()]
    none = m.search_experiments(max_results=0)
    return [[e.name for e in found], everything[-1], list(none)]
