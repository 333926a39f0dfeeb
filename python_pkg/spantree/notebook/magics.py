"""The magics: ``%spantree``, ``%autolog`` and ``%traces``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree._version import __version__
from spantree.entities.errors import SpantreeException
from spantree.integrations import autolog, status
from spantree.notebook.arguments import HelpAsked, MagicParser
from spantree.recording import RECORDER
from spantree.search import parse_filter, parse_query, typed_frame

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    import pandas as pd

    from spantree.notebook.host import Host

NO_TRACES = (
    "No traces yet. Try: `%autolog openai`, or decorate a function with "
    "`@spantree.trace`"
)
SHORT_COLUMNS = [
    "start_time",
    "name",
    "status",
    "duration_ms",
    "spans",
    "errors",
    "total_tokens",
    "cost_usd",
    "session",
    "user",
    "request",
    "trace_id",
]


def line_magics(host: Host) -> dict[str, Callable[[str], object]]:
    """Give the line magics by name.

    Args:
        host: The process's runtime.
    """
    return {
        "spantree": _magic(_spantree_parser(), lambda a: _spantree(a, host)),
        "autolog": _magic(_autolog_parser(), _autolog),
        "traces": _magic(_traces_parser(), lambda a: _traces(a, host)),
    }


def _magic(
    parser: MagicParser, answer: Callable[[Namespace], object]
) -> Callable[[str], object]:
    """Make a magic: help for ``-h``, a UsageError for a mistake, None after ``;``."""

    def magic(line: str) -> object:
        try:
            arguments = parser.read(line)
            result = answer(arguments)
        except HelpAsked as help_text:
            print(help_text)  # noqa: T201 - a magic's answer
            return None
        except SpantreeException as error:
            raise UsageError(str(error)) from None
        return None if arguments.is_quiet else result

    magic.__doc__ = parser.format_help()
    return magic


def _spantree_parser() -> MagicParser:
    parser = MagicParser(
        "%spantree",
        "Show what is recorded and where, or switch recording.",
        ["%spantree", "%spantree off"],
    )
    parser.add_argument(
        "action", nargs="?", default="status", choices=["status", "on", "off"]
    )
    return parser


def _spantree(arguments: Namespace, host: Host) -> None:
    if arguments.action != "status":
        RECORDER.enabled = arguments.action == "on"
    recording = "on" if RECORDER.enabled else "off"
    display = "on" if host.display else "off"
    counts = (f"{name} {count}" for name, count in host.stats().items())
    print(  # noqa: T201 - a magic's answer
        f"spantree {__version__} · recording {recording} · display {display}",
        f"traces → {host.store_name()}",
        " · ".join(counts),
        "next: %autolog openai · %traces · %spantree -h",
        sep="\n",
    )


def _autolog_parser() -> MagicParser:
    parser = MagicParser(
        "%autolog",
        "Trace the calls of a library, stop it, or show what is traced.",
        ["%autolog openai", "%autolog openai off", "%autolog"],
    )
    parser.add_argument("names", nargs="*", metavar="NAME|off")
    parser.add_argument("--no-inputs", action="store_true")
    parser.add_argument("--no-outputs", action="store_true")
    parser.add_argument("--silent", action="store_true")
    return parser


def _autolog(arguments: Namespace) -> None:
    disable = bool(arguments.names) and arguments.names[-1] == "off"
    names = arguments.names[: -1 if disable else None]
    if disable and not names:
        raise UsageError("%autolog off needs a library. Try: %autolog openai off")
    for name in names:
        autolog(
            name,
            disable=disable,
            silent=arguments.silent,
            log_inputs=not arguments.no_inputs,
            log_outputs=not arguments.no_outputs,
            must_be_installed=not disable,
        )
    if arguments.silent or arguments.is_quiet:
        return
    rows = [row for row in status() if not names or row.library in names]
    width = max(len(row.library) for row in rows)
    for row in rows:
        print(  # noqa: T201 - a magic's answer
            f"{row.library:<{width}}  {row.installed or '–':<10}  {row.state}"
            f"  {row.calls} calls traced"
        )


def _traces_parser() -> MagicParser:
    parser = MagicParser(
        "%traces",
        "Give the latest traces as a DataFrame, newest first.",
        ["%traces -n 5", "df = %traces --filter \"status = 'ERROR'\""],
    )
    parser.add_argument("-n", type=int, default=20, metavar="COUNT")
    parser.add_argument("--errors", action="store_true", help="failed ones only")
    parser.add_argument("--name", help="those of this name")
    parser.add_argument("--filter", help="the search language")
    parser.add_argument("--columns", default="", help="a,b,… or all")
    return parser


def _traces(arguments: Namespace, host: Host) -> pd.DataFrame:
    parse_filter(arguments.filter or "")  # errors show the user's own text
    wanted = _filter_text(arguments)
    found = host.summaries(parse_query(wanted), arguments.n)
    if not found and not wanted:
        print(NO_TRACES)  # noqa: T201 - a magic's answer
    return _with_columns(typed_frame(found), arguments.columns)


def _filter_text(arguments: Namespace) -> str:
    clauses = []
    if arguments.errors:
        clauses.append("status = 'ERROR'")
    if arguments.name:
        quoted = arguments.name.replace("'", "''")
        clauses.append(f"name = '{quoted}'")
    if arguments.filter:
        clauses.append(f"({arguments.filter})")
    return " AND ".join(clauses)


def _with_columns(frame: pd.DataFrame, wanted: str) -> pd.DataFrame:
    if wanted == "all":
        return frame
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    unknown = [name for name in names if name not in frame.columns]
    if unknown:
        raise UsageError(
            f"Unknown column {unknown[0]!r}. Known: {', '.join(frame.columns)}."
        )
    chosen: pd.DataFrame = frame.loc[:, names or SHORT_COLUMNS]
    return chosen
