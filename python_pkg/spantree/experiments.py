"""Experiments: the named groups that traces belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, SpantreeException
from spantree.entities.paging import PagedList
from spantree.recording import RECORDER, experiment_of
from spantree.search import patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spantree._arguments import Location
    from spantree.entities.experiment import Experiment

__all__ = [
    "create_experiment",
    "experiment_ids",
    "get_experiment",
    "get_experiment_by_name",
    "id_of_name",
    "search_experiments",
    "set_experiment",
]

_SORTABLE: Mapping[str, Callable[[Experiment], Any]] = {
    "name": lambda experiment: experiment.name,
    # Ids are decimal text: 10 comes after 9.
    "experiment_id": lambda e: (len(e.experiment_id), e.experiment_id),
    "creation_time": lambda experiment: experiment.creation_time or 0,
}


@asks
def set_experiment(
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    trace_location: object = None,
) -> Experiment:
    """Choose where traces begun from now on belong.

    Recording that was turned off stays off.

    Args:
        experiment_name: Found, or created.
        experiment_id: An existing one.
        trace_location: Accepted for MLflow's callers; acts with Databricks only.

    Returns:
        The experiment.

    Raises:
        SpantreeException: If both or neither is given, or the id is unknown.
    """
    del trace_location
    if (experiment_name is None) == (experiment_id is None):
        msg = "Give set_experiment either experiment_name or experiment_id."
        raise SpantreeException(msg)
    if experiment_name is not None:
        experiment_id = id_of_name(experiment_name)
    experiment = get_experiment(str(experiment_id))
    RUNTIME.experiment_name = experiment_name
    RECORDER.experiment_id = experiment.experiment_id
    return experiment


def id_of_name(name: str) -> str:
    """Give the id of the experiment of that name, which is made if need be."""
    return RUNTIME.experiment_id_for(name)


@asks
def get_experiment(experiment_id: str) -> Experiment:
    """Give the experiment of an id.

    Raises:
        SpantreeException: If there is none.
    """
    for experiment in _experiments():
        if experiment.experiment_id == str(experiment_id):
            return experiment
    msg = f"There is no experiment with the id {experiment_id!r}."
    raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)


@asks
def get_experiment_by_name(name: str) -> Experiment | None:
    """Give the experiment of a name, of this store or the server's, or None."""
    known = next((e for e in _experiments() if e.name == name), None)
    server = RUNTIME.server() if known is None else None
    if server is None or not server.has_experiment(name):
        return known
    return get_experiment(RUNTIME.experiment_id_for(name))


@asks
def create_experiment(
    name: str,
    artifact_location: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Make an experiment.

    Args:
        name: Any text of at most 500 characters.
        artifact_location: Accepted for MLflow's callers; there are no artifacts here.
        tags: Text by key.

    Returns:
        Its id, decimal text.

    Raises:
        SpantreeException: If there is one of that name.
    """
    del artifact_location
    made = RUNTIME.write(lambda store: store.create_experiment(name, dict(tags or {})))
    return made.experiment_id


@asks
def search_experiments(
    view_type: int = 1,
    max_results: int | None = 1000,
    filter_string: str | None = None,
    order_by: Sequence[str] | str | None = None,
    page_token: str | None = None,
) -> PagedList[Experiment]:
    """Give the experiments, by id; with a server, also those that only it has.

    Ids are the local store's, also of the server's.

    Args:
        view_type: Accepted for MLflow's callers; all here are active.
        max_results: At most so many.
        filter_string: ``name = '…'``, ``name LIKE '…'``; None for all.
        order_by: ``"name"`` or ``"experiment_id"``, each with ``ASC`` or ``DESC``.
        page_token: Where to go on; there is always one page.

    Raises:
        SpantreeException: If the filter or the order is not one of these.
    """
    del view_type, page_token
    if (server := RUNTIME.server()) is not None:
        known = {e.name for e in _experiments()}
        for name in server.experiment_names():
            if name not in known:
                RUNTIME.experiment_id_for(name)
    found = [e for e in _experiments() if _matches(e, filter_string)]
    keys = [order_by] if isinstance(order_by, str) else list(order_by or ())
    for key in reversed(keys):
        name, _, direction = key.partition(" ")
        if name not in _SORTABLE:
            msg = f"Experiments are ordered by name or experiment_id, not {name!r}."
            raise SpantreeException(msg)
        found.sort(key=_SORTABLE[name], reverse=direction.upper() == "DESC")
    return PagedList(found[:max_results])


def experiment_ids(
    ids: Sequence[str] | None,
    names: Sequence[str] | None,
    locations: Sequence[Location] | None,
) -> list[str] | None:
    """Unite the ways of naming experiments; None when none was used.

    Unknown names contribute nothing, so that only unknown ones find nothing.
    """
    if ids is None and names is None and locations is None:
        return None
    wanted = set(names or ())
    known = [e.experiment_id for e in _experiments() if e.name in wanted]
    if len(known) < len(wanted):
        found = map(get_experiment_by_name, wanted)
        known = [e.experiment_id for e in found if e is not None]
    named = map(experiment_of, [*(ids or ()), *(locations or ())])
    return [*(i for i in named if i is not None), *known]


def _experiments() -> list[Experiment]:
    return RUNTIME.read(lambda store: store.experiments())


def _matches(experiment: Experiment, filter_string: str | None) -> bool:
    if not filter_string:
        return True
    words = filter_string.split(None, 2)
    if len(words) == 3 and words[0] == "name":  # noqa: PLR2004 - name, operator, value
        value = words[2].strip("'\"")
        if words[1] == "=":
            return experiment.name == value
        if words[1].upper() == "LIKE":
            return patterns.like(experiment.name, value)
    msg = (
        f"Experiments are found by name = '…' or name LIKE '…', not {filter_string!r}."
    )
    raise SpantreeException(msg)
