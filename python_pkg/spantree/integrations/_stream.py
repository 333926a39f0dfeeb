"""Watches the iterator inside a stream of an SDK.

The user keeps the SDK's own stream object. Only the iterator it reads from is
replaced, by one that holds the inner iterator and the call, never the stream: a
cycle would delay the close of a dropped stream until the collector runs. A stream
that nobody holds any more takes its iterator and its call along; the call's own end
is the end of the span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from spantree.integrations._call import Call


class TracedIterator:
    """Passes chunks on and ends the call's span when there are no more.

    Args:
        inner: The SDK's iterator.
        call: The call the stream belongs to.
    """

    __slots__ = ("__weakref__", "_add", "_inner", "call")

    def __init__(self, inner: Iterator[object], call: Call) -> None:
        self._inner = inner
        self.call = call
        self._add = call.add

    def __iter__(self) -> Iterator[object]:
        """Give a generator that reads on from here: quicker than ``__next__``."""
        return self.call.follow(self._inner)

    def __next__(self) -> object:
        """Read one chunk."""
        try:
            chunk = next(self._inner)
        except StopIteration:
            self.call.end_stream("exhausted")
            raise
        except BaseException as error:
            self.call.end_stream("error", error)
            raise
        self._add(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        """Give what else the inner iterator offers, such as ``close``."""
        return getattr(self._inner, name)


class AsyncTracedIterator:
    """Passes chunks on and ends the call's span when there are no more.

    Args:
        inner: The SDK's asynchronous iterator.
        call: The call the stream belongs to.
    """

    __slots__ = ("__weakref__", "_add", "_inner", "call")

    def __init__(self, inner: AsyncIterator[object], call: Call) -> None:
        self._inner = inner
        self.call = call
        self._add = call.add

    def __aiter__(self) -> AsyncIterator[object]:
        """Give the iterator itself."""
        return self

    async def __anext__(self) -> object:
        """Read one chunk."""
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            self.call.end_stream("exhausted")
            raise
        except BaseException as error:
            self.call.end_stream("error", error)
            raise
        self._add(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        """Give what else the inner iterator offers, such as ``aclose``."""
        return getattr(self._inner, name)
