"""Every test records into a folder of its own, and none may hide a failure of ours."""

from __future__ import annotations

import contextlib
import os

import pytest

# Before anything of spantree runs: our own failures re-raise where they happen.
os.environ["SPANTREE_RAISE_INTERNAL_ERRORS"] = "1"

with contextlib.suppress(ModuleNotFoundError):  # the libraries' environment has it not
    import support.laws  # noqa: F401 - before a test takes over what is usual


def pytest_configure(config):
    """Let SPANTREE_SEED repeat all that is random: order, numbers, examples."""
    seed = os.environ.get("SPANTREE_SEED")
    if not seed:
        return
    if config.option.randomly_seed == "default":
        config.option.randomly_seed = int(seed)
    if getattr(config.option, "hypothesis_seed", "") is None:
        config.option.hypothesis_seed = seed


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path, monkeypatch):
    """Keep the tests' traces out of the user's store."""
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path / "data"))
    for name in ("TRACKING_URI", "EXPERIMENT_NAME", "EXPERIMENT_ID"):
        monkeypatch.delenv(f"SPANTREE_{name}", raising=False)
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)


@pytest.fixture(autouse=True)
def _no_open_traces():
    """Forget what a test leaves open: the next test's store would take it in."""
    yield
    from spantree.recording import RECORDER

    for trace in RECORDER.traces.all():
        RECORDER.traces.discard(trace.key)


@pytest.fixture(autouse=True)
def _no_hidden_failures():
    """Fail a test during which a failure of ours was swallowed."""
    from spantree.recording import internal_error_tracebacks, reset_internal_errors

    reset_internal_errors()
    yield
    swallowed = internal_error_tracebacks()
    reset_internal_errors()
    assert not swallowed, "\n".join(swallowed)
