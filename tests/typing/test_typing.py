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


def test_a_wrong_type_is_found(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import spantree\n\n\n@spantree.trace\ndef f(a: int) -> int:\n"
        '    return a\n\n\nf("x")\n'
    )
    for checker in ("mypy", "pyright"):
        done = subprocess.run(
            [sys.executable, "-m", checker, str(wrong)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1, checker
        assert "wrong.py:9" in done.stdout, checker
