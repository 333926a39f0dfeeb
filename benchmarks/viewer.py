"""Measure the viewer in real JupyterLab, beside MLflow's notebook renderer.

    python benchmarks/viewer.py [spans …] [--rounds 3] [--no-mlflow] [--markdown FILE]

A trace of each size comes as the output of a cell that a kernel runs, and stands as
a saved output in a notebook that Chromium opens without a kernel; each figure is the
least of the rounds. MLflow's figures are of the same traces, logged to an MLflow server
on this machine, whose page its notebook output embeds. The table says which budgets are
kept; a frame lasts 16.7 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab import say
from playwright.sync_api import sync_playwright
from run import machine, write_page

# The steps a person takes in JupyterLab are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.lab import CHROMIUM, CHROMIUM_ARGUMENTS, jupyter
from viewer_mlflow import (
    MLFLOW_SIZES,
    figures_of_mlflow,
    outputs_of_mlflow,
)
from viewer_notebooks import MANY, write_notebooks
from viewer_pages import (
    heap_of,
    measure,
    measure_many,
    measure_plain,
    opened,
    repeated,
)
from viewer_report import (
    MANY_BUDGET,
    SIZES,
    judged,
    mlflow_table,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 when a budget of the viewer is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, help="spans; default: all four")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--no-mlflow", action="store_true", help="spantree alone")
    parser.add_argument("--markdown", type=Path, help="also write into this page")
    given = parser.parse_args(arguments)
    sizes = given.sizes or list(SIZES)
    peers = [] if given.no_mlflow else [size for size in sizes if size in MLFLOW_SIZES]
    load = os.getloadavg()[0]
    notes: list[str] = []
    if set(sizes) - set(MLFLOW_SIZES) and not given.no_mlflow:
        most = max(MLFLOW_SIZES)
        notes.append(
            f"MLflow was given no more than {most:,} spans: it logs one at a time."
        )
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        theirs = outputs_of_mlflow(stack, root, peers, notes)
        write_notebooks(root, sizes, theirs)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS
        )
        url = stack.enter_context(jupyter(root)).url
        with opened(browser, url, "empty.ipynb", "") as page:
            baseline = heap_of(page)
        ours = {}
        for size in sizes:
            say(f"{size:,} spans …")
            one = functools.partial(measure, browser, url, size, baseline)
            ours[size] = repeated(one, given.rounds, notes)
        say("plain text …")
        one = functools.partial(measure_plain, browser, url)
        plain = repeated(one, given.rounds, notes)
        say(f"{MANY} viewers …")
        one = functools.partial(measure_many, browser, url)
        many = repeated(one, given.rounds, notes).get("many")
        peer = figures_of_mlflow(browser, url, list(theirs), given.rounds, notes)
        head = machine(load, f"{given.rounds} rounds, Chromium {browser.version}.")
        browser.close()
    tables = [table_of(ours)]
    if peer:
        tables.append(mlflow_table(ours, peer))
    notes.insert(0, f"{MANY} viewers in one notebook: {judged(many, MANY_BUDGET)} ms.")
    both = [judged(plain.get(name), None) for name in ("paint", "opened")]
    notes.insert(1, "Twelve lines of text instead: {} and {} ms.".format(*both))
    print("\n".join([*head, *notes, *(table.text() for table in tables)]))
    if given.markdown:
        write_page(given.markdown, [*head, "", *notes], tables)
    return int(any("**" in text for text in (table_of(ours).text(), notes[0])))


if __name__ == "__main__":
    sys.exit(main())
