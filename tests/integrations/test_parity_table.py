"""Every feature of the table in docs/autolog.md, tried; and mlflow's column with it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from parity import autolog as table
from parity.autolog_features import FEATURES
from support.sdk import sdk

import spantree

REFERENCE = json.loads(table.REFERENCE.read_text())


@pytest.fixture(autouse=True)
def _fresh():
    spantree.tracing.reset()
    spantree.set_tracking_uri("memory:")
    yield
    spantree.tracing.reset()


@pytest.mark.parametrize("library", FEATURES)
def test_every_feature_is_there(library):
    for module in table.MODULES[library]:
        sdk(module)

    found = table.outcomes("spantree", library)

    assert [words for words, is_there in found.items() if not is_there] == []


def test_the_page_shows_the_outcomes():
    ours = {library: dict.fromkeys(looks, True) for library, looks in FEATURES.items()}

    text = table.PAGE.read_text()

    assert text == table.page(text, REFERENCE, ours)


def test_the_outcomes_kept_are_those_of_mlflow(tmp_path):
    python = os.environ.get("SPANTREE_MLFLOW_PYTHON", "")
    if not Path(python).is_file():
        pytest.skip("no environment with mlflow: see SPANTREE_MLFLOW_PYTHON")
    modules = ", ".join(name for names in table.MODULES.values() for name in names)
    has_sdks = [python, "-c", f"import {modules}"]
    if subprocess.run(has_sdks, capture_output=True, check=False).returncode:
        pytest.skip("the environment with mlflow has not all of the SDKs")
    out = tmp_path / "now.json"
    subprocess.run([python, table.__file__, "mlflow", str(out)], check=True)

    found = json.loads(out.read_text())["outcomes"]
    tried = REFERENCE["outcomes"]
    assert {library: found[library] for library in tried} == tried
