"""Generators and async generators: one span over all that they yield.

The wrapper (see ``compile``) stands between consumer and body. The span is current only
while the body runs, set and put back by value at each step, so a generator may be
resumed, closed or collected in another task or thread than the one that began it.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from spantree.entities.live_span import NoOpSpan
from spantree.entities.span_fields import CHUNK_EVENT
from spantree.entities.values import NOTE, encode, encode_list, encode_texts
from spantree.recording.capture import capture, limits, located
from spantree.recording.capture.limits import ACTIVE
from spantree.recording.clock import perf_counter_ns
from spantree.recording.context import CURRENT
from spantree.recording.exceptions import describe
from spantree.recording.guard import guard, swallow
from spantree.recording.recorder import RECORDER
from spantree.recording.span_edits import note_cuts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from typing import TypeAlias

    from spantree.entities.live_span import LiveSpan
    from spantree.entities.values import Captured
    from spantree.recording.capture import Cut
    from spantree.recording.site import Site

    Reducer: TypeAlias = Callable[[list[Any]], object]

MAX_ITEMS = 10_000
MAX_BYTES = 1_000_000
LAST_ITEMS = 100
_MOST_CUTS = 100  # of items; those after them are cut without an entry

_SCALAR_BYTES = 8
_SIZED = (str, bytes)


class StreamLog:
    """The snapshots of what a stream yielded, bounded in number and in bytes.

    The first are kept as they come; once a limit is reached only the last 100 are, and
    the rest is counted.

    Args:
        clock_offset: Add it to ``perf_counter_ns()`` for nanoseconds since 1970.
        keeps_objects: Whether to keep the yielded objects themselves, for a reducer.
    """

    __slots__ = (
        "_clock_offset",
        "_is_text",
        "_last",
        "_later",
        "_room",
        "_times",
        "_values",
        "cuts",
        "objects",
    )

    def __init__(self, clock_offset: int, *, keeps_objects: bool) -> None:
        self._clock_offset = clock_offset
        # Two lists: thousands of pairs would be looked at by the garbage collector.
        self._values: list[Captured] = []
        self._times: list[int] = []
        self._last: deque[tuple[int, Captured]] = deque(maxlen=LAST_ITEMS)
        self.objects: list[object] | None = [] if keeps_objects else None
        self.cuts: list[Cut] = []
        self._room = MAX_BYTES
        self._is_text = True
        self._later = 0

    @property
    def count(self) -> int:
        """How many items there were."""
        return len(self._times) + self._later

    @property
    def kept(self) -> int:
        """How many of them are here."""
        return len(self._times) + len(self._last)

    def add(self, item: object) -> None:
        """Snapshot one item, yielded now; never raises."""
        try:
            # Most streams are of short text, which needs no closer look.
            if type(item) is str and (size := len(item)) <= ACTIVE.plain_text:
                value: Captured = item
            else:
                self._is_text = False
                cuts: list[Cut] = []
                value = capture(item, cuts)
                if cuts and len(self.cuts) < _MOST_CUTS:
                    self.cuts += located(cuts, str(self.count))
                size = len(value) if type(value) in _SIZED else _SCALAR_BYTES  # type: ignore[arg-type]
            room, times = self._room, self._times
            if room >= 0 and len(times) < MAX_ITEMS:
                self._room = room - size
                self._values.append(value)
                # The time comes last: after an interrupt in between there is no item.
                times.append(perf_counter_ns())
            else:
                self._last.append((perf_counter_ns(), value))
                self._later += 1
        except BaseException as error:  # noqa: BLE001 - ours: no user code runs here
            swallow("stream.add", error)

    def add_object(self, item: object) -> None:
        """Snapshot one item, and keep it for the reducer."""
        if self.objects is not None:
            self.objects.append(item)
        self.add(item)

    def skip(self, _item: object) -> None:
        """Count one item."""
        self._later += 1

    def first_after(self, start_ns: int) -> float | None:
        """Give the milliseconds to the first item that was kept, if there is one."""
        if not self._times:
            return None
        return (self._times[0] + self._clock_offset - start_ns) / 1e6

    def outputs(self) -> bytes:
        """Give the items as a JSON list; what is missing is said at its end."""
        values = self._values[: len(self._times)]
        if self._is_text and not self._later:
            return encode_texts(values)
        if self._later:
            values += [value for _, value in self._last]
        if len(values) < self.count:
            values.append(
                {
                    NOTE: "truncated",
                    "type": "list",
                    "items": self.count,
                    "kept": len(values),
                }
            )
        return encode_list(values)

    def _kept(self) -> list[tuple[int, Captured]]:
        """Give what was kept, in order, with its times."""
        return [*zip(self._times, self._values, strict=False), *self._last]

    def all_cuts(self, where: str) -> Iterator[tuple[str, list[Cut]]]:
        """Say what is missing of the items, and of the events made of them.

        Args:
            where: What the list of the items is called.
        """
        kept = self.kept
        if self.cuts:
            yield where, self.cuts
        for name, most in ((where, kept), ("events", min(kept, limits().max_events))):
            if most < self.count:
                total: Cut = {
                    "path": "",
                    "kept": most,
                    "total": self.count,
                    "unit": "items",
                }
                yield name, [total]

    def events(self) -> list[tuple[str, int, dict[str, Captured]]]:
        """Give an event for each item; of too many, the first 90 % and last 10 %."""
        kept = self._kept()
        first, offset = len(self._times), self.count - len(kept)
        numbered = [
            (n if n < first else n + offset, at, value)
            for n, (at, value) in enumerate(kept)
        ]
        most = limits().max_events
        if len(numbered) > most:
            last = most // 10
            numbered = numbered[: most - last] + numbered[len(numbered) - last :]
        return [
            (
                f"{CHUNK_EVENT}{n}",
                at + self._clock_offset,
                {"mlflow.chunk.value": encode(v).decode()},
            )
            for n, at, v in numbered
        ]


class Stream:
    """The span of one generator, and how it ends.

    Args:
        span: The span; a no-op where nothing is recorded; None if tracing is off.
        reducer: Makes the outputs from the list of items, if given.
        keeps_items: Whether to record what is yielded.

    Attributes:
        span: Made current by the wrapper while the body runs. The span above it stays
            that of the first step: a task that the body has begun may take the next.
        add: Called with each item.
    """

    __slots__ = ("_keeps_items", "_log", "_reducer", "add", "span")

    def __init__(
        self, span: LiveSpan | None, reducer: Reducer | None, *, keeps_items: bool
    ) -> None:
        self.span = span
        self._reducer = reducer
        self._keeps_items = keeps_items
        self._log: StreamLog | None = None
        self.add: Callable[[object], None] = _ignore
        if span:
            self._log = span.stream = StreamLog(
                span.owner.clock_offset, keeps_objects=reducer is not None
            )
            added = self._log.add if reducer is None else self._log.add_object
            self.add = added if keeps_items else self._log.skip

    def exhausted(self, value: object) -> None:
        """End the span: the body has returned a value."""
        if value is not None and self.span:
            self.span.set_attribute("spantree.stream.return_value", value)
        self._end("exhausted", None)

    def stopped(self, error: BaseException) -> None:
        """End the span: an exception leaves the body, or the consumer has left it."""
        if isinstance(error, GeneratorExit):
            self._end("closed", None)
        else:
            self._end("error", error)

    def _end(self, how: str, error: BaseException | None) -> None:
        span, log = self.span, self._log
        if span is None:
            return
        try:
            if log is not None and span.end_time_ns is None:
                with guard("stream.end"):
                    self._describe(span, log, how)
                    if error is None and span.raw_outputs is None and self._keeps_items:
                        span.raw_outputs = self._reduced(span, log)
        finally:
            if error is not None:
                RECORDER.fail(span, error)
            else:
                RECORDER.end(span, None)
        if log is not None:
            log.objects = None
        self.__class__ = Stream

    def _describe(self, span: LiveSpan, log: StreamLog, how: str) -> None:
        span.set_attribute("spantree.stream.end", how)
        span.set_attribute("spantree.stream.items", log.count)
        span.set_attribute("spantree.stream.kept", log.kept)
        wait_ms = log.first_after(span.start_time_ns)
        if wait_ms is not None:
            span.set_attribute("spantree.stream.first_item_ms", wait_ms)
        if self._keeps_items:
            for where, cuts in log.all_cuts("items" if self._reducer else "outputs"):
                note_cuts(span, where, cuts)

    def _reduced(self, span: LiveSpan, log: StreamLog) -> Captured:
        if self._reducer is None or log.objects is None:
            return log.outputs()
        try:
            reduced = self._reducer(log.objects)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's reducer
            span.set_attribute("spantree.reducer_error", describe(error))
            return log.outputs()
        cuts: list[Cut] = []
        captured = capture(reduced, cuts)
        if cuts:
            note_cuts(span, "outputs", cuts)
        return captured


class _OpenStream(Stream):
    """One whose span has not ended.

    An async generator that is dropped after its loop is not closed by anybody. Ended
    streams are no instances of this class: an interrupt is lost in a `__del__`.
    """

    __slots__ = ()

    def __del__(self) -> None:
        if getattr(self, "span", None) is not None:
            self._end("garbage_collected", None)


def _ignore(_item: object) -> None:
    """Record nothing of an item."""


OFF = Stream(None, None, keeps_items=False)


def open_stream(
    site: Site,
    reducer: Reducer | None,
    keeps_items: bool | None,
    inputs: dict[str, object] | None,
) -> Stream:
    """Begin the span of a generator.

    Args:
        site: Name, type and attributes of the span.
        reducer: Makes the outputs from the list of items, if given.
        keeps_items: Whether to record what is yielded; None leaves it to the recorder.
        inputs: A fresh dict of the arguments.

    Returns:
        The stream; one that ignores everything where nothing is to be recorded.
    """
    if not RECORDER.enabled:
        return OFF
    if keeps_items is None:
        keeps_items = RECORDER.keeps_outputs
    span = RECORDER.begin_inactive(site, inputs)
    try:
        if not span:
            # What the body calls is not to be recorded either.
            silent = NoOpSpan()
            silent.above = CURRENT.get()
            return Stream(silent, None, keeps_items=False)
        return _OpenStream(span, reducer, keeps_items=keeps_items)
    except BaseException as error:  # noqa: BLE001 - ours
        RECORDER.fail(span, error)
        swallow("stream.open", error)
        return OFF


def first_step(body: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Give the first step of an async generator that only its wrapper may close.

    A loop that shuts down closes every async generator that began in it. It is told of
    the wrapper; told of the body too, it would close both at once, which fails.
    """
    hooks = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(None, _leave_alone)
        return body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _leave_alone(_body: AsyncGenerator[Any, Any]) -> None:
    """Do nothing for a dropped body, as a loop does that is closed."""


def as_thrown(error: BaseException) -> BaseException:
    """Take the wrapper's frame, where it is caught, off a thrown exception."""
    stack = sys.exc_info()[2]
    return BaseException.with_traceback(error, stack.tb_next if stack else None)
