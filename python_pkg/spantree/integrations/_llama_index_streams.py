"""Answers of LlamaIndex that come in parts, and the spans that wait for them."""

from __future__ import annotations

import inspect
import weakref
from typing import TYPE_CHECKING, Any

from spantree.entities.span import MODEL, TOKEN_USAGE
from spantree.integrations import _llama_index_values as values
from spantree.integrations._reduce import Text
from spantree.recording import guard
from spantree.recording.clock import perf_counter_ns
from spantree.recording.context import CURRENT, leave_to

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from spantree.integrations._call import StreamEnd
    from spantree.integrations._runs import Runs
    from spantree.recording import LiveSpan

SITE = "autolog.llama_index"


class Streams:
    """The answers that are being streamed.

    Args:
        runs: Where the spans of methods are.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._models: dict[str, _Stream] = {}

    def __len__(self) -> int:
        """Count the models whose answer isn't whole yet."""
        return len(self._models)

    def model_starts(self, key: str, span: LiveSpan) -> None:
        """Expect an answer of a model, at once or in parts."""
        self._models[key] = _Stream(span, self._runs)

    def model_goes_on(self, key: str, response: Any) -> None:
        """Take a model's answer so far; LlamaIndex sums it up itself."""
        stream = self._models.get(key)
        if stream is not None:
            stream.took()
            stream.response = response

    def model_ends(self, key: str, response: Any) -> None:
        """Take a model's whole answer."""
        stream = self._models.pop(key, None)
        if stream is None:
            return
        if response is not None:
            stream.response = response
        if self._runs.get(key) is None:
            stream.end("exhausted")
        else:  # at once: its method hasn't returned yet
            stream.describe()

    def drop(self, key: str) -> None:
        """Expect no answer any more."""
        self._models.pop(key, None)

    def close(
        self,
        key: str,
        how: StreamEnd = "garbage_collected",
        error: BaseException | None = None,
    ) -> None:
        """End the spans of a stream that isn't read to its end."""
        with guard(SITE):
            stream = self._models.pop(key, None)
            if stream is not None:
                stream.end(how, error)

    def is_awaited(self, span: LiveSpan, result: Any) -> bool:
        """Whether a span must wait for the stream that its method has returned."""
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            return self._waits_for_generator(span, result)
        if not type(result).__name__.startswith(("Streaming", "AsyncStreaming")):
            return False
        parts = vars(result).get("response_gen")
        if inspect.isgenerator(parts) or inspect.isasyncgen(parts):
            self._wait_for_parts(span, result, parts)
            return True
        below = self._newest_below(span)
        if below is not None:
            below.returned_by.append(span)
        return below is not None

    def _waits_for_generator(self, span: LiveSpan, result: Any) -> bool:
        for key, stream in self._models.items():
            if stream.span is span:
                # One that nobody reads at all is not reported by events.
                weakref.finalize(result, self.close, key).atexit = False
                return True
        below = self._newest_below(span)
        if below is not None:
            below.returned_by.append(span)
        return below is not None

    def _wait_for_parts(self, span: LiveSpan, result: Any, parts: Any) -> None:
        answer = _answers.get(parts)
        if answer is not None:
            answer.returned_by.append(span)
            return
        stream = _Stream(span, self._runs)
        make = _pass_on if inspect.isgenerator(parts) else _pass_on_async
        result.response_gen = made = make(parts, stream)
        _answers[made] = stream
        weakref.finalize(made, _end_dropped, stream).atexit = False

    def _newest_below(self, span: LiveSpan) -> _Stream | None:
        for stream in reversed(list(self._models.values())):
            if _is_below(stream.span, span):
                return stream
        return None


def _is_below(span: LiveSpan, above: LiveSpan) -> bool:
    spans = {s.span_key: s for s in span.owner.spans}  # type: ignore[attr-defined]
    node: LiveSpan | None = span
    while node is not None and node is not above:
        node = spans.get(node.parent_key)
    return node is above


class _Stream:
    """One answer in parts, and the spans of those who returned it."""

    def __init__(self, span: LiveSpan, runs: Runs) -> None:
        self.span = span
        self.response: Any = None
        self.text = Text()
        self.returned_by: list[LiveSpan] = []
        self._runs = runs
        self._items = 0
        self._first_ns = self._last_ns = self._began_ns = perf_counter_ns()

    def took(self, text: object = None) -> None:
        """Note that a part came."""
        self._last_ns = perf_counter_ns()
        if not self._items:
            self._first_ns = self._last_ns
        self._items += 1
        if isinstance(text, str):
            self.text.add(text)

    def describe(self) -> None:
        """Put a model's answer, as far as it is known, into its span."""
        response = self.response
        if response is None:
            return
        self._runs.set_outputs(self.span, values.value_of(response))
        usage = values.usage_of(response)
        if usage is not None:
            self.span.set_attribute(TOKEN_USAGE, usage)
        model = values.replied_model(response)
        if model is not None:
            self.span.set_attribute(MODEL, model)

    def end(self, how: StreamEnd, error: BaseException | None = None) -> None:
        """End the spans of all who returned the stream, innermost first."""
        if self.span.end_time_ns is not None:
            return
        self.span.set_attributes(self._progress(how))
        self.describe()
        # One that nobody holds any more ended with its last part.
        elapsed = self._last_ns - self._began_ns
        at = self.span.start_time_ns + elapsed if how == "garbage_collected" else None
        for span in (self.span, *self.returned_by):
            if span.raw_outputs is None and self._items:
                self._runs.set_outputs(span, {"response": self._whole_text()})
            if error is not None:
                span.record_exception(error)
            span.end(end_time_ns=at)

    def _whole_text(self) -> object:
        if self.response is None:
            return str(self.text)
        return values.text_of(self.response)

    def _progress(self, how: StreamEnd) -> dict[str, object]:
        found: dict[str, object] = {
            "spantree.stream.end": how,
            "spantree.stream.items": self._items,
        }
        if self._items:
            first_ms = (self._first_ns - self._began_ns) / 1_000_000
            found["spantree.stream.first_item_ms"] = round(first_ms, 3)
        return found


# The generators of ours that stand in a streaming response.
_answers: weakref.WeakKeyDictionary[Any, _Stream] = weakref.WeakKeyDictionary()


def _end_dropped(stream: _Stream) -> None:
    with guard(SITE):
        stream.end("garbage_collected")


def _pass_on(
    parts: Generator[Any, None, None], stream: _Stream
) -> Generator[Any, None, None]:
    """Pass the parts on; the span is current while the next one is being made."""
    with _Ending(stream):
        while True:
            above = _enter(stream)
            try:
                part = next(parts)
            except StopIteration:
                return
            finally:
                leave_to(stream.span, above)
            stream.took(part)
            yield part


async def _pass_on_async(
    parts: AsyncGenerator[Any, None], stream: _Stream
) -> AsyncGenerator[Any, None]:
    with _Ending(stream):
        while True:
            above = _enter(stream)
            try:
                part = await parts.__anext__()
            except StopAsyncIteration:
                return
            finally:
                leave_to(stream.span, above)
            stream.took(part)
            yield part


class _Ending:
    """Ends the stream when its generator is left, however it is."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        """Begin to read."""

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        """End the spans."""
        with guard(SITE):
            if error is None:
                self._stream.end("exhausted")
            elif isinstance(error, GeneratorExit):
                self._stream.end("closed")
            else:
                self._stream.end("error", error)


def _enter(stream: _Stream) -> LiveSpan | None:
    above = CURRENT.get()
    stream.span.above = above
    CURRENT.set(stream.span)
    return above
