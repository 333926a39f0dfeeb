"""Run every scenario against MLflow and write down what comes out.

Usage: ``python tests/parity/record.py OUT.json`` with a Python that has mlflow.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from parity import filters
from parity.lab import all_scenarios, outcome

# Each flush of MLflow's queue takes seconds, so it is left out where it makes no
# difference.
ASYNCHRONOUS = ("reading_ones_own_writes",)


def main(out: str) -> None:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow

    logging.getLogger("alembic").setLevel(logging.ERROR)
    found = {"version": mlflow.__version__, "outcomes": {}}
    target = Path(out).absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # it writes a folder of artifacts where it runs
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        for name, scenario in all_scenarios().items():
            _log_asynchronously(name in ASYNCHRONOUS)
            mlflow.tracing.reset()
            mlflow.tracing.enable()
            mlflow.set_experiment(name)
            found["outcomes"][name] = outcome(scenario.run, mlflow)
        _log_asynchronously(False)
        mlflow.tracing.reset()
        mlflow.set_experiment("every filter")
        filters.record(mlflow)
        found["filters"] = filters.answers(mlflow, mlflow.MlflowClient())
        mlflow.flush_trace_async_logging(terminate=True)
    target.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _log_asynchronously(wanted: bool) -> None:
    # Read whenever tracing is set up.
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = str(wanted)


if __name__ == "__main__":
    main(sys.argv[1])
