"""The store behind the page: many read, one thread writes."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, SpantreeException
from spantree.entities.ids import parse_trace_id
from spantree.store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.trace import Trace
    from spantree.search import Query, Summary
    from spantree.store import Store

T = TypeVar("T")

_WRITE_S = 60.0


class Desk:
    """Reads a store on any thread and writes to it on one.

    What comes while a transaction runs is written with the next one, so that many
    clients cost few commits. Nothing is acknowledged before it is committed.

    Args:
        store: Where the traces are.
        name: What to call it in print, without secrets.
        mask: Masks the secrets of a trace that comes, in place; None stores them.
    """

    def __init__(
        self, store: Store, name: str, mask: Callable[[Trace], Trace] | None = None
    ) -> None:
        self.store = store
        self._name = name
        self._mask = mask
        self._lock = threading.Lock()
        self._waiting: list[tuple[Sequence[Trace], Future[None]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spantree-ui-writer")
        # One, so that lists never wait for more than one request that is being read.
        self._parser = ThreadPoolExecutor(1, thread_name_prefix="spantree-ui-parser")
        self._experiments: set[str] = set()
        self.added = 0
        """Traces, or parts of them, that were committed."""

    # As the viewer asks; see spantree.link.Source.

    def get_trace(self, trace_id: str) -> Trace | None:
        """Give a trace, None if there is none of that id."""
        key = parse_trace_id(trace_id)
        return None if key is None else self.store.get(key)

    def summaries(self, query: Query, limit: int | None) -> list[Summary]:
        """Give what is known of the traces that match, newest first."""
        return self.store.summaries(query, limit=limit)

    def write(self, change: Callable[[Store], T]) -> T:
        """Change the store, on the thread that writes; not to be called on the loop."""
        return self._thread.submit(change, self.store).result(_WRITE_S)

    def store_name(self) -> str:
        """Name the store in print, without secrets."""
        return self._name

    # As the server asks.

    async def read(self, ask: Callable[[Store], T]) -> T:
        """Ask the store, off the loop."""
        return await asyncio.to_thread(ask, self.store)

    async def parse(self, work: Callable[[], T]) -> T:
        """Read a request, off the loop, one after the other."""
        return await asyncio.wrap_future(self._parser.submit(work))

    async def change(self, change: Callable[[Store], T]) -> T:
        """Change the store, off the loop."""
        return await asyncio.wrap_future(self._thread.submit(change, self.store))

    async def add(self, traces: Sequence[Trace]) -> None:
        """Store traces, or parts of them, masked; returning means committed.

        Raises:
            StoreUnavailableError: If the store can't be written now.
        """
        if not traces:
            return
        if self._mask is not None:
            traces = await self.parse(partial(list, map(self._mask, traces)))
        done: Future[None] = Future()
        with self._lock:
            self._waiting.append((traces, done))
            is_first = len(self._waiting) == 1
        if is_first:
            self._thread.submit(self._commit)
        await asyncio.wrap_future(done)

    def _commit(self) -> None:
        with self._lock:
            entries, self._waiting = self._waiting, []
        try:
            self.store.write([trace for traces, _ in entries for trace in traces])
        except StoreUnavailableError as error:
            for _, done in entries:
                done.set_exception(error)
        except Exception:  # noqa: BLE001 - a bad one must not take others with it
            for entry in entries:
                self._commit_alone(*entry)
        else:
            for traces, done in entries:
                self.added += len(traces)
                done.set_result(None)

    def _commit_alone(self, traces: Sequence[Trace], done: Future[None]) -> None:
        try:
            self.store.write(traces)
        except Exception as error:  # noqa: BLE001 - the one who sent it is told
            done.set_exception(error)
        else:
            self.added += len(traces)
            done.set_result(None)

    async def require(self, trace_id: str, *, include_spans: bool = True) -> Trace:
        """Give a trace.

        Raises:
            SpantreeException: RESOURCE_DOES_NOT_EXIST if there is none of that id.
        """
        key = parse_trace_id(trace_id)
        if key is not None:
            found = await self.read(
                lambda store: store.get(key, include_spans=include_spans)
            )
            if found is not None:
                return found
        msg = f"There is no trace {trace_id!r} in the store."
        raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)

    async def check_experiment(self, experiment_id: str) -> None:
        """Refuse an experiment that the store does not have.

        Raises:
            SpantreeException: RESOURCE_DOES_NOT_EXIST.
        """
        if experiment_id in self._experiments:
            return
        known = await self.read(lambda store: store.experiments())
        self._experiments = {one.experiment_id for one in known}
        if experiment_id not in self._experiments:
            msg = f"There is no experiment with the id {experiment_id!r}."
            raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)

    def close(self) -> None:
        """Finish what is being written, and let go of the store."""
        self._parser.shutdown(wait=True)
        self._thread.shutdown(wait=True)
        self.store.close()
