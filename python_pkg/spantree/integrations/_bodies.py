"""Methods that run other people's code: their span is current while they run."""

from __future__ import annotations

import inspect
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from spantree.entities.live_span import LiveSpan, NoOpSpan
from spantree.integrations._reduce import Text
from spantree.recording import guard
from spantree.recording.clock import perf_counter_ns
from spantree.recording.context import CURRENT, leave, leave_to
from spantree.recording.streams import first_step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from spantree.integrations._call import StreamEnd
    from spantree.integrations._patch import Method

# Span id → the object whose method the span is of; removed when it ends.
_owners: dict[int, object] = {}


def owner_of_current() -> object:
    """Give the object whose method is the innermost traced one here, or None."""
    node = CURRENT.get()
    while node is not None:
        if node.span_key in _owners:
            return _owners[node.span_key]
        node = node.above
    return None


def open_bodies() -> int:
    """Count the methods under way."""
    return len(_owners)


class Writer(Protocol):
    """Puts what a method gave into its span."""

    def __call__(
        self, span: LiveSpan, target: Any, result: object, partial_text: str | None
    ) -> None:
        """Write the result, or for a stream left early what it brought so far."""


class Body:
    """One run of a method; its span ends exactly once.

    Args:
        span: The run's span; None for a run that is part of another one's.
        target: The object whose method it is.
        write: Puts the result into the span.
        site: Where a failure of ours is counted.
    """

    __slots__ = (
        "_began_ns",
        "_first_ns",
        "_items",
        "_last",
        "_site",
        "_span",
        "_target",
        "_text",
        "_write",
    )

    def __init__(
        self, span: LiveSpan | None, target: object, write: Writer, site: str
    ) -> None:
        self._span: LiveSpan | None = span
        self._target = target
        self._write = write
        self._site = site
        self._last: object = None
        self._text = Text()
        self._items = 0
        self._began_ns = perf_counter_ns()
        self._first_ns = 0
        if span is not None and span.span_key:
            _owners[span.span_key] = target

    @property
    def span(self) -> LiveSpan:
        """The span, while it is open."""
        return self._span or NoOpSpan()

    def enter(self) -> LiveSpan | None:
        """Make the span current; give what was."""
        above = CURRENT.get()
        span = self._span
        if span is not None:
            span.above = above
            CURRENT.set(span)
        return above

    def leave_to(self, above: LiveSpan | None) -> None:
        """Make current again what was."""
        leave_to(self._span, above)

    def item(self, value: object) -> None:
        """Take note of one item of a stream."""
        with guard(self._site):
            if not self._items:
                self._first_ns = perf_counter_ns()
            self._items += 1
            if isinstance(value, str):
                self._text.add(value)
            else:
                self._last = value

    def thrown(self, error: BaseException) -> None:
        """Take note of what the consumer throws in, before the method sees it."""

    def done(self, result: object) -> None:
        """End the span with the result."""
        self._end(result, None)

    def fail(self, error: BaseException) -> None:
        """End the span with what was raised."""
        self._end(None, error)

    def stream_ends(self, how: StreamEnd, error: BaseException | None = None) -> None:
        """End the span of a stream with what it brought."""
        span = self._span
        if span is None:
            return
        with guard(self._site):
            found: dict[str, object] = {
                "spantree.stream.end": how,
                "spantree.stream.items": self._items,
            }
            if self._items:
                first_ms = (self._first_ns - self._began_ns) / 1_000_000
                found["spantree.stream.first_item_ms"] = round(first_ms, 3)
            span.set_attributes(found)
        self._end(self._last, error)

    def _end(self, result: object, error: BaseException | None) -> None:
        span, self._span = self._span, None
        if span is None:
            return
        with guard(self._site):
            _owners.pop(span.span_key, None)
            text = str(self._text) if self._items else None
            if result is not None or text:
                self._write(span, self._target, result, text)
            if error is not None:
                span.record_exception(error)
        leave(span)
        span.end()

    def __del__(self) -> None:
        """End the span of a stream that was dropped without being closed."""
        if getattr(self, "_span", None) is not None and not sys.is_finalizing():
            self.stream_ends("garbage_collected")


class Begin(Protocol):
    """Begins the span of a method's run; None where nothing is to be recorded."""

    def __call__(
        self, target: Any, method: str, arguments: dict[str, object]
    ) -> Body | None:
        """Begin it.

        Args:
            target: The object whose method it is.
            method: The method's name.
            arguments: By name, as they were passed.
        """


# Target, arguments and keywords → the body of one run.
_Begun: TypeAlias = "Callable[[object, tuple[Any, ...], dict[str, Any]], Body | None]"


class Follower(Protocol):
    """What follows a stream step by step, as :class:`Body` does."""

    def enter(self) -> Any:
        """Prepare the context for one step; give what :meth:`leave_to` needs."""

    def leave_to(self, above: Any) -> None:
        """Put the context back."""

    def item(self, value: object) -> None:
        """Take note of one item."""

    def thrown(self, error: BaseException) -> None:
        """Take note of what the consumer throws in, before the stream sees it."""

    def stream_ends(self, how: StreamEnd, error: BaseException | None = None) -> None:
        """Take note of the end."""


def silent_body(target: object, write: Writer, site: str) -> Body:
    """Give a body that records nothing, nor anything it calls."""
    return Body(NoOpSpan(), target, write, site)


def around_body(begin: Begin) -> Callable[[Method], Method]:
    """Make the wrap of a hook for methods that run other people's code.

    Args:
        begin: Begins the spans.

    Returns:
        Original method → replacement of the same kind: an ``async def`` for an
        ``async def``, with ``yield`` for one with ``yield``.
    """

    def wrap(original: Method) -> Method:
        begun = _begun(begin, original)
        if inspect.isasyncgenfunction(original):
            return _around_generator_function(original, begun)
        if inspect.iscoroutinefunction(original):
            return _around_coroutine_function(original, begun)
        return _around_function(original, begun)

    return wrap


def _begun(begin: Begin, original: Method) -> _Begun:
    """Let the spans of a method's runs begin with its arguments by name."""
    bind = inspect.signature(original).bind_partial

    def begun(
        target: object, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Body | None:
        with guard("autolog.begin"):
            given = bind(target, *arguments, **keywords)
            named = dict(list(given.arguments.items())[1:])
            return begin(target, original.__name__, named)
        return None

    return begun


def _around_coroutine_function(original: Method, begun: _Begun) -> Method:
    @wraps(original)
    async def traced(self: object, *arguments: Any, **keywords: Any) -> Any:
        body = begun(self, arguments, keywords)
        if body is None:
            return await original(self, *arguments, **keywords)
        body.enter()
        try:
            result = await original(self, *arguments, **keywords)
        except BaseException as error:
            body.fail(error)
            raise
        body.done(result)
        return result

    return traced


def _around_generator_function(original: Method, begun: _Begun) -> Method:
    def start(
        self: object, *arguments: Any, **keywords: Any
    ) -> tuple[AsyncGenerator[Any, Any], Body]:
        inner = original(self, *arguments, **keywords)
        return inner, begun(self, arguments, keywords) or _nothing(self)

    return wraps(original)(passing_on(start))


def _around_function(original: Method, begun: _Begun) -> Method:
    """Replace a plain function that makes an asynchronous generator."""

    @wraps(original)
    def traced(self: object, *arguments: Any, **keywords: Any) -> Any:
        result = original(self, *arguments, **keywords)
        if not inspect.isasyncgen(result):
            return result

        def start() -> tuple[AsyncGenerator[Any, Any], Body]:
            return result, begun(self, arguments, keywords) or _nothing(self)

        return passing_on(start)()

    return traced


def _nothing(target: object) -> Body:
    """Give the body of a stream that another span is for."""
    return Body(None, target, _write_nothing, "autolog.stream")


def _write_nothing(
    span: LiveSpan, target: object, result: object, partial_text: str | None
) -> None:
    """Record nothing of a stream that another span is for."""


def passing_on(
    start: Callable[..., tuple[AsyncGenerator[Any, Any], Follower]],
) -> Method:
    """Make a function whose generators pass on what others yield.

    Args:
        start: The function's arguments → the other generator, not begun, and who
            follows what becomes of it.
    """

    async def traced(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        inner, body = start(*arguments, **keywords)
        step = first_step(inner)
        try:
            while True:
                above = body.enter()
                try:
                    item = await step
                finally:
                    body.leave_to(above)
                body.item(item)
                try:
                    step = inner.asend((yield item))
                except BaseException as error:  # noqa: BLE001 - passed on to the body
                    body.thrown(error)
                    step = inner.athrow(error)
        except StopAsyncIteration:
            body.stream_ends("exhausted")
        except GeneratorExit:
            body.stream_ends("closed")
            raise
        except BaseException as error:
            body.stream_ends("error", error)
            raise

    return traced
