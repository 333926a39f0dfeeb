"""Compares the embedded store with mlflow's SQLite store: writing, finding, size.

    python benchmarks/store_vs_mlflow.py [--sizes 1000,10000,100000] [--traces 10000]
        [--alone] [--markdown docs/store-performance.md]

Each library runs in its own environment and process; rounds interleave, minima of CPU
time are compared. Ingest goes through each library's own API. To search, both stores
are filled with the same traces: spantree's by its writer's method, mlflow's by SQL with
the rows that its writer makes, as that would take an hour and a half for 100,000.
The newest are asked for as DataFrames, all else as lists. An answer that takes over a
second is asked for once, and ended after `--limit` seconds; the table then has the CPU
that it took until then, and what is at least the ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from environments import environment
from lab import Worker, say
from latency import commits, latency
from report import Table, digits, duration, times
from store_postgres import postgres
from store_worker import ONE_TRACE, OTHERS, QUERIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIBRARIES = ("spantree", "mlflow")
# What each must reach, as a ratio to mlflow; None where there is no promise.
PROMISED = {
    "newest 100 with spans": 30,
    OTHERS: None,
    "newest 100 without spans": 15,
    "rare tag": 50,
    "session": None,
    "span type": 30,
    "span name": 30,
    "order by duration": 30,
    "absent substring": 2,
    "rare substring": 2,
    ONE_TRACE: 20,
}
SERVED = [name for name in PROMISED if "substring" not in name]
_INGEST, _DISK, _GROWTH = 200, 4, 1.5
# In place of each round of searches: it takes seconds, a busy neighbour some minutes.
_INGESTS = 5
_LONG_NS = 1e9
_MARK = "<!-- Below this line the page is written by its command. -->\n"


class Taken(NamedTuple):
    """What a search took.

    Args:
        cpu: Nanoseconds; if it was ended, until then.
        found: How many traces; None if it was ended.
    """

    cpu: float
    found: int | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it all and print the tables.

    Returns:
        The exit code, 0.
    """
    given = _parser().parse_args(arguments)
    import tempfile

    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        libraries = LIBRARIES[:1] if given.alone else LIBRARIES

        def start(library: str) -> Worker:
            return _worker(library, scratch / f"filled-{library}")

        workers = {name: start(name) for name in libraries}
        begun = os.getloadavg()[0]
        rounds = _INGESTS * given.rounds
        tables = [] if given.alone else [_ingest(scratch, given.traces, rounds)]
        tables += _searches(workers, given.sizes, given.rounds, given.limit, start)
        tables.append(latency(_python("spantree"), scratch))
        tables.append(commits(_python("spantree"), scratch))
        if not given.alone:
            tables.append(postgres(_python("spantree"), scratch))
        for worker in workers.values():
            worker.close()
    head = (
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, Python "
        f"{sys.version.split()[0]}, {os.cpu_count()} cores, load {begun:.1f} before "
        f"and {os.getloadavg()[0]:.1f} after.\n"
    )
    print("\n".join([head, *(table.text() for table in tables)]))
    if given.markdown:
        page = given.markdown
        above = page.read_text().partition(_MARK)[0] if page.exists() else ""
        body = "\n".join(["", head, *(table.markdown() for table in tables)])
        page.write_text(above + _MARK + body)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes",
        default="1000,10000,100000",
        type=lambda text: [int(part) for part in text.split(",")],
        help="stored traces at which searches are timed; default: %(default)s",
    )
    parser.add_argument("--traces", type=int, default=10_000, help="to ingest")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--limit",
        type=float,
        default=60,
        help="seconds after which a search is ended; default: %(default)s",
    )
    parser.add_argument(
        "--alone", action="store_true", help="without mlflow: how spantree grows"
    )
    parser.add_argument("--markdown", type=Path, help="also write this page")
    return parser


def _worker(library: str, folder: Path) -> Worker:
    folder.mkdir(parents=True, exist_ok=True)
    return Worker(library, _python(library), folder, script="store_worker.py")


@functools.cache
def _python(library: str) -> Path:
    # mlflow brings both; without pandas a search would give a list.
    others = ("pandas", "pyarrow", "psycopg[binary]") if library == "spantree" else ()
    return environment(library, others, "store" if others else "")


def _ingest(scratch: Path, traces: int, rounds: int) -> Table:
    """Record traces; mlflow, by far the slower, a hundredth of them a round."""
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in LIBRARIES}
    for at in range(rounds):
        for name in LIBRARIES:
            say(f"ingest of {name}, round {at + 1}")
            worker = _worker(name, scratch / f"ingest-{name}-{at}")
            count = traces if name == "spantree" else max(50, traces // 100)
            figures[name].append(worker.ask("ingest", traces=count))
            worker.close()
    table = Table(
        f"A trace of 5 spans with tags and session until searchable, of {traces:,}",
        ["", *LIBRARIES, "ratio", "promised"],
        notes=[f"mlflow recorded {max(50, traces // 100):,} a round."],
    )
    for what in ("cpu", "wall"):
        ours, theirs = (min(f[what] for f in figures[name]) for name in LIBRARIES)
        table.rows.append(_row(what, ours, theirs, _INGEST))
    return table


def _row(
    what: str, ours: float, theirs: float, promised: float | None, more: str = ""
) -> list[str]:
    """Compare two figures, of which theirs may be more than what is known of it."""
    said = "–" if promised is None else f"×{digits(promised)}"
    if promised is not None and theirs / ours < promised:
        said += " not shown" if more else " MISSED"
    shown = [f"{more}{duration(theirs)}", f"{more}{times(theirs, ours)}"]
    return [what, duration(ours), *shown, said]


def _searches(
    workers: dict[str, Worker],
    sizes: list[int],
    rounds: int,
    limit: float,
    start: Callable[[str], Worker],
) -> list[Table]:
    tables: list[Table] = []
    ours_by_size: dict[str, list[Taken]] = {}
    stored = 0
    for size in sizes:
        for name, worker in workers.items():
            say(f"{name} up to {size:,} traces")
            worker.ask("fill", first=stored, last=size)
        stored = size
        table = Table(
            f"CPU of a search, {size:,} traces stored",
            ["", *LIBRARIES, "ratio", "promised", "found"],
        )
        for query in [*QUERIES, ONE_TRACE]:
            taken = _compare(workers, query, rounds, limit, start)
            ours_by_size.setdefault(query, []).append(taken["spantree"])
            table.rows.append(_search_row(query, taken))
        bytes_ = [worker.ask("size")["bytes"] / size / 5 for worker in workers.values()]
        sizes_ = [f"{each:,.0f} B" for each in bytes_]
        if len(bytes_) > 1:
            ratio = bytes_[1] / bytes_[0]
            said = f"×{_DISK}" + (" MISSED" if ratio < _DISK else "")
            sizes_ += [f"×{digits(ratio)}", said]
        sizes_ += [""] * (len(table.columns) - 1 - len(sizes_))
        say(table.text())
        table.rows.append(["disk of a span", *sizes_])
        tables.append(table)
    if len(sizes) == 1:
        return tables
    growth = Table(
        f"Growth of spantree's searches from {sizes[0]:,} to {sizes[-1]:,} traces",
        ["", *(f"{size:,}" for size in sizes), "ratio", "promised"],
        notes=["What finds more in a larger store has no promise; it says how many."],
    )
    for query in SERVED:
        each = ours_by_size[query]
        ratio = each[-1].cpu / each[0].cpu
        said = f"≤ {_GROWTH}" + (" MISSED" if ratio > _GROWTH else "")
        if each[-1].found != each[0].found:
            said = f"finds {each[0].found} and {each[-1].found}"
        shown = [duration(one.cpu) for one in each]
        growth.rows.append([query, *shown, digits(ratio), said])
    return [*tables, growth]


def _search_row(query: str, taken: dict[str, Taken]) -> list[str]:
    ours, theirs = taken["spantree"], taken.get("mlflow")
    counts = "/".join("–" if t.found is None else str(t.found) for t in taken.values())
    if theirs is None:
        return [query, duration(ours.cpu), "", "", "", counts]
    more = "> " if theirs.found is None else ""
    return [*_row(query, ours.cpu, theirs.cpu, PROMISED[query], more), counts]


def _compare(
    workers: dict[str, Worker],
    query: str,
    rounds: int,
    limit: float,
    start: Callable[[str], Worker],
) -> dict[str, Taken]:
    """Ask each library, round after round; one that is over the limit starts anew."""
    best: dict[str, Taken] = {}
    for at in range(rounds):
        for name, worker in workers.items():
            if at == 0:
                say(f"{query} of {name}")
            elif best[name].cpu > _LONG_NS:
                continue
            answer = worker.ask("ask", query=query, seconds=0.3, limit=limit)
            taken = Taken(answer["cpu"], answer["found"])
            if taken.found is None:
                say(f"ended after {limit:g} s")
                worker.close()
                workers[name] = start(name)
            best[name] = min(taken, best.get(name, taken), key=lambda each: each.cpu)
    return best


if __name__ == "__main__":
    sys.exit(main())
