"""Production: environment, connectivity, sessions and users."""

from __future__ import annotations

import subprocess
import sys

import pytest

import spantree as mlflow
from spantree.client import MlflowClient


def run(code: str, **environment: str) -> str:
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    ).stdout.strip()


def test_the_experiment_from_the_environment(tmp_path):
    code = (
        "import spantree as mlflow\n"
        "with mlflow.start_span('s') as span: pass\n"
        "info = mlflow.get_trace(span.trace_id).info\n"
        "print(mlflow.get_experiment(info.experiment_id).name)\n"
    )

    found = run(
        code, MLFLOW_EXPERIMENT_NAME="/Shared/chat", SPANTREE_DATA_DIR=str(tmp_path)
    )

    assert found == "/Shared/chat"


def test_a_workspace_without_network_does_not_block_the_start(tmp_path):
    code = (
        "import spantree as mlflow\n"
        "with mlflow.start_span('s') as span: pass\n"
        "print(mlflow.get_trace(span.trace_id).name)\n"
    )

    found = run(
        code,
        MLFLOW_TRACKING_URI="databricks",
        DATABRICKS_HOST="https://nowhere.invalid",
        DATABRICKS_TOKEN="t",
        SPANTREE_DATA_DIR=str(tmp_path),
    )

    assert found == "s"


def test_connectivity_check(capsys):
    mlflow.set_experiment("chat")
    with mlflow.start_span("s"):
        pass

    try:
        client = MlflowClient()
        experiments = client.search_experiments()
        print(f"Connected: {len(experiments)} experiments")
        traces = mlflow.search_traces(experiment_names=["chat"], max_results=5)
        print(f"Found {len(traces)} traces")
    except Exception as error:
        print(f"Failed: {error}")

    said = capsys.readouterr().out
    assert "Connected: 2 experiments" in said
    assert "Found 1 traces" in said


@pytest.mark.parametrize("form", ["arguments", "tags", "metadata", "scope", "root"])
def test_sessions_and_users_are_found_however_they_were_set(form):
    keys = {"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada"}
    scope = {"session_id": "s-1", "user": "ada"} if form == "scope" else {}
    with mlflow.tracing.context(**scope), mlflow.start_span("s") as span:
        if form == "arguments":
            mlflow.update_current_trace(session_id="s-1", user="ada")
        elif form in ("tags", "metadata"):
            mlflow.update_current_trace(**{form: keys})
        elif form == "root":
            span.set_attributes({"session.id": "s-1", "user.id": "ada"})

    info = mlflow.get_trace(span.trace_id).info
    assert (info.session, info.user) == ("s-1", "ada")
    for place in ("tags", "metadata"):
        for key, value in keys.items():
            assert len(mlflow.search_traces(f"{place}.`{key}` = '{value}'")) == 1
