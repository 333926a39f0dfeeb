"""Where the traces of this process rest and are sent, opened when first needed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TypeVar

from spantree._environment import environment
from spantree.entities.errors import SpantreeException
from spantree.recording import FIRST_USE, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spantree.entities.trace import Trace
    from spantree.recording.forks import ForkSafeLock
    from spantree.shipping import Dispatch, Server
    from spantree.store import Store, Target, Writer

_T = TypeVar("_T")

_EXIT_SECONDS = 5.0
# With what the interpreter takes to end on a busy machine, two.
_SENDING_EXIT_SECONDS = 1.7
_DELIVERY_SECONDS = 10.0
READ_YOUR_WRITES_SECONDS = 2.0
# What `Writer.stats` counts, while there is no writer.
_NOTHING_WRITTEN = dict.fromkeys(
    ("saved", "waiting", "queue", "queue_bytes", "spilled", "dropped", "damaged"), 0
)


class Place:
    """Where traces rest, and what sends them on from there.

    Args:
        rest: Where the store is.
        sent: Where traces are sent.
        lock: Held while the store is opened.
    """

    def __init__(
        self, rest: Target, sent: Sequence[Target], lock: ForkSafeLock
    ) -> None:
        self.target = rest
        self.opened: Store | None = None
        self.dispatch: Dispatch | None = None
        self._lock = lock
        if sent:
            from spantree.shipping import Dispatch

            self.dispatch = Dispatch(sent, self.store, lock)

    def store(self) -> Store:
        """Give the store, opened when first needed; reads may use it on any thread."""
        with self._lock:
            if self.opened is None:
                _import_search()
                from spantree.store import open_store
                from spantree.store.forks import before_fork

                store = open_store(self.target)
                # A fork that waits for the lock does not know of this store yet.
                self._lock.when_held = before_fork
                if self.dispatch is not None:
                    self.dispatch.serve(store)
                self.opened = store
            return self.opened


class Storage:
    """One place, one writer to it; a place that is left gets what was recorded for it.

    Args:
        open_traces: Copies the traces that have an open span.
    """

    def __init__(self, open_traces: Callable[[], list[Trace]]) -> None:
        self._open_traces = open_traces
        # Reentrant: the collector may end a span, and so come back here, at any time.
        self._lock = FIRST_USE
        self._place: Place | None = None
        self._uri = ""
        self._writer: Writer | None = None

    def place(self) -> Place:
        """Give the place of the traces: set, from the environment, or the default."""
        place = self._place
        if place is not None:
            return place
        with self._lock:
            if self._place is None:
                self._place = Place(*_targets_from_environment(), self._lock)
            return self._place

    def target(self) -> Target:
        """Give the place that traces rest in."""
        return self.place().target

    def store(self) -> Store:
        """Give the store, opened when first needed; reads may use it on any thread."""
        return self.place().store()

    def dispatch(self) -> Dispatch | None:
        """Give what sends traces on, None if they only rest."""
        return self.place().dispatch

    def _destinations(self) -> tuple[Target, ...]:
        dispatch = self.dispatch()
        return () if dispatch is None else dispatch.targets

    def keep_all(self) -> None:
        """Send nothing on from now on: for a process that others send to."""
        rest = self.target()
        with self._lock:
            self._place = Place(rest, (), self._lock)

    def server(self) -> Server | None:
        """Give the server that can be asked for traces too, None if there is none."""
        dispatch = self.dispatch()
        return None if dispatch is None else dispatch.server(self.experiment_id_for)

    def experiment_id_for(self, name: str) -> str:
        """Give the id of the experiment of that name, which is made if need be."""
        return self.write(lambda store: store.experiment_id_for(name))

    def set_target(self, uri: str | Path | Sequence[str | Path] | None) -> None:
        """Send the traces recorded from now on elsewhere.

        Raises:
            SpantreeException: If the form of the URI is unknown, or it names a place
                that this version can't write to.
        """
        _import_search()
        from spantree.store import check_target, parse_tracking_uris

        rest, sent = parse_tracking_uris(uri) if uri else _targets_from_environment()
        check_target(rest)
        place = Place(rest, sent, self._lock)
        if not sent:
            place.store()
        with self._lock:
            left, self._place = self._place, place
            writer, self._writer = self._writer, None
            self._uri = _without_passwords(uri)
            self._moved()
        if writer is not None:
            writer.close(_EXIT_SECONDS)
        if left is not None and left.dispatch is not None:
            left.dispatch.stop()

    def _moved(self) -> None:
        """Called when the place has changed, before anything is written there."""

    def writer(self) -> Writer:
        """Give the writer, made when first needed."""
        writer = self._writer
        if writer is not None:
            return writer
        # What is imported under the lock is whole in a process that forks meanwhile.
        with self._lock:
            from spantree.store import Writer

            if self._writer is None:
                place = self.place()
                self._writer = Writer(place.store, self._open_traces)
                if place.dispatch is not None:
                    # Also what an earlier process could not send.
                    place.dispatch.wake()
            return self._writer

    # Reading and writing.

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything recorded before the call is committed locally."""
        return self.writer().flush(timeout)

    def settle(self) -> None:
        """Wait a little until the store has what was recorded before, or warn."""
        if not self.flush(READ_YOUR_WRITES_SECONDS):
            warn(
                "late",
                "The trace store did not take within %g s what was recorded last; "
                "what is found lacks it. spantree.flush() waits for all of it.",
                READ_YOUR_WRITES_SECONDS,
            )

    def deliver(self, timeout_s: float = _DELIVERY_SECONDS) -> bool:
        """Wait as :meth:`flush` does, and until it arrived where it is to be sent.

        Where sending meets trouble, nothing is waited for.
        """
        is_saved = self.flush()
        dispatch = self.dispatch()
        return is_saved and (dispatch is None or dispatch.wait(timeout_s))

    def read(self, ask: Callable[[Store], _T]) -> _T:
        """Ask the store on the caller's thread."""
        return ask(self.store())

    def write(self, change: Callable[[Store], _T]) -> _T:
        """Change the store, after everything recorded so far was written to it.

        Raises:
            StoreError: If the store can't be changed now.
        """
        self.flush(READ_YOUR_WRITES_SECONDS)
        return self.writer().call(change)

    def store_name(self) -> str:
        """Name the store in print, and where it sends to, without secrets."""
        target = self.target()
        name = target.shown if target.path is None else _shortened(target.path)
        sent = self._destinations()
        return f"{name}, sent to {', '.join(t.shown for t in sent)}" if sent else name

    def tracking_uri(self) -> str:
        """Give the tracking URI in force, without secrets."""
        rest = self.target()
        sent = self._destinations()
        return self._uri or ", ".join(t.shown for t in sent or (rest,))

    def stats(self) -> dict[str, int]:
        """Count what was saved and sent, and what waits."""
        writer = self._writer
        counts = dict(_NOTHING_WRITTEN if writer is None else writer.stats())
        place = self.place()
        if place.opened is not None:
            counts["dropped"] += place.opened.forgotten
        if place.dispatch is not None:
            sent = place.dispatch.stats()
            sent["waiting"] += counts["waiting"]
            counts |= sent
        return counts

    def close(self) -> None:
        """Store and send what is open and waits; called when the interpreter exits."""
        deadline = time.monotonic() + _SENDING_EXIT_SECONDS
        if self._writer is not None:
            self._writer.close(_EXIT_SECONDS)
        if self._place is not None and self._place.dispatch is not None:
            self._place.dispatch.finish(deadline)


def _import_search() -> None:
    """Import the whole package before a part of it is imported.

    Of two threads one would else hold the package and wait for the part, the other
    hold the part and wait for the package, and CPython raise ``_DeadlockError``.
    """
    import spantree.search  # noqa: F401 - for the effect


def _targets_from_environment() -> tuple[Target, tuple[Target, ...]]:
    from spantree.store import parse_tracking_uris

    uri = os.environ.get("SPANTREE_TRACKING_URI")
    if not uri:
        # Its file forms name MLflow's own database, which is nothing to write to.
        mlflow_uri = environment("TRACKING_URI") or ""
        is_server = mlflow_uri.startswith(("http://", "https://", "databricks"))
        uri = mlflow_uri if is_server else None
    try:
        return parse_tracking_uris(uri)
    except SpantreeException as error:
        warn("environment:TRACKING_URI", "%s The default place is used.", error)
        return parse_tracking_uris(None)


def _without_passwords(uri: str | Path | Sequence[str | Path] | None) -> str:
    """Give URIs as they were set, without what must not be shown."""
    from spantree.store import without_password

    named = [uri] if isinstance(uri, (str, os.PathLike)) else uri or ()
    texts = [part for one in named for part in str(one).split(",")]
    return ",".join(without_password(t) if "://" in t else t for t in texts)


def _shortened(path: Path) -> str:
    """Write a path below the home folder with a tilde."""
    text, home = str(path), os.path.expanduser("~")  # noqa: PTH111 - no exception
    return f"~{text[len(home) :]}" if text.startswith(home + os.sep) else text
