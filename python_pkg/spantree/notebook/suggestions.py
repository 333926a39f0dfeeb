"""Words that complete arguments: looked up in the store, or not at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spantree.notebook.targets import held_traces
from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spantree.notebook.desk import Desk
    from spantree.search import Summary

_LATEST = 20
# A store that was slower is not asked again; the first time it has to be opened.
_MOST_SECONDS = 0.2
_is_slow: set[str] = set()


def target_words(desk: Desk) -> Callable[[], list[str]]:
    """Give what can stand for a trace: ``last``, variables, the latest ids."""
    return lambda: ["last", *held_traces(desk), *(s.trace_id for s in _latest(desk))]


def session_names(desk: Desk) -> Callable[[], list[str]]:
    """Give the sessions of the latest traces."""
    return lambda: _distinct(s.session for s in _latest(desk))


def user_names(desk: Desk) -> Callable[[], list[str]]:
    """Give the users of the latest traces."""
    return lambda: _distinct(s.user for s in _latest(desk))


def trace_names(desk: Desk) -> Callable[[], list[str]]:
    """Give the names of the latest traces."""
    return lambda: _distinct(s.name for s in _latest(desk))


def model_names(desk: Desk) -> Callable[[], list[str]]:
    """Give the models of the latest traces."""
    return lambda: _distinct(m for s in _latest(desk) for m in s.models)


def tag_keys(desk: Desk) -> Callable[[], list[str]]:
    """Give the keys of the latest traces' own tags, each with its equals sign."""
    return lambda: _distinct(
        f"{key}="
        for s in _latest(desk)
        for key in s.tags
        if not key.startswith(("mlflow.", "spantree."))
    )


def _latest(desk: Desk) -> Sequence[Summary]:
    name = desk.host.store_name()
    if name in _is_slow:
        return ()
    found: Sequence[Summary] = ()
    with guard("notebook.complete"):
        from spantree.search import parse_query

        query = parse_query("")
        begun = time.monotonic()
        found = desk.host.read(lambda store: store.summaries(query, limit=_LATEST))
        if time.monotonic() - begun > _MOST_SECONDS:
            _is_slow.add(name)
    return found


def _distinct(words: Iterable[str | None]) -> list[str]:
    return sorted({word for word in words if word})
