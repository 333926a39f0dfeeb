"""What is kept of an exception: its type, its message and where it came from.

No reference to the exception, its traceback or a frame is kept.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from spantree.recording.capture import bounded
from spantree.recording.given import is_a, text_of
from spantree.recording.guard import WRAPPER_FILE

if TYPE_CHECKING:
    import traceback
    from collections.abc import Iterator
    from types import TracebackType

    from spantree.entities.values import Captured
    from spantree.recording.capture import Cut

MAX_STACK_CHARACTERS = 50_000
_NOTE_CHARACTERS = 100
# An exception out of 500 levels of recursion crosses 500 spans.
MAX_STACK_FRAMES = 60
# What CPython says when one context is entered by two threads at once.
_SHARED_CONTEXT = "cannot enter context"
_SHARED_CONTEXT_HINT = (
    "each task needs its own copy: spantree.propagate(fn) or "
    "spantree.ThreadPoolExecutor"
)
_OUR_FOLDER = __file__.rsplit(os.sep, 2)[0]


def describe(error: BaseException, message: str | None = None) -> str:
    """Give ``Type: message``, or ``Type`` when there is no message.

    Args:
        error: The exception.
        message: Its text, if it was asked for it already.
    """
    message = text_of(error) if message is None else message
    name = type(error).__name__
    return f"{name}: {message}" if message else name


def exception_attributes(
    error: BaseException, cuts: list[Cut] | None = None
) -> dict[str, Captured]:
    """Give the attributes of an ``exception`` event, by OpenTelemetry's names.

    Args:
        error: The exception.
        cuts: Gets an entry if its message is too long to be kept.
    """
    message = bounded(text_of(error), cuts)
    attributes: dict[str, Captured] = {
        "exception.type": type(error).__name__,
        "exception.message": message,
        "exception.stacktrace": _stack(error),
    }
    if message.startswith(_SHARED_CONTEXT) and is_a(error, RuntimeError):
        attributes["spantree.hint"] = _SHARED_CONTEXT_HINT
    return attributes


def _stack(error: BaseException) -> str:
    try:
        import traceback  # 2 ms that a program without failures does without

        summary = traceback.TracebackException(
            type(error),
            error,
            _innermost(error.__traceback__),
            limit=-MAX_STACK_FRAMES,
            lookup_lines=True,
        )
        for part in _with_causes(summary):
            frames = [frame for frame in part.stack if not _is_ours(frame.filename)]
            # Carets, which cost 0.1 ms a frame, stand under the innermost only.
            outer = [(f.filename, f.lineno or 0, f.name, f.line) for f in frames[:-1]]
            part.stack = traceback.StackSummary.from_list([*outer, *frames[-1:]])
        text = "".join(summary.format())
    except KeyboardInterrupt:
        raise  # a signal's: `traceback` lets nothing out of a __str__
    except BaseException:  # noqa: BLE001 - a broken exception, or too deep a stack
        return f"<unprintable {type(error).__name__}>"
    if len(text) <= MAX_STACK_CHARACTERS:
        return text
    half = (MAX_STACK_CHARACTERS - _NOTE_CHARACTERS) // 2
    cut = len(text) - 2 * half
    return f"{text[:half]}\n… [{cut:,} characters left out]\n{text[-half:]}"


def _innermost(stack: TracebackType | None) -> TracebackType | None:
    """Skip the outer frames; `traceback` looks up the code position of each it sees."""
    ahead = stack
    for _ in range(2 * MAX_STACK_FRAMES):  # ours are among them
        if ahead is None:
            return stack
        ahead = ahead.tb_next
    while ahead is not None:
        stack, ahead = cast("TracebackType", stack).tb_next, ahead.tb_next
    return stack


def _with_causes(
    summary: traceback.TracebackException,
) -> Iterator[traceback.TracebackException]:
    waiting = [summary]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [p for p in (part.__cause__, part.__context__) if p is not None]
        waiting += getattr(part, "exceptions", None) or []


def _is_ours(filename: str) -> bool:
    return filename == WRAPPER_FILE or filename.startswith(_OUR_FOLDER)
