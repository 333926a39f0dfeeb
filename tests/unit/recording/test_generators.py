"""Streams: one span over all that a generator yields."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json

import pytest

from spantree.recording import (
    context,
    get_current_active_span,
    start_span,
    trace,
)
from spantree.testing import outline


@trace
def numbers(n=3):
    for i in range(n):
        yield i


@trace
async def flow(n=3):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


@trace
def leaf():
    return "leaf"


def names_of(span):
    return [event.name for event in span.events]


# The moments of a stream


def test_the_call_alone_makes_no_span(traces):
    numbers()
    flow()

    assert len(traces) == 0


def test_a_stream_closed_before_it_began_makes_no_span(traces):
    numbers().close()

    assert len(traces) == 0


def test_the_first_next_opens_the_span(traces):
    made = numbers()
    next(made)

    assert outline(traces[0]) == "numbers UNKNOWN (open)"


def test_the_parent_is_the_span_of_the_first_next(traces):
    made = numbers()
    with start_span("first"):
        next(made)
    with start_span("second"):
        list(made)

    assert outline(traces[0]) == "first UNKNOWN\n  numbers UNKNOWN"
    assert outline(traces[1]) == "second UNKNOWN"


def test_between_items_the_span_is_not_current(traces):
    made = numbers()
    next(made)

    assert get_current_active_span() is None
    leaf()
    assert outline(traces[1]) == "leaf UNKNOWN"


def test_inside_the_body_the_span_is_current(traces):
    seen = []

    @trace
    def body():
        seen.append(get_current_active_span().name)
        yield 1
        seen.append(get_current_active_span().name)
        leaf()
        yield 2

    with start_span("consumer"):
        list(body())

    assert seen == ["body", "body"]
    assert outline(traces[0]) == ("consumer UNKNOWN\n  body UNKNOWN\n    leaf UNKNOWN")


def test_inside_an_async_body_the_span_is_current(traces):
    @trace
    async def body():
        leaf()
        yield get_current_active_span().trace_id
        await asyncio.sleep(0)
        leaf()

    async def main():
        return [x async for x in body()]

    assert asyncio.run(main()) == [traces[0].trace_id]
    assert outline(traces[0]) == "body UNKNOWN\n  leaf UNKNOWN\n  leaf UNKNOWN"


def test_a_block_that_a_body_yields_inside_of_is_not_current_in_the_consumer(traces):
    seen = []

    @trace
    def body():
        with start_span("block"):
            yield 1
            seen.append(get_current_active_span().name)
            leaf()
            yield 2
        seen.append(get_current_active_span().name)
        yield 3

    with start_span("consumer"):
        for _ in body():
            assert get_current_active_span().name == "consumer"

    assert seen == ["block", "body"]
    assert outline(traces[0]) == (
        "consumer UNKNOWN\n  body UNKNOWN\n    block UNKNOWN\n      leaf UNKNOWN"
    )


def test_a_block_that_an_async_body_yields_inside_of(traces):
    seen = []

    @trace
    async def body():
        with start_span("block"):
            yield 1
            await asyncio.sleep(0)
            seen.append(get_current_active_span().name)
            yield 2

    async def main():
        async for _ in body():
            assert get_current_active_span() is None

    asyncio.run(main())

    assert seen == ["block"]


def test_a_body_left_inside_a_block_leaves_nothing_current(traces):
    @trace
    def body():
        with start_span("block"):
            yield 1
            yield 2

    made = body()
    next(made)
    made.close()

    assert get_current_active_span() is None
    assert "(open)" not in outline(traces[0])


def test_the_cleanup_of_a_closed_body_runs_below_its_span(traces):
    @trace
    def body():
        try:
            yield 1
        finally:
            leaf()

    made = body()
    next(made)
    made.close()

    assert outline(traces[0]) == "body UNKNOWN\n  leaf UNKNOWN"


def test_each_item_is_an_event_with_its_json(traces, root):
    @trace
    def body():
        yield "a"
        yield {"k": [1]}

    list(body())

    events = root().events
    assert names_of(root()) == ["mlflow.chunk.item.0", "mlflow.chunk.item.1"]
    assert [json.loads(e.attributes["mlflow.chunk.value"]) for e in events] == [
        "a",
        {"k": [1]},
    ]
    assert events[0].timestamp <= events[1].timestamp


def test_an_item_is_kept_as_it_was_when_it_was_yielded(traces, root):
    @trace
    def body():
        buffer = []
        for i in range(3):
            buffer.append(i)
            yield buffer

    list(body())

    assert root().outputs == [[0], [0, 1], [0, 1, 2]]


def test_inputs_are_taken_at_the_first_next(traces, root):
    @trace
    def body(items):
        items.append("in the body")
        yield 1

    given = ["at the call"]
    made = body(given)
    given.append("before the first next")
    list(made)

    assert root().inputs == {"items": ["at the call", "before the first next"]}


def test_an_exhausted_stream_has_its_items_as_outputs(traces, root):
    list(numbers())

    assert root().outputs == [0, 1, 2]
    assert root().status.status_code == "OK"
    assert root().get_attribute("spantree.stream.end") == "exhausted"


def test_an_exhausted_async_stream_has_its_items_as_outputs(traces, root):
    async def main():
        return [x async for x in flow()]

    asyncio.run(main())

    assert root().outputs == [0, 1, 2]
    assert root().get_attribute("spantree.stream.end") == "exhausted"


def test_the_attributes_of_a_stream(traces, root):
    list(numbers())

    assert root().get_attribute("spantree.stream.items") == 3
    assert root().get_attribute("spantree.stream.kept") == 3
    assert root().get_attribute("spantree.stream.first_item_ms") >= 0


def test_a_stream_without_items_has_no_first_item(traces, root):
    list(numbers(0))

    assert root().outputs == []
    assert root().get_attribute("spantree.stream.items") == 0
    assert root().get_attribute("spantree.stream.first_item_ms") is None


def test_the_return_value_is_an_attribute(traces, root):
    @trace
    def body():
        yield 1
        return {"total": 1}

    list(body())

    assert root().get_attribute("spantree.stream.return_value") == {"total": 1}
    assert root().outputs == [1]


def test_outputs_set_in_the_body_win(traces, root):
    @trace
    def body():
        yield 1
        get_current_active_span().set_outputs("mine")

    list(body())

    assert root().outputs == "mine"


def test_sent_values_arrive_and_answers_are_items(traces, root):
    @trace
    def echo():
        got = None
        while got != "stop":
            got = yield got

    made = echo()
    next(made)
    assert made.send("a") == "a"
    with contextlib.suppress(StopIteration):
        made.send("stop")

    assert root().outputs == [None, "a"]


# Left early


@pytest.mark.parametrize(
    "leave",
    [
        lambda made: made.close(),
        lambda made: next(made) and made.close(),
        lambda made: list(itertools.islice(made, 1)),
    ],
)
def test_a_stream_that_is_left_is_ok_with_what_it_yielded(traces, root, leave):
    made = numbers()
    next(made)
    leave(made)
    del made
    gc.collect()

    assert root().status.status_code == "OK"
    assert root().get_attribute("spantree.stream.end") == "closed"
    assert root().outputs[0] == 0
    assert get_current_active_span() is None


def test_break_ends_the_span(traces, root):
    for x in numbers(10):
        if x == 2:
            break

    assert root().outputs == [0, 1, 2]
    assert root().get_attribute("spantree.stream.end") == "closed"


def test_a_closed_stream_is_reduced(traces, root):
    @trace(output_reducer=sum)
    def body():
        yield from (1, 2, 3)

    made = body()
    next(made)
    next(made)
    made.close()

    assert root().outputs == 3


def test_a_stream_in_a_dropped_cycle_ends(traces, root):
    made = numbers()
    next(made)
    knot = [made]
    knot.append(knot)
    del made, knot
    gc.collect()

    assert root().end_time_ns
    assert root().outputs == [0]


def test_an_async_stream_that_is_closed(traces, root):
    async def main():
        made = flow()
        await made.asend(None)
        await made.aclose()

    asyncio.run(main())

    assert root().outputs == [0]
    assert root().status.status_code == "OK"
    assert root().get_attribute("spantree.stream.end") == "closed"


def test_an_async_stream_closed_by_another_task(traces, root, caplog):
    async def main():
        made = flow()
        await made.asend(None)
        await asyncio.ensure_future(made.aclose())

    asyncio.run(main())

    assert root().get_attribute("spantree.stream.end") == "closed"
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


def test_an_async_stream_left_open_at_the_end_of_its_loop(traces, root, caplog):
    kept = []

    async def main():
        kept.append(flow())
        await kept[0].asend(None)

    asyncio.run(main())

    assert root().outputs == [0]
    assert root().get_attribute("spantree.stream.end") == "closed"
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


def test_an_async_stream_dropped_after_its_loop(traces, root):
    loop = asyncio.new_event_loop()
    made = flow()

    async def first(made):
        await made.asend(None)

    loop.run_until_complete(first(made))
    loop.close()
    del made
    gc.collect()

    assert root().outputs == [0]
    assert root().status.status_code == "OK"
    assert root().get_attribute("spantree.stream.end") == "garbage_collected"


def test_a_cancelled_async_stream_is_an_error(traces, root):
    @trace
    async def body():
        yield 1
        await asyncio.sleep(60)

    async def consume():
        return [x async for x in body()]

    async def main():
        task = asyncio.ensure_future(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())

    assert root().status.status_code == "ERROR"
    assert root().exception[0] == "CancelledError"


def test_a_task_of_the_body_may_close_the_stream(traces, root):
    closing = []

    @trace
    async def body():
        closing.append(asyncio.ensure_future(close_later()))
        yield 1
        yield 2

    async def close_later():
        await asyncio.sleep(0)
        leaf()
        await made.aclose()
        leaf()

    made = body()

    async def main():
        await made.asend(None)
        await asyncio.wait(closing)

    asyncio.run(main())

    assert root().get_attribute("spantree.stream.end") == "closed"
    assert get_current_active_span() is None


# Errors


def test_an_exception_of_the_body_is_recorded_after_the_items(traces, root):
    @trace
    def body():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError):
        list(body())

    assert names_of(root()) == ["mlflow.chunk.item.0", "exception"]
    assert root().outputs is None
    assert root().status.description == "ValueError: no more"
    assert root().get_attribute("spantree.stream.end") == "error"


def test_a_thrown_exception_that_leaves_is_an_error(traces, root):
    made = numbers()
    next(made)
    with pytest.raises(KeyError):
        made.throw(KeyError("k"))

    assert root().status.description == "KeyError: 'k'"


def test_a_thrown_exception_that_is_handled_is_none(traces, root):
    @trace
    def body():
        try:
            yield 1
        except KeyError:
            yield "handled"

    made = body()
    next(made)
    made.throw(KeyError("k"))
    list(made)

    assert root().status.status_code == "OK"
    assert root().outputs == [1, "handled"]


def test_stop_iteration_raised_in_the_body_is_an_error(traces, root):
    @trace
    def body():
        yield next(iter(()))

    with pytest.raises(RuntimeError):
        list(body())

    assert root().exception[0] == "RuntimeError"


# Reducers


def test_a_reducer_gets_the_objects_themselves(traces, root):
    items = [object(), object()]
    given = []

    @trace(output_reducer=lambda found: given.extend(found) or len(found))
    def body():
        yield from items

    list(body())

    assert given[0] is items[0]
    assert root().outputs == 2


def test_a_reducer_of_an_async_stream(traces, root):
    @trace(output_reducer="".join)
    async def body():
        for letter in "abc":
            yield letter

    async def main():
        return [x async for x in body()]

    asyncio.run(main())

    assert root().outputs == "abc"


def test_a_reducer_that_raises_leaves_the_list(traces, root):
    @trace(output_reducer=lambda items: 1 / 0)
    def body():
        yield 1

    list(body())

    assert root().outputs == [1]
    assert root().status.status_code == "OK"
    assert root().get_attribute("spantree.reducer_error") == (
        "ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, MemoryError])
def test_a_reducer_can_not_end_the_program(traces, root, error):
    def reducer(items):
        raise error("planned")

    @trace(output_reducer=reducer)
    def body():
        yield 1

    assert list(body()) == [1]

    assert root().outputs == [1]
    assert (
        root().get_attribute("spantree.reducer_error") == f"{error.__name__}: planned"
    )


def test_a_reducer_that_is_interrupted_interrupts(traces, root):
    def reducer(items):
        raise KeyboardInterrupt

    @trace(output_reducer=reducer)
    def body():
        yield 1

    with pytest.raises(KeyboardInterrupt):
        list(body())

    assert root().end_time_ns


def test_a_reducer_on_a_plain_function_is_ignored_with_a_warning(traces, root, caplog):
    @trace(output_reducer=len)
    def plain():
        return [1]

    assert plain() == [1]
    assert root().outputs == [1]
    assert "output_reducer needs a generator function" in caplog.text


# Limits


def test_of_many_items_the_first_and_the_last_are_events(traces, root):
    for _ in numbers(1200):
        pass

    events = names_of(root())
    assert len(events) == 1000
    assert events[899:901] == ["mlflow.chunk.item.899", "mlflow.chunk.item.1100"]
    assert root().get_attribute("spantree.stream.items") == 1200


def test_of_large_items_the_first_and_the_last_are_kept(traces, root):
    @trace
    def body():
        for i in range(3000):
            yield f"{i:01000d}"

    for _ in body():
        pass

    kept = root().get_attribute("spantree.stream.kept")
    assert kept < 1200
    assert root().get_attribute("spantree.stream.items") == 3000
    assert root().outputs[-2] == f"{2999:01000d}"
    assert root().outputs[-1]["items"] == 3000


def cuts_of(span):
    found = span.get_attribute("spantree.truncated")
    return {c["path"]: (c["kept"], c["total"], c["unit"]) for c in found}


def test_what_is_missing_of_many_items_is_listed(traces, root):
    for _ in numbers(10_500):
        pass

    assert cuts_of(root()) == {
        "outputs": (10_100, 10_500, "items"),
        "events": (1_000, 10_500, "items"),
    }


def test_what_is_missing_of_an_item_is_listed(traces, root):
    @trace
    def body():
        yield "whole"
        yield "x" * 1_500_000

    list(body())

    assert cuts_of(root()) == {"outputs.1": (1_000_000, 1_500_000, "bytes")}


def test_what_is_missing_of_reduced_items_is_listed(traces, root):
    @trace(output_reducer=lambda items: list(range(10_001)))
    def body():
        yield "x" * 1_500_000

    list(body())

    assert cuts_of(root()) == {
        "items.0": (1_000_000, 1_500_000, "bytes"),
        "outputs": (10_000, 10_001, "items"),
    }


# Off


def test_a_sampled_out_stream_silences_its_body(traces):
    @trace(sampling_ratio_override=0.0)
    def body():
        yield leaf()
        yield get_current_active_span()

    items = list(body())

    assert items[0] == "leaf"
    assert not items[1]
    assert items[1] is not None
    assert len(traces) == 0
    assert get_current_active_span() is None


def test_a_stream_begun_in_a_disabled_block_stays_off(traces):
    @trace
    def body():
        yield leaf()
        yield leaf()

    made = body()
    with context(enabled=False):
        next(made)
    next(made)

    assert len(traces) == 0


def test_without_outputs_items_are_counted_but_not_kept(traces, root):
    @trace(capture_outputs=False)
    def body():
        yield "secret"

    list(body())

    assert root().outputs is None
    assert root().events == []
    assert root().get_attribute("spantree.stream.items") == 1


def test_interleaved_streams_keep_their_own_children(traces):
    @trace
    def body(name):
        with start_span(f"{name} 1"):
            pass
        yield 1
        with start_span(f"{name} 2"):
            pass
        yield 2

    with start_span("root"):
        for _ in zip(body("a"), body("b")):
            pass

    parents = {s.name: s.parent_id for s in traces[0].data.spans}
    assert parents["a 1"] == parents["a 2"]
    assert parents["b 1"] == parents["b 2"]
    assert parents["a 1"] != parents["b 1"]
