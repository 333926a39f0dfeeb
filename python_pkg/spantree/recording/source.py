"""Which program made a trace, as MLflow notes it: its file, its user, its commit."""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import TYPE_CHECKING

from spantree.recording.forks import FIRST_USE

if TYPE_CHECKING:
    from pathlib import Path

SOURCE_NAME = "mlflow.source.name"
SOURCE_TYPE = "mlflow.source.type"
USER_NAME = "mlflow.user"
GIT_COMMIT = "mlflow.source.git.commit"
GIT_BRANCH = "mlflow.source.git.branch"
GIT_URL = "mlflow.source.git.repoURL"

# As Jupyter and VS Code name a kernel's notebook.
_NOTEBOOK_VARIABLES = ("JPY_SESSION_NAME", "VSC_NOTEBOOK_FILE")
_BRANCH = "refs/heads/"
_LONGEST_FILE = 1_000_000
_ORIGIN = re.compile(r'\[remote "origin"\][^\[]*?\n\s*url\s*=\s*(\S+)')


@functools.cache
def source_metadata() -> dict[str, str]:
    """Describe the running program; found out once, from files and without programs.

    Returns:
        Text by MLflow's keys; what can't be told is left out.
    """
    with FIRST_USE:
        from pathlib import Path

    notebook = next(
        (os.environ[name] for name in _NOTEBOOK_VARIABLES if os.environ.get(name)), None
    )
    is_notebook = notebook is not None or "ipykernel" in sys.modules
    name = notebook or (sys.argv[0] if sys.argv else "")
    found = {
        SOURCE_NAME: name or "<console>",
        SOURCE_TYPE: "NOTEBOOK" if is_notebook else "LOCAL",
        USER_NAME: _user(),
        **_git(Path(name) if name and Path(name).exists() else Path()),
    }
    return {key: value for key, value in found.items() if value}


def _user() -> str:
    # It imports too, and the system's list of users has a lock.
    with FIRST_USE:
        import getpass

        try:
            return getpass.getuser()
        except (ImportError, KeyError, OSError):  # no name for the number, no module
            return ""


def _git(place: Path) -> dict[str, str]:
    try:
        here = place.absolute()
        folder = next((p / ".git" for p in (here, *here.parents) if _is_git(p)), None)
        return {} if folder is None else _commit_and_origin(folder)
    except (OSError, ValueError, RuntimeError):
        return {}


def _is_git(folder: Path) -> bool:
    return (folder / ".git").exists()


def _commit_and_origin(folder: Path) -> dict[str, str]:
    if folder.is_file():  # of a worktree or a submodule
        folder = folder.parent / _read(folder).removeprefix("gitdir:").strip()
    shared = folder
    if (folder / "commondir").exists():
        shared = (folder / _read(folder / "commondir").strip()).resolve()
    head = _read(folder / "HEAD").strip()
    ref = head.removeprefix("ref: ")
    commit = head if ref == head else _commit_of(shared, ref)
    url = _ORIGIN.search(_read(shared / "config"))
    return {
        GIT_COMMIT: commit,
        GIT_BRANCH: ref.removeprefix(_BRANCH) if ref.startswith(_BRANCH) else "",
        GIT_URL: "" if url is None else _without_user(url[1]),
    }


def _commit_of(folder: Path, ref: str) -> str:
    direct = _read(folder / ref).strip()
    if direct:
        return direct
    for line in _read(folder / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LONGEST_FILE:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else url
