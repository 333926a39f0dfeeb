"""Measures what a server that traces are sent to adds to the traced calls.

    python benchmarks/shipping.py [--rounds 5] [--traces 1000]

Each case is a process of its own that calls a function of five spans, with pauses of a
millisecond, as a service does between requests. The server is on loopback: it is well,
absent, silent, answers 500, or takes 5 s for each answer. Rounds interleave; what is
compared are the smallest medians of the rounds, against a process that sends nowhere.
The exit is the time from the last call to the end of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from report import Table, duration  # noqa: E402 - beside this file
from support.loopback import Loopback  # noqa: E402 - of the tests

CASES = ("nowhere", "up", "down", "hang", "500", "slow")
_PROMISED = 1.05
_PROMISED_EXIT_S = 2.0
_PROGRAM = """
import json, sys, time
import spantree
traces = int(sys.argv[1])

def child(x): return x
def step(x): return inner(x)
def agent(x):
    first(x); first(x)
    return middle(x)

first = inner = spantree.trace(child); middle = spantree.trace(step)
call = spantree.trace(agent)
call(0); spantree.flush(); time.sleep(1)
wall, cpu = [], []
for number in range(traces):
    began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
    call(number)
    cpu.append(time.thread_time_ns() - began_cpu)
    wall.append(time.perf_counter_ns() - began)
    time.sleep(0.001)
middle_of = lambda took: sorted(took)[len(took) // 2]
print(json.dumps([middle_of(wall), middle_of(cpu)]), flush=True)
"""


def main() -> None:
    """Run the cases, round by round, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--traces", type=int, default=1_000)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float, float]]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.rounds):
            for case in CASES:
                where = Path(folder) / f"{case}-{number}"
                found[case].append(_measured(case, where, given.traces))
    print(_table(found, given.rounds, given.traces).text())


def _measured(case: str, folder: Path, traces: int) -> tuple[float, float, float]:
    """Give the medians of wall and CPU time of a call in ns, and the exit in s."""
    with Loopback("up" if case in ("nowhere", "down") else case) as server:
        uri = "http://127.0.0.1:9" if case == "down" else server.uri
        environment = {**os.environ, "SPANTREE_DATA_DIR": str(folder)}
        if case != "nowhere":
            environment["SPANTREE_TRACKING_URI"] = uri
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(traces)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        wall, cpu = json.loads(process.stdout.readline())
        began = time.perf_counter()
        process.wait()
        return wall, cpu, time.perf_counter() - began


def _table(
    found: dict[str, list[tuple[float, float, float]]], rounds: int, traces: int
) -> Table:
    table = Table(
        "What a server adds to a traced call of 5 spans, and to the exit",
        ["server", "wall", "ratio", "CPU", "ratio", "exit", "added"],
        notes=[
            (
                f"{rounds} rounds of {traces:,} calls; promised: ratios ≤ {_PROMISED}, "
                f"exit ≤ {_PROMISED_EXIT_S:g} s more."
            )
        ],
    )
    plain = [min(each) for each in zip(*found["nowhere"], strict=True)]
    for case in CASES:
        wall, cpu, leaving = (min(each) for each in zip(*found[case], strict=True))
        added = leaving - plain[2]
        cells = [duration(wall), _ratio(wall / plain[0])]
        cells += [duration(cpu), _ratio(cpu / plain[1])]
        said = f"{added:+.2f} s" + (" MISSED" if added > _PROMISED_EXIT_S else "")
        table.rows.append([case, *cells, f"{leaving:.2f} s", said])
    return table


def _ratio(ratio: float) -> str:
    return f"{ratio:.3f}" + (" MISSED" if ratio > _PROMISED else "")


if __name__ == "__main__":
    main()
