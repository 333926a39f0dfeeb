"""Programs of methods, descriptors and callables that are no functions."""

from __future__ import annotations

import abc
import functools
import inspect
import operator
import weakref

from faults.differential import program
from faults.parts import caught


@program
def method_of_an_instance(trace):
    class Tool:
        @trace
        def use(self, q, n=1):
            return self, q, n

    tool = Tool()
    return tool.use("q")[0] is tool, tool.use("q", n=2)[1:], inspect.ismethod(tool.use)


@program
def method_called_on_the_class(trace):
    class Tool:
        @trace
        def use(self, q):
            return q

    return Tool.use(Tool(), "q"), inspect.isfunction(Tool.use)


@program
def bound_method_decorated(trace):
    class Tool:
        def use(self, q):
            return self, q

    tool = Tool()
    use = trace(tool.use)
    return (
        use(1)[0] is tool,
        use.__name__,
        inspect.ismethod(use),
        use.__self__ is tool,
        str(inspect.signature(use)),
        caught(use),
        caught(use, 1, 2),
    )


@program
def bound_classmethod_decorated(trace):
    class Tool:
        @classmethod
        def make(cls, q):
            return cls.__name__, q

    make = trace(Tool.make)
    return make(1), str(inspect.signature(make)), caught(make)


@program
def classmethod_outside(trace):
    class Tool:
        @classmethod
        @trace
        def make(cls, q):
            return cls.__name__, q

    class Better(Tool):
        pass

    return Tool.make(1), Better.make(2), Better().make(3)


@program
def classmethod_inside(trace):
    class Tool:
        @trace
        @classmethod
        def make(cls, q):
            return cls.__name__, q

    class Better(Tool):
        pass

    kind = type(inspect.getattr_static(Tool, "make")).__name__
    return Tool.make(1), Better.make(2), kind


@program
def staticmethod_outside(trace):
    class Tool:
        @staticmethod
        @trace
        def pure(q):
            return q

    return Tool.pure(1), Tool().pure(2)


@program
def staticmethod_inside(trace):
    class Tool:
        @trace
        @staticmethod
        def pure(q):
            return q

    kind = type(inspect.getattr_static(Tool, "pure")).__name__
    return Tool.pure(1), Tool().pure(2), kind, caught(Tool.pure)


@program
def property_outside(trace):
    class Tool:
        @property
        @trace
        def size(self):
            """How big."""
            return 3

    return Tool().size, Tool.size.__doc__


@program
def property_inside(trace):
    class Tool:
        def __init__(self):
            self._size = 3

        @trace
        @property
        def size(self):
            """How big."""
            return self._size

    tool = Tool()
    return (
        tool.size,
        type(inspect.getattr_static(Tool, "size")).__name__,
        Tool.size.__doc__,
        caught(setattr, tool, "size", 1)[0],
    )


@program
def property_with_a_setter(trace):
    class Tool:
        @trace
        @property
        def size(self):
            return self._size

        @size.setter
        @trace
        def size(self, value):
            self._size = value

    tool = Tool()
    tool.size = 5
    return tool.size


@program
def property_that_fails(trace):
    class Tool:
        @property
        @trace
        def size(self):
            raise AttributeError("no size")

    return hasattr(Tool(), "size"), caught(operator.attrgetter("size"), Tool())


@program
def property_of_a_subclass(trace):
    class Lazy(property):
        pass

    class Tool:
        @trace
        @Lazy
        def size(self):
            return 3

    return Tool().size, type(inspect.getattr_static(Tool, "size")).__name__


@program
def cached_property_over_traced(trace):
    class Tool:
        @functools.cached_property
        @trace
        def size(self):
            return object()

    tool = Tool()
    return tool.size is tool.size


@program
def inherited_and_super(trace):
    class Base:
        @trace
        def run(self, x):
            return ["base", x]

    class Child(Base):
        @trace
        def run(self, x):
            return ["child", *super().run(x)]

    return Child().run(1)


@program
def abstract_method(trace):
    class Base(abc.ABC):
        @trace
        @abc.abstractmethod
        def run(self): ...

    class Child(Base):
        def run(self):
            return 1

    return caught(Base)[0], Child().run()


@program
def dunder_methods(trace):
    class Number:
        @trace
        def __init__(self, n):
            self.n = n

        @trace
        def __add__(self, other):
            return Number(self.n + other.n)

        @trace
        def __eq__(self, other):
            return self.n == other.n

        @trace
        def __len__(self):
            return self.n

        @trace
        def __getattr__(self, name):
            raise AttributeError(name)

        @trace
        def __call__(self, x):
            return self.n * x

        __hash__ = None

    one = Number(1)
    return (
        (one + one).n,
        one == Number(1),
        len(one),
        one(5),
        hasattr(one, "absent"),
    )


@program
def context_manager_class(trace):
    seen = []

    class Block:
        @trace
        def __enter__(self):
            return "entered"

        @trace
        def __exit__(self, kind, error, stack):
            seen.append(kind)
            return kind is KeyError

    with Block() as entered:
        raise KeyError("swallowed")
    try:
        with Block():
            raise ValueError("v")
    except ValueError:
        seen.append("out")
    return entered, seen


@program
def descriptor_with_set_name(trace):
    class Field:
        @trace
        def __set_name__(self, owner, name):
            self.name = name

        @trace
        def __get__(self, instance, owner):
            return self.name

    class Tool:
        size = Field()

    return Tool.size, Tool().size


@program
def metaclass_with_a_traced_call(trace):
    class Meta(type):
        @trace
        def __call__(cls, *args):
            made = super().__call__(*args)
            made.extra = 1
            return made

    class Tool(metaclass=Meta):
        def __init__(self, x):
            self.x = x

    return Tool(2).x, Tool(2).extra


@program
def slots_and_weak_methods(trace):
    class Tool:
        __slots__ = ("__weakref__", "x")

        @trace
        def use(self):
            self.x = 1
            return self.x

    tool = Tool()
    method = weakref.WeakMethod(tool.use)
    return tool.use(), method()()
