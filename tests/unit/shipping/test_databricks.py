"""What goes to a workspace is what mlflow 3.17 sends: a recorder of it on loopback.

Never run against a workspace.
"""

from __future__ import annotations

import json
import re

import pytest
from support.waiting import until

import spantree

TOKEN = "dapi" + "0" * 32


@pytest.fixture
def workspace(server, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "databrickscfg"))
    server.experiments["/Shared/chat"] = "4711"
    return server


def traced():
    spantree.set_experiment("/Shared/chat")
    with spantree.start_span("root", span_type="AGENT") as root:
        root.set_inputs({"q": "hi"})
        root.set_outputs("ho")
    spantree.flush_trace_async_logging()
    return root.trace_id


def test_the_requests_in_their_order(workspace, monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", workspace.uri)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    spantree.set_tracking_uri("databricks")

    trace_id = traced()

    artifacts = "WorkspaceInternal/Mlflow/Artifacts/4711/Runs/traces"
    assert [(r.method, r.path) for r in workspace.requests] == [
        (
            "GET",
            "/api/2.0/mlflow/experiments/get-by-name?experiment_name=%2FShared%2Fchat",
        ),
        ("POST", "/api/3.0/mlflow/traces"),
        (
            "PUT",
            f"/api/2.0/fs/files/{artifacts}/{trace_id}/artifacts/traces.json"
            "?overwrite=true",
        ),
    ]
    for request in workspace.requests:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    info = workspace.requests[1].json["trace"]["trace_info"]
    assert info["trace_id"] == trace_id
    assert info["trace_location"] == {
        "type": "MLFLOW_EXPERIMENT",
        "mlflow_experiment": {"experiment_id": "4711"},
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", info["request_time"])
    assert re.fullmatch(r"\d+\.\d{3}s", info["execution_duration"])
    assert info["state"] == "OK"
    assert info["tags"]["mlflow.traceName"] == "root"
    (span,) = workspace.requests[2].json["spans"]
    assert span["name"] == "root"
    assert len(span["trace_id"]) == 24  # base64 of 16 bytes
    assert span["attributes"]["mlflow.spanType"] == '"AGENT"'
    assert json.loads(span["attributes"]["mlflow.spanInputs"]) == {"q": "hi"}


def test_a_profile(workspace, tmp_path, monkeypatch):
    (tmp_path / "databrickscfg").write_text(
        f"[DEFAULT]\nhost = http://127.0.0.1:9\ntoken = no\n"
        f"[team]\nhost = {workspace.uri}/\ntoken = {TOKEN}\n"
    )
    spantree.set_tracking_uri("databricks://team")

    traced()

    assert workspace.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert spantree.get_tracking_uri() == "databricks://team"
    assert spantree.stats()["shipped"] == 1


def test_the_default_profile(workspace, tmp_path, monkeypatch):
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    (tmp_path / "databrickscfg").write_text(
        f"[DEFAULT]\nhost = {workspace.uri}\ntoken = {TOKEN}\n"
    )
    spantree.set_tracking_uri("databricks")

    traced()

    assert spantree.stats()["shipped"] == 1


def test_no_credentials_keep_the_traces(workspace, monkeypatch, caplog):
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    monkeypatch.delenv("DATABRICKS_TOKEN", raising=False)
    spantree.set_tracking_uri("databricks")

    traced()

    assert spantree.stats()["blocked"] == 1
    assert "set DATABRICKS_HOST and DATABRICKS_TOKEN" in caplog.text


def test_an_experiment_without_a_path_gets_a_hint(workspace, monkeypatch, caplog):
    monkeypatch.setenv("DATABRICKS_HOST", workspace.uri)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    workspace.mode = lambda r: "400" if r.path.endswith("/create") else "up"
    workspace.words = f"{TOKEN} must not name an experiment 'plain'"
    spantree.set_tracking_uri("databricks")
    spantree.set_experiment("plain")
    with spantree.start_span("s"):
        pass
    spantree.flush_trace_async_logging()

    # Said a moment after the trace was put aside.
    until(lambda: "set_experiment('/Shared/…')" in caplog.text)
    assert spantree.stats()["rejected"] == 1
    assert TOKEN not in caplog.text


def test_reading_back(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABRICKS_HOST", workspace.uri)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    spantree.set_tracking_uri("databricks")
    trace_id = traced()
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path / "another"))
    spantree.set_tracking_uri("databricks")

    found = spantree.get_trace(trace_id)

    assert found.data.spans[0].inputs == {"q": "hi"}
    assert found.data.spans[0].outputs == "ho"
    assert spantree.get_experiment(found.info.experiment_id).name == "/Shared/chat"
