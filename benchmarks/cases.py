"""What is measured: calls, alike for every library, traced and bare.

A case makes two batches that do the same work, one through the adapter. A batch runs
a number of calls and gives the CPU nanoseconds they took on the calling threads; the
worker adds what the process spent until all of it was stored.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters import Adapter

Batch = Callable[[], int]
"""Runs its calls once; returns their CPU nanoseconds on the calling threads."""

THREADS = 4
CHUNKS = 1000


@dataclass(frozen=True)
class Case:
    """A kind of call.

    Args:
        name: What `ONLY` and the results call it.
        title: What the table calls it.
        calls: Calls of a batch, by which its time is divided.
        spans: Spans that so many calls leave recorded.
        make: Gives the bare and the traced batch for an adapter and a number of calls.
        enabled: Whether tracing is on.
    """

    name: str
    title: str
    calls: int
    spans: Callable[[int], int]
    make: Callable[[Adapter, int], tuple[Batch, Batch]]
    enabled: bool = True


def add_one(value: int) -> int:
    """Stand for the smallest function worth a span."""
    return value + 1


async def add_one_async(value: int) -> int:
    """Stand for the smallest coroutine worth a span."""
    return value + 1


def same(value: object) -> object:
    """Return what was given, so that it is input and output at once."""
    return value


def stream(chunks: int) -> Iterator[str]:
    """Yield as a model does, a few characters at a time."""
    for _ in range(chunks):
        yield "a chunk of text"


def loop(function: Callable[[Any], object], argument: object, calls: int) -> Batch:
    """Make a batch that calls a function again and again."""

    def batch() -> int:
        start = thread_time_ns()
        for _ in range(calls):
            function(argument)
        return thread_time_ns() - start

    return batch


def children(function: Callable[[Any], object], argument: object) -> Any:
    """Make a case of calls below one root."""

    def make(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
        traced = loop(adapter.traced(function), argument, calls)
        return loop(function, argument, calls), adapter.traced(traced)

    return make


def roots(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
    """Make a case of calls that are a trace each."""
    return loop(add_one, 1, calls), loop(adapter.traced(add_one), 1, calls)


def blocks(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
    """Make a case of context managers below one root."""
    return loop(add_one, 1, calls), adapter.traced(loop(adapter.block, 1, calls))


def coroutines(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
    """Make a case of awaited calls below one root."""

    def awaiting(function: Callable[[int], Any]) -> Callable[[], Any]:
        async def batch() -> int:
            start = thread_time_ns()
            for _ in range(calls):
                await function(1)
            return thread_time_ns() - start

        return batch

    bare = awaiting(add_one_async)
    traced = adapter.traced(awaiting(adapter.traced(add_one_async)))
    return lambda: asyncio.run(bare()), lambda: asyncio.run(traced())


def generators(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
    """Make a case of one generator below a root; its chunks are the calls."""

    def consuming(function: Callable[[int], Iterator[str]]) -> Batch:
        def batch() -> int:
            start = thread_time_ns()
            for _ in function(calls):
                pass
            return thread_time_ns() - start

        return batch

    return consuming(stream), adapter.traced(consuming(adapter.traced(stream)))


def threads(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
    """Make a case of threads that work at once, each below a root of its own."""

    def at_once(batch: Batch) -> Batch:
        def run() -> int:
            spent: list[int] = []
            workers = [
                threading.Thread(target=lambda: spent.append(batch()))
                for _ in range(THREADS)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            return sum(spent)

        return run

    bare, traced = children(add_one, 1)(adapter, calls // THREADS)
    return at_once(bare), at_once(traced)


def agents(adapter: Adapter, calls: int) -> tuple[Batch, Batch]:
    """Make a case of whole traces, each an agent's answer of eight spans."""
    question = "Which of the two libraries is cheaper to record with, and why?"
    return (
        loop(agent(same), question, calls),
        loop(agent(adapter.traced), question, calls),
    )


def agent(traced: Callable[[Any], Any]) -> Callable[[Any], object]:
    """Build an agent of eight functions out of traced or bare ones."""

    @traced
    def embed(text: str) -> list[float]:
        return [len(text) / 7.0] * 16

    @traced
    def retrieve(query: str) -> list[dict[str, object]]:
        embed(query)
        return [{"id": n, "text": "A passage. " * 20, "score": 0.5} for n in range(3)]

    @traced
    def rerank(documents: list[dict[str, object]]) -> list[dict[str, object]]:
        return documents[:2]

    @traced
    def chat(messages: list[dict[str, str]]) -> dict[str, object]:
        text = f"An answer to {len(messages)} messages."
        return {"role": "assistant", "content": text, "tokens": 120}

    @traced
    def tool(name: str, arguments: dict[str, object]) -> str:
        return f"{name} found {len(arguments)} rows"

    @traced
    def check(text: object) -> bool:
        return bool(text)

    @traced
    def answer(question: str) -> object:
        messages = [{"role": "user", "content": question}]
        chat(messages)
        found = rerank(retrieve(question))
        messages.append({"role": "tool", "content": tool("lookup", {"q": question})})
        messages.append({"role": "user", "content": str(found)})
        reply = chat(messages)
        check(reply["content"])
        return reply

    return answer  # type: ignore[no-any-return]


DICT_10_KB = {
    f"field_{n}": {"text": "some words " * 8, "score": n / 7, "rank": n, "kept": True}
    for n in range(60)
}
MESSAGES_100 = [
    {
        "role": "user" if n % 2 else "assistant",
        "content": f"Message {n}. " + "word " * 40,
    }
    for n in range(100)
]
TEXT_1_MB = "x" * 1_000_000


def _with_root(calls: int) -> int:
    return calls + 1


CALLS = (
    Case("tiny_child", "tiny child", 500, _with_root, children(add_one, 1)),
    Case("tiny_root", "tiny root", 100, lambda calls: calls, roots),
    Case("context_manager", "context manager", 500, _with_root, blocks),
    Case("async", "async", 500, _with_root, coroutines),
    Case("generator", "generator of 1,000, a chunk", CHUNKS, lambda _: 2, generators),
    Case("dict_10_kb", "10 kB dict", 50, _with_root, children(same, DICT_10_KB)),
    Case("messages", "100 chat messages", 50, _with_root, children(same, MESSAGES_100)),
    Case("text_1_mb", "1 MB string", 10, _with_root, children(same, TEXT_1_MB)),
    Case("agent", "8-span agent trace", 20, lambda calls: calls * 8, agents),
    Case("threads", "4 threads", 400, lambda calls: calls + THREADS, threads),
    Case(
        "disabled",
        "disabled",
        20_000,
        lambda _: 0,
        lambda adapter, calls: (
            loop(add_one, 1, calls),
            loop(adapter.traced(add_one), 1, calls),
        ),
        enabled=False,
    ),
)
SIZES = tuple(
    Case(
        f"spans_{size}",
        f"{size:,} spans a trace",
        size,
        _with_root,
        children(add_one, 1),
    )
    for size in (10, 100, 1000, 10_000, 100_000)
)
CASES = {case.name: case for case in (*CALLS, *SIZES)}
