"""Fills a library's store and asks it, on orders that arrive as lines of JSON.

    python store_worker.py LIBRARY FOLDER

Runs in the library's own environment; both libraries get the same traces and queries.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import sys
import threading
import time
import traceback
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.store_shape import START_NS

if TYPE_CHECKING:
    from collections.abc import Callable

QUERIES: dict[str, dict[str, Any]] = {
    "newest 100 with spans": {"include_spans": True, "return_type": "pandas"},
    "newest 100 without spans": {"return_type": "pandas"},
    "rare tag": {"filter_string": "tag.rare = 'r0'"},
    "session": {"filter_string": "metadata.`mlflow.trace.session` = 's17'"},
    "span type": {"filter_string": "span.type = 'RETRIEVER'"},
    "span name": {"filter_string": "span.name = 'lookup'"},
    "order by duration": {"order_by": ["execution_time DESC"]},
    "absent substring": {"filter_string": "trace.text LIKE '%heliotrope-0%'"},
    "rare substring": {"filter_string": "trace.text LIKE '%needle-r0%'"},
}
OTHERS = "another 100 with spans"
QUERIES[OTHERS] = QUERIES["newest 100 with spans"]
ONE_TRACE = "one trace"
_LONG_NS = 1e9
_LIMIT_S = 600.0


def main() -> None:
    """Answer orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library, folder = sys.argv[1:]

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")

    store = import_module(f"adapters.store_{library}").Store(Path(folder))
    jobs: dict[str, Callable[..., dict[str, Any]]] = {
        "ingest": lambda traces: _ingest(store, traces),
        "fill": lambda first, last: _fill(store, first, last),
        "ask": partial(_ask, store, say),
        "size": lambda: {"bytes": store.size()},
    }
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = jobs[order.pop("do")](**order)
        except Exception as error:  # noqa: BLE001 - the library's; the runner reports it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        say(answer)


def traced_agent(library: Any) -> Callable[[int], object]:
    """Give a function that makes a trace of five spans, with tags and a session."""

    @library.trace(span_type="TOOL")
    def child(x: object) -> object:
        return x

    @library.trace
    def step(x: object) -> object:
        return child(x)

    @library.trace(span_type="AGENT")
    def agent(number: int) -> object:
        library.update_current_trace(
            tags={"env": "prod", "customer": f"c{number % 50}"},
            metadata={"mlflow.trace.session": f"s{number % 20}"},
        )
        child({"q": "What is it?"})
        child(number)
        return step({"text": "It is a thing. " * 3})

    return agent  # type: ignore[no-any-return]  # as the library wraps it


def _ingest(store: Any, traces: int) -> dict[str, Any]:
    """Record traces of five spans and wait until a search finds them."""
    agent = traced_agent(store.library)
    agent(0)
    store.flush()
    # Imports what is needed: pandas takes as long as thousands of traces.
    store.search(max_results=1, include_spans=False)
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for number in range(traces):
        agent(number)
    store.flush()
    found = len(store.search(max_results=1, include_spans=False))
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    assert found == 1
    assert store.count() >= traces + 1, f"{store.count()} of {traces + 1} are stored"
    return {"cpu": cpu / traces, "wall": wall / traces}


def _fill(store: Any, first: int, last: int) -> dict[str, Any]:
    began = time.process_time_ns()
    store.fill(first, last)
    assert store.count() >= last, f"{store.count()} of {last} are stored"
    return {"cpu": time.process_time_ns() - began}


def _ask(
    store: Any,
    say: Callable[[dict[str, Any]], object],
    query: str,
    seconds: float,
    limit: float = _LIMIT_S,
) -> dict[str, Any]:
    """Ask again and again; give the least CPU and how many traces were found.

    If there is no answer after a limit of seconds, the CPU taken until then is said,
    and the process ends, as nothing else would end a search.
    """
    if query == ONE_TRACE:
        ids = list(store.ids(10))

        def ask() -> int:
            return sum(len(store.get(trace_id).data.spans) for trace_id in ids) // 50
    else:
        # As lists, all but the two that are asked for as frames.
        given = {
            "include_spans": False,
            "max_results": 100,
            "return_type": "list",
            **QUERIES[query],
        }

        filters = itertools.cycle(
            _periods(store) if query == OTHERS else [given.get("filter_string")]
        )

        def ask() -> int:
            given["filter_string"] = next(filters)
            return len(store.search(**given))

        # Imports what is needed.
        store.search(**{**given, "filter_string": None, "max_results": 1})
        if query == OTHERS:
            # So that the first hundred timed is none of those looked at last.
            for _ in range(10):
                ask()

    def end() -> None:
        if not asked:
            say({"cpu": time.process_time_ns() - began, "found": None})
            os._exit(0)

    least, deadline, asked = float("inf"), None, 0
    watch = threading.Timer(limit, end)
    watch.start()
    # Not before each: that leaves the processor's caches empty, and a search of 50 µs
    # would be the time to fill them.
    gc.collect()
    while True:
        began = time.process_time_ns()
        found = ask()
        took = time.process_time_ns() - began
        # The clock of a virtual machine was seen to stand still.
        least, asked = min(least, took or least), asked + 1
        deadline = deadline or time.process_time() + seconds
        if took > _LONG_NS or time.process_time() > deadline:
            break
    watch.cancel()
    each = len(ids) if query == ONE_TRACE else 1
    return {"cpu": least / each, "found": found, "asked": asked * each}


def _periods(store: Any) -> list[str]:
    """Give filters that find a hundred traces each, no trace twice in ten of them."""
    count = store.count()
    return [
        f"timestamp < {START_NS // 10**6 + 1000 * number}"
        for number in range(count // 10, count + 1, count // 10)
    ]


if __name__ == "__main__":
    main()
