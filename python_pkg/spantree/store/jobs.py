"""What the writer thread is asked to do, in order."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from spantree.store.breath import patience
from spantree.store.protocol import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantree.entities.trace import Trace

T = TypeVar("T")
MAX_BATCH = 128
_RUNNING_CALL_WAIT_S = 1.0


class Job:
    """A trace to save; it is built once, by whoever needs it first.

    Args:
        key: The trace's id.
        supplier: Builds the trace.
        size: Its bytes, about.
    """

    __slots__ = ("_supplier", "_trace", "key", "size")

    def __init__(self, key: int, supplier: Callable[[], Trace], size: int) -> None:
        self.key = key
        self.size = size
        self._supplier = supplier
        self._trace: Trace | None = None

    def trace(self) -> Trace:
        """Give the trace; raises what its supplier raises."""
        if self._trace is None:
            self._trace = self._supplier()
        return self._trace


class Request(Generic[T]):
    """Work for the writer thread that somebody waits for.

    Whoever claims it decides: the thread to run it, or the one that waits to give up.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._claim = threading.Lock()
        self._is_given_up = False
        self._done = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run unless given up; trouble of the store passes, to be tried again."""
        with self._claim:
            if self._is_given_up:
                return
            try:
                self._result = self._work()
            except StoreUnavailableError:
                raise
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                self._error = error
            self._done.set()

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until it has run; False if it was given up and never will."""
        with patience():
            is_done = self._done.wait(timeout_s)
        if is_done:
            return True
        # It may be running; if not, it shall not begin any more.
        is_claimed = self._claim.acquire(timeout=_RUNNING_CALL_WAIT_S)
        self._is_given_up = not self._done.is_set()
        if is_claimed:
            self._claim.release()
        return not self._is_given_up

    @property
    def has_failed(self) -> bool:
        """Whether the work raised."""
        return self._error is not None

    def result(self) -> T:
        """Give what the work returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # run() has set it


class Stop:
    """Tells the thread to end."""


Item: TypeAlias = "Job | Request[object] | Stop"


STOP = Stop()


class Backlog:
    """A queue that any thread puts into and one takes from, looking ahead.

    Attributes:
        pending: The traces that wait, by id.
        bytes: Their sizes in all, of those taken over so far.
    """

    def __init__(self) -> None:
        # Its put() is one step in C: safe in a finaliser that interrupts a put().
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._items: deque[Item] = deque()
        # Free once somebody asks for something.
        self._is_asked = threading.Lock()
        self._is_asked.acquire()
        self.pending: dict[int, Job] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Append; on any thread."""
        if isinstance(item, Job):
            self.pending[item.key] = item
            self._queue.put(item)
            return
        self._queue.put(item)
        with suppress(RuntimeError):  # free already
            self._is_asked.release()

    def nudge(self) -> None:
        """End a :meth:`take` that waits."""
        self._queue.put(None)

    def take(self, timeout_s: float | None = 0.0) -> bool:
        """Look at what has come; wait for it if there is nothing yet.

        Returns:
            Whether somebody waits for some of it to be done.
        """
        is_waited_for = False
        # Who has asked so far is in the queue.
        self._is_asked.acquire(blocking=False)
        try:
            item = self._queue.get(timeout_s != 0, timeout_s)
            while True:
                if item is not None:
                    self._items.append(item)
                if isinstance(item, Job):
                    self.bytes += item.size
                elif item is not None:
                    is_waited_for = True
                item = self._queue.get_nowait()
        except Empty:
            return is_waited_for

    def gather(self, timeout_s: float) -> None:
        """Let traces come, which wake nobody meanwhile; until somebody asks."""
        self._is_asked.acquire(timeout=timeout_s)

    @property
    def first(self) -> Item | None:
        """What is to be done next."""
        return self._items[0] if self._items else None

    @property
    def is_stopping(self) -> bool:
        """Whether the end was asked for."""
        return any(item is STOP for item in self._items)

    def next_jobs(self) -> list[Job]:
        """Give the traces in front that are saved together."""
        jobs: list[Job] = []
        for item in self._items:
            if not isinstance(item, Job) or len(jobs) >= MAX_BATCH:
                break
            jobs.append(item)
        return jobs

    def done(self, items: Sequence[Item]) -> None:
        """Forget what stood in front."""
        for item in items:
            self._items.popleft()
            if isinstance(item, Job):
                self.bytes -= item.size
                if self.pending.get(item.key) is item:
                    del self.pending[item.key]

    def drop_requests(self) -> None:
        """Forget those who asked: they have given up by now."""
        self._items = deque(item for item in self._items if isinstance(item, Job))
