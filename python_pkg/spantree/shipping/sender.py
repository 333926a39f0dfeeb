"""The thread that sends what waits for one destination."""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from spantree.entities.ids import trace_id_text
from spantree.shipping.backoff import Backoff
from spantree.shipping.destination import Parcel, open_destination
from spantree.shipping.errors import NotAllowedError, RefusedError, TryLaterError
from spantree.shipping.outbox import MAX_ROWS, Entry, Outbox, State, What
from spantree.shipping.warner import Warner
from spantree.store.breath import breathe
from spantree.store.protocol import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from spantree.shipping.destination import Destination
    from spantree.store.sql import SqlStore
    from spantree.store.uri import Target

_logger = logging.getLogger("spantree.shipping")

# Other processes may have left something, or put something in.
_IDLE_S = 30.0
_STORE_TROUBLE_S = 5.0
_BLOCKED_S = 300.0
# A process that lives for a moment only shall get on with a slow server as well.
_SETTLE_S = 1.0
# Before the end of the process, to write down how far it came.
_LAST_S = 0.3


class _EndingError(Exception):
    """The process is about to end, or sends elsewhere from now on."""


class Sender:
    """Sends from the outbox on a thread of its own; nobody waits for it.

    Args:
        target: The destination.
        open_store: Gives the store that holds the traces.
        first_use: Held while modules are imported: a fork must not meet half of one.
    """

    def __init__(
        self,
        target: Target,
        open_store: Callable[[], SqlStore],
        first_use: AbstractContextManager[None],
    ) -> None:
        self.target = target
        self._first_use = first_use
        self._open_store = open_store
        self.shipped = 0
        self.start_anew()

    def start_anew(self) -> None:
        """Begin without a thread; in a forked child, the parent has its own."""
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._opening = threading.Lock()
        self._wake = threading.Event()
        self._rounds = threading.Condition()
        self._backoff = Backoff()
        self._ends_at: float | None = None
        self._is_stopping = False
        self._outbox: Outbox | None = None
        self._destination: Destination | None = None
        self._warner = Warner()

    def kept(self) -> object:
        """Give what a forked child must neither use nor close."""
        return self._thread, self._destination

    def wake(self) -> None:
        """Look at the outbox soon; starts the thread with the first call."""
        if self._pid != os.getpid():
            self.start_anew()
        self._wake.set()
        if self._thread is None:
            self._start()

    def end_by(self, deadline: float) -> None:
        """Send what waits, unless there is trouble, and end the thread.

        Args:
            deadline: On the monotonic clock; no request begins later.
        """
        self._ends_at = deadline
        self._wake.set()

    def join(self, deadline: float) -> None:
        """Wait for the thread to end; a request that hangs is left behind then."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """End the thread after the request that it is at; waits for nothing."""
        self._is_stopping = True
        self._wake.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing waits to be sent, or sending it meets trouble.

        Returns:
            Whether all has arrived.
        """
        deadline = time.monotonic() + timeout_s
        self.wake()
        with self._rounds:
            while (left := deadline - time.monotonic()) > 0:
                if not self._has_work():
                    return True
                if self._backoff.failures:
                    return False
                self._rounds.wait(left)
        return not self._has_work()

    def counts(self) -> dict[State, int]:
        """Count what is in the outbox by state; nothing while the store is shut."""
        try:
            return self._box().counts()
        except StoreUnavailableError:
            return {}

    def unsent(self) -> set[int]:
        """Give the ids of traces that the destination does not have as they are."""
        return self._box().unsent()

    def retry_rejected(self) -> int:
        """Send once more what was refused; give how many traces that are."""
        return self._box().retry_rejected()

    def rejections(self) -> list[str]:
        """Give what the server said of the last ones that it refused."""
        return self._box().rejections()

    def _has_work(self) -> bool:
        counts = self.counts()
        return any(counts.get(s) for s in (State.WAITING, State.LEASED, State.BLOCKED))

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name="spantree-sender", daemon=True
                )
                self._thread = thread
                thread.start()
        except RuntimeError:
            # The interpreter is ending; the next process sends what waits.
            self._thread = None
        finally:
            self._starting.release()

    def _run(self) -> None:
        while True:
            wait_s = self._round()
            with self._rounds:
                self._rounds.notify_all()
            if self._is_over(wait_s):
                break
            if wait_s:
                self._wake.wait(wait_s)
                self._wake.clear()
        self._thread = None
        if self._destination is not None:
            self._destination.close()

    def _is_over(self, wait_s: float) -> bool:
        if self._is_stopping:
            return True
        if self._ends_at is None:
            return False
        return wait_s > 0 or time.monotonic() >= self._ends_at

    def _round(self) -> float:
        """Send one batch; give the seconds until there is reason to try again."""
        if self._backoff.wait_s:
            return self._backoff.wait_s
        try:
            entries = self._box().lease(1 if self._backoff.is_open else MAX_ROWS)
            if not entries:
                return _IDLE_S
            self._send(entries)
        except StoreUnavailableError:
            # The writer warns of it.
            return _STORE_TROUBLE_S
        except Exception as error:
            _logger.debug("sending failed", exc_info=error)
            words = f"sending failed oddly ({type(error).__name__}: {error})"
            self._backoff.failed(words)
            self._warn("odd", words)
        return self._backoff.wait_s

    def _send(self, entries: Sequence[Entry]) -> None:
        """Send some traces; those that are refused together, one by one."""
        rest = self._try(entries)
        if len(rest) > 1:
            for number, entry in enumerate(rest):
                self._try([entry])
                if self._backoff.failures:
                    self._box().give_back(rest[number + 1 :])
                    return

    def _try(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Send some traces; give those that were refused together."""
        box, by_key = self._box(), {entry.key: entry for entry in entries}
        arrived: list[Entry] = []
        refused: list[Entry] = []
        settle_at = time.monotonic() + _SETTLE_S

        def sent(parcel: Parcel) -> None:
            nonlocal settle_at
            arrived.append(by_key.pop(parcel.trace.key))
            now = time.monotonic()
            if self._is_stopping or (self._ends_at and now > self._ends_at - _LAST_S):
                raise _EndingError
            if now > settle_at:
                # The server is slow: hold on to the rest, and to what was achieved.
                self._settle(arrived)
                box.renew(by_key.values())
                settle_at = now + _SETTLE_S

        try:
            self._to().send(list(self._parcels(entries)), sent)
        except _EndingError:
            box.give_back(by_key.values())
        except TryLaterError as error:
            self._backoff.failed(error.words, error.after_s)
            # Said before anyone can see that it waits.
            self._warn("later", f"{error.words}; it is tried again")
            box.give_back(by_key.values(), words=error.words)
        except NotAllowedError as error:
            self._backoff.failed(error.words, _BLOCKED_S)
            self._warn("blocked", f"{error.words}; {error.advice}")
            box.give_back(by_key.values(), State.BLOCKED, error.words)
        except RefusedError as error:
            refused = list(by_key.values())
            if len(refused) == 1:
                box.give_back(refused, State.REJECTED, error.words)
                self._warn("rejected", f"A trace was refused for good: {error.words}")
        else:
            # What is not there any more needs no sending.
            arrived += by_key.values()
            self._backoff.succeeded()
        self._settle(arrived)
        return refused

    def _settle(self, arrived: list[Entry]) -> None:
        """Take what has arrived out of the outbox, and out of the list."""
        self.shipped += sum(What.SPANS in entry.what for entry in arrived)
        deleted = self._box().done(arrived)
        arrived.clear()
        if deleted:
            self._to().delete([trace_id_text(entry.key) for entry in deleted])

    def _parcels(self, entries: Sequence[Entry]) -> Iterator[Parcel]:
        store = self._open_store()
        for entry in entries:
            trace = store.get(entry.key)
            if trace is not None:
                attachment = partial(store.attachments.get, entry.key)
                yield Parcel(trace, entry.what, entry.experiment, attachment)
            breathe()

    def _box(self) -> Outbox:
        if self._outbox is None:
            store = self._open_store()
            with self._opening:
                # Two would hold leases that neither knows of the other.
                if self._outbox is None:
                    self._outbox = Outbox(store, self.target.shown)
        return self._outbox

    def _to(self) -> Destination:
        if self._destination is None:
            with self._first_use:
                self._destination = open_destination(self.target, self._first_use)
        return self._destination

    def _warn(self, kind: str, what: str) -> None:
        """Say what went wrong, and that nothing is lost."""
        counts = self.counts()
        waiting = sum(n for s, n in counts.items() if s is not State.REJECTED)
        self._warner.warn(
            kind,
            "%s. %d traces are kept in %s until they can be sent.",
            what.rstrip("."),
            waiting,
            self._open_store().location,
        )
