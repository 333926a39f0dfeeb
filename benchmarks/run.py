"""Measures spantree beside its peers and prints ratios.

    python benchmarks/run.py [ONLY] [--peers mlflow,otel_io] [--rounds 5]

Each library lives in an environment of its own under `benchmarks/.venvs`, made on the
first run, and in a process of its own, so that rounds interleave: A B C, A B C, …
What is compared are minima over the rounds, after subtracting the bare call.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from budgets import judge
from cases import CALLS, CASES
from environments import LIBRARIES
from imports import imports
from instructions import instructions
from lab import Lab
from memory import memory
from parts import parts
from record import calls, sizes
from tail import growth, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from report import Table

    Group = Callable[[Lab, str], list[Table]]

GROUPS: dict[str, Group] = {
    "record": calls,
    "sizes": sizes,
    "memory": memory,
    "tail": tail,
    "growth": growth,
    "imports": imports,
    "instructions": instructions,
    "parts": parts,
}
_MARK = "<!-- Below this line the page is written by benchmarks, --markdown. -->\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks.

    Returns:
        The exit code: 0, or 2 for a name that is none of the benchmarks'.
    """
    given = _parser().parse_args(arguments)
    chosen = _chosen(given.only)
    peers = [peer for peer in given.peers.split(",") if peer]
    unknown = [peer for peer in peers if peer not in LIBRARIES]
    if not chosen or unknown:
        known = [*GROUPS, *CASES] if not chosen else list(LIBRARIES)
        name = given.only if not chosen else ", ".join(unknown)
        print(f"Unknown name {name!r}. Known: {', '.join(known)}.", file=sys.stderr)
        return 2
    libraries = ["spantree", *(peer for peer in peers if peer != "spantree")]
    with contextlib.closing(Lab(libraries, given.rounds, given.patience)) as lab:
        begun = os.getloadavg()[0]
        tables = [table for group in chosen for table in group(lab, _case(given.only))]
        judged = judge(lab)
        tables += [judged] if judged.rows else []
        head = _head(lab, begun)
    if lab.problems:
        head += ["Problems of this run:", *(f"- {problem}" for problem in lab.problems)]
    print("\n".join([*head, *(table.text() for table in tables)]))
    if given.markdown:
        write_page(given.markdown, head, tables)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "only",
        nargs="?",
        default="",
        help=f"{', '.join(GROUPS)}, or the name of a case",
    )
    parser.add_argument(
        "--peers", default=",".join(LIBRARIES), help="which to compare with, by comma"
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        help="seconds after which a peer's case is ended, and said so; default: 60",
    )
    parser.add_argument(
        "--markdown", type=Path, help="also write the results into this page"
    )
    return parser


def _chosen(only: str) -> list[Group]:
    if only in CASES:
        return [calls if CASES[only] in CALLS else sizes]
    return [group for name, group in GROUPS.items() if only in ("", name)]


def _case(only: str) -> str:
    return only if only in CASES else ""


def _head(lab: Lab, load: float) -> list[str]:
    versions = ", ".join(f"{name} {text}" for name, text in lab.versions.items())
    return [*machine(load, f"{lab.rounds} rounds."), f"Versions: {versions}."]


def machine(load: float, how: str) -> list[str]:
    """Say when, how and where a run was; `load` is what the machine had before it."""
    where = (
        f"Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; load "
        f"{load:.1f} before and {os.getloadavg()[0]:.1f} after."
    )
    return [f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {how}", where]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def write_page(page: Path, head: list[str], tables: list[Table]) -> None:
    """Write results into a page, below what a person wrote there."""
    above = page.read_text().partition(_MARK)[0] if page.exists() else ""
    body = "\n".join(["", "\n".join(head), "", *(table.markdown() for table in tables)])
    page.write_text(above + _MARK + body)


if __name__ == "__main__":
    sys.exit(main())
