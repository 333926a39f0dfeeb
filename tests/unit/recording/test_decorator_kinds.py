"""What ``@trace`` makes of each kind of callable, and what its span is called."""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
import re
import sys
import textwrap
from unittest.mock import MagicMock

import pytest

from spantree.entities import SpanLogLevel
from spantree.entities.span import Link
from spantree.recording import get_current_active_span, start_span, trace
from spantree.testing import outline


class Model:
    """A callable."""

    name = "m"

    def __call__(self, q, n=1):
        return q * n

    def ask(self, q):
        return q


def test_a_lambda_is_called_by_its_name(traces, root):
    trace(lambda x: x)(1)

    assert root().name == "<lambda>"
    assert root().inputs == {"x": 1}


def test_a_text_in_first_place_is_the_name(traces, root):
    @trace("chat")
    def f():
        pass

    f()

    assert root().name == "chat"
    assert root().get_attribute("mlflow.spanFunctionName") == "f"


def test_all_options_reach_the_span(traces, root):
    link = Link("tr-" + "1" * 32, "2" * 16)

    @trace(
        name="n",
        span_type="ROUTER",
        attributes={"a": [1]},
        log_level="warning",
        links=[link],
        description="What it is about",
        trace_destination="7",
    )
    def f():
        pass

    f()

    span = root()
    assert (span.name, span.span_type, span.get_attribute("a")) == ("n", "ROUTER", [1])
    assert span.log_level is SpanLogLevel.WARNING
    assert link in span.links
    assert span.description == "What it is about"
    assert traces[0].info.experiment_id == "7"


def test_attributes_are_copied_per_call(traces):
    given = {"a": [1]}

    @trace(attributes=given)
    def f(n):
        get_current_active_span().set_attribute("b", n)

    given["a"].append(2)
    f(1)
    f(2)

    found = [t.data.root for t in traces]
    assert [s.get_attribute("a") for s in found] == [[1], [1]]
    assert [s.get_attribute("b") for s in found] == [1, 2]


def test_without_inputs_or_outputs(traces, root):
    @trace(capture_inputs=False, capture_outputs=False)
    def f(secret):
        return secret

    f("s")

    assert root().inputs is None
    assert root().outputs is None


def test_a_partial_is_called_by_its_function_and_shows_its_whole_binding(traces, root):
    def f(a, b, c=3):
        return a

    trace(functools.partial(functools.partial(f, 1), c=5))(2)

    assert root().name == "f"
    assert root().inputs == {"a": 1, "b": 2, "c": 5}


def test_a_callable_instance_is_called_by_its_class(traces, root):
    trace(Model())("q", n=2)

    assert root().name == "Model"
    assert root().inputs == {"q": "q", "n": 2}
    assert root().outputs == "qq"


def test_a_bound_method_is_called_by_its_name_and_drops_self(traces, root):
    trace(Model().ask)("q")

    assert root().name == "ask"
    assert root().inputs == {"q": "q"}


def test_a_bound_classmethod_drops_cls(traces, root):
    class Tool:
        @classmethod
        def make(cls, q):
            return q

    trace(Tool.make)(1)

    assert root().inputs == {"q": 1}


def test_a_first_parameter_named_cls_stays_when_it_is_no_class(traces):
    @trace
    def f(cls, q):
        return q

    f(1, 2)
    f(int, 2)

    assert [t.data.root.inputs for t in traces] == [{"cls": 1, "q": 2}, {"q": 2}]


def test_a_builtin_shows_args_and_kwargs(traces, root):
    trace(math.hypot)(3, 4)

    assert root().name == "hypot"
    assert root().inputs == {"args": [3, 4], "kwargs": {}}


def test_empty_star_arguments_are_shown(traces, root):
    @trace
    def f(a, *args, b=2, **kw):
        pass

    f(1)

    assert root().inputs == {"a": 1, "args": [], "b": 2, "kw": {}}


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property])
def test_a_descriptor_below_trace_stays_one(traces, kind):
    class Tool:
        value = trace(kind(lambda *given: len(given)))

    assert type(inspect.getattr_static(Tool, "value")) is kind
    used = Tool().value if kind is property else Tool().value()
    assert used == (0 if kind is staticmethod else 1)
    assert len(traces) == 1


def test_a_cached_function_keeps_its_cache(traces):
    @trace
    @functools.lru_cache
    def f(x):
        return [x]

    assert f(1) is f(1)
    assert f.cache_info().hits == 1
    assert len(traces) == 2


def test_public_methods_of_a_callable_stay_in_reach(traces):
    mock = MagicMock(return_value=1)
    traced = trace(mock)
    traced(2)

    traced.assert_called_once_with(2)
    assert len(traces) == 1


def test_a_class_is_returned_with_a_warning(traces, caplog):
    assert trace(Model) is Model
    assert "decorate its methods" in caplog.text


def test_what_cannot_be_called_is_returned_with_a_warning(traces, caplog):
    assert trace(5) == 5
    assert "expects a function" in caplog.text


def test_traced_twice_makes_two_spans(traces):
    @trace
    @trace
    def f():
        pass

    f()

    assert outline(traces[0]) == "f UNKNOWN\n  f UNKNOWN"


def test_an_outer_decorators_time_is_inside_an_outermost_trace(traces):
    def around(function):
        @functools.wraps(function)
        def call(*args):
            with start_span("around"):
                return function(*args)

        return call

    @trace
    @around
    def f():
        pass

    f()

    assert outline(traces[0]) == "f UNKNOWN\n  around UNKNOWN"


def test_the_span_of_a_returned_coroutine_lasts_until_it_has_finished(traces):
    async def inner():
        with start_span("inside"):
            await asyncio.sleep(0)
        return "done"

    @trace
    def outer():
        return inner()

    async def main():
        made = outer()
        assert outline(traces[0]) == "outer UNKNOWN (open)"
        assert get_current_active_span() is None
        return await made

    assert asyncio.run(main()) == "done"
    assert outline(traces[0]) == "outer UNKNOWN\n  inside UNKNOWN"
    assert traces[0].data.root.outputs == "done"


def test_a_returned_coroutine_keeps_its_name(traces):
    async def inner():
        return 1

    @trace
    def outer():
        return inner()

    made, plain = outer(), inner()
    said = [(one.__name__, one.__qualname__, type(one)) for one in (made, plain)]
    made.close()
    plain.close()

    assert said[0] == said[1]


def test_a_returned_future_or_task_is_not_touched(traces):
    @trace
    def f(awaitable):
        return awaitable

    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(asyncio.sleep(0, "slept"))
        assert f(future) is future
        assert f(task) is task
        ended = [t.info.state for t in traces]
        future.set_result("set")
        return ended, await future, await task

    assert asyncio.run(main()) == (["OK", "OK"], "set", "slept")
    kinds = [trace.data.root.outputs["type"] for trace in traces]
    assert [kind.rpartition(".")[2] for kind in kinds] == ["Future", "Task"]


def test_a_returned_coroutine_that_fails(traces, root):
    async def inner():
        raise ValueError("v")

    @trace
    def outer():
        return inner()

    with pytest.raises(ValueError):
        asyncio.run(_awaited(outer()))

    assert root().status.description == "ValueError: v"


async def _awaited(coroutine):
    return await coroutine


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_returned_coroutine_that_is_dropped_ends_its_span(traces, root):
    async def inner():
        pass

    @trace
    def outer():
        return inner()

    outer()

    assert root().end_time_ns


def test_a_returned_iterator_is_not_touched(traces, root):
    made = iter([1, 2])

    @trace
    def f():
        return made

    assert f() is made
    assert list(made) == [1, 2]
    assert "list_iterator" in str(root().outputs)


def test_gather_nests_by_itself(traces):
    @trace
    async def leaf(n):
        await asyncio.sleep(0)

    @trace
    async def root():
        await asyncio.gather(leaf(1), leaf(2))
        await asyncio.create_task(leaf(3))
        await asyncio.to_thread(lambda: start_span("in a thread").__enter__().end())

    asyncio.run(root())

    assert outline(traces[0]) == (
        "root UNKNOWN\n  leaf UNKNOWN\n  leaf UNKNOWN\n  leaf UNKNOWN\n"
        "  in a thread UNKNOWN"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"name": 5},
        {"span_type": None},
        {"attributes": "nonsense"},
        {"log_level": "loud"},
        {"links": 5},
        {"sampling_ratio_override": "much"},
        {"description": 5},
    ],
)
def test_wrong_options_never_raise(traces, options):
    @trace(**options)
    def f(x):
        return x

    assert f(1) == 1
    assert len(traces) == 1


def test_a_callable_that_refuses_questions_is_left_as_it_is(traces, monkeypatch):
    from spantree.recording import reset_internal_errors

    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError("no attributes")

        def __call__(self, x):
            return x

    monkeypatch.delenv("SPANTREE_RAISE_INTERNAL_ERRORS")
    hostile = Hostile()

    assert trace(hostile)(3) == 3
    reset_internal_errors()


def defined(source, **names):
    """Run newer Python than that of this file; gives what it defined."""
    namespace = {"__name__": __name__, **names}
    text = textwrap.dedent(source)
    # Without this file's own way of leaving annotations alone.
    exec(compile(text, "<test>", "exec", dont_inherit=True), namespace)
    return namespace


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no type parameters")
def test_type_parameters_stay(traces):
    found = defined(
        """
        def plain[T: int, *Ts](x: T, *more: *Ts) -> T:
            return x

        traced = trace(plain)
        """,
        trace=trace,
    )
    plain, traced = found["plain"], found["traced"]

    assert traced(1) == 1
    assert traced.__type_params__ == plain.__type_params__ != ()
    assert inspect.signature(traced) == inspect.signature(plain)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotates at once")
def test_annotations_may_name_what_is_defined_later(traces):
    evaluated = []
    found = defined(
        """
        import asyncio

        def plain(a: Later, b: note(int) = 1, *c, d: Later = 2, **e) -> Later:
            return a

        traced = trace(plain)

        @trace
        async def coroutine(a: Later):
            return a

        @trace
        def items(a: Later):
            yield a

        @trace
        async def flow(a: Later):
            yield a

        class Tool:
            @trace
            def method(self, a: Tool | Later):
                return a

            def __call__(self, a: Later):
                return a

        async def collected():
            return [x async for x in flow(4)]

        answers = [
            traced(1), asyncio.run(coroutine(2)), list(items(3)),
            asyncio.run(collected()), Tool().method(5), trace(Tool())(6),
        ]
        """,
        trace=trace,
        note=lambda kind: evaluated.append(kind) or kind,
    )
    plain, traced = found["plain"], found["traced"]

    assert found["answers"] == [1, 2, [3], [4], 5, 6]
    assert len(traces) == 6
    assert evaluated == []
    with pytest.raises(NameError, match="Later"):
        traced.__annotations__
    found["Later"] = str
    assert traced.__annotations__ == plain.__annotations__
    assert inspect.signature(traced) == inspect.signature(plain)


def test_only_innermost_errors_of_a_deep_stack_are_kept(traces, root):
    def down(n):
        if n == 0:
            raise ValueError("deep")
        down(n - 1)

    @trace
    def f():
        down(300)

    with pytest.raises(ValueError):
        f()

    stack = root().exception[2]
    assert stack.count("in down") <= 60
    assert "ValueError: deep" in stack


def test_a_long_stack_keeps_its_ends_and_says_what_is_missing(traces, root):
    @trace
    def f():
        raise ValueError("begins " + "x" * 100_000 + " ends")

    with pytest.raises(ValueError):
        f()

    stack = root().exception[2]
    assert len(stack) <= 50_000
    assert stack.startswith("Traceback") and stack.endswith(" ends\n")
    assert re.search(r"\n… \[\d\d,\d{3} characters left out\]\n", stack)
