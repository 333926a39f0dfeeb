"""Instructions that a traced call takes, all threads and the store included.

    python benchmarks/instructions.py [--gate] [--python .venv/bin/python]

Time is noisy on a shared machine, instructions hardly are. valgrind counts them for a
whole process that makes many calls and for one that makes few; the difference, divided
by the calls between, is free of start-up. The call itself is included.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cases import CASES
from report import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab import Lab


@dataclass(frozen=True)
class Budget:
    """The most instructions a call of a case may take.

    Args:
        case: The case.
        few: Calls of the shorter process.
        many: Calls of the longer one.
        limit: Instructions a call; the gate fails above it. It guards against a
            regression and stands 8 % above what was measured when it was set.
        promised: What a call shall take, which is shown beside; 0 for no promise.
    """

    case: str
    few: int
    many: int
    limit: int
    promised: int = 0


BUDGETS = (
    Budget("tiny_child", 500, 2_000, 74_500, promised=35_000),
    Budget("generator", 200, 900, 50_400),
    Budget("disabled", 2_000, 22_000, 1_450),
)

_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")
_MISSING = (
    "instructions: valgrind is missing, so none were counted. Install it with your "
    "system's package manager, on Debian: apt-get install valgrind"
)


class CountError(Exception):
    """Instructions could not be counted."""


def count(python: Path) -> dict[str, float]:
    """Count the instructions of a call for each case.

    Args:
        python: An interpreter that has spantree installed.

    Raises:
        CountError: If valgrind is missing and cannot be installed, or fails.
    """
    counts = {}
    for budget in BUDGETS:
        print(f"instructions of {budget.case}", file=sys.stderr)
        counts[budget.case] = count_batch(
            python, Path(__file__), budget.case, budget.few, budget.many
        )
    return counts


def count_batch(python: Path, script: Path, name: str, few: int, many: int) -> float:
    """Count the instructions of a call in the batches that a script makes.

    Args:
        python: An interpreter that has spantree installed.
        script: Makes calls when it is given ``--batch NAME CALLS``.
        name: What it shall call.
        few: Calls of the shorter process.
        many: Calls of the longer one.

    Raises:
        CountError: If valgrind is missing and cannot be installed, or fails.
    """
    valgrind = _valgrind()
    least, most = (
        _instructions(valgrind, python, script, name, calls) for calls in (few, many)
    )
    return (most - least) / (many - few)


def instructions(lab: Lab, only: str = "") -> list[Table]:
    """Count them as a part of a run; a failure is noted as a problem."""
    del only
    try:
        counts = count(lab.pythons["spantree"])
    except CountError as error:
        lab.problems.append(str(error))
        return []
    for name, number in counts.items():
        lab.figures[f"{name}.instructions", "spantree"] = number
    return [_table(counts)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print, and with `--gate` compare with the limits.

    Returns:
        The exit code: 0, or 1 when a limit is exceeded or nothing could be counted.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", action="store_true", help="fail above a limit")
    parser.add_argument(
        "--python",
        type=Path,
        help="an interpreter that has spantree; by default an environment is made",
    )
    parser.add_argument("--batch", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.batch:
        _run_batch(given.batch[0], int(given.batch[1]))
        return 0
    from environments import NotInstalledError, environment

    try:
        counts = count(given.python or environment("spantree"))
    except (CountError, NotInstalledError) as error:
        print(error, file=sys.stderr)
        return 1
    print(_table(counts).text())
    exceeded = [b.case for b in BUDGETS if counts[b.case] > b.limit]
    if exceeded:
        print(f"Above the limit: {', '.join(exceeded)}.", file=sys.stderr)
    return 1 if exceeded and given.gate else 0


def _table(counts: dict[str, float]) -> Table:
    rows = [
        [
            CASES[budget.case].title,
            f"{counts[budget.case]:,.0f}",
            _verdict(counts[budget.case], budget.limit),
            _verdict(counts[budget.case], budget.promised) if budget.promised else "",
        ]
        for budget in BUDGETS
    ]
    return Table(
        "Instructions of a traced call", ["", "measured", "limit", "promised"], rows
    )


def _verdict(count: float, limit: int) -> str:
    return f"{limit:,} {'met' if count <= limit else 'MISSED'}"


def _valgrind() -> str:
    found = shutil.which("valgrind")
    apt = shutil.which("apt-get")
    if found is None and apt is not None and os.geteuid() == 0:
        subprocess.run(
            [apt, "install", "--yes", "--quiet", "valgrind"],
            stdout=subprocess.DEVNULL,
            check=False,
        )
        found = shutil.which("valgrind")
    if found is None:
        raise CountError(_MISSING)
    return found


def _instructions(
    valgrind: str, python: Path, script: Path, name: str, calls: int
) -> int:
    command = [
        *(valgrind, "--tool=cachegrind", "--cache-sim=no"),
        *("--cachegrind-out-file=/dev/null", str(python)),
        *(str(script), "--batch", name, str(calls)),
    ]
    # One seed, so that dicts and sets are laid out alike in all processes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    counted = _COUNTED.search(done.stderr)
    if done.returncode or counted is None:
        raise CountError(f"instructions: {name} failed: {done.stderr[-500:]}")
    return int(counted[1].replace(",", ""))


def _run_batch(name: str, calls: int) -> None:
    """Make the calls, store them, and make sure that they were."""
    from adapters import spantree as adapter

    from spantree.store import writer

    # Open traces are saved by the clock. Under valgrind, some 40 times slower, that
    # would be 40 times as often as it is for a user.
    assert hasattr(writer, "TICK_S")
    writer.TICK_S = 3600.0
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        adapter.set_up(Path(folder), enabled=case.enabled)
        _, traced = case.make(adapter, calls)
        traced()
        adapter.flush()
        recorded, expected = adapter.count_spans(), case.spans(calls)
        assert recorded == expected, f"recorded {recorded} of {expected} spans"


if __name__ == "__main__":
    sys.exit(main())
