"""All destinations of a process."""

from __future__ import annotations

import os
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING

from spantree.shipping.sender import Sender
from spantree.store.uri import TargetKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from spantree.shipping.server import Server
    from spantree.store.sql import SqlStore
    from spantree.store.uri import Target


class Dispatch:
    """Sends what a store commits to each of some destinations.

    Args:
        targets: Where to; none is contacted before something waits for it.
        open_store: Opens the store, and has it served by :meth:`serve`.
        first_use: Held while modules are imported on another thread than the user's.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        open_store: Callable[[], object],
        first_use: AbstractContextManager[None],
    ) -> None:
        self.targets = tuple(targets)
        self._open_store = open_store
        self._store: SqlStore | None = None
        # At once, as any thread may be the first to ask for them.
        self._senders = tuple(
            Sender(target, self._served, first_use) for target in targets
        )
        self._server: Server | None = None
        _all.add(self)

    def serve(self, store: object) -> None:
        """Put what is committed from now on into the outbox, and send it.

        Args:
            store: One in tables; memory has no outbox.
        """
        from spantree.shipping.triggers import install
        from spantree.store.sql import SqlStore

        assert isinstance(store, SqlStore)  # noqa: S101 - as the URI was read
        self._store = store

        names = [target.shown for target in self.targets]
        store.serve_outbox(partial(install, destinations=names), self.wake)

    def wake(self) -> None:
        """Look at the outbox soon; starts the threads with the first call."""
        for sender in self._senders:
            sender.wake()

    def server(self, experiment_id_for: Callable[[str], str]) -> Server | None:
        """Give the first destination that can be asked for traces, None if none can.

        Args:
            experiment_id_for: Gives the local id of an experiment's name.
        """
        if self._server is None:
            for sender in self._senders:
                if sender.target.kind is not TargetKind.OTLP:
                    from spantree.shipping.server import Server

                    self._server = Server(sender, self._served, experiment_id_for)
                    break
        return self._server

    def wait(self, timeout_s: float) -> bool:
        """Wait until everything committed has arrived, or sending it meets trouble."""
        deadline = time.monotonic() + timeout_s
        found = [s.wait(deadline - time.monotonic()) for s in self._senders]
        return all(found)

    def finish(self, deadline: float) -> None:
        """Send what waits, unless there is trouble, until a monotonic time."""
        for sender in self._senders:
            sender.end_by(deadline)
        for sender in self._senders:
            sender.join(deadline)

    def stop(self) -> None:
        """End the threads; waits for nothing."""
        for sender in self._senders:
            sender.stop()
        if self._server is not None:
            self._server.close()

    def retry_rejected(self) -> int:
        """Let what was refused wait again; give how many traces that are."""
        return sum(sender.retry_rejected() for sender in self._senders)

    def rejections(self) -> list[str]:
        """Give what servers said of the last traces that they refused."""
        return [words for sender in self._senders for words in sender.rejections()]

    def stats(self) -> dict[str, int]:
        """Count traces, summed over the destinations.

        Returns:
            ``shipped`` by this process; and in the store's outbox, put there by
            whichever: ``waiting``, ``blocked`` by a lack of credentials, ``rejected``.
        """
        from spantree.shipping.outbox import State

        found = dict.fromkeys(("shipped", "waiting", "blocked", "rejected"), 0)
        for sender in self._senders:
            counts = sender.counts()
            found["shipped"] += sender.shipped
            found["waiting"] += counts.get(State.WAITING, 0)
            found["waiting"] += counts.get(State.LEASED, 0)
            found["blocked"] += counts.get(State.BLOCKED, 0)
            found["rejected"] += counts.get(State.REJECTED, 0)
        return found

    def _served(self) -> SqlStore:
        if self._store is None:
            self._open_store()
        assert self._store is not None  # noqa: S101 - opening serves it
        return self._store

    def start_anew_in_child(self) -> None:
        """Leave everything to the parent process."""
        for sender in self._senders:
            _kept_for_parent.append(sender.kept())
            sender.start_anew()


_all: weakref.WeakSet[Dispatch] = weakref.WeakSet()
# A finaliser run in a child would close what the parent still uses.
_kept_for_parent: list[object] = []


def _after_fork_in_child() -> None:
    for dispatch in list(_all):
        dispatch.start_anew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
