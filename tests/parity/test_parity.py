"""Each scenario gives here what it gives with MLflow, or differs for a stated reason.

MLflow's outcomes are kept in ``mlflow.json``. Where an environment with mlflow is
named by SPANTREE_MLFLOW_PYTHON, as `make test-mlflow` does, or stands in
``.venv-mlflow``, they are taken anew and compared with the file.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from parity.lab import SAME, all_scenarios, outcome

import spantree

HERE = Path(__file__).parent
KEPT = json.loads((HERE / "mlflow.json").read_text())
REFERENCE = KEPT["outcomes"]
SCENARIOS = all_scenarios()


@pytest.fixture(autouse=True)
def _fresh(request):
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
    spantree.set_experiment(request.node.name)
    yield
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_scenario(name):
    scenario = SCENARIOS[name]

    found = outcome(scenario.run, spantree)

    if scenario.ours is SAME:
        assert found == REFERENCE[name]
    else:
        assert found == scenario.ours
        assert found != REFERENCE[name], f"no difference any more: {scenario.why}"


def test_there_is_a_scenario_for_each_outcome_kept():
    assert set(REFERENCE) == set(SCENARIOS)


def test_the_outcomes_kept_are_those_of_mlflow(tmp_path):
    python = os.environ.get(
        "SPANTREE_MLFLOW_PYTHON", HERE.parents[1] / ".venv-mlflow/bin/python"
    )
    if not Path(python).exists() and "SPANTREE_MLFLOW_PYTHON" not in os.environ:
        pytest.skip("no environment with mlflow: run `make test-mlflow`")
    subprocess.run(
        [str(python), str(HERE / "record.py"), str(tmp_path / "now.json")], check=True
    )

    assert json.loads((tmp_path / "now.json").read_text()) == KEPT
