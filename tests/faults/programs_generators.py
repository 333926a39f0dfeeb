"""Programs of generators: the whole protocol, and what is built upon it."""

from __future__ import annotations

import contextlib
import gc
import inspect
import itertools
import sys
import types
import weakref

from faults.differential import program
from faults.parts import VARIABLE, caught


def numbers_of(trace):
    @trace
    def numbers(n=3):
        for i in range(n):
            yield i
        return "end"

    return numbers


@program
def yields_all(trace):
    return list(numbers_of(trace)()), list(numbers_of(trace)(0))


@program
def generator_returns_a_value(trace):
    def outer():
        return (yield from numbers_of(trace)(2))

    run = outer()
    items = []
    while True:
        try:
            items.append(next(run))
        except StopIteration as stop:
            return items, stop.value


@program
def generator_kinds(trace):
    numbers = numbers_of(trace)
    made = numbers()
    return (
        inspect.isgeneratorfunction(numbers),
        inspect.isfunction(numbers),
        inspect.iscoroutinefunction(numbers),
        inspect.isgenerator(made),
        type(made) is types.GeneratorType,
        made.__name__,
        made.__qualname__,
        str(inspect.signature(numbers)),
    )


@program
def generator_states(trace):
    made = numbers_of(trace)(1)
    states = [inspect.getgeneratorstate(made)]
    next(made)
    states.append(inspect.getgeneratorstate(made))
    list(made)
    return [
        *states,
        inspect.getgeneratorstate(made),
        made.gi_running,
        made.gi_yieldfrom,
    ]


@program
def generator_wrong_arguments_are_eager(trace):
    numbers = numbers_of(trace)
    return caught(numbers, 1, 2), caught(numbers, m=1)


@program
def generator_body_runs_late(trace):
    ran = []

    @trace
    def f():
        ran.append(1)
        yield

    made = f()
    before = list(ran)
    next(made)
    return before, ran


@program
def sends_values(trace):
    @trace
    def echo():
        got = []
        while len(got) < 3:
            got.append((yield len(got)))
        return got

    made = echo()
    steps = [next(made), made.send("a"), made.send(None)]
    try:
        made.send("c")
    except StopIteration as stop:
        return steps, stop.value


@program
def sends_before_the_first_next(trace):
    return caught(numbers_of(trace)().send, 1)


@program
def throws_an_exception_that_is_handled(trace):
    @trace
    def f():
        while True:
            try:
                yield "item"
            except ValueError as error:
                yield ("handled", error.args, sys.exc_info()[0])

    made = f()
    thrown = ValueError("v")
    return next(made), made.throw(thrown), next(made), sys.exc_info()


@program
def throws_an_exception_that_leaves(trace):
    made = numbers_of(trace)()
    next(made)
    made.throw(KeyError("k"))


@program
def thrown_exception_is_the_same_object(trace):
    seen = []

    @trace
    def f():
        try:
            yield
        except ValueError as error:
            seen.append(error)
            raise

    made = f()
    next(made)
    thrown = ValueError("v")
    try:
        made.throw(thrown)
    except ValueError as error:
        return error is thrown, seen[0] is thrown


@program
def throws_before_the_first_next(trace):
    return caught(numbers_of(trace)().throw, ValueError("early"))


@program
def throws_while_handling_another(trace):
    made = numbers_of(trace)()
    next(made)
    try:
        raise KeyError("outer")
    except KeyError:
        made.throw(ValueError("inner"))


@program
def throws_a_type(trace):
    made = numbers_of(trace)()
    next(made)
    return caught(made.throw, ValueError)


@program
def throws_what_is_no_exception(trace):
    made = numbers_of(trace)()
    next(made)
    return caught(made.throw, 5), next(made)


@program
def thrown_exception_with_a_cause(trace):
    made = numbers_of(trace)()
    next(made)
    error = ValueError("v")
    error.__cause__ = KeyError("cause")
    made.throw(error)


@program
def throws_generator_exit_that_leaves(trace):
    made = numbers_of(trace)()
    next(made)
    thrown = GeneratorExit("g")
    try:
        made.throw(thrown)
    except GeneratorExit as error:
        return error is thrown


@program
def throws_generator_exit_that_is_handled(trace):
    @trace
    def f():
        try:
            yield 1
        except GeneratorExit as error:
            yield ("handled", error.args)
        yield "on"

    made = f()
    next(made)
    return made.throw(GeneratorExit("g")), next(made), list(made)


@program
def throws_generator_exit_that_ends_with_a_value(trace):
    @trace
    def f():
        try:
            yield 1
        except GeneratorExit:
            return "value"

    made = f()
    next(made)
    try:
        made.throw(GeneratorExit)
    except StopIteration as stop:
        return stop.value


@program
def throws_stop_iteration(trace):
    made = numbers_of(trace)()
    next(made)
    made.throw(StopIteration("s"))


@program
def raises_stop_iteration_in_the_body(trace):
    @trace
    def f():
        yield 1
        raise StopIteration("s")

    list(f())


@program
def raises_stop_iteration_from_next(trace):
    @trace
    def f():
        while True:
            yield next(iter(()))

    list(f())


@program
def an_exception_ends_it(trace):
    @trace
    def f():
        yield 1
        raise ValueError("v")

    made = f()
    return next(made), caught(next, made), caught(next, made)


@program
def an_exception_leaves_a_generator(trace):
    @trace
    def f():
        yield 1
        raise ValueError("v")

    list(f())


@program
def an_exception_leaves_nested_generators(trace):
    @trace
    def inner():
        yield 1
        raise ValueError("v")

    @trace
    def outer():
        yield 0
        yield from inner()

    list(outer())


@program
def closed_before_the_first_next(trace):
    made = numbers_of(trace)()
    return made.close(), list(made)


@program
def closed_in_the_middle(trace):
    seen = []

    @trace
    def f():
        try:
            yield 1
            yield 2
        finally:
            seen.append(sys.exc_info()[0].__name__)

    made = f()
    next(made)
    return made.close(), made.close(), seen, list(made)


@program
def closed_with_a_value(trace):
    @trace
    def f():
        try:
            yield 1
        except GeneratorExit:
            return "value"

    made = f()
    next(made)
    return made.close()


@program
def closed_and_ignores_it(trace):
    @trace
    def f():
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2

    made = f()
    next(made)
    result = caught(made.close), next(made)
    made_frame_lives = made.gi_frame is not None
    with contextlib.suppress(RuntimeError):
        made.close()
    return result, made_frame_lives


@program
def closed_and_raises(trace):
    @trace
    def f():
        try:
            yield 1
        finally:
            raise ValueError("in finally")

    made = f()
    next(made)
    made.close()


@program
def left_by_break(trace):
    seen = []

    @trace
    def f():
        try:
            yield from range(10)
        finally:
            seen.append("closed")

    for x in f():
        if x == 2:
            break
    gc.collect()
    return seen


@program
def left_by_islice(trace):
    return list(itertools.islice(numbers_of(trace)(100), 4))


@program
def left_by_an_exception_of_the_consumer(trace):
    seen = []

    @trace
    def f():
        try:
            yield 1
            yield 2
        finally:
            seen.append("closed")

    made = f()
    try:
        for _ in made:
            raise KeyError("consumer")
    except KeyError:
        pass
    made.close()
    return seen


@program
def dropped_in_a_cycle(trace):
    seen = []

    @trace
    def f(holder):
        try:
            yield 1
            yield 2
        finally:
            seen.append("closed")

    holder = []
    made = f(holder)
    holder.append(made)
    next(made)
    del made, holder
    gc.collect()
    return seen


@program
def yields_the_same_objects(trace):
    items = [object(), object()]

    @trace
    def f():
        yield from items

    return [a is b for a, b in zip(f(), items)]


@program
def a_reused_buffer(trace):
    @trace
    def f():
        buffer = []
        for i in range(3):
            buffer.append(i)
            yield buffer

    return [list(x) for x in f()], len({id(x) for x in f()})


@program
def an_item_is_freed_when_the_consumer_drops_it(trace):
    class Item:
        pass

    @trace
    def f():
        for _ in range(3):
            yield Item()

    made = f()
    reference = weakref.ref(next(made))
    return reference() is None


@program
def a_sent_value_is_freed(trace):
    class Item:
        pass

    @trace
    def f():
        while True:
            yield

    made = f()
    next(made)
    item = Item()
    reference = weakref.ref(item)
    made.send(item)
    del item
    return reference() is None


@program
def a_thrown_exception_is_freed(trace):
    class Refusal(Exception):
        pass

    made = numbers_of(trace)()
    next(made)
    error = Refusal()
    reference = weakref.ref(error)
    try:
        made.throw(error)
    except Refusal:
        pass
    del error
    return reference() is None


@program
def delegates_both_ways(trace):
    @trace
    def inner():
        got = yield "first"
        got = yield ("inner got", got)
        return ("result", got)

    @trace
    def outer():
        result = yield from inner()
        yield result

    made = outer()
    return next(made), made.send("a"), made.send("b"), list(made)


@program
def closes_the_delegate(trace):
    seen = []

    @trace
    def inner():
        try:
            yield 1
        finally:
            seen.append("inner")

    @trace
    def outer():
        try:
            yield from inner()
        finally:
            seen.append("outer")

    made = outer()
    next(made)
    made.close()
    return seen


@program
def already_executing(trace):
    @trace
    def f():
        yield caught(next, made)

    made = f()
    return next(made)


@program
def deep_delegation(trace):
    @trace
    def walk(n):
        if n:
            yield n
            yield from walk(n - 1)

    return list(walk(50))


@program
def exc_info_between_items(trace):
    @trace
    def f():
        try:
            raise ValueError("in body")
        except ValueError:
            yield sys.exc_info()[0].__name__
        yield sys.exc_info()

    made = f()
    return next(made), sys.exc_info(), next(made)


@program
def exc_info_of_the_consumer(trace):
    @trace
    def f():
        yield sys.exc_info()[0]
        yield sys.exc_info()[0]

    made = f()
    try:
        raise KeyError("k")
    except KeyError:
        first = next(made)
    return first, next(made)


@program
def context_variable_between_items(trace):
    @trace
    def f():
        VARIABLE.set("body")
        yield VARIABLE.get()
        yield VARIABLE.get()

    made = f()
    first = next(made)
    after = VARIABLE.get()
    VARIABLE.set("consumer")
    return first, after, next(made)
