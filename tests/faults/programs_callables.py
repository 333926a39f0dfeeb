"""Programs of callables that are no functions, and of hostile arguments."""

from __future__ import annotations

import functools
import inspect
import math
import operator
import types
from unittest.mock import MagicMock

from faults.differential import program
from faults.parts import caught


@program
def builtin_function(trace):
    power = trace(math.pow)
    return power(2, 3), trace(math.sqrt)(16.0), power.__name__, power.__doc__


@program
def builtin_with_wrong_arguments(trace):
    return (
        caught(trace(math.sqrt)),
        caught(trace(math.sqrt), "x"),
        caught(trace(len), 3),
    )


@program
def builtin_method(trace):
    items = []
    trace(items.append)(4)
    return items, trace("a-b".split)("-")


@program
def builtin_signature(trace):
    return str(inspect.signature(trace(math.sqrt)))


@program
def operator_itemgetter(trace):
    return trace(operator.itemgetter(1))([4, 5])


@program
def partial_with_fixed_arguments(trace):
    def f(a, b, c=3):
        return a, b, c

    g = trace(functools.partial(f, 1, c=4))
    return (
        g(2),
        g(b=2),
        g(2, c=5),
        g.args,
        g.keywords,
        isinstance(g, functools.partial),
        str(inspect.signature(g)),
        caught(g),
        caught(g, 1, 2, 3),
    )


@program
def partial_of_a_partial(trace):
    g = trace(functools.partial(functools.partial(lambda *a: a, 1), 2))
    return g(3), g.args


@program
def partial_over_traced(trace):
    @trace
    def f(a, b):
        return a, b

    return functools.partial(f, 1)(2), functools.partial(f, b=2)(1)


@program
def partial_keeps_its_attributes(trace):
    made = functools.partial(max, 3)
    made.label = "at least 3"
    return trace(made).label, trace(made)(2)


@program
def partialmethod_over_traced(trace):
    class Tool:
        @trace
        def use(self, a, b):
            return a, b

        quick = functools.partialmethod(use, 1)

    return Tool().quick(2)


@program
def callable_instance(trace):
    class Model:
        """A model."""

        def __init__(self):
            self.calls = 0

        def __call__(self, q, *, n=1):
            self.calls += 1
            return q * n

    model = Model()
    ask = trace(model)
    return (
        ask("q", n=2),
        model.calls,
        str(inspect.signature(ask)),
        caught(ask),
        caught(ask, 1, 2, 3),
    )


@program
def callable_instance_keeps_attributes(trace):
    class Model:
        temperature = 1

        def __init__(self):
            self.name = "m"

        def __call__(self):
            return self.name

        def describe(self):
            return f"model {self.name}"

    ask = trace(Model())
    return ask(), ask.name, ask.describe()


@program
def callable_instance_in_a_class(trace):
    class Model:
        def __call__(self, q):
            return q

    class Agent:
        ask = trace(Model())

    return Agent().ask("q")


@program
def callable_with_a_static_call(trace):
    class Model:
        @staticmethod
        def __call__(q):
            return q

    return trace(Model())("q")


@program
def callable_class_decorator(trace):
    class Counted:
        def __init__(self, function):
            functools.update_wrapper(self, function)
            self.function = function
            self.count = 0

        def __call__(self, *args):
            self.count += 1
            return self.function(*args)

    @trace
    @Counted
    def f(a, b=1):
        """Documented."""
        return a + b

    return f(1), f.__name__, f.__doc__, str(inspect.signature(f))


@program
def lru_cache_below(trace):
    calls = []

    @trace
    @functools.lru_cache(maxsize=4)
    def f(x):
        calls.append(x)
        return object()

    same = f(1) is f(1)
    information = f.cache_info()
    f.cache_clear()
    f(1)
    return same, information, calls, f.cache_parameters(), caught(f), caught(f, [])


@program
def lru_cache_above(trace):
    calls = []

    @functools.lru_cache(maxsize=None)
    @trace
    def f(x):
        calls.append(x)
        return x

    return f(1), f(1), calls, f.cache_info()


@program
def cached_method(trace):
    class Tool:
        @trace
        @functools.lru_cache(maxsize=4)
        def use(self, q):
            return object()

    tool = Tool()
    return tool.use(1) is tool.use(1), Tool.use.cache_info().hits


@program
def single_dispatch_below(trace):
    @trace
    @functools.singledispatch
    def show(x):
        return "any"

    @show.register(int)
    def _(x):
        return "int"

    return show("a"), show(1), show.dispatch(int)(1)


@program
def single_dispatch_above(trace):
    @functools.singledispatch
    @trace
    def show(x):
        return "any"

    @show.register(int)
    @trace
    def _(x):
        return "int"

    return show("a"), show(1)


@program
def method_type_over_a_callable(trace):
    class Model:
        def __call__(self, owner, q):
            return q

    return trace(types.MethodType(Model(), 5))("q")


@program
def mock_as_a_function(trace):
    mock = MagicMock(return_value=3)
    ask = trace(mock)
    result = ask(1, k=2)
    mock.assert_called_once_with(1, k=2)
    return result


@program
def class_as_a_factory_argument(trace):
    @trace
    def build(kind, *args):
        return kind(*args)

    return build(list, (1, 2)), build(dict), caught(build, int, "x")


@program
def sorted_with_a_traced_key(trace):
    @trace
    def key(x):
        return -x

    return sorted([1, 3, 2], key=key), max([1, 2], key=key), list(map(key, [1, 2]))


@program
def compare_function(trace):
    @trace
    def compare(a, b):
        return b - a

    return sorted([1, 3, 2], key=functools.cmp_to_key(compare))


@program
def reduce_and_filter(trace):
    add = trace(lambda a, b: a + b)
    odd = trace(lambda a: a % 2)
    return functools.reduce(add, range(5)), list(filter(odd, range(5)))


@program
def arguments_that_refuse_everything(trace):
    class Hostile:
        def _refuse(self, *args, **kwargs):
            raise SystemExit("touched")

        __repr__ = __str__ = __len__ = __bool__ = __iter__ = __eq__ = _refuse
        __getattr__ = __contains__ = __getitem__ = __hash__ = __format__ = _refuse

    @trace
    def f(x, *rest, **more):
        return x

    hostile = Hostile()
    return f(hostile, hostile, [hostile], {"k": hostile}, k=hostile) is hostile


@program
def arguments_with_a_false_class(trace):
    class Liar:
        @property
        def __class__(self):
            raise KeyboardInterrupt

    @trace
    def f(cls):
        return cls

    liar = Liar()
    return f(liar) is liar


@program
def an_infinite_iterator(trace):
    import itertools

    @trace
    def f(numbers):
        return next(numbers)

    numbers = itertools.count()
    return f(numbers), f(numbers), next(numbers)


@program
def cyclic_arguments(trace):
    @trace
    def f(x):
        return x

    loop = []
    loop.append(loop)
    return f(loop) is loop


@program
def surrogates_and_nul(trace):
    @trace
    def f(x):
        return x

    return f("\ud800"), f("\0"), f({"\ud800": "\0"})


@program
def a_huge_integer(trace):
    @trace
    def f(x):
        return x + 1

    return f(10**5000) == 10**5000 + 1
