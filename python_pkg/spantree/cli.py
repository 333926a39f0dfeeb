"""The command line: ``spantree demo``, ``export`` and ``import``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spantree._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after ``spantree``; those of the process when left out.

    Returns:
        The exit code: 0 ok, 1 failure, 2 wrong use.
    """
    parser = argparse.ArgumentParser(prog="spantree", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="run the first notebook offline and show the tree it makes"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder for what it writes"
    )
    _add_file_commands(commands)
    given = parser.parse_args(arguments)
    if given.command == "demo":
        return run_demo(given.out)
    if given.command in ("export", "import"):
        return run_file_command(given)
    parser.print_help()
    return USAGE_ERROR


def _add_file_commands(commands: argparse._SubParsersAction[Any]) -> None:
    export = commands.add_parser(
        "export", help="write traces to .otlp.jsonl, .spantree.json, .html or .parquet"
    )
    export.add_argument(
        "file", type=Path, help="its name says the form; .gz compresses"
    )
    export.add_argument("--filter", help="the search language; all traces if left out")
    export.add_argument("--experiment", action="append", help="only of this one")
    export.add_argument("--limit", type=int, help="at most so many, newest first")
    read = commands.add_parser("import", help="store the traces of files")
    read.add_argument("files", type=Path, nargs="+")
    read.add_argument("--experiment", help="where they shall belong")


def run_file_command(given: argparse.Namespace) -> int:
    """Write traces to a file, or store those of files.

    Args:
        given: The words of the command, parsed.

    Returns:
        The exit code.
    """
    import spantree

    try:
        if given.command == "export":
            count = spantree.export_traces(
                given.file,
                given.filter,
                limit=given.limit,
                experiment_names=given.experiment,
            )
            print(f"{count} traces → {given.file}")
            return 0
        for file in given.files:
            count = spantree.import_traces(file, experiment_name=given.experiment)
            print(f"{count} traces ← {file}")
    except (spantree.exceptions.SpantreeException, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_demo(out: Path) -> int:
    """Execute the first notebook, print its tree, write notebook and page.

    Args:
        out: The folder to write to; the demo's traces are kept there as well.

    Returns:
        The exit code.
    """
    from spantree.demo.run import run_notebook

    out.mkdir(parents=True, exist_ok=True)
    # Set before the kernel starts, which inherits it: the user's store is left alone.
    os.environ["SPANTREE_DATA_DIR"] = str(out.resolve() / "data")
    try:
        notebook, trees = run_notebook(out)
    except ModuleNotFoundError as error:
        print(
            f'The demo needs {error.name}. Run: pip install "spantree[demo]"',
            file=sys.stderr,
        )
        return 1
    page = out / "first_trace.html"
    write_page(page)
    print("\n\n".join(trees))
    print(
        f"\nnotebook  {notebook}   open it with: jupyter lab {notebook}"
        f"\npage      {page}   open it in any browser; it needs no server"
    )
    return 0


def write_page(page: Path) -> None:
    """Write the newest trace as one interactive file."""
    import spantree
    from spantree.render import to_html

    traces = spantree.search_traces(max_results=1, return_type="list")
    page.write_text(to_html(traces), encoding="utf-8")
