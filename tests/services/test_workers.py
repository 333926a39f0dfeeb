"""Processes that a pool or a task queue forks keep what they record."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import pytest
from services.tasks import celery_app, work

import spantree

TASKS = 20
RUNS_WITHIN_S = 60


@pytest.fixture(autouse=True)
def _quiet():
    # Python 3.12 warns of forks in processes with threads, which these tests mean.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.fixture
def warm(store):
    """Have a writer at work before anything is forked."""
    with spantree.start_span("warm up"):
        pass
    spantree.flush()


def by_processes(context):
    started = [context.Process(target=work, args=(n,)) for n in range(TASKS)]
    for process in started:
        process.start()
    for process in started:
        process.join()


def by_a_pool(context):
    pool = context.Pool(2)
    pool.map(work, range(TASKS))
    pool.close()
    pool.join()


def by_an_executor(context):
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(work, range(TASKS)))


def traces_of_work():
    return spantree.search_traces("name = 'work'", max_results=1000, return_type="list")


# A fork server keeps the environment, and so the store, of its first user: once only.
@pytest.mark.parametrize(
    ("way", "method"),
    [
        (by_processes, "fork"),
        (by_a_pool, "fork"),
        (by_a_pool, "spawn"),
        (by_an_executor, "fork"),
        (by_an_executor, "forkserver"),
    ],
)
@pytest.mark.usefixtures("warm")
def test_workers_that_end_have_stored_everything(way, method):
    way(multiprocessing.get_context(method))

    found = traces_of_work()
    numbers = [trace.data.spans[0].inputs["number"] for trace in found]
    assert sorted(numbers) == list(range(TASKS))


def test_celerys_forked_workers_store_every_task_once(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("SERVICE_QUEUE", str(tmp_path))
    app = celery_app(str(tmp_path))
    for number in range(TASKS):
        app.send_task("work", [number])
    words = "celery -A services.tasks worker -P prefork -c 2 --without-gossip -l INFO"
    log = tmp_path / "celery.log"
    with log.open("w") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", *words.split()], stdout=output, stderr=output
        )
    deadline = time.monotonic() + RUNS_WITHIN_S
    while log.read_text().count("succeeded") < TASKS:
        assert worker.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(30)

    found = traces_of_work()
    numbers = [trace.data.spans[0].inputs["number"] for trace in found]
    assert sorted(numbers) == list(range(TASKS)), log.read_text()
    assert worker.returncode == 0
