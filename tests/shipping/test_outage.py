"""A real MLflow server goes away and comes back, and a client is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import spantree

PROGRAM = Path(__file__).parents[1] / "faults/shipping_client.py"
COUNT = 200


def run(mode, uri, folder, experiment, **options):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), mode],
        env={
            **os.environ,
            "SPANTREE_DATA_DIR": str(folder),
            "SPANTREE_TRACKING_URI": uri,
            "SPANTREE_EXPERIMENT_NAME": experiment,
        },
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def test_traces_of_an_outage_arrive_once(server, mlflow_client, tmp_path, request):
    name = request.node.name
    process = run("linger", server.uri, tmp_path, name)
    assert process.stdout.readline() == "saved\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()

    for _ in range(20):
        run("deliver", server.uri, tmp_path, name).communicate(timeout=60)
        found = mlflow_client("traces(name)", name=name)
        if len(found) == COUNT:
            break

    ids = [trace["info"]["trace_id"] for trace in found]
    assert len(ids) == len(set(ids)) == COUNT
    assert all(len(trace["data"]["spans"]) == 2 for trace in found)
    assert {t["info"]["state"] for t in found} == {"OK"}


def test_a_server_that_is_stopped_and_started_gets_all(new_server):
    own = new_server
    try:
        spantree.set_tracking_uri(own.uri)
        spantree.set_experiment("stopped")
        for number in range(5):
            with spantree.start_span(f"before{number}"):
                pass
        spantree.flush_trace_async_logging()
        assert spantree.stats()["waiting"] == 0
        own.stop()
        for number in range(5):
            with spantree.start_span(f"meanwhile{number}"):
                pass
        spantree.flush_trace_async_logging()
        assert spantree.stats()["waiting"] == 5
        own.start()
        spantree.set_tracking_uri(own.uri)
        for _ in range(10):
            spantree.flush_trace_async_logging()
            if not spantree.stats()["waiting"]:
                break

        spantree.set_experiment("stopped")
        found = spantree.search_traces(return_type="list")
        assert len(found) == len({trace.trace_id for trace in found}) == 10
        assert spantree.stats()["rejected"] == 0
    finally:
        spantree.set_tracking_uri("memory:")
