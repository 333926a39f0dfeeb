"""MLflow's own client logs to ``spantree ui`` and reads back what it logged."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.ui import served

HERE = Path(__file__).parent


def test_mlflow_logs_here_and_reads_back(tmp_path):
    python = os.environ.get(
        "SPANTREE_MLFLOW_PYTHON", HERE.parents[1] / ".venv-mlflow/bin/python"
    )
    if not Path(python).exists() and "SPANTREE_MLFLOW_PYTHON" not in os.environ:
        pytest.skip("no environment with mlflow: run `make test-mlflow`")

    with served("traces.db", tmp_path) as site:
        done = subprocess.run(
            [str(python), str(HERE / "mlflow_client.py"), site.url],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"MLFLOW_TRACKING_TOKEN": site.token},
        )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "state": "OK",
        "session": "s1",
        "tokens": 12,
        "tag": "red",
        "spans": [
            ["agent", "AGENT", {"question": "why?"}, {"found": ["why?", 2.5, None]}, 1],
            ["chat", "CHAT_MODEL", {}, None, False],
            ["look_up", "TOOL", {"key": "why?"}, {"found": ["why?", 2.5, None]}, False],
        ],
        "picture": "a picture",
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
