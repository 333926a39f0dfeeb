"""Executes the tutorial notebooks, and says whether they still show what they did.

python notebooks/execute.py              writes the outputs into the notebooks
python notebooks/execute.py --check      compares with them and writes nothing
python notebooks/execute.py 02 --check   only those whose name begins so
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

FOLDER = Path(__file__).parent
CELL_TIMEOUT_S = 60
MAX_BYTES = 1_000_000
AT_ONCE = 2
# A run is offline, with nothing of the user's: no key, no settings, no other store.
CLEARED = ("OPENAI_", "ANTHROPIC_", "SPANTREE_", "MLFLOW_", "OTEL_", "XDG_", "JPY_")
# What differs from run to run: ids, clock times, durations and the bars that show them.
MASKS = (
    (re.compile(r"tr-[0-9a-f]{6,32}(\.\.\.)?"), "tr-…"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(\+00:00)?"), "TIME"),
    (re.compile(r"\b1\d{12}\b"), "MILLISECONDS"),
    (re.compile(r"\d+(\.\d+)?(µs|ms|s)\b"), "DURATION"),
    # Both of a comparison may happen to be the same, and are then said once.
    (re.compile(r"DURATION → DURATION"), "DURATION"),
    (re.compile(r" \([+−]\d+ %\)"), ""),
    (re.compile(r"(?<!\$)\b\d+\.\d{3,}\b"), "NUMBER"),
    (re.compile(r"\b\d+(\.\d+)? [kM]?B\b"), "BYTES"),
    (re.compile(r"[·█▏▎▍▌▋▊▉]+"), "BAR"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "CELL"),  # noqa: S108 - as Jupyter names it
    (re.compile(r"\b(openai|otel) +\d+\.\d+\.\d+"), r"\1 VERSION"),
    (re.compile(r"[├└]─"), "├─"),
    (re.compile(r"[ \t]+"), " "),
)


def execute(path: Path) -> nbformat.NotebookNode:
    """Run a notebook in a kernel of its own, in an empty home folder.

    Args:
        path: The notebook; it is not written.

    Returns:
        The notebook with its new outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails, an assertion say.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as home:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(CLEARED)}
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            record_timing=False,
            resources={"metadata": {"path": home}},
            # Keeps the kernel's note on unencrypted loopback ports out of the cells.
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        client.execute(env={**kept, "HOME": home})
    return notebook


def complaints(
    saved: nbformat.NotebookNode, executed: nbformat.NotebookNode
) -> list[str]:
    """Say what is wrong with a notebook as it was saved.

    Args:
        saved: As committed.
        executed: As it came out now.

    Returns:
        A line for each thing, and a difference for each cell whose text changed.
    """
    found = []
    text = json.dumps(saved)
    if len(text.encode()) > MAX_BYTES:
        found.append(f"it has {len(text.encode()):,} bytes, over {MAX_BYTES:,}")
    if "widget-view" in text:
        found.append("it holds a widget, which does not show in a preview")
    for before, after in zip(_code_cells(saved), _code_cells(executed), strict=True):
        old, new = _masked(before), _masked(after)
        if old != new:
            found.append(f"the output of cell {before.id!r} is another:")
            found += difflib.unified_diff(old, new, "saved", "now", lineterm="", n=1)
    return found


def _redo(path: Path, is_check: bool) -> list[str]:
    """Execute one notebook; give what is wrong with it, and write it if asked to."""
    try:
        executed = execute(path)
    except (CellExecutionError, CellTimeoutError) as error:
        return str(error).splitlines()
    saved = nbformat.read(path, as_version=4) if is_check else executed
    if not is_check:
        nbformat.write(executed, path)
    return complaints(saved, executed)


def _code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _masked(cell: nbformat.NotebookNode) -> list[str]:
    """Give the plain text under a cell without what differs from run to run."""
    # Where a stream is cut, and on which side of a tree, is chance. A tree stands above
    # the result if the cell took so long that it was drawn meanwhile.
    printed = [o.text for o in cell.outputs if o.output_type == "stream"]
    shown = [
        o.data.get("text/plain", "")
        for kind in ("execute_result", "display_data")
        for o in cell.outputs
        if o.output_type == kind
    ]
    whole = "\n".join(["".join(printed), *shown])
    for pattern, word in MASKS:
        whole = pattern.sub(word, whole)
    # Threads and tasks begin in any order.
    return sorted(line.strip() for line in whole.splitlines())


def main() -> int:
    """Execute what the command line asks for; the exit code is 1 on a complaint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[""], help="beginnings of names")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    asked = parser.parse_args()
    paths = [
        path
        for path in sorted(FOLDER.glob("*.ipynb"))
        if path.name.startswith(tuple(asked.names))
    ]
    if not paths:
        print(f"No notebook in {FOLDER} begins with {' or '.join(asked.names)}.")
        return 1
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        results = list(threads.map(lambda path: _redo(path, asked.check), paths))
    for path, wrong in zip(paths, results, strict=True):
        done = "compared" if asked.check else "written"
        print(f"{path.name}: {'WRONG' if wrong else done}")
        for line in wrong:
            print(f"  {line}")
    print(f"{len(paths)} notebooks in {time.monotonic() - began:.0f} s")
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main())
