"""``%spantree`` and ``%tracking_uri``: what is recorded, where, and what hinders."""

from __future__ import annotations

import sys
from importlib import metadata, util
from typing import TYPE_CHECKING

from spantree._version import __version__
from spantree.entities.errors import SpantreeException
from spantree.entities.experiment import DEFAULT_NAME
from spantree.integrations import status as library_status
from spantree.notebook.arguments import MagicParser
from spantree.notebook.display import is_widget_host
from spantree.notebook.front_end import check_extension, check_viewer
from spantree.notebook.magic import Magic, outside_cells
from spantree.notebook.report import Report
from spantree.notebook.settings import has_toml
from spantree.recording import RECORDER, internal_error_tracebacks

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from spantree.notebook.desk import Desk

_ACTIONS = ("status", "doctor", "stats", "on", "off")
_ACTIONS_HELP = "the card; all checks; what is counted; recording"
_MOST_COUNTED = 10_000


def status_magics(desk: Desk) -> list[Magic]:
    """Give ``%tracking_uri`` and ``%spantree``."""
    uri = MagicParser(
        "%tracking_uri",
        "Show where traces go, or send those recorded from now on elsewhere.",
        ["%tracking_uri", "%tracking_uri sqlite:///traces.db"],
    )
    uri.add_argument("uri", nargs="?", metavar="URI", help="memory:, sqlite:///FILE, …")
    parser = MagicParser(
        "%spantree",
        "Show what is recorded and where, look for what hinders, or switch recording.",
        ["%spantree", "%spantree doctor", "%spantree off"],
    )
    parser.add_argument(
        "action", nargs="?", default="status", choices=_ACTIONS, help=_ACTIONS_HELP
    )
    return [
        Magic(uri, lambda a: _tracking_uri(a, desk), {"uri": lambda: ["memory:"]}),
        Magic(parser, lambda a: _spantree(a, desk)),
    ]


def _tracking_uri(arguments: Namespace, desk: Desk) -> Report:
    if arguments.uri is not None:
        desk.host.set_target(arguments.uri)
    name = desk.host.store_name()
    return Report(f"traces → {name}", name)


def _spantree(arguments: Namespace, desk: Desk) -> Report:
    if arguments.action in ("on", "off"):
        RECORDER.enabled = arguments.action == "on"
    if arguments.action == "doctor":
        lines = list(_doctor(desk))
        return Report("\n".join(lines), lines)
    if arguments.action == "stats":
        counts = desk.host.stats()
        return Report(
            "\n".join(f"{n:>9,}  {name}" for name, n in counts.items()), counts
        )
    return _card(desk)


def _card(desk: Desk) -> Report:
    display = str(desk.settings.display) if desk.host.display else "off"
    traced = [row.library for row in library_status() if row.state == "on"]
    facts: dict[str, object] = {
        "version": __version__,
        "recording": RECORDER.enabled,
        "display": display,
        "store": desk.host.store_name(),
        "traces": _counted(desk, ""),
        "today": _counted(desk, "timestamp >= '24h ago'"),
        "autolog": traced,
        "session": desk.frames.session,
        "stats": desk.host.stats(),
    }
    always = ("saved", "waiting")
    counts = " · ".join(
        f"{name} {n:,}" for name, n in desk.host.stats().items() if n or name in always
    )
    recording = "on" if RECORDER.enabled else "off"
    autolog = ", ".join(traced) or "none"
    kept = f"{facts['today']} in 24 h · {facts['traces']} in all"
    lines = [
        f"spantree {__version__} · recording {recording} · display {display}",
        f"traces → {facts['store']} · {kept}",
        f"autolog: {autolog} · session: {desk.frames.session or 'none'}",
        f"{counts} (what is not named is 0: %spantree stats)",
        *outside_cells(desk),
        "next: %autolog openai · %traces · %spantree doctor",
    ]
    return Report("\n".join(lines), facts)


def _counted(desk: Desk, wanted: str) -> str:
    from spantree.search import parse_query

    try:
        found = len(desk.host.summaries(parse_query(wanted), _MOST_COUNTED))
    except SpantreeException:
        return "?"  # %spantree doctor tells what is wrong with the store
    return f"{found:,}" if found < _MOST_COUNTED else f"{_MOST_COUNTED:,} or more"


def _doctor(desk: Desk) -> Iterator[str]:
    """Check each part; a line begins with ✓, with ✗ and what to do, or with ·."""
    yield from (line for check in _CHECKS for line in check(desk))


def _check_recording(_: Desk) -> Iterator[str]:
    if RECORDER.enabled:
        yield "✓ recording is on"
    else:
        yield "✗ recording is off: %spantree on"


def _check_store(desk: Desk) -> Iterator[str]:
    name = desk.host.store_name()
    try:
        # Opens the store as writers do, and changes nothing.
        desk.host.write(lambda store: store.experiment_id_for(DEFAULT_NAME))
    except SpantreeException as error:
        yield f"✗ the store can't be used: {error}"
        return
    yield f"✓ the store can be written: {name}"


def _check_front_end(desk: Desk) -> Iterator[str]:
    if not hasattr(desk.shell, "kernel"):
        yield "· terminal: trees are printed as text after the cell"
        return
    if is_widget_host(desk.shell):
        yield (
            "· VS Code or Colab: outputs hold a widget beside HTML. It is not saved, "
            "and VS Code fetches its script by jupyter.widgetScriptSources. For "
            "notebooks that travel: %trace_display --widget never"
        )
    else:
        yield "✓ Jupyter kernel: outputs hold the tree's own MIME type, HTML and text"
    try:
        from jupyter_core.paths import jupyter_config_path, jupyter_path
    except ImportError:
        return
    yield from check_extension(jupyter_path("labextensions"), jupyter_config_path())
    yield check_viewer(desk.link.asked_at)


def _check_packages(_: Desk) -> Iterator[str]:
    for name, use in (("pandas", "%traces"), ("anywidget", "spantree.view()")):
        if util.find_spec(name) is None:
            yield f'✗ {name} is missing, for {use}: pip install "spantree[notebook]"'
        else:
            yield f"✓ {name} {metadata.version(name)}"


def _check_libraries(_: Desk) -> Iterator[str]:
    for row in library_status():
        if row.state == "not installed":
            continue
        mark = "✗" if row.hooks_missing and row.state == "partial" else "·"
        missing = f", without {', '.join(row.hooks_missing)}" if mark == "✗" else ""
        made_for = row.complaint or f"made for {row.supported}"
        yield (
            f"{mark} {row.library} {row.installed} ({made_for}): {row.state}{missing}"
        )


def _check_opentelemetry(_: Desk) -> Iterator[str]:
    trace_api = sys.modules.get("opentelemetry.trace")
    if trace_api is None:
        yield "· OpenTelemetry is not imported"
        return
    provider = type(trace_api.get_tracer_provider()).__name__
    yield f"· OpenTelemetry's tracer provider is a {provider}"


def _check_failures(_: Desk) -> Iterator[str]:
    recent = internal_error_tracebacks()
    if not recent:
        yield "✓ spantree itself has not failed"
        return
    last = recent[-1].strip().splitlines()[-1]
    yield f"✗ spantree failed {len(recent)} times, last: {last}"


def _check_settings(desk: Desk) -> Iterator[str]:
    for name, value, source in desk.settings.rows():
        yield f"· {name} = {value!r} ({source})"
    if not has_toml():
        yield "· pyproject.toml is not read by Python 3.10"
    for problem in desk.settings.problems:
        yield f"✗ {problem}"


_CHECKS: tuple[Callable[[Desk], Iterator[str]], ...] = (
    _check_recording,
    _check_store,
    _check_front_end,
    _check_packages,
    _check_libraries,
    _check_opentelemetry,
    _check_failures,
    _check_settings,
)
