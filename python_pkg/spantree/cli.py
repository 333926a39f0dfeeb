"""The command line: search, show, move and serve traces."""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spantree._version import __version__
from spantree.entities.errors import (
    INVALID_PARAMETER_VALUE,
    MissingExtraError,
    SpantreeException,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FAILURE = 1
USAGE_ERROR = 2
_LAST_PORT = 65_535

_STORE_HELP = (
    "where the traces are: a .db file, sqlite:///…, postgresql://…; "
    "SPANTREE_TRACKING_URI or the default file when left out"
)
_FILTER_HELP = "in the filter language, such as \"status = 'ERROR'\"; all if left out"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after ``spantree``; those of the process when left out.

    Returns:
        The exit code: 0 ok, 1 failure, 2 wrong use.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names may hold what the terminal's encoding has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    given = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] | None = given.run
    if run is None:
        _parser().print_help()
        return USAGE_ERROR
    try:
        return run(given)
    except SpantreeException as error:
        is_misuse = error.error_code == INVALID_PARAMETER_VALUE
        is_missing = isinstance(error, MissingExtraError)
        return _failed(error, USAGE_ERROR if is_misuse and not is_missing else FAILURE)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to be flushed to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _failed(error, FAILURE)
    except KeyboardInterrupt:
        pass
    return FAILURE


def _failed(error: Exception, code: int) -> int:
    print(f"spantree: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spantree",
        description=__doc__,
        epilog="Exit codes: 0 done, 1 failed, 2 wrong use.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], about: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=f"{about}.")
        made.set_defaults(run=run)
        return made

    _describe_ui(
        command("ui", _ui, "Serve the traces as a web page, and take new ones")
    )
    _describe_search(command("search", _search, "List the traces that match a filter"))
    _describe_show(command("show", _show, "Draw one trace as a tree"))
    _describe_export(command("export", _export, "Write traces to a file"))
    _describe_import(command("import", _import, "Store the traces of files"))
    _describe_prune(command("prune", _prune, "Delete old traces"))
    _describe_ship(command("ship", _ship, "Send what waits for a server"))
    doctor = command("doctor", _doctor, "Check the store and this installation")
    _add_store(doctor)
    demo = command("demo", _demo, "Run the first notebook offline and show its tree")
    demo.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder for what it writes"
    )
    return parser


def _add_store(command: argparse.ArgumentParser) -> None:
    command.add_argument("--store", metavar="URI", help=_STORE_HELP)


def _use_store(given: argparse.Namespace) -> None:
    if given.store:
        import spantree

        spantree.set_tracking_uri(given.store)


def _describe_ui(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-p",
        "--port",
        type=_port,
        default=8080,
        help="8080 when left out; 0 for any that is free",
    )
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="where to listen; this machine only when left out",
    )
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that browsers may call it by",
    )
    command.add_argument(
        "--no-token", action="store_true", help="let everybody on this machine in"
    )
    _add_store(command)


def _ui(given: argparse.Namespace) -> int:
    _use_store(given)
    from spantree._runtime import RUNTIME
    from spantree.recording import RECORDER
    from spantree.recording.publish import mask_trace

    try:
        from spantree.web.serving import Address, new_token, serve
    except ModuleNotFoundError as error:
        msg = f'spantree ui needs {error.name}. Run: pip install "spantree[ui]"'
        raise MissingExtraError(msg) from None
    # Its own address may be what the environment names: it must not send to itself.
    RUNTIME.keep_all()
    chosen = os.environ.get("SPANTREE_UI_TOKEN")
    token = None if given.no_token else chosen or new_token()

    def say(address: Address) -> None:
        # A token that was chosen is known, and may be kept out of a container's log.
        print(
            f"Open  {address.url if token and chosen else address.entrance}\n"
            f"Store {RUNTIME.store_name()}\n"
            f"Log   spantree: set_tracking_uri({address.url!r})   "
            f"OpenTelemetry: OTEL_EXPORTER_OTLP_ENDPOINT={address.url}\n"
            "End   Ctrl-C",
            flush=True,
        )

    serve(
        RUNTIME.store(),
        host=given.host,
        port=given.port,
        token=token,
        name=RUNTIME.store_name(),
        allowed_hosts=given.allow_host,
        # As the environment says of this process; what is masked already stays so.
        mask=partial(mask_trace, redactor=RECORDER.redactor),
        on_ready=say,
    )
    return 0


def _describe_search(command: argparse.ArgumentParser) -> None:
    command.add_argument("filter", nargs="?", default="", help=_FILTER_HELP)
    command.add_argument(
        "-n",
        "--limit",
        type=_count,
        default=20,
        help="at most so many; 20 when left out",
    )
    command.add_argument(
        "--order-by",
        action="append",
        metavar="FIELD",
        help='such as "duration DESC"; newest first when left out',
    )
    command.add_argument(
        "--experiment", action="append", help="only of this one, by name"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_store(command)


def _search(given: argparse.Namespace) -> int:
    _use_store(given)
    from spantree._runtime import RUNTIME
    from spantree.experiments import experiment_ids
    from spantree.search.records import record_of
    from spantree.searching import trace_query
    from spantree.store.listing import listing
    from spantree.table import draw_table

    where = experiment_ids(None, given.experiment, None)
    query = trace_query(given.filter, given.order_by, experiments=where)
    page = RUNTIME.read(lambda store: listing(store, query, given.limit, None))
    if given.json:
        for row in page.rows:
            print(json.dumps(record_of(row), default=str))
    else:
        print(draw_table(page.rows))
    if page.cursor is not None:
        more = f"… the first {given.limit}; there are more: --limit {given.limit * 10}"
        print(more, file=sys.stderr if given.json else sys.stdout)
    return 0


def _describe_show(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "trace",
        nargs="?",
        help="an id, or at least 6 digits of its beginning; the newest when left out",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the whole record as JSON")
    form.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page that needs no server"
    )
    _add_store(command)


def _show(given: argparse.Namespace) -> int:
    _use_store(given)
    from spantree._runtime import RUNTIME

    trace = RUNTIME.require_trace(_full_id(given.trace))
    if given.json:
        print(trace.to_json(pretty=True))
    elif given.html:
        trace.to_html(given.html)
        print(f"{trace.trace_id} → {given.html}")
    else:
        print(RUNTIME.text(trace))
    return 0


def _full_id(text: str | None) -> str:
    """Find the trace whose id begins so, or the newest one.

    Raises:
        SpantreeException: If there is none, or there are several.
    """
    from spantree._runtime import RUNTIME
    from spantree.search import parse_query

    digits = None if text is None else text.lower().removeprefix("tr-")
    if digits is not None and not (
        _LEAST_DIGITS <= len(digits) <= _ID_DIGITS and set(digits) <= set(_HEX)
    ):
        msg = (
            f"{text!r} is no trace id: 'tr-' and 32 hex digits, or at least the first "
            f"{_LEAST_DIGITS} of them. spantree search lists them."
        )
        raise SpantreeException(msg)
    query = parse_query("" if digits is None else f"trace_id = 'tr-{digits}'")
    found = [s.trace_id for s in RUNTIME.summaries(query, 1 if digits is None else 3)]
    if len(found) == 1:
        return found[0]
    if found:
        msg = f"Several traces begin with {text!r}: {', '.join(found)}."
        raise SpantreeException(msg)
    which = "no trace" if digits is None else f"no trace {text!r}"
    msg = f"There is {which} in {RUNTIME.store_name()}."
    raise SpantreeException(msg, "RESOURCE_DOES_NOT_EXIST")


_LEAST_DIGITS = 6
_ID_DIGITS = 32
_HEX = "0123456789abcdef"


def _describe_export(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file",
        type=Path,
        help="its name says the form: .otlp.jsonl, .otlp.json, .spantree.json, .html, "
        ".parquet or .csv; .gz compresses",
    )
    command.add_argument("--filter", help=_FILTER_HELP)
    command.add_argument(
        "--experiment", action="append", help="only of this one, by name"
    )
    command.add_argument(
        "-n", "--limit", type=_count, help="at most so many, newest first"
    )
    _add_store(command)


def _export(given: argparse.Namespace) -> int:
    _use_store(given)
    import spantree

    count = spantree.export_traces(
        given.file,
        given.filter,
        limit=given.limit,
        experiment_names=given.experiment,
    )
    print(f"{count} traces → {given.file}")
    return 0


def _describe_import(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files",
        type=Path,
        nargs="+",
        help="what export writes, OTLP/JSON, MLflow's trace JSON; .gz too",
    )
    command.add_argument("--experiment", help="where they shall belong, by name")
    _add_store(command)


def _import(given: argparse.Namespace) -> int:
    _use_store(given)
    import spantree

    for file in given.files:
        count = spantree.import_traces(file, experiment_name=given.experiment)
        print(f"{count} traces ← {file}")
    return 0


def _describe_prune(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--older", metavar="AGE", help="those begun longer ago, such as 30d, 12h, 2w"
    )
    command.add_argument(
        "--max-mb",
        type=_megabytes,
        metavar="MB",
        help="so many more that the store takes no more than this",
    )
    command.add_argument("--filter", help=_FILTER_HELP)
    command.add_argument(
        "--experiment", action="append", help="only of this one, by name"
    )
    command.add_argument("--yes", action="store_true", help="do not ask")
    _add_store(command)


def _prune(given: argparse.Namespace) -> int:
    _use_store(given)
    import spantree

    if not (given.yes or _agrees("Delete traces for good?")):
        print("Nothing was deleted.")
        return FAILURE
    count = spantree.prune(
        older=given.older,
        max_bytes=None if given.max_mb is None else round(given.max_mb * 1e6),
        filter=given.filter,
        experiment=given.experiment,
    )
    print(f"{count} traces deleted")
    return 0


def _describe_ship(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds to go on for; 60 when left out",
    )
    command.add_argument(
        "--retry-rejected",
        action="store_true",
        help="once more, also what the server refused",
    )
    command.add_argument(
        "--to",
        dest="store",
        metavar="URI",
        help="the server: http(s)://…, databricks, otlp+http(s)://…; "
        "SPANTREE_TRACKING_URI when left out",
    )


def _ship(given: argparse.Namespace) -> int:
    _use_store(given)
    from spantree._runtime import RUNTIME

    dispatch = RUNTIME.dispatch()
    if dispatch is None:
        msg = "No server is named. Say --to http://… or set SPANTREE_TRACKING_URI."
        raise SpantreeException(msg)
    if given.retry_rejected:
        dispatch.retry_rejected()
    is_sent = RUNTIME.deliver(given.timeout)
    counts = dispatch.stats()
    print(
        f"{counts['shipped']} traces sent, {counts['waiting'] + counts['blocked']} "
        f"wait, {counts['rejected']} refused"
    )
    for words in dispatch.rejections():
        print(f"refused: {words}", file=sys.stderr)
    return 0 if is_sent and not counts["rejected"] else FAILURE


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        msg = "prune deletes for good: say --yes where nobody can be asked."
        raise SpantreeException(msg)
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _doctor(given: argparse.Namespace) -> int:
    _use_store(given)
    from spantree.doctor import examine

    is_well = True
    for line in examine():
        print(line)
        is_well = is_well and not line.startswith("✗")
    return 0 if is_well else FAILURE


def _demo(given: argparse.Namespace) -> int:
    from spantree.demo.run import run_notebook

    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    # Set before the kernel starts, which inherits it: the user's store is left alone.
    os.environ["SPANTREE_DATA_DIR"] = str(out.resolve() / "data")
    try:
        notebook, trees = run_notebook(out)
    except ModuleNotFoundError as error:
        msg = f'The demo needs {error.name}. Run: pip install "spantree[demo]"'
        raise MissingExtraError(msg) from None
    page = out / "first_trace.html"
    _write_newest(page)
    print("\n\n".join(trees))
    print(
        f"\nnotebook  {notebook}   open it with: {_jupyter()} lab {notebook}"
        f"\npage      {page}   open it in any browser; it needs no server"
    )
    return 0


def _jupyter() -> str:
    """Give the command of this environment, which may not be the active one."""
    ours = Path(sys.executable).with_name("jupyter")
    if not ours.exists() or shutil.which("jupyter") == str(ours):
        return "jupyter"
    return os.path.relpath(ours)


def _write_newest(page: Path) -> None:
    import spantree
    from spantree.render import to_html

    traces = spantree.search_traces(max_results=1, return_type="list")
    page.write_text(to_html(traces), encoding="utf-8")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        msg = f"a number from 0 to {_LAST_PORT}, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _megabytes(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        msg = f"a number of megabytes, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        msg = f"a number from 1, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
