"""Measures what a server that traces are sent to adds to the traced calls.

    python benchmarks/shipping.py [--pairs 60] [--calls 100]

Each case is a process of its own that calls a function of five spans, with pauses of a
millisecond, as a service does between requests: some hundred calls sent nowhere, then
as many sent to the server, and so on, in turns. Two neighbours make a pair, and the
ratio of their times is what is added, free of what differs from process to process and
from minute to minute. Of a call's wall time that is the median, of its thread's CPU
time the tenth that is quickest, which other programs disturb least. Shown is the median
of all pairs' ratios, and within which bounds it is known (a notch: 1.57 times the
interquartile range by the root of the number of pairs). The case "nowhere" compares
with itself: what it shows is noise.

The server is on loopback: it is well, absent, silent, answers 500, or takes 5 s for
each answer. The exit is the time from the last call to the end of the process.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from report import Table, duration  # noqa: E402 - beside this file
from support.loopback import Loopback  # noqa: E402 - of the tests

CASES = ("nowhere", "up", "down", "hang", "500", "slow")
_PROMISED = 1.05
_PROMISED_EXIT_S = 2.0
_WARM_CALLS = 20
_PROGRAM = """
import json, sys, time
import spantree
pairs, calls, warm = map(int, sys.argv[1:4])
plain, sent = sys.argv[4:]

def child(x): return x
def step(x): return inner(x)
def agent(x):
    first(x); first(x)
    return middle(x)

first = inner = spantree.trace(child); middle = spantree.trace(step)
call = spantree.trace(agent)
def quantile(took, part): return sorted(took)[int(len(took) * part)]

def block(uri):
    spantree.set_tracking_uri(uri.split(","))
    for number in range(warm):
        call(number)
    spantree.flush(); time.sleep(0.05)
    wall, cpu = [], []
    for number in range(calls):
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        call(number)
        cpu.append(time.thread_time_ns() - began_cpu)
        wall.append(time.perf_counter_ns() - began)
        time.sleep(0.001)
    return quantile(wall, 0.5), quantile(cpu, 0.1)

found = []
for number in range(pairs):
    order = (plain, sent) if number % 2 else (sent, plain)
    took = {}
    for at, uri in enumerate(order):
        took[at if number % 2 else 1 - at] = block(uri)
    found.append([took[0], took[1]])
spantree.set_tracking_uri(sent.split(","))
for number in range(warm):
    call(number)
print(json.dumps(found), flush=True)
"""


class Ratio(NamedTuple):
    """How much longer it took.

    Args:
        middle: The median of the pairs' ratios.
        within: It is known to plus or minus this.
    """

    middle: float
    within: float


class Found(NamedTuple):
    """What a case has cost.

    Args:
        wall: Of a call, against its neighbours that were sent nowhere.
        cpu: The same of the calling thread's CPU time.
        call_ns: The CPU time of a call that is sent nowhere.
        exit_s: From the last call to the end of the process.
    """

    wall: Ratio
    cpu: Ratio
    call_ns: float
    exit_s: float


def main() -> None:
    """Run the cases and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--calls", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {
            case: _measured(case, Path(folder), given.pairs, given.calls)
            for case in CASES
        }
    print(_table(found, given.pairs, given.calls).text())


def _measured(case: str, folder: Path, pairs: int, calls: int) -> Found:
    with Loopback("up" if case in ("nowhere", "down") else case) as server:
        uri = "http://127.0.0.1:9" if case == "down" else server.uri
        rest = f"sqlite:///{folder}/{case}.db"
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _PROGRAM),
                *(str(pairs), str(calls), str(_WARM_CALLS)),
                f"sqlite:///{folder}/{case}-plain.db",
                rest if case == "nowhere" else f"{rest},{uri}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        blocks = json.loads(process.stdout.readline())
        began = time.perf_counter()
        process.wait()
        exit_s = time.perf_counter() - began
    wall, cpu = (_ratio(blocks, which) for which in (0, 1))
    plain_ns = statistics.median(plain[1] for plain, _ in blocks)
    return Found(wall, cpu, plain_ns, exit_s)


def _ratio(blocks: list[list[list[float]]], which: int) -> Ratio:
    ratios = [sent[which] / plain[which] for plain, sent in blocks]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Ratio(middle, 1.57 * (high - low) / math.sqrt(len(ratios)))


def _table(found: dict[str, Found], pairs: int, calls: int) -> Table:
    table = Table(
        "What a server adds to a traced call of 5 spans, and to the exit",
        ["server", "wall", "CPU", "exit", "added"],
        notes=[
            (
                f"{pairs} pairs of {calls:,} calls, each against as many that are sent "
                f"nowhere ({duration(found['nowhere'].call_ns)} of CPU a call); "
                f"promised: ratios ≤ {_PROMISED}, exit ≤ {_PROMISED_EXIT_S:g} s more."
            ),
            (
                "MISSED: above what was promised by more than the bounds; UNSURE: the "
                "bounds hold both sides, so more pairs or an idle machine are needed."
            ),
        ],
    )
    plain_exit = found["nowhere"].exit_s
    for case, cost in found.items():
        added = cost.exit_s - plain_exit
        said = f"{added:+.2f} s" + (" MISSED" if added > _PROMISED_EXIT_S else "")
        cells = [_shown(cost.wall), _shown(cost.cpu), f"{cost.exit_s:.2f} s", said]
        table.rows.append([case, *cells])
    return table


def _shown(ratio: Ratio) -> str:
    verdict = ""
    if ratio.middle - ratio.within > _PROMISED:
        verdict = " MISSED"
    elif ratio.middle + ratio.within > _PROMISED:
        verdict = " UNSURE"
    return f"{ratio.middle:.3f} ± {ratio.within:.3f}{verdict}"


if __name__ == "__main__":
    main()
