"""One traced call of a model: its span, and what is put into it when it ends."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from spantree.entities.span import SpanEvent
from spantree.integrations._plain import plain
from spantree.recording import guard, set_captured
from spantree.recording.capture import capture, capture_arguments, is_plain
from spantree.recording.clock import perf_counter_ns
from spantree.recording.guard import swallow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spantree.entities.values import Captured
    from spantree.integrations._reduce import Reducer
    from spantree.recording import LiveSpan

StreamEnd: TypeAlias = Literal["exhausted", "closed", "garbage_collected", "error"]


@dataclass(frozen=True, slots=True)
class Options:
    """What an integration records.

    Args:
        log_inputs: Whether the arguments are kept.
        log_outputs: Whether the reply is kept; usage and model always are.
        chunk_events: Whether each chunk of a stream becomes an event.
        propagate: Whether a ``traceparent`` header is added to requests.
    """

    log_inputs: bool = True
    log_outputs: bool = True
    chunk_events: bool = False
    propagate: bool = False


@dataclass(frozen=True, slots=True)
class WireFormat:
    """A provider's way of writing requests and replies.

    Args:
        span_type: The type of a call's span.
        describe: Reply → attributes by name.
        asked: Arguments by name → what is kept of them as inputs.
        shape: Reply as JSON data → what is kept of it as outputs.
        failure: Reply → what went wrong, or None.
        reducer: Makes the reducer of a stream; None when replies aren't streamed.
    """

    span_type: str
    describe: Callable[[dict[str, object]], dict[str, object]]
    asked: Callable[[dict[str, object]], dict[str, object]] = lambda given: given
    shape: Callable[[dict[str, object]], dict[str, object]] = lambda reply: reply
    failure: Callable[[dict[str, object]], str | None] = lambda _reply: None
    reducer: Callable[[], Reducer] | None = None


class Call:
    """A call that is under way; its span ends exactly once.

    Args:
        span: The call's span.
        wire: How its reply is written.
        options: What is recorded.
        site: Where a failure of ours is counted.
    """

    __slots__ = (
        "_began_ns",
        "_first_ns",
        "_items",
        "_last_ns",
        "_options",
        "_reduce",
        "_reducer",
        "_site",
        "_span",
        "_wire",
    )

    def __init__(
        self, span: LiveSpan, wire: WireFormat, options: Options, site: str
    ) -> None:
        self._span: LiveSpan | None = span
        self._wire = wire
        self._options = options
        self._site = site
        self._reducer: Reducer | None = None
        self._reduce: Callable[[object], None] = _ignore
        self._items = 0
        self._began_ns = perf_counter_ns()
        self._first_ns = 0
        self._last_ns = self._began_ns

    def fail(self, error: BaseException) -> None:
        """End the span: the SDK raised instead of answering."""
        span, self._span = self._span, None
        if span is not None:
            with guard(self._site):
                span.record_exception(error)
            span.end()

    def answer(self, reply: object) -> None:
        """Put a whole reply into the span; the last one given wins.

        Args:
            reply: The SDK's own object, or JSON data.
        """
        span = self._span
        if span is None:
            return
        try:
            outputs = plain(reply)
            if isinstance(outputs, dict):
                self._write(span, outputs)
            elif self._options.log_outputs:
                span.set_outputs(outputs)
        except BaseException as error:  # noqa: BLE001 - ours; `guard` takes half a µs
            swallow(self._site, error)

    def note(self, attributes: dict[str, object]) -> None:
        """Add attributes to the span."""
        if self._span is not None:
            self._span.set_attributes(attributes)

    def note_outputs(self, outputs: dict[str, object]) -> None:
        """Say something for outputs until a better answer is known."""
        if self._span is not None:
            self._span.set_outputs(outputs)

    def end(self) -> None:
        """End the span of a call that was answered."""
        span, self._span = self._span, None
        if span is not None:
            span.end()

    def start_stream(self) -> None:
        """Expect chunks from now on."""
        self._last_ns = perf_counter_ns()
        if self._wire.reducer is not None:
            self._reducer = self._wire.reducer()
            self._reduce = self._reducer.add
        if self._options.chunk_events:
            self._reduce = self._keep_chunk

    @property
    def is_stream(self) -> bool:
        """Whether the reply comes in chunks."""
        return self._reducer is not None

    def add(self, chunk: object) -> None:
        """Take note of one chunk that the user's own reading brought."""
        self._last_ns = perf_counter_ns()
        if not self._items:
            self._first_ns = self._last_ns
        self._items += 1
        try:
            self._reduce(chunk)
        except Exception as error:  # noqa: BLE001 - ours; `guard` takes half a µs
            swallow(self._site, error)

    def follow(self, chunks: Iterator[object]) -> Iterator[object]:
        """Pass the chunks of a stream on and take note of each.

        What :meth:`add` does stands here once more: a call for each chunk is a third
        of what tracing a stream costs.
        """
        reduce = self._reduce
        try:
            for chunk in chunks:
                self._last_ns = perf_counter_ns()
                if not self._items:
                    self._first_ns = self._last_ns
                self._items += 1
                try:
                    reduce(chunk)
                except Exception as error:  # noqa: BLE001 - ours, as above
                    swallow(self._site, error)
                yield chunk
        except GeneratorExit:  # left early, by whoever reads on from here
            raise
        except BaseException as error:
            self.end_stream("error", error)
            raise
        self.end_stream("exhausted")

    def _keep_chunk(self, chunk: object) -> None:
        event = SpanEvent(
            f"mlflow.chunk.item.{self._items - 1}",
            attributes={"mlflow.chunk.value": plain(chunk)},
        )
        if self._span is not None:
            self._span.add_event(event)
        if self._reducer is not None:
            self._reducer.add(chunk)

    def end_stream(self, how: StreamEnd, error: BaseException | None = None) -> None:
        """End the span of a stream, with the reply as far as it was read.

        Args:
            how: What ended it.
            error: What the SDK raised while the user was reading.
        """
        span, self._span = self._span, None
        if span is None:
            return
        with guard(self._site):
            span.set_attributes(self._progress(how))
            outputs = None if self._reducer is None else self._reducer.result()
            if outputs is not None:
                self._write(span, outputs)
            if error is not None:
                span.record_exception(error)
        # A stream nobody holds any more ended with its last chunk, whenever the
        # collector came by.
        elapsed = self._last_ns - self._began_ns
        at = span.start_time_ns + elapsed if how == "garbage_collected" else None
        span.end(end_time_ns=at)

    def _progress(self, how: StreamEnd) -> dict[str, object]:
        found: dict[str, object] = {
            "spantree.stream.end": how,
            "spantree.stream.items": self._items,
        }
        if self._items:
            first_ms = (self._first_ns - self._began_ns) / 1_000_000
            found["spantree.stream.first_item_ms"] = round(first_ms, 3)
        return found

    def _write(self, span: LiveSpan, outputs: dict[str, object]) -> None:
        _describe(span, self._wire.describe(outputs))
        if self._options.log_outputs:
            span.set_outputs(self._wire.shape(outputs))
        failure = self._wire.failure(outputs)
        if failure is not None:
            span.record_exception(failure)

    def __del__(self) -> None:
        """End the span of a call that was dropped on the way."""
        # At exit an open span stays open: the trace was interrupted.
        if getattr(self, "_span", None) is not None and not sys.is_finalizing():
            self.end_stream("garbage_collected")


def _describe(span: LiveSpan, attributes: dict[str, object]) -> None:
    """Set attributes that a reply tells: fresh values, mostly of very few kinds."""
    captured: dict[str, Captured] = {}
    for name, value in attributes.items():
        if is_plain(value):
            captured[name] = value  # type: ignore[assignment]  # a scalar
        elif type(value) is dict:
            captured[name] = capture_arguments(value)  # nobody else holds it
        elif type(value) is list and len(value) == 1 and type(value[0]) is str:
            captured[name] = _list_of(value[0])  # why the one choice has ended
        else:
            span.set_attribute(name, value)
    set_captured(span, captured)


@lru_cache(maxsize=64)
def _list_of(item: str) -> Captured:
    return capture([item])


def _ignore(_chunk: object) -> None:
    """Keep nothing of a chunk in a format that is not known."""
