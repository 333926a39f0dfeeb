"""Programs of what is built upon generators."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import itertools
import types
import weakref

from faults.differential import program
from faults.parts import caught


def numbers_of(trace):
    @trace
    def numbers(n=3):
        for i in range(n):
            yield i
        return "end"

    return numbers


@program
def context_manager_over_a_generator(trace):
    log = []

    @contextlib.contextmanager
    @trace
    def transaction():
        log.append("begin")
        try:
            yield "handle"
        except ValueError:
            log.append("rollback")
            raise
        else:
            log.append("commit")
        finally:
            log.append("end")

    with transaction() as handle:
        log.append(handle)
    with contextlib.suppress(ValueError):
        with transaction():
            raise ValueError("v")
    return log


@program
def context_manager_that_swallows(trace):
    @contextlib.contextmanager
    @trace
    def ignoring():
        with contextlib.suppress(KeyError, GeneratorExit):
            yield

    with ignoring():
        raise KeyError("k")
    with ignoring():
        raise GeneratorExit("g")
    with ignoring():
        raise ValueError("v")


@program
def context_manager_and_stop_iteration(trace):
    @contextlib.contextmanager
    @trace
    def block():
        yield

    thrown = StopIteration("s")
    try:
        with block():
            raise thrown
    except StopIteration as error:
        return error is thrown


@program
def context_manager_that_replaces(trace):
    @contextlib.contextmanager
    @trace
    def block():
        try:
            yield
        except KeyError as error:
            raise ValueError("replaced") from error

    with block():
        raise KeyError("k")


@program
def context_manager_as_a_decorator(trace):
    log = []

    @contextlib.contextmanager
    @trace
    def block():
        log.append("in")
        yield
        log.append("out")

    @block()
    def f():
        log.append("body")

    f()
    f()
    return log


@program
def exit_stack_of_generators(trace):
    log = []

    @contextlib.contextmanager
    @trace
    def block(n):
        try:
            yield n
        finally:
            log.append(n)

    with contextlib.ExitStack() as stack:
        entered = [stack.enter_context(block(i)) for i in range(4)]
    return entered, log


@program
def generator_method(trace):
    class Tool:
        @trace
        def stream(self, n):
            yield from range(n)

        @classmethod
        @trace
        def all(cls):
            yield cls.__name__

    return list(Tool().stream(3)), list(Tool.all()), caught(Tool().stream)


@program
def iter_method_as_a_generator(trace):
    class Box:
        @trace
        def __iter__(self):
            yield 1
            yield 2

    return list(Box()), sum(Box()), 2 in Box()


@program
def generator_callable_instance(trace):
    class Model:
        def __call__(self, n):
            yield from range(n)

    return list(trace(Model())(3)), caught(trace(Model()))


@program
def generator_is_not_copied(trace):
    return caught(copy.copy, numbers_of(trace)())[0]


@program
def generator_is_weakly_referenced(trace):
    made = numbers_of(trace)()
    reference = weakref.ref(made)
    next(made)
    del made
    gc.collect()
    return reference() is None


@program
def zip_chain_and_tee(trace):
    numbers = numbers_of(trace)
    one, two = itertools.tee(numbers(3))
    return (
        list(zip(numbers(2), numbers(3))),
        list(itertools.chain(numbers(1), numbers(2))),
        (list(one), list(two)),
    )


@program
def interleaved_generators(trace):
    numbers = numbers_of(trace)
    a, b = numbers(3), numbers(3)
    return [next(a), next(b), next(a), next(b), next(a), next(b)]


@program
def generator_traced_twice(trace):
    numbers = trace(numbers_of(trace))
    made = numbers()
    next(made)
    return caught(made.throw, ValueError("v")), list(numbers(2))


@program
def generator_with_a_reducer(trace):
    @trace(output_reducer=lambda items: sum(items))
    def f():
        yield from (1, 2, 3)

    return list(f())


@program
def generator_with_a_broken_reducer(trace):
    def reducer(items):
        items.clear()
        raise SystemExit("reducer")

    @trace(output_reducer=reducer)
    def f():
        yield from (1, 2, 3)

    return list(f())


@program
def types_coroutine(trace):
    @trace
    @types.coroutine
    def f():
        got = yield "asked"
        return got

    async def main():
        return await f()

    running = main()
    asked = running.send(None)
    try:
        running.send("answer")
    except StopIteration as stop:
        return asked, stop.value, inspect.isawaitable(f())


@program
def thousand_items(trace):
    return sum(numbers_of(trace)(1000))


@program
def generator_in_a_comprehension_of_a_traced_function(trace):
    numbers = numbers_of(trace)

    @trace
    def collect():
        return [x * 2 for x in numbers(4)]

    return collect()
