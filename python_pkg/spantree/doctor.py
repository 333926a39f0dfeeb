"""Checks the store and the installation, for ``spantree doctor``."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

from spantree._runtime import RUNTIME
from spantree._version import __version__
from spantree.entities.errors import SpantreeException
from spantree.render.format import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.search import Query

__all__ = ["examine"]

_EXTRAS = {
    "notebook": ("IPython", "anywidget", "pandas"),
    "postgres": ("psycopg",),
    "ui": ("starlette", "uvicorn", "opentelemetry.proto"),
    "otel": ("opentelemetry.trace",),
}
_SECRET = ("TOKEN", "PASSWORD", "KEY", "HEADERS", "URI")


def examine() -> Iterator[str]:
    """Check part by part.

    Yields:
        Lines that begin with ✓, with ✗ and what to do, or with · for what is neither.
    """
    python = f"Python {platform.python_version()} at {sys.prefix}"
    yield f"✓ spantree {__version__} · {python}"
    yield from _store()
    yield from _extras()
    yield from _front_ends()
    yield from _environment()


def _store() -> Iterator[str]:
    name = RUNTIME.store_name()
    path = RUNTIME.target().path
    if path is not None and not path.exists():
        yield f"· store {name} does not exist yet; the first trace makes it"
        return
    try:
        groups = RUNTIME.aggregate(_everything(), ["status"], ["count"])
        RUNTIME.write(lambda store: store.experiments())
    except SpantreeException as error:
        yield f"✗ {error}"
        return
    by_state = [f"{group['count']:,} {group['status']}" for group in groups]
    yield f"✓ store {name} can be read and written · {', '.join(by_state) or 'empty'}"
    if path is not None:
        yield from _file(path)


def _everything() -> Query:
    from spantree.search import parse_query

    return parse_query("")


def _file(path: Path) -> Iterator[str]:
    size = sum(
        file.stat().st_size
        for file in (path, path.with_name(f"{path.name}-wal"))
        if file.exists()
    )
    yield f"· it takes {format_bytes(size)}; spantree prune makes it smaller"
    problem = _damage(path)
    yield f"✗ it is damaged: {problem}" if problem else "✓ its pages are whole"
    others = path.stat().st_mode & 0o077
    if os.name != "nt" and others:
        yield f"✗ others may read it: chmod 600 {path}"
    waiting = list((path.parent / "spool").glob("*.jsonl"))
    if waiting:
        files = counted(len(waiting), "spill file")
        yield f"· {files} wait beside it; the next program that traces stores them"


def _damage(path: Path) -> str | None:
    import sqlite3

    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    finally:
        connection.close()
    return None if found == "ok" else str(found)


def _extras() -> Iterator[str]:
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if not _is_there(name)]
        if missing:
            names, way = ", ".join(missing), f'pip install "spantree[{extra}]"'
            yield f"· [{extra}] is not installed ({names}): {way}"
        else:
            yield f"✓ [{extra}] is installed"


def _is_there(name: str) -> bool:
    try:
        return util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _front_ends() -> Iterator[str]:
    static = Path(__file__).parent / "static"
    if not (static / "page.js").exists():
        yield "✗ the viewer is not built: node js/build.mjs, or install a wheel"
    extension = Path(sys.prefix) / "share/jupyter/labextensions/spantree/package.json"
    if extension.exists():
        yield "✓ the JupyterLab extension is installed"
    elif _is_there("jupyterlab"):
        version = metadata.version("jupyterlab")
        yield f"✗ JupyterLab {version} lacks the extension: install spantree again"


def _environment() -> Iterator[str]:
    for name, value in sorted(os.environ.items()):
        if name.startswith(("SPANTREE_", "MLFLOW_", "OTEL_EXPORTER_OTLP")):
            shown = "set" if name.endswith(_SECRET) else value
            yield f"· {name}: {shown}"
