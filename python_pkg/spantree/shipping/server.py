"""The local store and the server that traces are sent to, as one for those who ask."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, StoreError
from spantree.entities.trace import Trace, TraceLocation, TraceState
from spantree.shipping.errors import RefusedError, ShippingError
from spantree.shipping.remote import Remote, first_cursor, in_order, is_of_server
from spantree.shipping.warner import Warner
from spantree.store.protocol import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.search.query import Query
    from spantree.shipping.sender import Sender
    from spantree.store.protocol import Store

T = TypeVar("T")
# A server that gave trouble is not asked again by every call.
_PAUSE_S = 5.0


class Server:
    """Answers from both; where the server gives trouble, from the local store.

    Ids of experiments are the local store's throughout: across stores an experiment is
    known by its name.

    Args:
        sender: Of the destination that is asked.
        store: Gives the local store.
        experiment_id_for: Gives the local id of a name, made if need be.
    """

    def __init__(
        self,
        sender: Sender,
        store: Callable[[], Store],
        experiment_id_for: Callable[[str], str],
    ) -> None:
        self._sender = sender
        self._store = store
        self._experiment_id_for = experiment_id_for
        self._remote = Remote(sender.target)
        self._warner = Warner()
        self._quiet_until = 0.0

    def get(self, key: int) -> Trace | None:
        """Give a trace that the local store does not have."""
        found = self._ask(lambda: self._remote.get(key), None, "get")
        if found is None:
            return None
        trace, experiment = found
        number = self._experiment_id_for(experiment) if experiment else "0"
        trace.info.trace_location = TraceLocation.from_experiment_id(number)
        return trace

    def attachment(self, key: int, attachment_id: str) -> bytes | None:
        """Give the bytes of an attachment that the local store does not have."""
        return self._ask(
            lambda: self._remote.attachment(key, attachment_id), None, "attachment"
        )

    def search(
        self,
        query: Query,
        *,
        limit: int | None,
        cursor: str | None,
        include_spans: bool,
        timeout_s: float | None,
    ) -> Page:
        """Find traces there, and here those that it does not have as they are."""

        def locally() -> Page:
            return self._store().search(
                query,
                limit=limit,
                cursor=None if is_of_server(cursor) else cursor,
                include_spans=include_spans,
                timeout_s=timeout_s,
            )

        if cursor is not None and not is_of_server(cursor):
            return locally()
        local: list[Trace] = []
        if cursor is None:
            unsent = self._sender.unsent()
            local = [t for t in locally().traces if t.key in unsent or _is_open(t)]
        if limit is not None and 0 < limit <= len(local):
            return Page(local, first_cursor())

        def remotely() -> Page:
            return self._remote.search(
                query,
                self._experiments(query),
                limit=None if limit is None else limit - len(local),
                cursor=cursor,
                include_spans=include_spans,
            )

        page = self._ask(remotely, None, "search")
        if page is None:
            return locally()
        ours = {trace.key for trace in local}
        others = [trace for trace in page.traces if trace.key not in ours]
        both = in_order([*local, *others], query)
        return Page(both, page.cursor, page.complete, page.scanned_until_ns)

    def experiment_names(self) -> list[str]:
        """Give the names of the server's experiments, none while it gives trouble."""
        return self._ask(self._remote.experiment_names, [], "experiments")

    def has_experiment(self, name: str) -> bool:
        """Tell whether the server has an experiment of that name."""
        return self._ask(
            lambda: self._remote.has_experiment(name), False, "experiments"
        )

    def set_tag(self, key: int, name: str, value: str) -> None:
        """Set a tag of a trace that only the server has.

        Raises:
            StoreError: If it can't be set.
        """
        self._tell(
            lambda: self._remote.set_tag(key, name, value), "The tag was not set"
        )

    def delete_tag(self, key: int, name: str) -> None:
        """Delete a tag of a trace there, which sending it again would not.

        Raises:
            StoreError: If it can't be deleted.
        """
        self._tell(
            lambda: self._remote.delete_tag(key, name), "The tag was not deleted there"
        )

    def delete(self, keys: Sequence[int]) -> set[int]:
        """Delete traces there; give those that were there.

        Raises:
            StoreError: If they can't be deleted.
        """
        return self._tell(lambda: self._remote.delete(keys), "Deleted here only")

    def put_assessment(self, key: int, assessment: Assessment) -> None:
        """Add an assessment to a trace that only the server has, or change it there.

        Raises:
            StoreError: If it can't be added.
        """
        self._tell(
            lambda: self._remote.put_assessment(key, assessment),
            "The assessment was not stored",
        )

    def delete_assessment(self, key: int, assessment_id: str) -> None:
        """Delete an assessment there.

        Raises:
            StoreError: If it can't be deleted.
        """
        self._tell(
            lambda: self._remote.delete_assessment(key, assessment_id),
            "The assessment was not deleted there",
        )

    def close(self) -> None:
        """Let go of the connection; the next call opens another."""
        self._remote.close()

    def _experiments(self, query: Query) -> dict[str, str]:
        wanted = query.experiments
        found: Iterable[tuple[str, str]] = (
            (e.name, e.experiment_id) for e in self._store().experiments()
        )
        return {n: i for n, i in found if wanted is None or i in wanted}

    def _ask(self, ask: Callable[[], T], otherwise: T, what: str) -> T:
        """Ask the server; warn, and leave it alone for some seconds, if it can't."""
        if time.monotonic() < self._quiet_until:
            return otherwise
        try:
            return ask()
        except ShippingError as error:
            self._quiet_until = time.monotonic() + _PAUSE_S
            self._warner.warn(
                what,
                "%s. This is what the local store %s has.",
                error.words.rstrip("."),
                self._store().location,
            )
            return otherwise

    def _tell(self, tell: Callable[[], T], otherwise: str) -> T:
        try:
            return tell()
        except ShippingError as error:
            is_unknown = (
                isinstance(error, RefusedError)
                and error.code == RESOURCE_DOES_NOT_EXIST
            )
            code = RESOURCE_DOES_NOT_EXIST if is_unknown else "INTERNAL_ERROR"
            raise StoreError(f"{otherwise}: {error.words}", code) from None


def _is_open(trace: Trace) -> bool:
    return trace.info.state is TraceState.IN_PROGRESS
