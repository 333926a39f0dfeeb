"""``@trace``: names, inputs, outputs, errors, nesting, kinds of callables."""

from __future__ import annotations

import asyncio
import functools
import math

from parity.lab import last, names, own, scenario, tree


@scenario()
def bare_decorator(m):
    @m.trace
    def add(x, y):
        return x + y

    add(1, y=2)
    return tree(last(m))


@scenario()
def decorator_with_arguments(m):
    @m.trace(name="sum", span_type="TOOL", attributes={"key": "value", "n": 1})
    def add(x, y):
        return x + y

    add(1, 2)
    trace = last(m)
    return [tree(trace), own(trace.data.spans[0].attributes)]


@scenario()
def function_name_is_kept(m):
    @m.trace(name="other")
    def add():
        return 1

    add()
    return last(m).data.spans[0].get_attribute("mlflow.spanFunctionName")


@scenario()
def defaults_and_variable_arguments(m):
    @m.trace
    def f(a, *args, b=2, **kw):
        return a

    f(1, 10, 11, c=3)
    f(1)
    return tree(last(m))


@scenario()
def variable_arguments_are_kept(m):
    @m.trace
    def f(a, *args, b=2, **kw):
        return a

    f(1, 10, 11, c=3)
    return tree(last(m))


@scenario(
    ours=[
        {
            "name": "sqrt",
            "status": "OK",
            "inputs": {"args": [16], "kwargs": {}},
            "outputs": 4.0,
        }
    ],
    why="arguments of builtins are always under `args`, whatever signature they show",
)
def wrapping_a_builtin(m):
    m.trace(math.sqrt)(16)
    return tree(last(m))


@scenario(
    ours=[
        {
            "name": "pow",
            "status": "OK",
            "inputs": {"args": [2, 3], "kwargs": {}},
            "outputs": 8.0,
        }
    ],
    why="arguments of builtins are always under `args`, whatever signature they show",
)
def wrapping_a_builtin_of_two(m):
    m.trace(math.pow)(2, 3)
    return tree(last(m))


@scenario()
def methods_drop_self(m):
    class Pipeline:
        @m.trace
        def run(self, q):
            return self.step(q)

        @m.trace(span_type="CHAIN")
        def step(self, q):
            return q.upper()

    Pipeline().run("a")
    return tree(last(m))


@scenario()
def static_and_class_methods(m):
    class Tools:
        @staticmethod
        @m.trace
        def one(x):
            return x

        @classmethod
        @m.trace
        def two(cls, x):
            return x

    Tools.one(1)
    first = tree(last(m))
    Tools.two(2)
    return [first, tree(last(m))]


@scenario(
    ours=[
        {
            "name": "add",
            "status": "OK",
            "inputs": {"a": 1, "b": 2},
            "outputs": 3,
        }
    ],
    why="a partial is traced by its function's name; the reference raises",
)
def partials(m):
    def add(a, b):
        return a + b

    m.trace(functools.partial(add, 1))(2)
    return tree(last(m))


@scenario(
    ours=[{"name": "Adder", "status": "OK", "inputs": {"x": 1}, "outputs": 2}],
    why="a callable object is traced by its class's name; the reference raises",
)
def callable_objects(m):
    class Adder:
        def __call__(self, x):
            return x + 1

    m.trace(Adder())(1)
    return tree(last(m))


@scenario()
def nested_calls(m):
    @m.trace(span_type="RETRIEVER")
    def retrieve(q):
        return [q]

    @m.trace(span_type="LLM")
    def answer(q, docs):
        return len(docs)

    @m.trace(span_type="CHAIN")
    def rag(q):
        return answer(q, retrieve(q))

    rag("x")
    return tree(last(m))


@scenario()
def repeated_names_are_stored_unchanged(m):
    @m.trace
    def add_1(x):
        return x + 1

    @m.trace
    def main():
        return add_1(add_1(1))

    main()
    return names(last(m))


@scenario()
def coroutines(m):
    @m.trace
    async def child(x):
        await asyncio.sleep(0)
        return x

    @m.trace
    async def main():
        return await asyncio.gather(child(1), child(2))

    asyncio.run(main())
    return tree(last(m))


def failed(m):
    trace = last(m)
    root = trace.data.spans[0]
    event = root.events[-1]
    return {
        "state": trace.info.state.value,
        "status": root.status.status_code.value,
        "description": root.status.description,
        "event": event.name,
        "type": event.attributes["exception.type"],
        "message": event.attributes["exception.message"],
        "outputs": root.outputs,
    }


@scenario()
def exceptions(m):
    @m.trace
    def broken():
        raise ValueError("no")

    try:
        broken()
    except ValueError:
        pass
    return failed(m)


@scenario(
    ours={
        "state": "ERROR",
        "status": "ERROR",
        "description": "KeyboardInterrupt",
        "event": "exception",
        "type": "KeyboardInterrupt",
        "message": "",
        "outputs": None,
    },
    why="an interrupt is a failure; the reference stores OK without an event",
)
def interrupts(m):
    @m.trace
    def broken():
        raise KeyboardInterrupt

    try:
        broken()
    except KeyboardInterrupt:
        pass
    return failed(m)


@scenario()
def failed_child_under_a_good_root(m):
    @m.trace
    def broken():
        raise ValueError("no")

    @m.trace
    def main():
        try:
            broken()
        except ValueError:
            return "saved"

    main()
    trace = last(m)
    return [trace.info.state.value, tree(trace)]


@scenario()
def wrong_arguments_raise_type_error(m):
    @m.trace
    def add(x, y):
        return x + y

    try:
        add(1)
    except TypeError as error:
        return "missing 1 required positional argument" in str(error)


@scenario()
def the_wrapper_looks_like_the_function(m):
    import inspect

    @m.trace
    async def f(a: int, b: str = "x") -> str:
        """Doc."""

    return [
        f.__name__,
        f.__doc__,
        str(inspect.signature(f)),
        inspect.iscoroutinefunction(f),
    ]


@scenario()
def sampled_out(m):
    @m.trace(sampling_ratio_override=0.0)
    def f():
        with m.start_span("child"):
            return 1

    before = m.get_last_active_trace_id()
    f()
    return m.get_last_active_trace_id() == before


@scenario()
def descriptions_and_log_levels(m):
    @m.trace(description="adds", log_level="WARNING")
    def add():
        return 1

    add()
    span = last(m).data.spans[0]
    return [span.description, int(span.log_level)]


@scenario(
    ours=[None],
    why="no level was given; the reference writes DEBUG into every span",
)
def log_level_when_none_is_given(m):
    @m.trace
    def add():
        return 1

    add()
    level = last(m).data.spans[0].log_level
    return [None if level is None else int(level)]
