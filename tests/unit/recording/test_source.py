"""What is noted of the program that made a trace, and of the trace's size."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import spantree
from spantree.recording.source import source_metadata

PROGRAM = """
import json, spantree
spantree.set_tracking_uri("memory:")
with spantree.start_span("s") as span: pass
found = spantree.get_trace(span.trace_id).info.trace_metadata
print(json.dumps({k: v for k, v in found.items() if "source" in k or k == "mlflow.user"}))
"""


def noted(folder, **environment):
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LOGNAME": "ada", **environment},
    )
    return json.loads(done.stdout)


def git(folder, *words):
    identity = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
    )
    return subprocess.run(
        ["git", *identity, *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_a_program_is_named_by_its_file_and_user(tmp_path):
    assert noted(tmp_path) == {
        "mlflow.source.name": "program.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": "ada",
    }


def test_a_notebook_is_named_by_its_file(tmp_path):
    found = noted(tmp_path, JPY_SESSION_NAME="/home/ada/a.ipynb")

    assert found["mlflow.source.name"] == "/home/ada/a.ipynb"
    assert found["mlflow.source.type"] == "NOTEBOOK"


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_repository_is_named_by_its_commit_without_secrets(tmp_path, is_packed):
    git(tmp_path, "init", "-q", "-b", "topic/x")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "m")
    git(tmp_path, "remote", "add", "origin", "https://me:secret@example.org/r.git")
    if is_packed:
        git(tmp_path, "pack-refs", "--all")

    found = noted(tmp_path)

    assert found["mlflow.source.git.commit"] == git(tmp_path, "rev-parse", "HEAD")
    assert found["mlflow.source.git.branch"] == "topic/x"
    assert found["mlflow.source.git.repoURL"] == "https://example.org/r.git"


def test_a_worktree_and_a_detached_head_are_understood(tmp_path):
    main, other = tmp_path / "main", tmp_path / "other"
    main.mkdir()
    git(main, "init", "-q", "-b", "main")
    git(main, "commit", "-q", "--allow-empty", "-m", "m")
    commit = git(main, "rev-parse", "HEAD")
    git(main, "worktree", "add", "-q", "-b", "side", str(other))

    assert noted(other)["mlflow.source.git.branch"] == "side"
    assert noted(other)["mlflow.source.git.commit"] == commit

    git(main, "checkout", "-q", "--detach")
    found = noted(main)
    assert found["mlflow.source.git.commit"] == commit
    assert "mlflow.source.git.branch" not in found


def test_it_is_found_out_once():
    assert source_metadata() is source_metadata()


def test_metadata_say_how_large_a_trace_is():
    with spantree.start_span("root") as root:
        root.set_inputs("é" * 100)
        with spantree.start_span("child") as child:
            child.set_outputs("x" * 3_000_000)
        running = spantree.get_trace(root.trace_id).info.trace_metadata

    found = spantree.get_trace(root.trace_id).info.trace_metadata
    stats = json.loads(found["mlflow.trace.sizeStats"])
    assert "mlflow.trace.sizeBytes" not in running
    # The whole text counts, though only a part of it was kept.
    assert 3_000_200 < int(found["mlflow.trace.sizeBytes"]) < 3_001_000
    assert stats["total_size_bytes"] == int(found["mlflow.trace.sizeBytes"])
    assert (stats["num_spans"], stats["max"] > 3_000_000) == (2, True)
    assert stats["p25"] <= stats["p50"] <= stats["p75"] <= stats["max"]
    assert found["mlflow.trace_schema.version"] == "3"
