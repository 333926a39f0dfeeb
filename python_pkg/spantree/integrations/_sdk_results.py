"""Takes note of what an SDK returns, and of what the user does with it.

Nothing is read on the user's behalf. A reply that is already in memory is looked at;
a stream or a body that isn't is watched while the user reads it.
"""

from __future__ import annotations

import inspect
import json
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from spantree.integrations._patch import Hook
from spantree.integrations._stream import AsyncTracedIterator, TracedIterator
from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.integrations._call import Call
    from spantree.integrations._patch import Method

# Where a response whose body isn't read yet keeps its call.
_PENDING: Final = "_spantree_call"
_RETRIES: Final = "spantree.llm.retries"
_TRACED: Final = (TracedIterator, AsyncTracedIterator)


class Results:
    """What the calls of one SDK return.

    Args:
        package: The SDK's package.
        site: Where a failure of ours is counted.
        helpers: ``module.Class`` of the objects around a raw stream that close its
            connection without telling it, modules without the package's name.
    """

    def __init__(self, package: str, site: str, helpers: tuple[str, ...] = ()) -> None:
        self._package = package
        self._site = site
        self._helpers = helpers
        self._takers: WeakKeyDictionary[type, Callable[[Call, Any], None]] = (
            WeakKeyDictionary()
        )

    def take(self, call: Call, result: object) -> None:
        """End the call with what the SDK returned, or watch it until it ends."""
        kind = type(result)
        taker = self._takers.get(kind)
        if taker is None:
            taker = self._takers[kind] = self._taker(result)
        taker(call, result)

    def _taker(self, result: object) -> Callable[[Call, Any], None]:
        if self._is_stream(result):
            return watch
        if self._is_a(result, "_legacy_response", "LegacyAPIResponse"):
            return _take_response
        if self._is_a(result, "_response", "BaseAPIResponse"):
            return _take_response
        if self._is_a(result, "_legacy_response", "HttpxBinaryResponseContent"):
            return _take_binary
        return _take_reply

    def hooks(self) -> list[Hook]:
        """Give the hooks that notice what users do with results."""
        closed = self._then(_after_stream_close, _after_stream_close)
        parsed = self._then(self._after_parse)
        read = self._then(_after_read, _failed)
        ended = self._then(_after_close, _after_close)
        found = [
            *self._pair("_streaming.Stream", "close", closed),
            *self._pair("_response.APIResponse", "parse", parsed),
            *self._pair("_response.APIResponse", "read", read),
            *self._pair("_response.APIResponse", "close", ended),
            self._hook("_legacy_response.LegacyAPIResponse", "parse", parsed),
        ]
        for helper in self._helpers:
            found += self._pair(helper, "close", closed)
        return found

    def _pair(
        self, place: str, method: str, wrap: Callable[[Method], Method]
    ) -> list[Hook]:
        module, _, owner = place.rpartition(".")
        twin = f"{module}.Async{owner}"
        return [self._hook(name, method, wrap) for name in (place, twin)]

    def _hook(self, place: str, method: str, wrap: Callable[[Method], Method]) -> Hook:
        module, _, owner = place.rpartition(".")
        return Hook((f"{self._package}.{module}",), owner, method, wrap)

    def _is_a(self, value: object, module: str, *names: str) -> bool:
        loaded = sys.modules.get(f"{self._package}.{module}")
        kinds = (getattr(loaded, name, None) for name in names)
        return isinstance(value, tuple(kind for kind in kinds if kind is not None))

    def _is_stream(self, value: object) -> bool:
        return self._is_a(value, "_streaming", "Stream", "AsyncStream")

    def _after_parse(self, response: object, parsed: object) -> None:
        call = vars(response).get(_PENDING)
        if call is not None and self._is_stream(parsed):
            watch(call, parsed)

    def _then(
        self,
        notice: Callable[[object, object], None],
        failed: Callable[[object, BaseException], None] = lambda *_: None,
    ) -> Callable[[Method], Method]:
        """Make the wrap of a hook that notices what a method has done.

        It reads no switch: calls that are under way when tracing is turned off end.
        """
        site = self._site

        def wrap(original: Method) -> Method:
            if inspect.iscoroutinefunction(original):

                @wraps(original)
                async def noticed_async(
                    self: object, *arguments: Any, **keywords: Any
                ) -> Any:
                    try:
                        result = await original(self, *arguments, **keywords)
                    except BaseException as error:
                        with guard(site):
                            failed(self, error)
                        raise
                    with guard(site):
                        notice(self, result)
                    return result

                return noticed_async

            @wraps(original)
            def noticed(self: object, *arguments: Any, **keywords: Any) -> Any:
                try:
                    result = original(self, *arguments, **keywords)
                except BaseException as error:
                    with guard(site):
                        failed(self, error)
                    raise
                with guard(site):
                    notice(self, result)
                return result

            return noticed

        return wrap


def watch(call: Call, stream: Any) -> None:
    """Follow a raw stream of the SDK while the user reads it."""
    # Read anew by the stream for each chunk; in Anthropic's SDK made by this look.
    inner = stream._iterator  # noqa: SLF001
    if isinstance(inner, _TRACED):
        return
    call.start_stream()
    is_async = hasattr(inner, "__anext__")
    watched = AsyncTracedIterator if is_async else TracedIterator
    vars(stream)["_iterator"] = watched(inner, call)


def _take_reply(call: Call, reply: object) -> None:
    call.answer(reply)
    call.end()


def _take_response(call: Call, response: Any) -> None:
    """Look at the body, if the SDK has read it already (``with_raw_response``)."""
    if response.retries_taken:
        call.note({_RETRIES: response.retries_taken})
    call.note_outputs(
        {"status_code": response.status_code, "request_id": response.request_id}
    )
    if response.http_response.is_stream_consumed:
        _answer_body(call, response)
        call.end()
    else:
        vars(response)[_PENDING] = call


def _take_binary(call: Call, content: Any) -> None:
    """Say what was downloaded: how much of which kind."""
    response = content.response
    if response.is_stream_consumed:
        call.answer(_described(response))
    call.end()


def _answer_body(call: Call, response: Any) -> None:
    http_response = response.http_response
    body = http_response.content
    if not _is_text(http_response):
        call.answer(_described(http_response))
        return
    try:
        reply = json.loads(body)
    except ValueError:
        reply = body.decode("utf-8", "replace")
    call.answer(reply)


def _is_text(http_response: Any) -> bool:
    kind = str(http_response.headers.get("content-type", "text/plain"))
    return kind.startswith("text/") or "json" in kind


def _described(http_response: Any) -> dict[str, object]:
    return {
        "content_type": http_response.headers.get("content-type"),
        "bytes": len(http_response.content),
    }


def _after_read(response: object, _body: object) -> None:
    call = vars(response).get(_PENDING)
    if call is not None:
        _answer_body(call, response)


def _after_close(response: object, _result: object) -> None:
    call = vars(response).pop(_PENDING, None)
    if call is not None:
        call.end_stream("closed") if call.is_stream else call.end()


def _after_stream_close(stream: object, _result: object) -> None:
    # The helpers of `.stream()` close the connection without telling the raw stream.
    raw = vars(stream).get("_raw_stream", stream)
    iterator = vars(raw).get("_iterator")
    if isinstance(iterator, _TRACED):
        iterator.call.end_stream("closed")


def _failed(response: object, error: BaseException) -> None:
    call = vars(response).pop(_PENDING, None)
    if call is not None:
        call.fail(error)
