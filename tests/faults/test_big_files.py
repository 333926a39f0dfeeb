"""A file of any size is written and read in bounded memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the limit on memory is Linux's"
)


BIG = """
import re, resource, sys
from pathlib import Path
import spantree
from spantree._runtime import RUNTIME
from support.traces import make_trace

def allow(megabytes):
    # Memory of its own: what is mapped from files does not count.
    taken = int(re.search(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    limit = taken * 1024 + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

text = "x" * 20_000
def some(numbers):
    return [
        make_trace(n, root={"raw_inputs": text, "raw_outputs": f"{n}{text}"})
        for n in numbers
    ]

path = sys.argv[1]
for first in range(1, 4001, 200):
    RUNTIME.write(lambda store: store.write(some(range(first, first + 200))))
spantree.export_traces(path, limit=200)
allow(megabytes=100)
assert spantree.export_traces(path) == 4000
assert spantree.import_traces(path) == 4000
try:
    bytearray(120_000_000)
except MemoryError:
    print("the limit holds")
"""


def test_big_file_takes_bounded_memory(tmp_path):
    path = tmp_path / "big.spantree.json"
    run = subprocess.run(
        [sys.executable, "-c", BIG, str(path)],
        env={
            "PYTHONPATH": "tests",
            "SPANTREE_DATA_DIR": str(tmp_path / "d"),
            "PATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert path.stat().st_size > 150_000_000
    assert run.stdout == "the limit holds\n"
