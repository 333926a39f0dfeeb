"""Where the instructions of a traced call go.

    python benchmarks/parts.py [--python .venv/bin/python]

For explaining a gap. Counted by valgrind as in `instructions.py`. A tiny child is run
with ever more of spantree at work, and the differences are what each part takes; what
the caller cannot do without is counted by itself.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from contextvars import ContextVar
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

from cases import CASES
from instructions import CountError, count_batch
from report import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab import Lab

_FEW, _MANY = 500, 2_000
# Each holds what the one before does; the difference is the part's.
_STAGES = {
    "bare": "the call itself",
    "uncollected": "wrapper, snapshot and span, on the calling thread",
    "recorded": "the garbage collector's passes over the spans of an open trace",
    "published": "copy, search for secrets, order and sizes of the trace",
    "stored": "rows, compression and SQLite",
}
_FLOOR = {
    "loop": "",
    "contexts": "two settings and two readings of a context variable",
    "clock": "two readings of the clock",
    "objects": "an object of 19 slots, a dict of one argument, two lists",
}


def parts(lab: Lab, only: str = "") -> list[Table]:
    """Count them as a part of a run; a failure is noted as a problem."""
    del only
    try:
        return tables(lab.pythons["spantree"])
    except CountError as error:
        lab.problems.append(str(error))
        return []


def tables(python: Path) -> list[Table]:
    """Count the parts.

    Args:
        python: An interpreter that has spantree installed.

    Raises:
        CountError: If valgrind is missing or fails.
    """
    stages = {name: _count(python, name) for name in _STAGES}
    whole = stages["stored"]
    table = Table("Where the instructions of a tiny child go", ["", "", "share"])
    before = 0.0
    for name, what in _STAGES.items():
        own, before = stages[name] - before, stages[name]
        table.rows.append([what, f"{own:,.0f}", f"{own / whole:.0%}"])
    floor = Table("What CPython itself takes of the caller's part", ["", ""])
    empty = _count(python, "loop")
    for name, what in _FLOOR.items():
        if what:
            floor.rows.append([what, f"{_count(python, name) - empty:,.0f}"])
    return [table, floor]


def _count(python: Path, name: str) -> float:
    print(f"instructions of {name}", file=sys.stderr)
    return count_batch(python, Path(__file__), name, _FEW, _MANY)


def _run_stage(name: str, calls: int) -> None:
    from adapters import spantree as adapter

    from spantree._runtime import RUNTIME
    from spantree.recording import RECORDER
    from spantree.store import writer

    writer.TICK_S = 3600.0
    with tempfile.TemporaryDirectory() as folder:
        adapter.set_up(Path(folder), enabled=True)
        bare, traced = CASES["tiny_child"].make(adapter, calls)
        adapter.traced(len)("")
        adapter.flush()
        ended: list[Callable[[], object]] = []
        if name != "stored":
            RECORDER.traces.remove_listener(RUNTIME)
            RECORDER.traces.add_listener(_Keeper(ended))
        if name == "uncollected":
            gc.disable()
        if name == "bare":
            bare()
        else:
            traced()
        if name == "published":
            assert ended
            for publish in ended:
                publish()
        adapter.flush()


class _Keeper:
    """Keeps what gives a trace when it has ended, as the store's queue does."""

    def __init__(self, ended: list[Callable[[], object]]) -> None:
        self._ended = ended

    def trace_started(self, trace: object) -> None:
        """Do nothing."""

    def trace_changed(self, trace: object) -> None:
        """Do nothing."""

    def trace_ended(self, trace: object) -> None:
        """Keep it."""
        self._ended.append(trace.to_trace)  # type: ignore[attr-defined]


class _Slots:
    __slots__ = tuple(f"slot_{n}" for n in range(19))


def _run_floor(name: str, calls: int) -> None:
    variable: ContextVar[object] = ContextVar("variable", default=None)
    get, put, spans = variable.get, variable.set, []
    for value in range(calls):
        if name == "contexts":
            above = get()
            put(spans)
            get()
            put(above)
        elif name == "clock":
            perf_counter_ns()
            perf_counter_ns()
        elif name == "objects":
            span = _Slots.__new__(_Slots)
            span.slot_0 = span.slot_1 = span.slot_2 = span.slot_3 = value
            span.slot_4 = span.slot_5 = span.slot_6 = span.slot_7 = None
            span.slot_8 = span.slot_9 = span.slot_10 = span.slot_11 = None
            span.slot_12 = span.slot_13 = span.slot_14 = span.slot_15 = None
            span.slot_16, span.slot_17, span.slot_18 = {"value": value}, [], []
            spans.append(span)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and print.

    Returns:
        The exit code: 0, or 1 when nothing could be counted.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--batch", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.batch:
        name, calls = given.batch[0], int(given.batch[1])
        (_run_floor if name in _FLOOR else _run_stage)(name, calls)
        return 0
    try:
        counted = tables(given.python)
    except CountError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(table.markdown() for table in counted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
