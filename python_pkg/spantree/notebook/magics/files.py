"""``%trace_export`` and ``%trace_import``: traces as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.notebook.arguments import MagicParser
from spantree.notebook.magic import Magic
from spantree.notebook.report import Report
from spantree.notebook.suggestions import target_words
from spantree.notebook.targets import TARGET_HELP, find_trace
from spantree.render.format import counted
from spantree.store.uri import expanded

if TYPE_CHECKING:
    from argparse import Namespace

    from spantree.notebook.desk import Desk


def file_magics(desk: Desk) -> list[Magic]:
    """Give ``%trace_export`` and ``%trace_import``."""
    export = MagicParser(
        "%trace_export",
        "Write traces to a file: .spantree.json, .otlp.json, .otlp.jsonl, .html, .csv, "
        ".parquet.",
        [
            "%trace_export last answer.spantree.json",
            "%trace_export failed.otlp.jsonl --errors",
        ],
    )
    export.add_argument(
        "words",
        nargs="+",
        metavar="[TARGET] FILE",
        help=f"{TARGET_HELP}; the file last",
    )
    export.add_argument(
        "--filter", metavar="FILTER", help="all that match, in the search language"
    )
    export.add_argument("--errors", action="store_true", help="all failed ones")
    read = MagicParser(
        "%trace_import",
        "Store the traces of a file: OTLP JSON, .spantree.json, MLflow's trace JSON.",
        ["%trace_import answer.spantree.json", "n = %trace_import failed.otlp.jsonl"],
    )
    read.add_argument("file", metavar="FILE", help="also compressed, .gz")
    return [
        Magic(export, lambda a: _export(a, desk), {"words": target_words(desk)}),
        Magic(read, lambda a: _import(a, desk), {"file": _files}),
    ]


def _export(arguments: Namespace, desk: Desk) -> Report:
    *targets, name = arguments.words
    if not targets and _is_target(name):
        raise UsageError(f"%trace_export {name} needs a FILE: {name} answer.html")
    is_search = bool(arguments.filter) or arguments.errors
    if is_search and targets:
        raise UsageError("%trace_export takes TARGETs, or --filter and --errors.")
    file = expanded(name)
    clauses = [f"({arguments.filter})"] if arguments.filter else []
    clauses += ["status = 'ERROR'"] if arguments.errors else []
    wanted = " AND ".join(clauses) or None
    traces = None
    if not is_search:
        traces = [find_trace(target, desk) for target in targets or ["last"]]
    try:
        count = desk.host.export_traces(file, wanted, traces)
    except OSError as error:
        raise UsageError(f"{name} can't be written: {error.strerror}.") from None
    return Report(f"wrote {counted(count, 'trace')} to {file}", count)


def _is_target(word: str) -> bool:
    return word == "last" or word.startswith(("tr-", "-"))


def _import(arguments: Namespace, desk: Desk) -> Report:
    file = expanded(arguments.file)
    try:
        count = desk.host.import_traces(file)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.") from None
    return Report(f"stored {counted(count, 'trace')} of {file}", count)


def _files() -> list[str]:
    return sorted(
        str(path) for path in Path().glob("*.json*") if not path.name.startswith(".")
    )
