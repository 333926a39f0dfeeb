"""A real PostgreSQL server for tests, on a Unix socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support.lab import require

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c full_page_writes=off "
    "-c max_connections=60 -c autovacuum=off"
)


class Server:
    """A server that runs until :meth:`stop`; :meth:`start` starts it again.

    Args:
        folder: Empty; the server's user may write to it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs()
        self._run("initdb", "-D", self._data, "-U", "tester", "-A", "trust", "-N")
        self.start()

    @property
    def url(self) -> str:
        """Where to connect to."""
        return f"postgresql://tester@/postgres?host={self._folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"{_OPTIONS} -c unix_socket_directories={self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; every connection is lost."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            # The server refuses to be run by root.
            command = [
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                *command,
            ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server in a folder of its own, which is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="spantree-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).parent
    require(bool(found), "postgresql")
    return found[-1].parent
