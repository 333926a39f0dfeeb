"""Experiments: the named groups that traces belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, SpantreeException
from spantree.entities.paging import PagedList
from spantree.recording import RECORDER, experiment_of
from spantree.search.experiments import ordered, parse_experiment_filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

# MLflow's ViewType: ACTIVE_ONLY 1, DELETED_ONLY 2, ALL 3.
_DELETED_ONLY = 2
# Of a page_token: how many experiments nobody has.
_DIGITS = 10


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
    """Give the experiments; with a server, also those that only it has.

    Ids are the local store's, also of the server's.

    Args:
        view_type: 1 for those in use, 2 for deleted ones, of which there are none
            here, 3 for all.
        max_results: At most so many on a page; None for all, 0 for none.
        filter_string: Conditions joined by AND on ``name``, ``experiment_id``,
            ``creation_time`` and ``last_update_time`` (milliseconds since 1970) and
            ``tags.<key>``, as ``name LIKE 'chat%' AND tags.team = 'a'``; None for all.
        order_by: Any of ``"name"``, ``"experiment_id"``, ``"creation_time"`` and
            ``"last_update_time"``, each with ``ASC`` or ``DESC``; the newest first
            when left out.
        page_token: The ``token`` of the page before.

    Returns:
        A page; its ``token`` is None after the last one.

    Raises:
        SpantreeException: If the filter, the order or the token can't be read.
    """
    matches = parse_experiment_filter(filter_string)
    start = _start_of(page_token)
    if (server := RUNTIME.server()) is not None:
        known = {e.name for e in _experiments()}
        for name in server.experiment_names():
            if name not in known:
                RUNTIME.experiment_id_for(name)
    active = () if view_type == _DELETED_ONLY else _experiments()
    found = ordered([e for e in active if matches(e)], order_by)
    end = len(found) if max_results is None else start + max_results
    # A page of none is followed by no other: its token would lead to itself.
    is_more = start < end < len(found)
    return PagedList(found[start:end], token=str(end) if is_more else None)


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
    stored = _experiments() if wanted else []
    known = [e.experiment_id for e in stored if e.name in wanted]
    if len(known) < len(wanted):
        found = map(get_experiment_by_name, wanted)
        known = [e.experiment_id for e in found if e is not None]
    named = map(experiment_of, [*(ids or ()), *(locations or ())])
    return [*(i for i in named if i is not None), *known]


def _experiments() -> list[Experiment]:
    return RUNTIME.read(lambda store: store.experiments())


def _start_of(page_token: str | None) -> int:
    """Read how many experiments the pages before have given."""
    if not page_token:
        return 0
    if page_token.isascii() and page_token.isdecimal() and len(page_token) < _DIGITS:
        return int(page_token)
    msg = (
        f"{page_token!r} is no page_token of search_experiments. Pass the token of its "
        "last result as it is, or None for the first page."
    )
    raise SpantreeException(msg)
