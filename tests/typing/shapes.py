"""What type checkers see of decorated functions; checked by them, never run."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Generic, TypeVar, overload

from typing_extensions import assert_type

import spantree
from spantree.entities import LiveSpan, SpanType, Trace
from spantree.entities.paging import PagedList

T = TypeVar("T")

# Plain functions: bare, with arguments, with a name, and as a call.


@spantree.trace
def bare(a: int, *, b: str = "") -> float:
    return a + len(b)


@spantree.trace(name="other", span_type=SpanType.TOOL)
def with_arguments(a: int, *, b: str = "") -> float:
    return a + len(b)


@spantree.trace("other")
def named(a: int) -> float:
    return a


assert_type(bare(1, b="x"), float)
assert_type(with_arguments(1, b="x"), float)
assert_type(named(1), float)
assert_type(spantree.trace(math.sqrt)(2.0), float)

bare("1")  # type: ignore[arg-type]
bare(1, c="x")  # type: ignore[call-arg]
with_arguments("1")  # type: ignore[arg-type]


# Coroutine functions.


@spantree.trace
async def fetch(url: str) -> bytes:
    return url.encode()


async def fetch_twice() -> bytes:
    await fetch(1)  # type: ignore[arg-type]
    return assert_type(await fetch("x"), bytes)


# Generator functions.


@spantree.trace(output_reducer=sum)
def count(n: int) -> Generator[int, str, bool]:
    yield from range(n)
    return True


assert_type(count(1), Generator[int, str, bool])


# Async generator functions.


@spantree.trace
async def ticks(n: int) -> AsyncGenerator[int, None]:
    for i in range(n):
        yield i


assert_type(ticks(1), AsyncGenerator[int, None])


# Methods, class methods, static methods.


class Pipeline:
    @spantree.trace
    def run(self, q: str) -> list[str]:
        return [q]

    @classmethod
    @spantree.trace
    def make(cls, n: int) -> int:
        return n

    @staticmethod
    @spantree.trace(span_type="TOOL")
    def tool(x: bytes) -> bytes:
        return x


assert_type(Pipeline().run("q"), list[str])
assert_type(Pipeline.make(1), int)
assert_type(Pipeline.tool(b""), bytes)
Pipeline().run(1)  # type: ignore[arg-type]


# Functions passed on: the decorator of a decorator keeps what it was given.


def applied(function: Callable[[int], str]) -> Callable[[int], str]:
    return spantree.trace(function)


assert_type(applied(str)(1), str)
assert_type(spantree.propagate(bare)(1, b="x"), float)


# Overloads and generics, decorated or passed to the decorator.


@overload
def double(x: int) -> int: ...
@overload
def double(x: str) -> str: ...
def double(x: int | str) -> int | str:
    return x * 2


traced_double = spantree.trace(double)

assert_type(traced_double(1), int)
assert_type(traced_double("x"), str)
traced_double(b"x")  # type: ignore[call-overload]


@overload
def half(x: int) -> int: ...
@overload
def half(x: str) -> str: ...
@spantree.trace(name="half")
def half(x: int | str) -> int | str:
    return x


assert_type(half("x"), str)


@spantree.trace
def first(items: Sequence[T]) -> T:
    return items[0]


@spantree.trace(span_type="TOOL")
def last(items: Sequence[T]) -> T:
    return items[-1]


assert_type(first([1]), int)
assert_type(last(["x"]), str)


class Box(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item

    @spantree.trace
    def get(self) -> T:
        return self.item

    @property
    @spantree.trace
    def size(self) -> int:
        return 1


assert_type(Box("x").get(), str)
assert_type(Box("x").size, int)


# What the other calls give.

with spantree.start_span("s") as span:
    assert_type(span, LiveSpan)
assert_type(spantree.get_current_active_span(), LiveSpan | None)
assert_type(spantree.get_trace("tr-1"), Trace | None)
assert_type(spantree.TraceClient().get_trace("tr-1"), Trace)
assert_type(spantree.TraceClient().search_traces(), PagedList[Trace])
assert_type(spantree.flush(), bool)
assert_type(spantree.headers(), dict[str, str])
with spantree.continue_trace({"traceparent": ""}):
    pass
