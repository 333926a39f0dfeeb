"""Programs of coroutines and tasks."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import sys
import threading
import types
import weakref
from concurrent.futures import ThreadPoolExecutor

from faults.differential import program
from faults.parts import SENTINEL, VARIABLE, caught, caught_in


def work_of(trace):
    @trace
    async def work(x, delay=0):
        await asyncio.sleep(delay)
        return x

    return work


# Coroutines


@program
async def coroutine_returns_the_same_object(trace):
    return await work_of(trace)(SENTINEL) is SENTINEL


@program
def coroutine_kinds(trace):
    work = work_of(trace)
    made = work(1)
    kinds = (
        inspect.iscoroutinefunction(work),
        asyncio.iscoroutinefunction(work) if sys.version_info < (3, 12) else True,
        inspect.isfunction(work),
        inspect.isgeneratorfunction(work),
        inspect.iscoroutine(made),
        inspect.isawaitable(made),
        type(made) is types.CoroutineType,
        made.__name__,
        made.__qualname__,
        inspect.getcoroutinestate(made),
    )
    made.close()
    return kinds, inspect.getcoroutinestate(made)


@program
def coroutine_wrong_arguments_are_eager(trace):
    work = work_of(trace)
    return caught(work), caught(work, 1, 2, 3), caught(work, y=1)


@program
def coroutine_never_awaited(trace):
    work_of(trace)(1)
    gc.collect()


@program
def coroutine_body_runs_late(trace):
    ran = []

    @trace
    async def f():
        ran.append(1)

    made = f()
    before = list(ran)
    asyncio.run(made)
    return before, ran


@program
async def coroutine_awaited_twice(trace):
    made = work_of(trace)(1)
    return await made, await caught_in(made)


@program
async def coroutine_exception(trace):
    @trace
    async def f():
        await asyncio.sleep(0)
        raise ValueError("v")

    await f()


@program
async def coroutine_exception_identity(trace):
    raised = ValueError("v")

    @trace
    async def f():
        raise raised

    try:
        await f()
    except ValueError as error:
        return error is raised


@program
async def coroutine_raised_from(trace):
    @trace
    async def f():
        try:
            raise KeyError("k")
        except KeyError as error:
            raise ValueError("v") from error

    await f()


@program
async def coroutine_stop_iteration(trace):
    @trace
    async def f():
        raise StopIteration("s")

    await f()


@program
async def coroutine_generator_exit(trace):
    @trace
    async def f():
        raise GeneratorExit("g")

    return await caught_in(f())


@program
def coroutine_driven_by_hand(trace):
    @types.coroutine
    def ask(x):
        return (yield x)

    @trace
    async def f():
        return await ask(1), await ask(2)

    made = f()
    steps = [made.send(None), made.send("a")]
    try:
        made.send("b")
    except StopIteration as stop:
        return steps, stop.value


@program
def coroutine_thrown_into(trace):
    @types.coroutine
    def ask(x):
        return (yield x)

    @trace
    async def f():
        try:
            await ask(1)
        except ValueError as error:
            return "handled", str(error)

    made = f()
    made.send(None)
    try:
        made.throw(ValueError("v"))
    except StopIteration as stop:
        return stop.value


@program
def coroutine_closed_in_the_middle(trace):
    seen = []

    @types.coroutine
    def ask(x):
        return (yield x)

    @trace
    async def f():
        try:
            await ask(1)
        finally:
            seen.append(sys.exc_info()[0].__name__)

    made = f()
    made.send(None)
    made.close()
    return seen


@program
async def methods_that_are_coroutines(trace):
    class Tool:
        @trace
        async def use(self, q):
            return q

        @classmethod
        @trace
        async def make(cls, q):
            return cls.__name__, q

        @staticmethod
        @trace
        async def pure(q):
            return q

        @trace
        async def __aenter__(self):
            return "entered"

        @trace
        async def __aexit__(self, kind, error, stack):
            return kind is KeyError

    async with Tool() as entered:
        raise KeyError("k")
    return entered, await Tool().use(1), await Tool.make(2), await Tool.pure(3)


@program
async def partial_of_a_coroutine_function(trace):
    async def f(a, b):
        return a, b

    made = trace(functools.partial(f, 1))
    return await made(2), inspect.iscoroutinefunction(made)


@program
async def callable_instance_with_an_async_call(trace):
    class Model:
        async def __call__(self, q):
            await asyncio.sleep(0)
            return q

    ask = trace(Model())
    return await ask("q"), caught(ask)


@program
async def plain_function_returning_a_coroutine(trace):
    async def inner(x):
        await asyncio.sleep(0)
        return x

    @trace
    def outer(x):
        return inner(x)

    made = outer(1)
    return (
        inspect.iscoroutine(made),
        made.__name__,
        made.__qualname__,
        inspect.iscoroutinefunction(outer),
        await made,
    )


@program
def plain_function_returning_a_coroutine_never_awaited(trace):
    async def inner():
        pass

    @trace
    def outer():
        return inner()

    outer()
    gc.collect()


@program
def plain_function_returning_a_coroutine_closed(trace):
    async def inner():
        pass

    @trace
    def outer():
        return inner()

    outer().close()
    gc.collect()


@program
async def plain_function_returning_a_failing_coroutine(trace):
    async def inner():
        raise ValueError("v")

    @trace
    def outer():
        return inner()

    await outer()


@program
async def async_decorator_below(trace):
    def retried(function):
        @functools.wraps(function)
        def call(*args):
            return function(*args)

        return call

    @trace
    @retried
    async def f(x):
        return x

    return await f(1), inspect.iscoroutinefunction(f)


@program
async def plain_function_returning_a_task(trace):
    async def inner():
        return 1

    @trace
    def spawn():
        return asyncio.ensure_future(inner())

    task = spawn()
    return isinstance(task, asyncio.Task), await task


@program
async def plain_function_returning_a_future(trace):
    future = asyncio.get_running_loop().create_future()

    @trace
    def f():
        return future

    made = f()
    future.set_result(4)
    return made is future, await made


@program
async def plain_function_returning_an_awaitable(trace):
    class Ready:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 5

    ready = Ready()

    @trace
    def f():
        return ready

    return f() is ready, await f()


@program
async def plain_function_returning_an_async_generator(trace):
    async def items():
        yield 1

    made = items()

    @trace
    def f():
        return made

    return f() is made, [x async for x in made]


# Tasks


@program
async def gathered(trace):
    work = work_of(trace)
    return await asyncio.gather(*(work(i) for i in range(5)))


@program
async def gathered_with_exceptions(trace):
    @trace
    async def f(n):
        await asyncio.sleep(0)
        if n % 2:
            raise ValueError(n)
        return n

    results = await asyncio.gather(*(f(i) for i in range(4)), return_exceptions=True)
    return [repr(r) for r in results]


@program
async def task_cancelled(trace):
    seen = []

    @trace
    async def f():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.ensure_future(f())
    await asyncio.sleep(0)
    task.cancel()
    return await caught_in(task), seen, task.cancelled()


@program
async def task_that_ignores_a_cancel(trace):
    @trace
    async def f():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "stayed"

    task = asyncio.ensure_future(f())
    await asyncio.sleep(0)
    task.cancel()
    return await task, task.cancelled()


@program
async def timed_out(trace):
    @trace
    async def f():
        await asyncio.sleep(60)

    try:
        await asyncio.wait_for(f(), 0.01)
    except asyncio.TimeoutError as error:
        return type(error).__name__


@program
async def context_variables_of_tasks(trace):
    @trace
    async def f(value):
        VARIABLE.set(value)
        await asyncio.sleep(0)
        return VARIABLE.get()

    return await asyncio.gather(f(1), f(2)), VARIABLE.get()


@program
async def to_a_thread(trace):
    @trace
    def f(x):
        return x, VARIABLE.get()

    VARIABLE.set("task")
    return await asyncio.to_thread(f, 1)


@program
async def in_an_executor(trace):
    f = trace(lambda x: x * 2)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(2) as pool:
        return await asyncio.gather(
            *(loop.run_in_executor(pool, f, i) for i in range(4))
        )


@program
async def a_loop_in_another_thread(trace):
    work = work_of(trace)
    results = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(work("other"))))
    thread.start()
    await asyncio.to_thread(thread.join)
    return results, await work("here")


@program
def a_loop_inside_a_traced_function(trace):
    work = work_of(trace)

    @trace
    def run(x):
        return asyncio.run(work(x))

    return run(1)


@program
async def callbacks_of_the_loop(trace):
    called = []
    f = trace(called.append)
    loop = asyncio.get_running_loop()
    loop.call_soon(f, 1)
    loop.call_later(0, f, 2)
    await asyncio.sleep(0.01)
    return called


@program
async def task_names(trace):
    task = asyncio.ensure_future(work_of(trace)(1))
    name = task.get_coro().__name__
    await task
    return name


@program
async def locks_and_queues(trace):
    queue = asyncio.Queue()
    lock = asyncio.Lock()

    @trace
    async def produce():
        for i in range(3):
            async with lock:
                await queue.put(i)

    @trace
    async def consume():
        return [await queue.get() for _ in range(3)]

    return (await asyncio.gather(produce(), consume()))[1]


@program
async def result_of_a_coroutine_is_freed(trace):
    class Big:
        pass

    @trace
    async def f():
        return Big()

    reference = weakref.ref(await f())
    return reference() is None


if sys.version_info >= (3, 11):

    @program
    async def task_group(trace):
        work = work_of(trace)

        @trace
        async def all_of_them():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(i)) for i in range(3)]
            return [t.result() for t in tasks]

        return await all_of_them()

    @program
    async def task_group_that_fails(trace):
        @trace
        async def fail():
            raise ValueError("v")

        @trace
        async def all_of_them():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                group.create_task(asyncio.sleep(60))

        await all_of_them()

    @program
    async def timeout_block(trace):
        @trace
        async def f():
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)

        await f()
