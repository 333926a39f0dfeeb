"""Programs of exceptions, and of what a call leaves behind."""

from __future__ import annotations

import functools
import inspect
import random
import sys
import warnings
import weakref

from faults.differential import program
from faults.parts import VARIABLE, Refused, caught

# Exceptions


@program
def the_same_exception_object(trace):
    raised = Refused(7)

    @trace
    def f():
        raise raised

    try:
        f()
    except Refused as error:
        return error is raised, error.code, vars(error)


@program
def an_exception_leaves(trace):
    @trace
    def f(x):
        raise Refused(x)

    f(3)


@program
def an_exception_crosses_three(trace):
    @trace
    def a():
        b()

    @trace
    def b():
        c()

    @trace
    def c():
        raise ValueError("deep")

    a()


@program
def raised_from(trace):
    @trace
    def f():
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    f()


@program
def raised_from_none(trace):
    @trace
    def f():
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer") from None

    f()


@program
def raised_while_handling(trace):
    @trace
    def f():
        raise ValueError("second")

    try:
        raise KeyError("first")
    except KeyError:
        f()


@program
def raised_again_outside(trace):
    @trace
    def f():
        raise ValueError("v")

    try:
        f()
    except ValueError as error:
        saved = error
    raise saved


@program
def converted_in_between(trace):
    @trace
    def inner():
        raise KeyError("k")

    @trace
    def outer():
        try:
            inner()
        except KeyError as error:
            raise RuntimeError("converted") from error

    outer()


@program
def with_notes(trace):
    @trace
    def f():
        error = ValueError("v")
        error.__notes__ = ["a note"]
        raise error

    f()


@program
def finally_replaces_the_exception(trace):
    @trace
    def f():
        try:
            raise ValueError("lost")
        finally:
            raise KeyError("kept")

    f()


@program
def return_in_finally_swallows(trace):
    @trace
    def f():
        try:
            raise ValueError("lost")
        finally:
            return "kept"  # noqa: SIM107

    return f()


@program
def stop_iteration_from_a_function(trace):
    @trace
    def f():
        raise StopIteration(5)

    try:
        f()
    except StopIteration as error:
        return error.value


@program
def stop_iteration_ends_a_for_loop(trace):
    class Countdown:
        def __init__(self):
            self.left = 3

        def __iter__(self):
            return self

        @trace
        def __next__(self):
            if not self.left:
                raise StopIteration
            self.left -= 1
            return self.left

    return list(Countdown())


@program
def stop_iteration_from_next(trace):
    @trace
    def first(items):
        return next(iter(items))

    return caught(first, []), first([4])


@program
def stop_async_iteration_from_a_function(trace):
    @trace
    def f():
        raise StopAsyncIteration("s")

    f()


@program
def generator_exit_from_a_function(trace):
    @trace
    def f():
        raise GeneratorExit("g")

    f()


@program
def system_exit(trace):
    @trace
    def f():
        sys.exit(4)

    try:
        f()
    except SystemExit as error:
        return error.code


@program
def keyboard_interrupt(trace):
    @trace
    def f():
        raise KeyboardInterrupt

    f()


@program
def hostile_exception(trace):
    class Hostile(Exception):
        def __str__(self):
            raise SystemExit("from __str__")

        __repr__ = __str__

        def __getattribute__(self, name):
            raise RuntimeError("no attributes")

    raised = Hostile()

    @trace
    def f():
        raise raised

    try:
        f()
    except Hostile as error:
        return error is raised


@program
def exception_with_a_slow_text(trace):
    asked = []

    class Loud(Exception):
        def __str__(self):
            asked.append(1)
            return "loud"

    @trace
    def f():
        raise Loud

    try:
        f()
    except Loud as error:
        return str(error)


@program
def exc_info_inside_and_after(trace):
    @trace
    def f():
        return sys.exc_info()[0]

    try:
        raise KeyError("k")
    except KeyError:
        inside = f()
    return inside, f(), sys.exc_info()


@program
def exc_info_after_a_handled_one(trace):
    @trace
    def fail():
        raise ValueError("v")

    @trace
    def f():
        try:
            fail()
        except ValueError:
            pass
        return sys.exc_info()

    return f(), sys.exc_info()


@program
def bare_raise_in_a_traced_function(trace):
    @trace
    def again():
        raise

    try:
        raise KeyError("k")
    except KeyError:
        again()


@program
def traceback_of_the_exception_is_collected(trace):
    class Big:
        pass

    @trace
    def f(big):
        raise ValueError("v")

    big = Big()
    reference = weakref.ref(big)
    try:
        f(big)
    except ValueError:
        pass
    del big
    return reference() is None


@program
def result_is_freed_at_once(trace):
    class Big:
        pass

    @trace
    def f():
        return Big()

    reference = weakref.ref(f())
    return reference() is None


if sys.version_info >= (3, 11):

    @program
    def exception_group_leaves(trace):
        @trace
        def f():
            raise ExceptionGroup("g", [ValueError("a"), KeyError("b")])  # noqa: F821

        f()

    @program
    def exception_group_identity(trace):
        inner = ValueError("a")
        group = BaseExceptionGroup("g", [inner, KeyboardInterrupt()])  # noqa: F821

        @trace
        def f():
            raise group

        try:
            f()
        except BaseExceptionGroup as error:  # noqa: F821
            return error is group, error.exceptions[0] is inner

    @program
    def notes_added_in_between(trace):
        @trace
        def inner():
            raise ValueError("v")

        @trace
        def outer():
            try:
                inner()
            except ValueError as error:
                error.add_note("from outer")
                raise

        outer()


# Surroundings


@program
def prints_to_both(trace):
    @trace
    def f():
        print("out")
        print("err", file=sys.stderr)

    f()


@program
def warns_where_the_caller_stands(trace):
    @trace
    def f():
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    f()


@program
def random_numbers_are_the_same(trace):
    @trace
    def f():
        return random.random(), random.getrandbits(64), random.choice("abc")

    return [f() for _ in range(5)]


@program
def seeded_inside(trace):
    @trace
    def f():
        random.seed(42)
        return random.random()

    return f(), f(), random.random()


@program
def context_variable_set_inside_stays(trace):
    @trace
    def f():
        VARIABLE.set("inside")

    f()
    return VARIABLE.get()


@program
def context_variable_token_is_reset_inside(trace):
    @trace
    def f():
        token = VARIABLE.set("inside")
        seen = VARIABLE.get()
        VARIABLE.reset(token)
        return seen

    return f(), VARIABLE.get()


@program
def token_made_in_one_call_reset_in_another(trace):
    @trace
    def enter():
        return VARIABLE.set("inside")

    @trace
    def leave(token):
        VARIABLE.reset(token)

    leave(enter())
    return VARIABLE.get()


@program
def locals_and_globals_inside(trace):
    @trace
    def f(a, b=2):
        c = 3
        return sorted(locals()), c

    return f(1)


@program
def trace_function_of_a_debugger(trace):
    names = []

    def tracer(frame, event, _argument):
        if frame.f_code.co_filename == __file__:
            names.append((event, frame.f_code.co_name))

    @trace
    def f():
        return 1

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        f()
    finally:
        sys.settrace(before)
    return names


# Stacks of decorators


@program
def traced_twice(trace):
    @trace
    @trace
    def f(x):
        return x

    return f(1), f.__name__, caught(f)


@program
def below_another_decorator(trace):
    def twice(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return function(*args, **kwargs), function(*args, **kwargs)

        return call

    @twice
    @trace
    def f(x):
        return x

    return f(2), str(inspect.signature(f))


@program
def above_another_decorator(trace):
    def twice(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return function(*args, **kwargs), function(*args, **kwargs)

        return call

    @trace
    @twice
    def f(x):
        return x

    return f(2), str(inspect.signature(f)), f.__name__


@program
def above_a_decorator_that_adds_a_parameter(trace):
    def with_client(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return function("client", *args, **kwargs)

        return call

    @trace
    @with_client
    def f(client, q):
        return client, q

    return f("q"), f(q="r"), caught(f)


@program
def unwrapped_is_the_original(trace):
    def f():
        return 1

    return inspect.unwrap(trace(f)) is f


@program
def a_class_stays_a_class(trace):
    @trace
    class Tool:
        def __init__(self, x):
            self.x = x

    class Better(Tool):
        pass

    return Better(1).x, isinstance(Better(2), Tool), inspect.isclass(Tool)


@program
def what_is_not_callable_stays(trace):
    return trace(5), trace([]) == []
