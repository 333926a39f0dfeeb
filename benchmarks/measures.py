"""How things are measured inside a worker, next to the library."""

from __future__ import annotations

import gc
import math
import tracemalloc
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING

from cases import CASES, add_one

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adapters import Adapter
    from cases import Batch

    Result = dict[str, float]

_MOST_REPEATS = 20
_WARMED_UP = 1000  # calls; larger batches have their first calls diluted
_BATCHES = 100


class Costs:
    """Measures cases; a case is decorated and checked once, then measured often.

    Args:
        adapter: The library.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._made: dict[str, tuple[Batch, Batch]] = {}

    def measure(self, name: str, seconds: float) -> Result:
        """Run a case, bare and traced, and count what was recorded of it.

        Args:
            name: The case.
            seconds: CPU time after which it is not repeated; it runs at least once.

        Returns:
            Minima over the repeats, nanoseconds a call: `caller` on the calling
            thread, `process` on all threads until stored, `bare_…` for the same
            untraced; `recorded` and `expected` spans.
        """
        case = CASES[name]
        if name not in self._made:
            self._made[name] = case.make(self._adapter, case.calls)
            if case.calls <= _WARMED_UP:
                self._run(self._made[name][1], 0.0, self._adapter.flush)
        bare, traced = self._made[name]
        before = self._adapter.count_spans()
        times = self._run(traced, seconds, self._adapter.flush)
        recorded = self._adapter.count_spans() - before
        bare_times = self._run(bare, seconds / 2, lambda: None)
        return {
            "caller": _least(times, 0) / case.calls,
            "process": _least(times, 1) / case.calls,
            "bare_caller": _least(bare_times, 0) / case.calls,
            "bare_process": _least(bare_times, 1) / case.calls,
            "recorded": recorded,
            "expected": len(times) * case.spans(case.calls),
        }

    def _run(
        self, batch: Batch, seconds: float, flush: Callable[[], object]
    ) -> list[tuple[int, int]]:
        times: list[tuple[int, int]] = []
        spent = 0
        while not times or (spent < seconds * 1e9 and len(times) < _MOST_REPEATS):
            gc.collect()
            start = process_time_ns()
            caller = batch()
            flush()
            process = process_time_ns() - start
            times.append((caller, process))
            spent += process
        return times


def latencies(adapter: Adapter, calls: int, seconds: float) -> Result:
    """Take the wall time of each of many root calls, made one after the other.

    Args:
        adapter: The library.
        calls: How many.
        seconds: Wall time after which no more are made.

    Returns:
        Nanoseconds: `p50`, `p99`, `p99.9`, `max`, and the same as `bare_…`; `calls`
        made; `recorded` and `expected` spans.
    """
    before = adapter.count_spans()
    traced = _each(adapter.traced(add_one), calls, seconds)
    adapter.flush()
    bare = _tail(_each(add_one, calls, seconds))
    return {
        **_tail(traced),
        **{f"bare_{key}": value for key, value in bare.items()},
        "calls": len(traced),
        "recorded": adapter.count_spans() - before,
        "expected": len(traced),
    }


def growth(adapter: Adapter, traces: int) -> Result:
    """Compare what traces cost the process at the end of many with the beginning.

    Returns:
        `first` and `last`: CPU nanoseconds of a trace until stored, the median over
        the first and the last tenth, in which garbage collections count.
    """
    traced = adapter.traced(add_one)
    size = traces // _BATCHES
    costs = []
    for _ in range(_BATCHES):
        start = process_time_ns()
        for _ in range(size):
            traced(1)
        adapter.flush()
        costs.append((process_time_ns() - start) / size)
    tenth = _BATCHES // 10
    return {"first": _median(costs[:tenth]), "last": _median(costs[-tenth:])}


def bytes_per_span(adapter: Adapter, spans: int) -> Result:
    """Weigh finished spans of a trace that is still open.

    Returns:
        `bytes` that Python's heap grew by for each of the later half of the spans.
    """
    traced = adapter.traced(add_one)

    def settled() -> int:
        adapter.flush()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    @adapter.traced
    def root() -> float:
        for value in range(spans // 2):
            traced(value)
        before = settled()
        for value in range(spans // 2):
            traced(value)
        return (settled() - before) / (spans // 2)

    tracemalloc.start()
    try:
        return {"bytes": root()}
    finally:
        tracemalloc.stop()


def _least(times: Sequence[tuple[int, int]], column: int) -> int:
    return min(row[column] for row in times)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _each(function: Callable[[int], int], calls: int, seconds: float) -> list[int]:
    times: list[int] = []
    deadline = perf_counter_ns() + seconds * 1e9
    now = 0
    while len(times) < calls and now < deadline:
        start = perf_counter_ns()
        function(1)
        now = perf_counter_ns()
        times.append(now - start)
    return times


def _tail(times: list[int]) -> Result:
    ordered = sorted(times)

    def percentile(share: float) -> int:
        return ordered[min(math.ceil(len(ordered) * share), len(ordered)) - 1]

    return {
        "p50": percentile(0.5),
        "p99": percentile(0.99),
        "p99.9": percentile(0.999),
        "max": ordered[-1],
    }
