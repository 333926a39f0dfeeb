"""Generators and async generators."""

from __future__ import annotations

import asyncio

from parity.lab import last, scenario, tree


def stream_of(m, **options):
    @m.trace(**options)
    def stream(n):
        yield from range(n)

    return stream


@scenario()
def a_generator_read_to_its_end(m):
    found = list(stream_of(m)(3))
    return [found, tree(last(m))]


@scenario()
def a_reducer(m):
    list(stream_of(m, output_reducer=sum)(4))
    return tree(last(m))


@scenario()
def chunks_are_events(m):
    list(stream_of(m)(2))
    return [
        [e.name, e.attributes["mlflow.chunk.value"]]
        for e in last(m).data.spans[0].events
    ]


@scenario()
def an_async_generator(m):
    @m.trace
    async def stream():
        for i in range(3):
            yield i

    async def main():
        return [i async for i in stream()]

    return [asyncio.run(main()), tree(last(m))]


@scenario()
def children_of_a_generator(m):
    @m.trace
    def step(i):
        return i

    @m.trace
    def stream():
        for i in range(2):
            yield step(i)

    list(stream())
    return tree(last(m))


@scenario(
    ours=[{"name": "stream", "status": "OK", "inputs": {"n": 5}, "outputs": [0, 1]}],
    why="a stream left early keeps what it gave; the reference loses the trace",
)
def a_generator_left_early(m):
    before = m.get_last_active_trace_id()
    stream = stream_of(m)(5)
    next(stream), next(stream)
    stream.close()
    return None if m.get_last_active_trace_id() == before else tree(last(m))


@scenario(
    ours=["sent", "result"],
    why="a traced generator is the generator; the reference loses sent values",
)
def sent_values_and_results(m):
    @m.trace
    def echo():
        return (yield "first") and "result"

    generator = echo()
    next(generator)
    try:
        generator.send("sent")
    except StopIteration as stop:
        return ["sent", stop.value]


@scenario(
    ours=["ERROR", "ValueError: no"],
    why="the description says what went wrong; the reference leaves it empty",
)
def a_generator_that_fails(m):
    @m.trace
    def stream():
        yield 1
        raise ValueError("no")

    try:
        list(stream())
    except ValueError:
        pass
    status = last(m).data.spans[0].status
    return [status.status_code.value, status.description]


@scenario()
def the_active_span_inside_a_generator(m):
    seen = []

    @m.trace
    def stream():
        seen.append(m.get_current_active_span().name)
        yield 1

    for _ in stream():
        seen.append(m.get_current_active_span())
    return seen
