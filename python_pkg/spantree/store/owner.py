"""Tells whether the process that was writing a trace is still there."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
# Fields of /proc/<pid>/stat after the command name: proc(5), starttime is the 22nd.
_START_FIELD = 22 - 3


class Owner(NamedTuple):
    """A process, told from later ones with the same number.

    Args:
        pid: Its number.
        boot: Host, the system's boot id and the process's start time.
    """

    pid: int
    boot: str


def this_process() -> Owner:
    """Name the calling process."""
    pid = os.getpid()
    return Owner(pid, _mark(pid))


def is_gone(owner: Owner) -> bool:
    """Tell whether a process has surely ended; one of another host never has."""
    if owner == this_process():
        return False
    host, _, rest = owner.boot.partition(":")
    boot_id, _, start = rest.partition(":")
    if host != host_name():
        return False
    if boot_id != _boot_id():
        return True
    if not is_running(owner.pid):
        return True
    now = _start_time(owner.pid)
    return bool(start and now) and start != now


@lru_cache(maxsize=4)
def _mark(pid: int) -> str:
    return f"{host_name()}:{_boot_id()}:{_start_time(pid)}"


@lru_cache(maxsize=1)
def host_name() -> str:
    """Name this computer, without colons."""
    return socket.gethostname().replace(":", "-")


@lru_cache(maxsize=1)
def _boot_id() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """Give what the system says of a process, from its state on; empty if nothing."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return stat.rpartition(")")[2].split()


def _start_time(pid: int) -> str:
    found = _stat(pid)
    return found[_START_FIELD] if found else ""


def is_running(pid: int) -> bool:
    """Tell whether there is a process of that number, to the best of our knowledge."""
    if os.name == "nt":
        # os.kill(pid, 0) would end the process there.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # A process that has ended keeps its number until its parent takes note.
    return _stat(pid)[:1] not in (["Z"], ["X"])
