"""Measures `spantree ui` under load: traces taken a second, and how long searches take.

    python benchmarks/ui.py [--traces 100000] [--clients 8] [--seconds 20]
                            [--store sqlite,postgresql] [--batch 10]

A store is filled with so many traces of five spans. Then so many processes send more,
by OTLP/JSON over HTTP, as fast as they are answered, while one more asks for lists as
the page does. A trace counts when its request was answered, which is after its commit.
Server, clients and database share the machine, so the figures are low ones.

PostgreSQL is a real server on a Unix socket, with its default durability.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from collections.abc import Iterator

SPANS = 5
TOKEN = "benchmark"  # noqa: S105 - of a server on the loopback, for minutes
SEARCHES = {
    "newest": {},
    "failed": {"filter": "status = 'ERROR'"},
    "slow": {"filter": "duration > 2s"},
    "session": {"filter": "session = 's17'"},
    "span type": {"filter": "span.type = 'RETRIEVER'"},
    "by duration": {"order_by": ["duration DESC"]},
    "two conditions": {"filter": "name = 'agent 3' AND tokens > 100"},
}
_FILL_AT_ONCE = 500
_NS = 1_000_000_000
_HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


class Figures(NamedTuple):
    """What one store gave: traces taken, in how long, and seconds by kind of search."""

    store: str
    taken: int
    seconds: float
    cpu_s: float
    searches: dict[str, list[float]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--batch", type=int, default=10, help="traces a request")
    parser.add_argument("--store", default="sqlite,postgresql")
    given = parser.parse_args()
    for kind in given.store.split(","):
        with tempfile.TemporaryDirectory() as folder, store_of(kind, folder) as uri:
            began = time.monotonic()
            fill(uri, given.traces)
            filling_s = time.monotonic() - began
            print(f"{kind}: {given.traces:,} traces filled in {filling_s:.0f} s")
            report(measure(kind, uri, folder, given))
    return 0


@contextlib.contextmanager
def store_of(kind: str, folder: str) -> Iterator[str]:
    """Give the address of an empty store."""
    if kind == "sqlite":
        yield f"{folder}/traces.db"
        return
    assert kind == "postgresql", f"a store is sqlite or postgresql, not {kind!r}"
    from support.postgres import running_server

    with running_server() as server:
        yield server.url


def fill(uri: str, count: int) -> None:
    """Store traces that began over the last weeks, as an import does."""
    from spantree.entities.otlp import from_otlp
    from spantree.store import open_store, parse_tracking_uri

    store = open_store(parse_tracking_uri(uri))
    now = time.time_ns()
    for start in range(0, count, _FILL_AT_ONCE):
        numbers = range(start, min(count, start + _FILL_AT_ONCE))
        spans = [
            span for n in numbers for span in spans_of(n, now - (count - n) * 20 * _NS)
        ]
        store.write(from_otlp(envelope(spans)))
    store.close()


def envelope(spans: list[dict[str, object]]) -> dict[str, object]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def spans_of(number: int, began: int) -> list[dict[str, object]]:
    """Make an agent's trace: a root, a retriever and three calls of a model."""
    trace_id = secrets.token_hex(16)
    took = (number % 40 + 1) * _NS // 10
    common = {"traceId": trace_id, "startTimeUnixNano": str(began)}
    root = {
        **common,
        "spanId": f"{1:016x}",
        "name": f"agent {number % 20}",
        "endTimeUnixNano": str(began + took),
        "status": {"code": 2 if number % 25 == 0 else 1},
        "attributes": attributes(
            **{
                "spantree.span_type": "AGENT",
                "spantree.inputs": json.dumps({"question": f"why {number}?" * 10}),
                "spantree.outputs": json.dumps({"answer": "because " * 20}),
                "session.id": f"s{number % 1000}",
            }
        ),
    }
    below = []
    for at in range(2, SPANS + 1):
        kind = "RETRIEVER" if at == 2 and number % 50 == 0 else "CHAT_MODEL"
        below.append(
            {
                **common,
                "spanId": f"{at:016x}",
                "parentSpanId": f"{1:016x}",
                "name": "chat",
                "endTimeUnixNano": str(began + took // 2),
                "attributes": attributes(
                    **{
                        "spantree.span_type": kind,
                        "spantree.inputs": json.dumps({"messages": ["x" * 300]}),
                        "mlflow.chat.tokenUsage": json.dumps(
                            {"input_tokens": number % 90, "output_tokens": 7}
                        ),
                    }
                ),
            }
        )
    return [root, *below]


def attributes(**values: str) -> list[dict[str, object]]:
    return [{"key": k, "value": {"stringValue": v}} for k, v in values.items()]


def measure(kind: str, uri: str, folder: str, given: argparse.Namespace) -> Figures:
    """Serve the store, send and search at once, and count."""
    with served(uri, folder) as (address, pid):
        stop_at = multiprocessing.Value("d", 0.0)
        counts = multiprocessing.Queue()
        clients = [
            multiprocessing.Process(
                target=send, args=(address, given.batch, stop_at, counts)
            )
            for _ in range(given.clients)
        ]
        for client in clients:
            client.start()
        # All have made their bodies and are connected before the clock starts.
        for _ in clients:
            counts.get()
        began, cpu_s = time.monotonic(), cpu_of(pid)
        stop_at.value = began + given.seconds
        searches = search(address, stop_at.value)
        sent = sum(counts.get() for _ in clients)
        took, cpu_s = time.monotonic() - began, cpu_of(pid) - cpu_s
        for client in clients:
            client.join()
    return Figures(kind, sent, took, cpu_s, searches)


@contextlib.contextmanager
def served(uri: str, folder: str) -> Iterator[tuple[tuple[str, int], int]]:
    """Run `spantree ui` over a store; gives where it is, and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "spantree", "ui", "-p", "0", "--store", uri],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"SPANTREE_UI_TOKEN": TOKEN, "SPANTREE_RUNTIME_DIR": folder},
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[^/\s]+", process.stdout.readline())
        assert found, "the server did not start"
        parts = urlsplit(found[0])
        yield (str(parts.hostname), int(parts.port or 0)), process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_of(pid: int) -> float:
    """Give the seconds of CPU that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # proc(5): utime and stime are the 14th and 15th, two stand before the name's end.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send(address: tuple[str, int], batch: int, stop_at: object, counts: object) -> None:
    """Send traces until the time is up; tell how many were taken."""
    connection = http.client.HTTPConnection(*address)
    spans = [s for n in range(batch) for s in spans_of(n, time.time_ns())]
    ids = sorted({str(span["traceId"]) for span in spans})
    body = json.dumps(envelope(spans)).encode()
    count = 0
    counts.put("ready")
    while stop_at.value == 0.0:
        time.sleep(0.01)
    while time.monotonic() < stop_at.value:
        # New ids in a body that is else the same: clients cost next to nothing.
        fresh = body
        for known in ids:
            fresh = fresh.replace(known.encode(), secrets.token_hex(16).encode())
        connection.request("POST", "/v1/traces", fresh, _HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            count += batch
    counts.put(count)


def search(address: tuple[str, int], stop_at: float) -> dict[str, list[float]]:
    """Ask for lists, one kind after the other, a little slower than a person's page."""
    connection = http.client.HTTPConnection(*address)
    taken: dict[str, list[float]] = {name: [] for name in SEARCHES}
    while time.monotonic() < stop_at:
        for name, asked in SEARCHES.items():
            began = time.perf_counter()
            body = json.dumps({"limit": 50, **asked})
            connection.request("POST", "/api/v1/search", body, _HEADERS)
            answer = connection.getresponse()
            found = json.loads(answer.read())
            taken[name].append(time.perf_counter() - began)
            assert found["traces"], f"{name} found nothing"
            time.sleep(0.02)
    return taken


def report(figures: Figures) -> None:
    every = [s for seconds in figures.searches.values() for s in seconds]
    per_second = figures.taken / figures.seconds
    # On a busy machine the server waits for its turn; its CPU time tells what it needs.
    asked = len(every)
    print(
        f"{figures.store}: {per_second:,.0f} traces/s taken and committed, "
        f"{asked / figures.seconds:.1f} searches/s; the server used "
        f"{figures.cpu_s:.1f} s of CPU in {figures.seconds:.0f} s, "
        f"load {os.getloadavg()[0]:.0f}"
    )
    for name, seconds in [*figures.searches.items(), ("all", every)]:
        middle, late = statistics.median(seconds), _p95(seconds)
        print(
            f"  search {name:15} p50 {middle * 1000:6.0f} ms   "
            f"p95 {late * 1000:6.0f} ms   n {len(seconds)}"
        )


def _p95(seconds: list[float]) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


if __name__ == "__main__":
    sys.exit(main())
