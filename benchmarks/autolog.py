"""Measures what tracing adds to calls of the OpenAI client, beside its peers.

    python benchmarks/autolog.py [--rounds 5] [--peers mlflow,openinference]

Each library lives in an environment of its own, with the same client, and in a process
of its own; rounds interleave (A B C, A B C, …). In each process blocks with tracing on
and off take turns. The client reads canned bytes: no server and no network. What is
compared are minima of CPU time, on minus off: of the calling thread, which the traced
program waits for, and of the whole process until the traces are stored.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
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
_CALLS = {"call": 10, "chunk": 2}  # in a block
_BLOCKS = 20  # of each kind, in a round

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

    def answer(request: httpx.Request) -> httpx.Response:
        is_stream = b'"stream":true' in request.content.replace(b" ", b"")
        kind = "text/event-stream" if is_stream else "application/json"
        body = events if is_stream else whole
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    transport = httpx.Client(transport=httpx.MockTransport(answer))
    return OpenAI(api_key="k", base_url="http://canned/v1", http_client=transport)


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
        return len(self._library.search_traces(return_type="list"))


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
        found = self._library.MlflowClient().search_traces(
            locations=[experiment.experiment_id], max_results=500
        )
        return len(found)


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
    adapter.switch(on=True)
    for job in jobs.values():
        job()
    adapter.flush()
    print(json.dumps({"recorded": adapter.count()}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(_round(adapter, jobs)), flush=True)


def _round(adapter: Any, jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    least: dict[str, int] = {}
    for _ in range(_BLOCKS):
        for name, job in jobs.items():
            for on in (False, True):
                adapter.switch(on=on)
                thread, process = _block(adapter, job, _CALLS[name])
                for kind, spent in (("thread", thread), ("process", process)):
                    key = f"{name} {kind} {'on' if on else 'off'}"
                    least[key] = min(spent, least.get(key, spent))
    units = {
        name: calls * (_CHUNKS if name == "chunk" else 1)
        for name, calls in _CALLS.items()
    }
    return {key: spent / units[key.split()[0]] for key, spent in least.items()}


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
        least: dict[str, dict[str, float]] = {}
        for _ in range(given.rounds):
            for name, worker in workers.items():
                for key, spent in _ask(worker).items():
                    known = least.setdefault(name, {})
                    known[key] = min(spent, known.get(key, spent))
        for worker in workers.values():
            worker.kill()
            worker.wait()
    _print(least)
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
    recorded = json.loads(worker.stdout.readline())["recorded"]
    assert recorded == 2, f"{name} recorded {recorded} of 2 calls"
    return worker


def _ask(worker: subprocess.Popen[str]) -> dict[str, float]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    answer: dict[str, float] = json.loads(worker.stdout.readline())
    return answer


def _print(least: dict[str, dict[str, float]]) -> None:
    from report import Table, duration

    def added(name: str, what: str, kind: str) -> float:
        figures = least[name]
        return figures[f"{what} {kind} on"] - figures[f"{what} {kind} off"]

    table = Table(
        f"CPU added to a chat call, and to each of {_CHUNKS} chunks of a stream",
        ["", "call", "until stored", "chunk", "until stored", "untraced call, chunk"],
    )
    for name, figures in least.items():
        bare = (duration(figures[f"{what} thread off"]) for what in BUDGETS)
        cells = [
            duration(added(name, what, kind))
            for what in BUDGETS
            for kind in ("thread", "process")
        ]
        table.rows.append([name, *cells, " · ".join(bare)])
    for peer in least:
        for kind, where in (
            ("thread", "on the calling thread"),
            ("process", "until stored"),
        ):
            shares = {
                what: added(peer, what, kind) / added("spantree", what, kind)
                for what in BUDGETS
            }
            ratios = [f"1/{share:.1f} a {what}" for what, share in shares.items()]
            if peer != "spantree":
                table.notes.append(f"spantree / {peer}, {where}: {', '.join(ratios)}.")
    wanted = ", ".join(f"1/{times} a {what}" for what, times in BUDGETS.items())
    table.notes.append(f"Budget against mlflow: {wanted}.")
    print(table.text())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:4])
    else:
        sys.exit(main())
