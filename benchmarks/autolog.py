"""Measures what tracing adds to calls of the OpenAI client, beside its peers.

    python benchmarks/autolog.py [--rounds 5] [--peers mlflow,openinference]

Each library lives in an environment of its own, with the same client, and in a process
of its own; rounds interleave (A B C, A B C, …). The client is the real one, from the
request it builds to the reply it parses; between the two, canned bytes take the place
of the connection. So the same client's work, and no other, is in all that is measured.

In a round each library runs pairs of short blocks, one with tracing on and one with it
off, the first of a pair in turns on and off. A block is four chat calls, or one stream
of 200 chunks that is read to its end. CPU time is taken of the calling thread, for
which the program waits, and of the whole process until the traces are stored. Before
each block what was recorded is flushed and the garbage collected; modules and other
things that live from the start are out of the collector's way (`gc.freeze`).

What a library adds is given twice. "Least" is the least block with tracing minus the
least without: load makes a block longer, never shorter. "Median" is that of the
differences in the pairs, with the interval that holds the true median in 95 of 100
runs. The two agree on an idle machine; where they don't, the wider is to be believed.
At the end each library must have recorded every call made with tracing on.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_OPENAI = "openai==2.54.0"
PEERS = {
    "mlflow": ("mlflow==3.17.2", _OPENAI),
    "openinference": (
        "openinference-instrumentation-openai==0.1.66",
        "opentelemetry-sdk==1.45.2",
        _OPENAI,
    ),
}
BUDGETS = {"call": 10, "chunk": 20}  # times less than mlflow
_CHUNKS = 200
_CALLS = {"call": 4, "chunk": 1}  # in a block
_PAIRS = 20  # of blocks of each kind, in a round
_MOST = 100_000  # traces
_WARM = 3  # pairs of blocks that nobody measures
_WIDTH = 0.98  # of the interval of a median: 1.96 deviations of a rank, √n/2 each

_HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4o-mini"}
_REPLY = {
    **_HEAD,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "word " * 40},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70},
}
_ASKED: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "temperature": 0.2,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Tell me of the sea. " * 5},
    ],
}


def _events() -> bytes:
    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        data = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}
        return b"data: " + json.dumps(data).encode() + b"\n\n"

    words = [chunk({"content": f" word{n}"}) for n in range(_CHUNKS - 2)]
    first, last = chunk({"role": "assistant", "content": ""}), chunk({}, "stop")
    return b"".join([first, *words, last, b"data: [DONE]\n\n"])


def _client() -> Any:
    import httpx
    from openai import OpenAI

    whole, events = json.dumps(_REPLY).encode(), _events()

    class Canned(httpx.Client):
        """Answers without a connection."""

        def send(
            self, request: httpx.Request, *, stream: bool = False, **_: object
        ) -> httpx.Response:
            kind = "text/event-stream" if stream else "application/json"
            return httpx.Response(
                200,
                headers={"content-type": kind},
                content=events if stream else whole,
                request=request,
            )

    return OpenAI(api_key="k", base_url="http://canned/v1", http_client=Canned())


class _Spantree:
    """Traces with spantree, into its own store."""

    def __init__(self, folder: str) -> None:
        os.environ["SPANTREE_DATA_DIR"] = folder
        import spantree

        self._library = spantree

    def switch(self, *, on: bool) -> None:
        self._library.openai.autolog(disable=not on)

    def flush(self) -> None:
        self._library.flush()

    def count(self) -> int:
        found = self._library.search_traces(return_type="list", max_results=_MOST)
        return len(found)


class _Mlflow:
    """Traces with mlflow, into its own store."""

    def __init__(self, folder: str) -> None:
        import logging

        import mlflow

        logging.getLogger("alembic").setLevel(logging.ERROR)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("autolog")
        self._library = mlflow

    def switch(self, *, on: bool) -> None:
        self._library.openai.autolog(disable=not on)

    def flush(self) -> None:
        self._library.flush_trace_async_logging()

    def count(self) -> int:
        experiment = self._library.get_experiment_by_name("autolog")
        client, found, page = self._library.MlflowClient(), 0, None
        while True:
            traces = client.search_traces(
                locations=[experiment.experiment_id],
                max_results=500,
                page_token=page,
                include_spans=False,
            )
            found, page = found + len(traces), traces.token
            if not page:
                return found


class _Openinference:
    """Traces with OpenInference, into an exporter that keeps spans in memory."""

    def __init__(self, folder: str) -> None:
        del folder
        from openinference.instrumentation.openai import OpenAIInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
            InMemorySpanExporter,
        )

        self._spans = InMemorySpanExporter()
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(self._spans))
        self._instrumentor = OpenAIInstrumentor()
        self._is_on = False

    def switch(self, *, on: bool) -> None:
        if on and not self._is_on:
            self._instrumentor.instrument(tracer_provider=self._provider)
        if not on and self._is_on:
            self._instrumentor.uninstrument()
        self._is_on = on

    def flush(self) -> None:
        self._provider.force_flush()

    def count(self) -> int:
        return len(self._spans.get_finished_spans())


_ADAPTERS = {
    "spantree": _Spantree,
    "mlflow": _Mlflow,
    "openinference": _Openinference,
}


def work(library: str, folder: str) -> None:
    """Measure one library; a round for each line that comes in."""
    adapter = _ADAPTERS[library](folder)
    client = _client()
    jobs: dict[str, Callable[[], object]] = {
        "call": lambda: client.chat.completions.create(**_ASKED),
        "chunk": lambda: list(client.chat.completions.create(**_ASKED, stream=True)),
    }
    _round(adapter, jobs, _WARM)
    gc.collect()
    gc.freeze()
    pairs = _WARM
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        if line.strip() == "count":
            expected = pairs * sum(_CALLS.values())
            print(json.dumps([adapter.count(), expected]), flush=True)
        else:
            pairs += _PAIRS
            print(json.dumps(_round(adapter, jobs, _PAIRS)), flush=True)


def _round(
    adapter: Any, jobs: dict[str, Callable[[], object]], pairs: int
) -> dict[str, list[float]]:
    """Give nanoseconds a call or chunk, a number for each block, by what it measures.

    The n-th block with tracing and the n-th without are a pair.
    """
    found: dict[str, list[float]] = {}
    for pair in range(pairs):
        for name, job in jobs.items():
            units = _CALLS[name] * (_CHUNKS if name == "chunk" else 1)
            for on in (False, True) if pair % 2 else (True, False):
                adapter.switch(on=on)
                thread, process = _block(adapter, job, _CALLS[name])
                for kind, spent in (("thread", thread), ("process", process)):
                    key = f"{name} {kind} {'on' if on else 'off'}"
                    found.setdefault(key, []).append(spent / units)
    return found


def _block(adapter: Any, job: Callable[[], object], calls: int) -> tuple[int, int]:
    adapter.flush()
    gc.collect()
    before = process_time_ns()
    begun = thread_time_ns()
    for _ in range(calls):
        job()
    thread = thread_time_ns() - begun
    adapter.flush()
    return thread, process_time_ns() - before


@dataclass(frozen=True)
class Added:
    """What tracing adds to a call or a chunk, in nanoseconds of CPU.

    Args:
        least: The least block with tracing minus the least without.
        median: The median of the differences in the pairs.
        low: Where the interval of the median begins; it holds the true one in 95 of
            100 runs, whatever the distribution.
        high: Where it ends.
        bare: The least block without tracing.
    """

    least: float
    median: float
    low: float
    high: float
    bare: float


def added(on: list[float], off: list[float]) -> Added:
    """Compare the blocks with tracing and those without; the n-th ones are a pair."""
    differences = sorted(a - b for a, b in zip(on, off, strict=True))
    count = len(differences)
    # Of order statistics: the rank of the median deviates by √n/2.
    off_middle = _WIDTH * math.sqrt(count)
    return Added(
        least=min(on) - min(off),
        median=statistics.median(differences),
        low=differences[max(0, math.floor(count / 2 - off_middle))],
        high=differences[min(count - 1, math.ceil(count / 2 + off_middle))],
        bare=min(off),
    )


def main() -> int:
    """Run the benchmark and print its table.

    Returns:
        The exit code.
    """
    from environments import NotInstalledError, environment

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default=",".join(PEERS))
    given = parser.parse_args()
    workers: dict[str, subprocess.Popen[str]] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for name in ["spantree", *filter(None, given.peers.split(","))]:
            try:
                python = environment(name, PEERS.get(name, (_OPENAI,)), "autolog")
            except NotInstalledError as error:
                print(f"{name} could not be installed: {error}", file=sys.stderr)
                continue
            workers[name] = _start(python, name, Path(scratch) / name)
        blocks: dict[str, dict[str, list[float]]] = {name: {} for name in workers}
        for _ in range(given.rounds):
            for name, worker in workers.items():
                for key, spent in _ask(worker, "round").items():
                    blocks[name].setdefault(key, []).extend(spent)
        for name, worker in workers.items():
            recorded, expected = _ask(worker, "count")
            assert recorded == expected, f"{name} recorded {recorded} of {expected}"
            worker.kill()
            worker.wait()
    _print(blocks)
    return 0


def _start(python: Path, name: str, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir()
    worker = subprocess.Popen(
        [str(python), __file__, "--worker", name, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert worker.stdout is not None
    json.loads(worker.stdout.readline())
    return worker


def _ask(worker: subprocess.Popen[str], what: str) -> Any:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{what}\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def _print(blocks: dict[str, dict[str, list[float]]]) -> None:
    from report import Table

    for kind, where in (
        ("thread", "on the calling thread"),
        ("process", "on all threads, until stored"),
    ):
        table = Table(
            f"CPU added to a chat call, and to each of {_CHUNKS} chunks, {where}",
            ["", *(f"{w}, {h}" for w in BUDGETS for h in ("least", "median", "bare"))],
        )
        figures = {
            name: {
                what: added(found[f"{what} {kind} on"], found[f"{what} {kind} off"])
                for what in BUDGETS
            }
            for name, found in blocks.items()
        }
        for name, by_what in figures.items():
            cells = [cell for found in by_what.values() for cell in _cells(found)]
            table.rows.append([name, *cells])
        ours = figures.get("spantree", {})
        for peer, theirs in figures.items():
            if ours and peer != "spantree":
                shares = (f"{_share(ours[w], theirs[w])} a {w}" for w in BUDGETS)
                table.notes.append(f"spantree / {peer}: {'; '.join(shares)}.")
        print(table.text())
    wanted = ", ".join(f"1/{times} a {what}" for what, times in BUDGETS.items())
    print(f"Budget against mlflow: {wanted}.")


def _cells(found: Added) -> list[str]:
    from report import duration

    median, low, high = map(duration, (found.median, found.low, found.high))
    return [duration(found.least), f"{median} ({low} to {high})", duration(found.bare)]


def _share(ours: Added, theirs: Added) -> str:
    """Give the ratio of the least, of the medians, and the bounds of the latter."""
    least, median = theirs.least / ours.least, theirs.median / ours.median
    low = f"1/{theirs.low / ours.high:.1f}"
    # An interval that holds 0 sets no bound to the ratio.
    high = f"1/{theirs.high / ours.low:.1f}" if ours.low > 0 else "any"
    return f"least 1/{least:.1f}, median 1/{median:.1f} ({low} to {high})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:4])
    else:
        sys.exit(main())
