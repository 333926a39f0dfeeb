"""What a PostgreSQL store takes beside a file: of the process, and of the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from environments import ROOT
from lab import Worker, say
from report import Table, duration
from store_worker import ONE_TRACE, QUERIES

if TYPE_CHECKING:
    from typing import Any

_TRACES = 1_000
_STORED = 1_000
_PLACES = ("spantree", "postgres")
_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def postgres(python: Path, folder: Path) -> Table:
    """Write to a real server and ask it; to a file as well, in the same run."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.postgres import running_server

    table = Table(
        f"CPU of a PostgreSQL store of {_STORED:,} traces beside a file",
        ["", "file", "PostgreSQL, our process", "its server", "found"],
        notes=["On one machine, through a Unix socket; the server with fsync off."],
    )
    with running_server() as server:
        os.environ["SPANTREE_BENCHMARK_POSTGRES"] = server.url
        data = Path(server.url.partition("host=")[2]) / "data"
        workers = {}
        for name in _PLACES:
            place = folder / f"beside-{name}"
            place.mkdir()
            workers[name] = Worker(name, python, place, script="store_worker.py")
        taken: dict[str, dict[str, Any]] = {}
        for name, worker in workers.items():
            say(f"{name} up to {_STORED:,} traces")
            worker.ask("fill", first=0, last=_STORED)
        for query in [*QUERIES, ONE_TRACE]:
            say(f"{query} of both")
            for name, worker in workers.items():
                found = _asked(worker, data, "ask", query=query, seconds=0.4)
                found["server"] /= found["asked"]
                taken[name] = found
            table.rows.append(_row(query, taken))
        for name, worker in workers.items():
            say(f"ingest of {name}")
            taken[name] = _asked(worker, data, "ingest", traces=_TRACES)
            taken[name]["server"] /= _TRACES
        table.rows.insert(0, _row("a trace until searchable", taken))
        for worker in workers.values():
            worker.close()
    return table


def _asked(worker: Worker, data: Path, do: str, **arguments: object) -> dict[str, Any]:
    before = _server_ns(data)
    answer = worker.ask(do, **arguments)
    answer["server"] = _server_ns(data) - before
    return answer


def _row(what: str, taken: dict[str, dict[str, Any]]) -> list[str]:
    file, server = (taken[name] for name in _PLACES)
    shown = [duration(n) for n in (file["cpu"], server["cpu"], server["server"])]
    counts = "/".join(str(each["found"]) for each in taken.values() if "found" in each)
    return [what, *shown, counts]


def _server_ns(data: Path) -> int:
    """Sum the CPU of a server's processes, those that ended included."""
    first = int((data / "postmaster.pid").read_text().split("\n")[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    # proc(5): utime, stime, cutime and cstime are the 14th to 17th.
    ticks = sum(map(int, _stat(first)[:4]))
    ticks += sum(sum(map(int, _stat(int(pid))[:2])) for pid in children)
    return ticks * _NS_PER_TICK


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ["0"]
    return text.rpartition(")")[2].split()[11:]


if __name__ == "__main__":
    sys.exit("Run store_vs_mlflow.py.")
