"""Programs of plain functions: results and arguments, and what a function is."""

from __future__ import annotations

import copy
import gc
import inspect
import operator
import pickle
import sys
import types
import weakref

from faults.differential import program
from faults.parts import SENTINEL, caught

# Results


@program
def returns_the_same_object(trace):
    @trace
    def f(x):
        return x

    return f(SENTINEL) is SENTINEL


@program
def returns_a_mutable_argument_itself(trace):
    @trace
    def f(x):
        x.append(1)
        return x

    given = []
    return f(given) is given, given


@program
def returns_none(trace):
    @trace
    def f():
        pass

    return f()


@program
def lambda_with_default(trace):
    f = trace(lambda a, b=2: a + b)
    return f(1), f.__name__


@program
def with_options(trace):
    @trace(name="other", span_type="TOOL", attributes={"a": 1})
    def f(x):
        return x * 2

    return f(4), f.__name__, f.__qualname__


@program
def recursive_function(trace):
    @trace
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return fib(10)


@program
def mutual_recursion(trace):
    @trace
    def even(n):
        return True if n == 0 else odd(n - 1)

    @trace
    def odd(n):
        return False if n == 0 else even(n - 1)

    return even(20), odd(20)


@program
def closure_over_a_changing_variable(trace):
    count = 0

    @trace
    def f():
        nonlocal count
        count += 1
        return count

    return [f() for _ in range(3)], count


@program
def unhashable_and_odd_results(trace):
    @trace
    def f(x):
        return x

    class Odd:
        def __eq__(self, other):
            raise RuntimeError("no comparing")

        def __bool__(self):
            raise RuntimeError("no truth")

        def __repr__(self):
            raise SystemExit(3)

        def __len__(self):
            raise KeyboardInterrupt

        __hash__ = None

    odd = Odd()
    return f(odd) is odd


@program
def iterator_result_is_not_consumed(trace):
    @trace
    def f():
        return iter([1, 2, 3])

    return list(f())


@program
def generator_object_from_a_plain_function(trace):
    def numbers():
        yield 1
        yield 2

    made = numbers()

    @trace
    def f():
        return made

    return f() is made, list(made)


@program
def type_guarded_result(trace):
    @trace
    def f(x: int) -> "list[int]":
        return [x]

    return f(1), f.__annotations__


# Arguments


@program
def every_kind_of_parameter(trace):
    @trace
    def f(a, b=2, /, c=3, *rest, d, e=5, **more):
        return a, b, c, rest, d, e, more

    return (
        f(1, d=4),
        f(1, 2, 3, 4, 5, d=6, e=7, z=8),
        f(1, d=1, a=2),
        str(inspect.signature(f)),
    )


@program
def defaults_are_the_same_objects(trace):
    shared = []

    @trace
    def f(a=shared, *, b=SENTINEL):
        return a, b

    return (
        f()[0] is shared,
        f()[1] is SENTINEL,
        f.__defaults__[0] is shared,
        f.__kwdefaults__,
    )


@program
def no_defaults_are_none(trace):
    @trace
    def f(a):
        return a

    return f.__defaults__, f.__kwdefaults__


@program
def mutable_default_remembers(trace):
    @trace
    def f(x, seen=[]):
        seen.append(x)
        return list(seen)

    return f(1), f(2), f(3)


@program
def parameters_with_our_kind_of_names(trace):
    @trace
    def f(self, cls, args, kwargs, span, wrapper, make, function):
        return self, cls, args, kwargs, span, wrapper, make, function

    return f(1, 2, 3, 4, 5, 6, 7, 8)


@program
def a_function_whose_first_parameter_is_cls(trace):
    @trace
    def f(cls, x):
        return cls, x

    return f(1, 2), f(int, 3)


@program
def self_without_truth(trace):
    class Model:
        def __bool__(self):
            raise RuntimeError("no truth")

        @trace
        def ask(self, q):
            return q

        @classmethod
        @trace
        def make(cls, q):
            return q

    return Model().ask("q"), Model.make("r")


@program
def mangled_parameter(trace):
    class Tool:
        @trace
        def use(self, __hidden=1):
            return __hidden

    return Tool().use(), Tool().use(2), str(inspect.signature(Tool.use))


@program
def sixty_parameters(trace):
    names = [f"p{i}" for i in range(60)]
    namespace = {}
    exec(f"def f({', '.join(names)}): return sum([{', '.join(names)}])", namespace)
    return trace(namespace["f"])(*range(60))


@program
def unicode_names(trace):
    @trace
    def größe(länge, ж=2):
        return länge * ж

    return größe(3), größe(3, ж=4), größe.__name__, caught(größe)


@program
def missing_argument(trace):
    @trace
    def f(a, b):
        return a

    return f(1)


@program
def too_many_arguments(trace):
    @trace
    def f(a, b=1):
        return a

    return f(1, 2, 3)


@program
def unknown_keyword(trace):
    @trace
    def f(alpha, *, beta=1):
        return alpha

    return f(1, betta=2)


@program
def twice_given(trace):
    @trace
    def f(a, b=1):
        return a

    return f(1, a=2)


@program
def positional_only_by_name(trace):
    @trace
    def f(a, /, b):
        return a

    return f(a=1, b=2)


@program
def keyword_only_missing(trace):
    @trace
    def f(*, key):
        return key

    return f()


@program
def wrong_arguments_of_methods(trace):
    class Tool:
        @trace
        def use(self, q):
            return q

        @classmethod
        @trace
        def make(cls, q):
            return q

        @staticmethod
        @trace
        def pure(q):
            return q

    return (
        caught(Tool().use),
        caught(Tool().use, 1, 2),
        caught(Tool.use),
        caught(Tool.make),
        caught(Tool.pure, 1, 2),
    )


@program
def wrong_arguments_run_nothing(trace):
    ran = []

    @trace
    def f(a):
        ran.append(a)

    return caught(f), caught(f, 1, 2), caught(f, b=1), ran


@program
def keyword_arguments_in_their_order(trace):
    @trace
    def f(**more):
        return list(more)

    return f(z=1, a=2, m=3)


@program
def star_arguments_are_fresh(trace):
    @trace
    def f(*rest, **more):
        more["changed"] = True
        return rest, more

    given = {"a": 1}
    return f(*[1, 2], **given), given


# What a function is


@program
def kind_predicates(trace):
    @trace
    def f(x):
        return x

    return [
        bool(ask(f))
        for ask in (
            inspect.isfunction,
            inspect.isroutine,
            inspect.ismethod,
            inspect.isgeneratorfunction,
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
            inspect.isbuiltin,
            inspect.isclass,
            callable,
        )
    ]


@program
def names_and_documentation(trace):
    @trace
    def f(x: int = 1, *, y: "str" = "a") -> float:
        """Says what f is for."""
        return x

    return (
        f.__name__,
        f.__qualname__,
        f.__module__,
        f.__doc__,
        f.__annotations__,
        inspect.getdoc(f),
    )


@program
def signature_without_following(trace):
    @trace
    def f(a, b: int = 1, *c, d=2, **e) -> int:
        return a

    return (
        str(inspect.signature(f)),
        str(inspect.signature(f, follow_wrapped=False)),
        inspect.getfullargspec(f),
    )


@program
def source_is_found(trace):
    @trace
    def f():
        return "the source of f"

    return "the source of f" in inspect.getsource(f)


@program
def code_attributes(trace):
    @trace
    def f(a, b, /, c, *, d):
        return a

    code = f.__code__
    return (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_varnames[:4],
    )


@program
def attributes_of_the_function_stay(trace):
    def f():
        return 1

    f.marker = SENTINEL
    g = trace(f)
    g.more = 2
    return g.marker is SENTINEL, g.more, g()


@program
def attributes_can_be_set_and_deleted(trace):
    @trace
    def f():
        return 1

    f.a = 1
    del f.a
    return caught(operator.attrgetter("a"), f), f()


@program
def globals_are_the_functions(trace):
    @trace
    def f():
        return 1

    return f.__globals__ is globals()


@program
def builtins_shadowed_in_the_functions_module(trace):
    source = (
        "type = 'shadow'; isinstance = 1; BaseException = None; StopIteration = 3\n"
        "issubclass = print = None\n"
        "def plain(cls, x): return x\n"
        "def stream(n):\n    yield from (i for i in (1, n))\n    return 'end'\n"
        "async def work(x): return x\n"
        "async def flow(x):\n    yield x\n"
        "def fail(): raise KeyError('k')\n"
    )
    shadowed = {}
    exec(source, shadowed)
    traced = {
        n: trace(shadowed[n]) for n in ("plain", "stream", "work", "flow", "fail")
    }

    async def drive():
        return await traced["work"](5), [x async for x in traced["flow"](6)]

    coroutine = drive()
    with_loop = caught(coroutine.send, None)
    return (
        traced["plain"](int, 1),
        list(traced["stream"](2)),
        with_loop,
        caught(traced["fail"]),
    )


@program
def globals_without_builtins(trace):
    made = types.FunctionType((lambda x: x + 1).__code__, {"__builtins__": {}}, "f")
    return trace(made)(1)


def _module(name, source, trace):
    module = types.ModuleType(name)
    module.trace = trace
    sys.modules[name] = module
    exec(source, module.__dict__)
    return module


@program
def pickled_by_name(trace):
    source = "@trace\ndef f(x): return x\n@trace\ndef g(n): yield n\n@trace\nasync def h(): pass\n"
    module = _module("differential_pickled", source, trace)
    return [
        pickle.loads(pickle.dumps(function)) is function
        for function in (module.f, module.g, module.h)
    ]


@program
def pickled_method_by_name(trace):
    source = (
        "class Tool:\n    @trace\n    def use(self, q): return q\n"
        "    @classmethod\n    @trace\n    def make(cls): return cls\n"
    )
    module = _module("differential_methods", source, trace)
    bound = pickle.loads(pickle.dumps(module.Tool().use))
    return bound(3), pickle.loads(pickle.dumps(module.Tool.make))() is module.Tool


@program
def local_function_does_not_pickle(trace):
    @trace
    def f():
        return 1

    return caught(pickle.dumps, f)[0] in ("AttributeError", "PicklingError")


@program
def copied_is_itself(trace):
    @trace
    def f():
        return 1

    return copy.copy(f) is f, copy.deepcopy(f) is f, copy.deepcopy([f])[0] is f


@program
def weakly_referenced(trace):
    @trace
    def f():
        return 1

    reference = weakref.ref(f)
    alive = reference() is f
    return alive, reference()()


@program
def dropped_function_is_freed(trace):
    def make():
        def f():
            return 1

        return weakref.ref(f), trace(f)

    reference, traced = make()
    traced()
    del traced
    gc.collect()
    return reference() is None


@program
def compares_and_hashes_by_identity(trace):
    @trace
    def f():
        return 1

    return f == f, hash(f) == hash(f), {f: 1}[f], f != trace(f) or f is trace(f)
