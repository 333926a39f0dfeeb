"""What several processes on one file add to the calls of each."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from lab import say
from report import Table, duration

if TYPE_CHECKING:
    from pathlib import Path

_PROCESSES = 4
_TRACES = 2_000
_PAUSE_S = 0.001
_P50_NS, _P99_NS = 200_000, 2_000_000
_PROGRAM = """
import json, sys, time
import spantree
spantree.set_tracking_uri("sqlite:///" + sys.argv[1])
traces, pause_s = int(sys.argv[2]), float(sys.argv[3])

def child(x): return x
def step(x): return inner(x)
def agent(x):
    first(x); first(x)
    return middle(x)
def run(call):
    took = []
    for number in range(traces):
        began = time.perf_counter_ns()
        call(number)
        took.append(time.perf_counter_ns() - began)
        time.sleep(pause_s)
    return sorted(took)

first = inner = child; middle = step
bare = run(agent)
first = inner = spantree.trace(child); middle = spantree.trace(step)
traced = run(spantree.trace(agent))
assert spantree.flush(60)
at = lambda took, share: took[min(len(took) - 1, int(len(took) * share))]
print(json.dumps({f"{name}_{p}": at(took, p) for name, took in
    (("bare", bare), ("traced", traced)) for p in (0.5, 0.99)}))
"""


def latency(python: Path, folder: Path) -> Table:
    """Time the calls of several processes that write into one file."""
    say(f"latency of {_PROCESSES} processes")
    file = folder / "shared.db"
    command = [str(python), "-c", _PROGRAM, str(file), str(_TRACES), str(_PAUSE_S)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(_PROCESSES)
    ]
    found = [json.loads(process.communicate()[0]) for process in running]
    table = Table(
        f"Wall time added to a 5-span trace's caller, {_PROCESSES} processes on a file",
        ["", "bare", "traced", "added", "promised"],
        notes=[
            (
                f"The worst of the processes; {_TRACES:,} traces each, with pauses of "
                f"{_PAUSE_S * 1000:g} ms between them. The bare calls show what the "
                "machine itself adds."
            )
        ],
    )
    for share, promised in ((0.5, _P50_NS), (0.99, _P99_NS)):
        bare = max(each[f"bare_{share}"] for each in found)
        traced = max(each[f"traced_{share}"] for each in found)
        said = f"≤ {duration(promised)}"
        if traced - bare > promised:
            said += " MISSED"
        cells = [duration(bare), duration(traced), duration(traced - bare), said]
        table.rows.append([f"p{share * 100:.0f}", *cells])
    return table


_COMMITS = 300
_COMMIT_NS = 50_000_000
_COMMIT_PROGRAM = """
import json, sqlite3, sys, time
import spantree
spantree.set_tracking_uri("sqlite:///" + sys.argv[1])
step = spantree.trace(lambda x: x)
agent = spantree.trace(lambda x: step(step(step(step(x)))))
agent(0)
spantree.flush()
reader = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
newest = lambda: reader.execute("SELECT max(id) FROM trace").fetchone()[0]
took = []
for number in range(int(sys.argv[2])):
    last = newest()
    agent(number)
    ended = time.perf_counter_ns()
    while newest() == last:
        time.sleep(0.0002)
    took.append(time.perf_counter_ns() - ended)
took.sort()
print(json.dumps([took[int(len(took) * share)] for share in (0.5, 0.99)]))
"""


def commits(python: Path, folder: Path) -> Table:
    """Time from a trace's end until another connection reads it."""
    say("commit times")
    command = [str(python), "-c", _COMMIT_PROGRAM, str(folder / "commits.db")]
    done = subprocess.run(
        [*command, str(_COMMITS)], stdout=subprocess.PIPE, text=True, check=True
    )
    p50, p99 = json.loads(done.stdout)
    said = f"≤ {duration(_COMMIT_NS)}" + (" MISSED" if p99 > _COMMIT_NS else "")
    return Table(
        "Wall time from a trace's end until another connection reads it",
        ["", "spantree", "promised"],
        [["p50", duration(p50), ""], ["p99", duration(p99), said]],
        [f"{_COMMITS} traces of 5 spans, one after the other."],
    )


if __name__ == "__main__":
    sys.exit("Run store_vs_mlflow.py.")
