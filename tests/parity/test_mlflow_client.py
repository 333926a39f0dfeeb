"""MLflow's own client logs to ``spantree ui`` and reads back what it logged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOKEN = "a-token"


@pytest.fixture
def server(tmp_path):
    environment = os.environ | {
        "SPANTREE_UI_TOKEN": TOKEN,
        "SPANTREE_RUNTIME_DIR": str(tmp_path),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "spantree", "ui", "-p", "0", "--store", "traces.db"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    yield re.search(r"http://[^/]+", process.stdout.readline())[0]
    process.terminate()
    process.communicate(timeout=20)


def test_mlflow_logs_here_and_reads_back(server, tmp_path):
    python = os.environ.get(
        "SPANTREE_MLFLOW_PYTHON", HERE.parents[1] / ".venv-mlflow/bin/python"
    )
    if not Path(python).exists() and "SPANTREE_MLFLOW_PYTHON" not in os.environ:
        pytest.skip("no environment with mlflow: run `make test-mlflow`")

    done = subprocess.run(
        [str(python), str(HERE / "mlflow_client.py"), server],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_TRACKING_TOKEN": TOKEN},
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "state": "OK",
        "session": "s1",
        "tokens": 12,
        "tag": "red",
        "spans": [
            ["agent", "AGENT", {"question": "why?"}, {"found": ["why?", 2.5, None]}, 1],
            ["chat", "CHAT_MODEL", None, None, False],
            ["look_up", "TOOL", {"key": "why?"}, {"found": ["why?", 2.5, None]}, False],
        ],
        "error": "no such thing",
        "rows": 2,
        "page": [1, True],
        "tags": ["a"],
        "judged": [
            ["answer", "{'is': [1, 2]}", None],
            ["good", "False", False],
            ["good", "True", True],
        ],
        "left": 2,
        "deleted": 1,
        "after": 1,
        "experiments": ["Default", "from mlflow"],
        "by_name": "1",
        "again": "RESOURCE_ALREADY_EXISTS",
        "bad filter": True,
    }
