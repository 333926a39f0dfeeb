"""Streamed programs of DSPy: what a model's reply has brought, and who left early.

``streamify`` runs the program in a task of its own, which sends the model's chunks to
the consumer. A consumer that leaves makes that task fail, by a cancellation or a closed
stream; only the consumer's side tells that nothing went wrong.
"""

from __future__ import annotations

import inspect
import sys
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from spantree.integrations._bodies import passing_on
from spantree.integrations._patch import MARK, is_hooked
from spantree.integrations._reduce import Text
from spantree.recording import guard
from spantree.recording.clock import perf_counter_ns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import ModuleType

    from spantree.integrations._call import StreamEnd
    from spantree.integrations._patch import Method

_SITE: Final = "autolog.dspy"
# Where programs find the function: DSPy hands it on from module to module.
_PLACES: Final = ("dspy.streaming.streamify", "dspy.streaming", "dspy")
# What a program runs into whose consumer is gone: anyio's and asyncio's exceptions.
_CONSUMER_IS_GONE: Final = frozenset(
    {
        "BrokenResourceError",
        "CancelledError",
        "ClosedResourceError",
        "RunFinishedError",
    }
)


class Reply:
    """What the chunks of one streamed reply have brought so far.

    Attributes:
        text: The text of the first choice.
        items: How many chunks there were.
    """

    __slots__ = ("_began_ns", "_first_ns", "items", "text")

    def __init__(self) -> None:
        self.text = Text()
        self.items = 0
        self._began_ns = perf_counter_ns()
        self._first_ns = 0

    def add(self, choices: list[Any]) -> None:
        """Take note of one chunk."""
        if not self.items:
            self._first_ns = perf_counter_ns()
        self.items += 1
        content = getattr(choices[0].delta, "content", None) if choices else None
        if isinstance(content, str):
            self.text.add(content)

    def attributes(self, how: StreamEnd) -> dict[str, object]:
        """Say how the stream went."""
        first_ms = (self._first_ns - self._began_ns) / 1_000_000
        return {
            "spantree.stream.end": how,
            "spantree.stream.items": self.items,
            "spantree.stream.first_item_ms": round(first_ms, 3),
        }


class Replies:
    """The streamed replies under way.

    Args:
        active: Gives DSPy's id of the call that runs here.
    """

    def __init__(self, active: Callable[[], str | None]) -> None:
        self._active = active
        self._open: dict[str, Reply] = {}

    def begin(self, call_id: str) -> None:
        """Expect chunks, if the model's reply is going to be sent in such."""
        stream = getattr(sys.modules["dspy"].settings, "send_stream", None)
        if stream is None:
            return
        self._open[call_id] = Reply()
        if not is_hooked(stream.send):
            # Of this object only, which `streamify` makes for one run of a program.
            stream.send = self._noting(stream.send)

    def take(self, call_id: str) -> Reply | None:
        """Give what a reply has brought; None where nothing was streamed."""
        reply = self._open.pop(call_id, None)
        return reply if reply is not None and reply.items else None

    def _noting(self, original: Method) -> Method:
        @wraps(original)
        async def send(item: Any) -> None:
            with guard(_SITE):
                reply = self._open.get(self._active() or "")
                choices = getattr(item, "choices", None)
                if reply is not None and isinstance(choices, list):
                    reply.add(choices)
            await original(item)

        setattr(send, MARK, True)
        return send

    def __len__(self) -> int:
        """Count those under way."""
        return len(self._open)


class _Consumer:
    """Follows what becomes of a streamed program's generator."""

    def __init__(self) -> None:
        self.has_left = False

    def enter(self) -> _Consumer | None:
        """Be known to the tasks that the program begins in this step."""
        above = _consumer.get()
        _consumer.set(self)
        return above

    def leave_to(self, above: _Consumer | None) -> None:
        """Put back who was known."""
        _consumer.set(above)

    def item(self, value: object) -> None:
        """Pass over it: the model's own side sees more."""

    def thrown(self, error: BaseException) -> None:
        """Take note that the consumer has had enough."""
        self.has_left = self.has_left or isinstance(error, GeneratorExit)

    def stream_ends(self, how: StreamEnd, error: BaseException | None = None) -> None:
        """Record nothing: the spans are the program's."""


_consumer: ContextVar[_Consumer | None] = ContextVar("spantree-dspy", default=None)


def was_left(error: BaseException | None) -> bool:
    """Whether something failed here since the consumer of the program left early."""
    consumer = _consumer.get()
    if consumer is None or not consumer.has_left:
        return False
    while error is not None:
        if type(error).__name__ in _CONSUMER_IS_GONE:
            return True
        error = error.__cause__
    return False


def watch_streamify(module: ModuleType) -> bool:
    """Follow the consumers of all programs that are streamed from now on."""
    original = getattr(module, "streamify", None)
    if not inspect.isfunction(original):
        return False
    if not is_hooked(original):
        replacement = _following(original)
        for name in _PLACES:
            place = sys.modules.get(name)
            if getattr(place, "streamify", None) is original:
                setattr(place, "streamify", replacement)  # noqa: B010 - of a module
    return True


def _following(original: Method) -> Method:
    @wraps(original)
    def streamify(*arguments: Any, **keywords: Any) -> Any:
        program = original(*arguments, **keywords)
        if not inspect.isasyncgenfunction(program):
            return program  # a thread of DSPy's reads it to its end

        def start(
            *given: Any, **named: Any
        ) -> tuple[AsyncGenerator[Any, Any], _Consumer]:
            return program(*given, **named), _Consumer()

        return wraps(program)(passing_on(start))

    setattr(streamify, MARK, True)
    return streamify
