"""Programs of asynchronous generators."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import sys
import types
import weakref

from faults.differential import program
from faults.parts import VARIABLE, caught, caught_in


def flow_of(trace):
    @trace
    async def flow(n=3):
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    return flow


@program
async def async_yields_all(trace):
    return [x async for x in flow_of(trace)()]


@program
def async_generator_kinds(trace):
    flow = flow_of(trace)
    made = flow()
    return (
        inspect.isasyncgenfunction(flow),
        inspect.isfunction(flow),
        inspect.iscoroutinefunction(flow),
        inspect.isasyncgen(made),
        type(made) is types.AsyncGeneratorType,
        made.__name__,
        made.__qualname__,
        str(inspect.signature(flow)),
    )


@program
def async_generator_wrong_arguments_are_eager(trace):
    flow = flow_of(trace)
    return caught(flow, 1, 2), caught(flow, m=1)


@program
async def async_sends_values(trace):
    @trace
    async def echo():
        got = None
        while got != "stop":
            got = yield got

    made = echo()
    steps = [await made.asend(None), await made.asend("a"), await made.asend("b")]
    return steps, await caught_in(made.asend("stop"))


@program
async def async_sends_before_the_first_next(trace):
    made = flow_of(trace)()
    result = await caught_in(made.asend(1))
    await made.aclose()
    return result


@program
async def async_throws_handled(trace):
    @trace
    async def f():
        while True:
            try:
                yield "item"
            except ValueError as error:
                yield ("handled", error.args, sys.exc_info()[0])

    made = f()
    result = (
        await made.asend(None),
        await made.athrow(ValueError("v")),
        await made.asend(None),
    )
    await made.aclose()
    return result


@program
async def async_throws_that_leave(trace):
    made = flow_of(trace)()
    await made.asend(None)
    await made.athrow(KeyError("k"))


@program
async def async_thrown_identity(trace):
    made = flow_of(trace)()
    await made.asend(None)
    thrown = ValueError("v")
    try:
        await made.athrow(thrown)
    except ValueError as error:
        return error is thrown


@program
async def async_throws_generator_exit_handled(trace):
    @trace
    async def f():
        try:
            yield 1
        except GeneratorExit as error:
            yield ("handled", error.args)

    made = f()
    await made.asend(None)
    result = await made.athrow(GeneratorExit("g"))
    await made.aclose()
    return result


@program
async def async_throws_stop_async_iteration(trace):
    made = flow_of(trace)()
    await made.asend(None)
    await made.athrow(StopAsyncIteration("s"))


@program
async def async_raises_stop_async_iteration(trace):
    @trace
    async def f():
        yield 1
        raise StopAsyncIteration("s")

    async for _ in f():
        pass


@program
async def async_throws_before_the_first_next(trace):
    made = flow_of(trace)()
    return await caught_in(made.athrow(ValueError("early"))), [x async for x in made]


@program
async def async_exception_leaves(trace):
    @trace
    async def f():
        yield 1
        raise ValueError("v")

    async for _ in f():
        pass


@program
async def async_exception_ends_it(trace):
    @trace
    async def f():
        yield 1
        raise ValueError("v")

    made = f()
    return (
        await made.asend(None),
        await caught_in(made.asend(None)),
        await caught_in(made.asend(None)),
    )


@program
async def async_closed_before_the_first_next(trace):
    made = flow_of(trace)()
    return await made.aclose(), [x async for x in made]


@program
async def async_closed_in_the_middle(trace):
    seen = []

    @trace
    async def f():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            seen.append(sys.exc_info()[0].__name__)

    made = f()
    await made.asend(None)
    return await made.aclose(), await made.aclose(), seen, [x async for x in made]


@program
async def async_closed_and_ignores_it(trace):
    @trace
    async def f():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    made = f()
    await made.asend(None)
    return await caught_in(made.aclose())


@program
async def async_closed_and_raises(trace):
    @trace
    async def f():
        try:
            yield 1
        finally:
            raise ValueError("in finally")

    made = f()
    await made.asend(None)
    await made.aclose()


@program
async def async_left_by_break(trace):
    seen = []

    @trace
    async def f():
        try:
            for i in range(10):
                yield i
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async for x in f():
        if x == 2:
            break
    gc.collect()
    await asyncio.sleep(0.01)
    return seen


@program
def async_left_open_at_the_end_of_the_loop(trace):
    seen = []
    kept = []

    @trace
    async def f():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async def main():
        made = f()
        kept.append(made)
        await made.asend(None)

    asyncio.run(main())
    return seen


@program
def async_dropped_after_its_loop(trace):
    seen = []

    @trace
    async def f():
        try:
            yield 1
        finally:
            seen.append("closed")

    async def first(made):
        return await made.asend(None)

    loop = asyncio.new_event_loop()
    made = f()
    loop.run_until_complete(first(made))
    loop.close()
    del made
    gc.collect()
    return seen


@program
def async_generator_driven_by_hand(trace):
    @trace
    async def f():
        yield 1

    made = f()
    try:
        made.asend(None).send(None)
    except StopIteration as stop:
        first = stop.value
    del made
    gc.collect()
    return first


@program
async def async_closed_from_another_task(trace):
    seen = []

    @trace
    async def f():
        try:
            yield 1
        finally:
            seen.append(VARIABLE.get())

    made = f()
    await made.asend(None)
    VARIABLE.set("changed")
    await asyncio.ensure_future(made.aclose())
    return seen


@program
async def async_anext_while_running(trace):
    @trace
    async def f():
        await asyncio.sleep(0.01)
        yield 1

    made = f()
    first = asyncio.ensure_future(caught_in(made.asend(None)))
    await asyncio.sleep(0)
    result = await caught_in(made.asend(None)), await first
    await made.aclose()
    return result


@program
async def async_cancelled_in_the_body(trace):
    seen = []

    @trace
    async def f():
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            seen.append("finally")

    async def consume():
        return [x async for x in f()]

    task = asyncio.ensure_future(consume())
    await asyncio.sleep(0.01)
    task.cancel()
    return await caught_in(task), seen


@program
async def async_cancelled_between_items(trace):
    @trace
    async def f():
        yield 1
        yield 2

    async def consume():
        async for _ in f():
            await asyncio.sleep(60)

    task = asyncio.ensure_future(consume())
    await asyncio.sleep(0.01)
    task.cancel()
    return await caught_in(task)


@program
async def async_context_manager(trace):
    log = []

    @contextlib.asynccontextmanager
    @trace
    async def transaction():
        log.append("begin")
        try:
            yield "handle"
        except ValueError:
            await asyncio.sleep(0)
            log.append("rollback")
            raise
        finally:
            log.append("end")

    async with transaction() as handle:
        log.append(handle)
    with contextlib.suppress(ValueError):
        async with transaction():
            raise ValueError("v")
    return log


@program
async def async_context_manager_that_swallows(trace):
    @contextlib.asynccontextmanager
    @trace
    async def ignoring():
        with contextlib.suppress(KeyError):
            yield

    async with ignoring():
        raise KeyError("k")
    async with ignoring():
        raise ValueError("v")


@program
async def async_nested_flows(trace):
    flow = flow_of(trace)

    @trace
    async def outer():
        async for x in flow(3):
            yield x * 2

    return [x async for x in outer()]


@program
async def async_comprehension_and_anext(trace):
    flow = flow_of(trace)
    made = flow(1)
    first = await anext(made)
    return first, await anext(made, "default"), [x async for x in flow(4) if x % 2]


@program
async def async_an_item_is_freed(trace):
    class Item:
        pass

    @trace
    async def f():
        for _ in range(3):
            yield Item()

    made = f()
    reference = weakref.ref(await made.asend(None))
    freed = reference() is None
    await made.aclose()
    return freed


@program
async def async_generator_method(trace):
    class Tool:
        @trace
        async def stream(self, n):
            for i in range(n):
                yield i

        @trace
        async def __aiter__(self):
            yield "from aiter"

    return [x async for x in Tool().stream(2)], [x async for x in Tool()]


@program
async def async_thrown_exception_is_freed(trace):
    class Refusal(Exception):
        pass

    made = flow_of(trace)()
    await made.asend(None)
    error = Refusal()
    reference = weakref.ref(error)
    try:
        await made.athrow(error)
    except Refusal:
        pass
    del error
    return reference() is None


@program
def async_hooks_are_left_as_they_were(trace):
    async def main():
        before = sys.get_asyncgen_hooks()
        made = flow_of(trace)()
        await made.asend(None)
        same = sys.get_asyncgen_hooks() == before
        await made.aclose()
        return same

    return asyncio.run(main()), sys.get_asyncgen_hooks() == (None, None)
