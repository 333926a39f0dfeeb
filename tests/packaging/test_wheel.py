"""The wheel, installed where there is no Node, is all that a user needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LAB = "share/jupyter/labextensions/spantree"


def run(*command: str, **options) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, REPOSITORY)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with JupyterLab and the wheel, and a PATH without Node."""
    folder = tmp_path_factory.mktemp("environment")
    uv = Path(sys.executable).with_name("uv")
    bare = {**os.environ, "PATH": "/nowhere", "PYTHONPATH": ""}
    run(uv, "venv", "--python", sys.executable, folder, env=bare)
    python = folder / "bin" / "python"
    run(
        uv,
        "pip",
        "install",
        "--python",
        python,
        f"{wheel}[notebook]",
        "jupyterlab",
        env=bare,
    )
    return folder, bare


def test_the_wheel_carries_viewer_extension_types_and_demo(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    for name in (
        "static/widget.js",
        "static/widget.css",
        "static/page.js",
        "static/ui.js",
        "static/ui.css",
        "static/THIRD_PARTY_LICENSES.txt",
        "py.typed",
    ):
        assert f"spantree/{name}" in names
    assert "spantree/demo/00_first_trace.ipynb" in names
    assert any(LAB + "/static/remoteEntry." in name for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "js/"))]


def test_the_bundles_go_with_the_licences_of_what_they_hold(wheel):
    text = zipfile.ZipFile(wheel).read("spantree/static/THIRD_PARTY_LICENSES.txt")

    assert b"preact" in text
    assert b"The MIT License" in text


def test_pypi_and_wheel_checkers_find_nothing(built, wheel):
    tools = Path(sys.executable).parent

    said = run(tools / "twine", "check", "--strict", *built.iterdir())
    run(tools / "check-wheel-contents", wheel)

    assert said.count("PASSED") == 2


def test_the_sdist_carries_sources_and_built_viewer(built):
    (sdist,) = built.glob("*.tar.gz")

    names = ["/".join(n.split("/")[1:]) for n in tarfile.open(sdist).getnames()]

    for name in (
        "js/src/hosts/widget.ts",
        "python_pkg/spantree/static/page.js",
        "hatch_build.py",
    ):
        assert name in names
    assert not [name for name in names if "node_modules" in name]


def test_jupyterlab_finds_the_extension_enabled_and_ok(installed):
    folder, bare = installed

    listed = run(folder / "bin" / "jupyter", "labextension", "list", env=bare)

    (line,) = [line for line in listed.splitlines() if "spantree" in line]
    assert "enabled" in line
    assert "OK" in line


def test_the_installed_package_records_and_draws(installed, tmp_path):
    folder, bare = installed
    program = (
        "import spantree\n"
        "spantree.set_tracking_uri('memory:')\n"
        "spantree.trace(sorted)([2, 1])\n"
        "t = spantree.get_trace(spantree.get_last_active_trace_id())\n"
        "print(t)\n"
        "assert 'spantree-payload' in t.to_html()\n"
    )

    drawn = run(folder / "bin" / "python", "-c", program, env=bare, cwd=tmp_path)

    assert drawn.startswith("sorted  OK")
