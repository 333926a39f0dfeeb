"""Random schedules over traced generators: begun, resumed, left and lost in any way.

A schedule is drawn from a seed: bodies that yield, call, fail, clean up; and consumers
that take, send, throw, close, drop, change thread, task or context. Whatever happens,
every span begun must end and nothing may stay current.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import random
import threading
from contextvars import copy_context

from spantree.recording import start_span, trace

ERRORS = (ValueError, KeyError, GeneratorExit, KeyboardInterrupt, StopIteration)


class Planned(Exception):
    """What a body raises of its own."""


@trace
def step(n):
    """A traced call within a body."""
    return n


@trace
async def async_step(n):
    """The same, which lets other tasks run."""
    await asyncio.sleep(0)
    return n


def make_body(rng):
    """Draw the body of a traced generator."""
    length = rng.randrange(6)
    fails_at = rng.choice([None, None, rng.randrange(6)])
    handles = rng.random() < 0.3
    cleans_up = rng.random() < 0.5
    delegates = rng.random() < 0.2
    opens_block = rng.random() < 0.3

    @trace
    def inner():
        yield "inner"
        step(0)
        yield "inner"

    @trace(output_reducer=len if rng.random() < 0.2 else None)
    def body():
        block = start_span("block") if opens_block else contextlib.nullcontext()
        with block:
            try:
                for i in range(length):
                    if i == fails_at:
                        raise Planned(i)
                    step(i)
                    try:
                        yield i
                    except ValueError:
                        if not handles:
                            raise
                        yield "handled"
                if delegates:
                    yield from inner()
            finally:
                if cleans_up:
                    step("cleanup")
        return length

    return body


def make_async_body(rng):
    """Draw the body of a traced async generator."""
    length = rng.randrange(6)
    fails_at = rng.choice([None, None, rng.randrange(6)])
    handles = rng.random() < 0.3
    cleans_up = rng.choice(["no", "at once", "awaiting"])
    waits = rng.random() < 0.5
    delegates = rng.random() < 0.2

    @trace
    async def inner():
        yield "inner"
        await async_step(0)
        yield "inner"

    @trace
    async def body():
        try:
            for i in range(length):
                if i == fails_at:
                    raise Planned(i)
                if waits:
                    await async_step(i)
                try:
                    yield i
                except ValueError:
                    if not handles:
                        raise
                    yield "handled"
            if delegates:
                async for item in inner():
                    yield item
        finally:
            if cleans_up == "at once":
                step("cleanup")
            elif cleans_up == "awaiting":
                await async_step("cleanup")

    return body


def in_thread(call):
    """Run a call in a thread of its own."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@contextlib.contextmanager
def tolerant():
    """Swallow whatever a body or a consumer raises."""
    with contextlib.suppress(BaseException):
        yield


def run_sync_schedule(rng):
    """Consume a few generators in a random way, interleaved."""
    running = [make_body(rng)() for _ in range(rng.randrange(1, 4))]
    blocks = []
    for _ in range(rng.randrange(12)):
        if not running:
            break
        made = rng.choice(running)
        action = rng.choice(
            "next next next send throw close drop break islice thread context"
            " cycle enter exit".split()
        )

        def act(made=made, action=action):
            with tolerant():
                if action == "send":
                    made.send(rng.random())
                elif action == "throw":
                    made.throw(rng.choice(ERRORS)("thrown"))
                elif action == "close":
                    made.close()
                elif action == "break":
                    for _ in made:
                        break
                elif action == "islice":
                    list(itertools.islice(made, rng.randrange(3)))
                else:
                    next(made)

        if action == "thread":
            in_thread(act)
        elif action == "context":
            copy_context().run(act)
        elif action == "drop":
            running.remove(made)
        elif action == "cycle":
            running.remove(made)
            knot = [made]
            knot.append(knot)
            del knot
        elif action == "enter":
            blocks.append(start_span("consumer"))
            blocks[-1].__enter__()
        elif action == "exit" and blocks:
            blocks.pop(rng.randrange(len(blocks))).__exit__(None, None, None)
        else:
            act()
        del act, made
    rng.shuffle(blocks)
    for block in blocks:
        block.__exit__(None, None, None)
    running.clear()
    gc.collect()


async def _act(rng, made, action):
    with tolerant():
        if action == "send":
            await made.asend(rng.random())
        elif action == "throw":
            await made.athrow(rng.choice(ERRORS[:3])("thrown"))
        elif action == "close":
            await made.aclose()
        elif action == "break":
            async for _ in made:
                break
        else:
            await made.asend(None)


async def _consume(rng):
    running = [make_async_body(rng)() for _ in range(rng.randrange(1, 4))]
    tasks = []
    for _ in range(rng.randrange(12)):
        if not running:
            break
        made = rng.choice(running)
        action = rng.choice("next next send throw close break drop".split())
        if action == "drop":
            running.remove(made)
            continue
        how = rng.choice("await task cancel timeout abandon".split())
        if how == "await":
            await _act(rng, made, action)
            continue
        task = asyncio.ensure_future(_act(rng, made, action))
        if how == "task":
            await asyncio.wait([task])
        elif how == "cancel":
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        elif how == "timeout":
            await asyncio.wait([task], timeout=0)
        tasks.append(task)
        del made, task
    if rng.random() < 0.7 and tasks:
        await asyncio.wait(tasks)
    # What is left open is the loop's to close.
    return running


def _finish_tasks(loop):
    gc.collect()
    loop.run_until_complete(asyncio.sleep(0))
    while pending := asyncio.all_tasks(loop):
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.wait(pending))


def run_async_schedule(rng):
    """Consume a few async generators, also beyond the end of their loop."""
    loop = asyncio.new_event_loop()
    closes_first = rng.random() < 0.3
    running = loop.run_until_complete(_consume(rng))
    if closes_first:
        running.clear()
        gc.collect()
    _finish_tasks(loop)
    if rng.random() < 0.8:
        loop.run_until_complete(loop.shutdown_asyncgens())
    if rng.random() < 0.7:
        running.clear()
    _finish_tasks(loop)
    loop.close()
    running.clear()
    gc.collect()


def run_schedule(seed):
    """Run the schedule of a seed; sync and async ones take turns."""
    rng = random.Random(seed)
    (run_async_schedule if seed % 2 else run_sync_schedule)(rng)
