"""The one thread of a process that writes: nobody else waits for the store."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from spantree.entities.errors import StoreError
from spantree.store.backoff import Backoff
from spantree.store.breath import breathe, rested
from spantree.store.jobs import MAX_BATCH, STOP, Backlog, Job, Request
from spantree.store.protocol import StoreUnavailableError
from spantree.store.spool import Spool
from spantree.store.uri import default_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.trace import Trace
    from spantree.store.protocol import Store

_logger = logging.getLogger("spantree.store")
T = TypeVar("T")

MAX_WAITING = 20_000
MAX_WAITING_BYTES = 64 * 2**20
# So long the one who submits waits for room, while the thread makes some.
_ROOM_WAIT_S = 0.005
TICK_S = 0.25
# The first trace wakes the thread, which costs its program 40 µs; those of the moment
# after are written with it, in one transaction.
GATHER_S = 0.01
_SECONDS_BETWEEN_WARNINGS = 60.0
# The writer may be waiting for a lock when it is told to end.
_SPILL_S = 1.0
# Looking at a trace of 100,000 spans takes a second; it must not take all the time.
_TICK_PAUSE = 9


class Writer:
    """Saves traces on a thread of its own, which the first trace starts.

    While the store can't be used, what was submitted waits in memory and is tried
    again; the program is told by a warning a minute, never by an exception. A forked
    child starts with nothing: what waits in the parent is the parent's.

    Args:
        open_store: Gives the store; called on the writer thread, when first needed.
        open_traces: Gives the traces now open, as they are; called on that thread.
    """

    _next_tick: float

    def __init__(
        self,
        open_store: Callable[[], Store],
        open_traces: Callable[[], Sequence[Trace]] = tuple,
    ) -> None:
        self._open_store = open_store
        self._open_traces = open_traces
        self._is_watching = False
        self._start_anew()
        _all.add(self)

    def submit(self, key: int, supplier: Callable[[], Trace], size: int = 0) -> None:
        """Take over a trace to save; never raises.

        Where too many wait, it lets the writer work for 5 ms. A trace is dropped, and
        counted, if the store is in trouble then or twice as many wait.

        Args:
            key: The trace's id.
            supplier: Builds the trace; called off this thread, or by
                :meth:`pending`, and again only if it raised.
            size: The trace's bytes, about; those that wait are limited in all.
        """
        if self._pid != os.getpid():
            self._start_anew()
        if not (key in self._backlog.pending or self._has_room()):
            self._dropped += 1
            return
        self._backlog.put(Job(key, supplier, size))
        if self._thread is None:
            self._start()

    def _has_room(self) -> bool:
        if not self._is_full():
            return True
        # The thread has the interpreter meanwhile, and makes room for more than one.
        if threading.current_thread() is not self._thread:
            time.sleep(_ROOM_WAIT_S)
        is_stuck = bool(self._backoff.reason) and self._is_full()
        return not is_stuck and not self._is_full(times=2)

    def _is_full(self, times: int = 1) -> bool:
        waiting, size = len(self._backlog.pending), self._backlog.bytes
        return waiting >= times * MAX_WAITING or size >= times * MAX_WAITING_BYTES

    def watch(self) -> None:
        """Say that a trace was opened, so that open traces are saved as they grow.

        Until there are none left; costs one comparison when said already.
        """
        if not self._is_watching:
            self._is_watching = True
            # Not at once: most traces have ended by then, and are written once.
            self._next_tick = max(self._next_tick, time.monotonic() + TICK_S)
            if not self._attentive_until:
                self._backlog.nudge()
            if self._thread is None:
                self._start()

    def pending(self, key: int) -> Trace | None:
        """Give a trace that was submitted and is not committed yet."""
        job = self._backlog.pending.get(key)
        return None if job is None else job.trace()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything submitted before, and what is open, is committed.

        Args:
            timeout: Seconds, None for as long as it takes.

        Returns:
            Whether it is.
        """
        if threading.current_thread() is self._thread:
            return False
        if self._is_idle():
            return True
        request = Request(self._save_open_traces)
        self._ask(request)
        return request.wait(timeout) and not request.has_failed

    def call(self, fn: Callable[[Store], T], timeout: float = 5.0) -> T:
        """Run an administrative write on the writer thread, after what was submitted.

        Args:
            fn: Gets the store; what it returns or raises is passed on.
            timeout: Seconds.

        Raises:
            StoreError: If it could not run in time; then it never will.
        """
        if threading.current_thread() is self._thread:
            return fn(self._opened())
        request = Request(lambda: fn(self._opened()))
        self._ask(request)
        if request.wait(timeout):
            return request.result()
        reason = f" {self._backoff.reason}" if self._backoff.reason else ""
        msg = f"The trace store did not answer within {timeout:g} s.{reason}"
        raise StoreError(msg)

    def close(self, timeout: float = 5.0) -> bool:
        """Save what waits and end the thread; a later trace starts it again.

        What can't be saved is spilled to a file, for the next process that traces.

        Args:
            timeout: Seconds without any trace saved, of which the last one is for
                spilling. While the store takes traces they are waited for: spilling
                those that are many would take as long.

        Returns:
            Whether everything was saved.
        """
        patience = max(0.0, timeout - _SPILL_S)
        saved, is_saved = self._saved, self.flush(patience)
        while not is_saved and self._saved > saved:
            saved, is_saved = self._saved, self.flush(patience)
        deadline = time.monotonic() + _SPILL_S
        thread = self._thread
        if thread is None:
            self._spill()
        elif thread is not threading.current_thread():
            self._backlog.put(STOP)
            thread.join(max(0.0, deadline - time.monotonic()))
        self._warn_of_the_unsaved()
        return is_saved

    def stats(self) -> dict[str, int]:
        """Count traces.

        Returns:
            ``saved`` in the store; ``waiting`` in memory and in spill files together;
            ``queue`` of them in memory, with ``queue_bytes``, and ``spilled`` to
            files; ``dropped`` for ever; ``damaged`` records of spill files.
        """
        return {
            "saved": self._saved,
            "waiting": len(self._backlog.pending) + self._spilled,
            "queue": len(self._backlog.pending),
            "queue_bytes": self._backlog.bytes,
            "spilled": self._spilled,
            "dropped": self._dropped,
            "damaged": self._spool.damaged if self._spool else 0,
        }

    def start_anew_in_child(self) -> None:
        """Leave everything to the parent process."""
        # A finaliser run here would close what the parent still uses.
        _kept_for_parent.append((self._backlog, self._thread, self._store))
        self._start_anew()

    def _start_anew(self) -> None:
        self._pid = os.getpid()
        self._backlog = Backlog()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        # Not the parent's: its files are its own.
        self._spool: Spool | None = None
        self._spilled = 0
        self._is_adoption_due = True
        self._is_watching = False
        # Until then the thread looks up by itself, before a trace opened now needs it
        # to, and need not be woken, which takes 0.3 ms; 0 when it has gone to sleep.
        self._attentive_until = 0.0
        self._next_tick = 0.0
        self._backoff = Backoff()
        self._saved = 0
        self._dropped = 0
        self._quiet_until = 0.0

    def _is_idle(self) -> bool:
        # While traces are open the thread knows of them; copying them takes long.
        return not (
            self._backlog.pending
            or self._spilled
            or self._is_watching
            or self._open_traces()
        )

    def _ask(self, request: Request[T]) -> None:
        self._backlog.put(request)  # type: ignore[arg-type]  # its result is read by the asker
        if self._thread is None and not self._start():
            # The interpreter is ending and starts no threads: write on this one.
            self._take()
            self._work_off()

    def _start(self) -> bool:
        """Start the thread; False if the interpreter doesn't start any more."""
        if not self._starting.acquire(blocking=False):
            return True
        try:
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name="spantree-writer", daemon=True
                )
                self._thread = thread
                thread.start()
        except RuntimeError:
            self._thread = None
            return False
        finally:
            self._starting.release()
        return True

    def _run(self) -> None:
        while True:
            if not self._take(self._patience()) and 0 < len(self._backlog) < MAX_BATCH:
                self._backlog.gather(GATHER_S)
                self._take()
            rested()
            if time.monotonic() >= self._backoff.retry_at:
                self._work_off()
            if self._backlog.is_stopping:
                break
        self._backlog.drop_requests()
        self._spill()
        self._thread = None
        if self._store is not None:
            self._store.close()

    def _patience(self) -> float | None:
        """Say how many seconds there is nothing to do unless something comes."""
        now = time.monotonic()
        if self._backlog:
            return max(0.0, self._backoff.retry_at - now)
        if not self._is_watching:
            if now < self._attentive_until:
                return self._attentive_until - now
            # In this order: who opens a trace looks at it after saying so.
            self._attentive_until = 0.0
            if not self._is_watching:
                return None
        return max(0.0, self._next_tick - now)

    def _take(self, timeout_s: float | None = 0.0) -> bool:
        is_waited_for = self._backlog.take(timeout_s)
        if is_waited_for:
            # No reason to be patient with the store.
            self._backoff.retry_at = 0.0
        return is_waited_for

    def _work_off(self) -> None:
        """Do what is in the backlog, in order, until the store gives trouble."""
        try:
            if self._spilled:
                # First, as what came later may say more of the same traces.
                self._adopt()
            while self._backlog.first not in (None, STOP):
                self._do_next()
            if self._is_adoption_due and self._spool is not None:
                self._adopt()
            if self._is_watching and time.monotonic() >= self._next_tick:
                self._save_open_traces()
        except StoreUnavailableError as error:
            self._put_off(error)
        except Exception as error:  # noqa: BLE001 - the thread must go on
            self._warn_of_failure("The trace store could not be written", error)
            self._backoff.failed_oddly()
            self._next_tick = self._backoff.retry_at

    def _do_next(self) -> None:
        first = self._backlog.first
        if isinstance(first, Request):
            first.run()
            self._backlog.done([first])
            return
        jobs = self._backlog.next_jobs()
        traces = []
        for job in jobs:
            if (trace := self._built(job)) is not None:
                traces.append(trace)
            breathe()
        self._write(traces)
        self._backlog.done(jobs)

    def _spill(self) -> None:
        """Put the traces that wait in front of the backlog into files."""
        if self._spool is None:
            return
        while jobs := self._backlog.next_jobs():
            traces = [trace for job in jobs if (trace := self._built(job))]
            try:
                self._spool.append(traces)
            except OSError:
                # They stay in memory.
                return
            self._spilled += len(traces)
            self._backlog.done(jobs)

    def _adopt(self) -> None:
        """Store what was spilled, by this process or by one that is gone."""
        if self._spool is not None:
            self._spool.adopt(self._write)
        self._spilled = 0
        self._is_adoption_due = False

    def _built(self, job: Job) -> Trace | None:
        try:
            return job.trace()
        except Exception as error:  # noqa: BLE001 - a bad trace holds up no other
            self._dropped += 1
            self._warn_of_failure(
                "A trace could not be put together and is lost", error
            )
            return None

    def _write(self, traces: Sequence[Trace]) -> None:
        """Write traces; one that the store can't take is lost alone."""
        if not traces:
            return
        store = self._opened()
        self._attentive_until = time.monotonic() + TICK_S
        try:
            store.write(traces)
            self._saved += len(traces)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - the same
            if len(traces) > 1:
                for trace in traces:
                    self._write([trace])
            else:
                self._dropped += 1
                self._warn_of_failure("A trace could not be written and is lost", error)
        self._backoff.succeeded()

    def _warn_of_failure(self, what: str, error: Exception) -> None:
        """Warn of a failure of ours, once a minute; stats() counts them all."""
        _logger.debug("%s", what, exc_info=error)
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _SECONDS_BETWEEN_WARNINGS
            _logger.warning("%s (%s: %s).", what, type(error).__name__, error)

    def _save_open_traces(self) -> None:
        began = time.monotonic()
        self._next_tick = began + TICK_S
        # In this order: a trace opened after the look at them watches again.
        self._is_watching = False
        traces = list(self._open_traces())
        if not traces:
            return
        self._is_watching = True
        saved = self._saved
        for start in range(0, len(traces), MAX_BATCH):
            self._write(traces[start : start + MAX_BATCH])
        # They count when they are finished.
        self._saved = saved
        ended = time.monotonic()
        self._next_tick = ended + max(TICK_S, _TICK_PAUSE * (ended - began))

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._open_store()
            self._spool = self._spool or _spool_of(self._store.location)
        return self._store

    def _put_off(self, error: StoreUnavailableError) -> None:
        self._backoff.failed(error)
        self._next_tick = self._backoff.retry_at
        if self._spool is None and self._store is None:
            self._spool = _spool_of(error.location)
        is_much = self._backlog.bytes > MAX_WAITING_BYTES // 2
        if self._backoff.is_lasting or is_much:
            self._spill()
        self._backoff.warn(error, len(self._backlog.pending) + self._spilled)

    def _warn_of_the_unsaved(self) -> None:
        reason = f" {self._backoff.reason}" if self._backoff.reason else ""
        if self._spilled:
            _logger.warning(
                "%d traces could not be saved before the end; they wait in a spill "
                "file, which the next program that traces will store.%s",
                self._spilled,
                reason,
            )
        if self._backlog.pending:
            _logger.warning(
                "%d traces could not be saved before the end.%s",
                len(self._backlog.pending),
                reason,
            )


def _spool_of(location: str) -> Spool | None:
    """Give the spill files of a store; None if it is in memory."""
    path = Path(location)
    if "://" in location:
        # Of a server: beside this user's own file.
        path = default_file().with_name(f"{zlib.crc32(location.encode()):08x}.remote")
    return Spool(path) if path.is_absolute() else None


_all: weakref.WeakSet[Writer] = weakref.WeakSet()
_kept_for_parent: list[object] = []


def _after_fork_in_child() -> None:
    for writer in list(_all):
        writer.start_anew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
