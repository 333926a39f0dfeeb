"""The page servers of this user on this machine, and the tokens they ask for.

A server writes its token to a file that only its user can read; programs of the same
user that send traces to it read the file, so that nobody has to be asked.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

# What user_folder() asks for: no thread of ours may import while the process may fork.
import platformdirs  # noqa: F401

from spantree.store.owner import is_running
from spantree.store.uri import expanded, user_folder

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_BYTES = 4_096


def runtime_folder() -> Path:
    """Give the folder of the files: SPANTREE_RUNTIME_DIR, or one in the user's data.

    Nothing is made or opened.
    """
    named = os.environ.get("SPANTREE_RUNTIME_DIR")
    if named:
        return expanded(named).absolute()
    return user_folder() / "runtime"


def announce(port: int, token: str) -> Path:
    """Write down a server's token, for this user's programs only.

    Args:
        port: Where this process listens on the loopback.
        token: What it asks for.

    Returns:
        The file, of mode 0600; delete it when the server ends.

    Raises:
        OSError: If it can't be written, or the folder is another user's.
    """
    folder = runtime_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(folder.lstat()):
        msg = f"{folder} belongs to another user."
        raise PermissionError(msg)
    path = folder / f"ui-{port}.json"
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps({"pid": os.getpid(), "token": token}))
    return path


def token_of(url: str) -> str | None:
    """Give the token of the server at an address, if it is this user's and runs here.

    Args:
        url: ``http://localhost:8080/…``; only the loopback is looked at.

    Example:
        >>> token_of("https://traces.example.org") is None
        True
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        return None
    try:
        path = runtime_folder() / f"ui-{parts.port}.json"
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            found = orjson.loads(file.read(_MOST_BYTES))
        # Another program may listen there by now; the token is not for it.
        is_there = is_running(int(found["pid"]))
        return str(found["token"]) if is_there else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_ours(status: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return True
    is_shared = stat.S_IMODE(status.st_mode) & 0o022
    return status.st_uid == os.getuid() and not is_shared
