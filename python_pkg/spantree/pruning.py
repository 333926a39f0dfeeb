"""Deleting old traces: ``prune``."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree.entities.errors import SpantreeException
from spantree.experiments import experiment_ids
from spantree.searching import trace_query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["prune"]

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE | re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@asks
def prune(
    *,
    older: str | None = None,
    max_bytes: int | None = None,
    experiment: str | Sequence[str] | None = None,
    filter: str | None = None,  # noqa: A002 - what it is
    progress: Callable[[int], object] | None = None,
) -> int:
    """Delete traces, the oldest first, and give their room back to the disk.

    Args:
        older: Those begun longer ago than this: ``"30d"``, ``"12h"``, ``"2w"``.
        max_bytes: So many more that the store takes no more than this.
        experiment: Only of this experiment, or these, by name.
        filter: Only those that match, in the search language.
        progress: Called, on another thread, with the number of traces of each step that
            was deleted; in a notebook a bar shows them when left out.

    Returns:
        How many were deleted.

    Raises:
        SpantreeException: If neither an age nor a size is given, or one can't be read.
        FilterError: If the filter is not understood.
        StoreError: If the store can't be changed now.
    """
    if older is None and max_bytes is None:
        msg = "prune needs older='30d' or max_bytes=…; delete_traces deletes by id."
        raise SpantreeException(msg)
    from spantree.store.pruning import prune as prune_store

    names = [experiment] if isinstance(experiment, str) else experiment
    where = experiment_ids(None, names, None)
    query = trace_query(filter, None, experiments=where)
    before_ns = None if older is None else time.time_ns() - _age_ns(older)
    with RUNTIME.progress("prune", progress) as tell:
        return RUNTIME.write(
            lambda store: prune_store(
                store,
                before_ns=before_ns,
                max_bytes=max_bytes,
                query=query,
                progress=tell,
            )
        )


def _age_ns(text: str) -> int:
    found = _AGE.fullmatch(str(text).strip())
    if found is None:
        msg = f"An age is a number and s, m, h, d or w, such as '30d', not {text!r}."
        raise SpantreeException(msg)
    return int(float(found[1]) * _SECONDS[found[2].lower()] * 10**9)
