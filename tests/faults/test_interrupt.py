"""An interrupt anywhere in a traced call leaves the program and the recorder in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

POINTS = int(os.environ.get("SPANTREE_INTERRUPTS", "100"))


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="3.10 looks for signals between a call's return and the assignment",
)
def test_interrupts_at_random_points(seed):
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("interrupt.py")),
            str(seed),
            str(POINTS),
        ],
        capture_output=True,
        text=True,
        timeout=60 + POINTS / 20,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["struck"] >= POINTS
    assert found["failures"] == []
    assert found["internal_errors"] == []
    # Interrupts that CPython itself loses are few.
    assert found["lost"] <= max(10, POINTS // 20)
