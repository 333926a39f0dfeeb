"""mypy and pyright agree with `shapes.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SHAPES = Path(__file__).with_name("shapes.py")
ROOT = Path(__file__).parents[2]


def checked(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_agrees():
    checked(sys.executable, "-m", "mypy", "--no-incremental", str(SHAPES))


def test_pyright_agrees():
    checked(
        sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(SHAPES)
    )


def test_the_package_says_that_it_is_typed():
    import spantree

    assert Path(spantree.__file__).with_name("py.typed").exists()
