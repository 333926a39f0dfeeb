"""Takes note of what the OpenAI SDK returns, and of what the user does with it.

Nothing is read on the user's behalf. A reply that is already in memory is looked at;
a stream or a body that isn't is watched while the user reads it.
"""

from __future__ import annotations

import inspect
import json
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from spantree.integrations._stream import AsyncTracedIterator, TracedIterator
from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.integrations._call import Call
    from spantree.integrations._patch import Method

_SITE = "autolog.openai"
# Where a response whose body isn't read yet keeps its call.
_PENDING = "_spantree_call"
_RETRIES = "spantree.llm.retries"


def take(call: Call, result: object) -> None:
    """End the call with what the SDK returned, or watch the result until it ends."""
    if _is_a(result, "openai._streaming", "Stream", "AsyncStream"):
        _watch(call, result)
    elif _is_a(result, "openai._legacy_response", "LegacyAPIResponse"):
        _take_raw(call, result)
    elif _is_a(result, "openai._response", "BaseAPIResponse"):
        _note_response(call, result)
        vars(result)[_PENDING] = call
    else:
        call.answer(result)
        call.end()


def _is_a(value: object, module: str, *names: str) -> bool:
    loaded = sys.modules.get(module)
    kinds = [getattr(loaded, name, None) for name in names]
    return isinstance(value, tuple(kind for kind in kinds if isinstance(kind, type)))


def _watch(call: Call, stream: Any) -> None:
    inner = stream._iterator  # noqa: SLF001 - read anew by Stream for each chunk
    if isinstance(inner, (TracedIterator, AsyncTracedIterator)):
        return
    call.start_stream()
    is_async = hasattr(inner, "__anext__")
    watched = AsyncTracedIterator if is_async else TracedIterator
    stream._iterator = watched(inner, call)  # noqa: SLF001


def _take_raw(call: Call, response: Any) -> None:
    """Look at the body of ``with_raw_response``, which the SDK has read already."""
    _note_response(call, response)
    body = response.http_response
    if not body.is_stream_consumed:
        vars(response)[_PENDING] = call
        return
    _answer_body(call, body.content)
    call.end()


def _note_response(call: Call, response: Any) -> None:
    if response.retries_taken:
        call.note({_RETRIES: response.retries_taken})
    call.note_outputs(
        {"status_code": response.status_code, "request_id": response.request_id}
    )


def _answer_body(call: Call, body: object) -> None:
    if not isinstance(body, bytes):
        return
    try:
        reply = json.loads(body)
    except ValueError:
        reply = body.decode("utf-8", "replace")
    call.answer(reply)


def _pending(response: object) -> Call | None:
    return vars(response).get(_PENDING)


def _after_parse(response: object, parsed: object) -> None:
    call = _pending(response)
    if call is not None and _is_a(parsed, "openai._streaming", "Stream", "AsyncStream"):
        _watch(call, parsed)


def _after_read(response: object, body: object) -> None:
    call = _pending(response)
    if call is not None:
        _answer_body(call, body)


def _after_close(response: object, _result: object) -> None:
    call = vars(response).pop(_PENDING, None)
    if call is not None:
        call.end_stream("closed") if call.is_stream else call.end()


def _after_stream_close(stream: object, _result: object) -> None:
    # The helpers of `.stream()` close the connection without telling the raw stream.
    raw = vars(stream).get("_raw_stream", stream)
    iterator = vars(raw).get("_iterator")
    if isinstance(iterator, (TracedIterator, AsyncTracedIterator)):
        iterator.call.end_stream("closed")


def _failed(response: object, error: BaseException) -> None:
    call = vars(response).pop(_PENDING, None)
    if call is not None:
        call.fail(error)


def _no_failure(_target: object, _error: BaseException) -> None:
    """Leave it to the other hooks."""


def _then(
    notice: Callable[[object, object], None],
    failed: Callable[[object, BaseException], None] = _no_failure,
) -> Callable[[Method], Method]:
    """Make the wrap of a hook that notices what a method has done.

    It reads no switch: calls that are under way when tracing is turned off end.
    """

    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):

            @wraps(original)
            async def noticed_async(
                self: object,
                *arguments: Any,
                **keywords: Any,
            ) -> Any:
                try:
                    result = await original(self, *arguments, **keywords)
                except BaseException as error:
                    with guard(_SITE):
                        failed(self, error)
                    raise
                with guard(_SITE):
                    notice(self, result)
                return result

            return noticed_async

        @wraps(original)
        def noticed(self: object, *arguments: Any, **keywords: Any) -> Any:
            try:
                result = original(self, *arguments, **keywords)
            except BaseException as error:
                with guard(_SITE):
                    failed(self, error)
                raise
            with guard(_SITE):
                notice(self, result)
            return result

        return noticed

    return wrap


stream_closed = _then(
    _after_stream_close, lambda stream, _error: _after_stream_close(stream, None)
)
response_parsed = _then(_after_parse)
response_read = _then(_after_read, _failed)
response_closed = _then(_after_close, lambda target, _error: _after_close(target, None))
