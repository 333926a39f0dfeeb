"""Files that take traces while the store can't, until some process can store them.

One record a line: the CRC-32 of a trace's JSON, a space, the JSON. A file belongs to
the process in its name; when that has ended, any process of the user takes it over by
renaming it, so that no two store the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from spantree.entities.trace import Trace
from spantree.store.owner import host_name, is_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_FOLDER = "spool"
_ENDING = ".jsonl"
_BATCH = 64

# Its first call takes a lock, which a child forked meanwhile would find held for ever;
# this module is imported while forks wait.
with contextlib.suppress(FileNotFoundError):
    tempfile.gettempdir()


class Spool:
    """The spill files of one store.

    Args:
        file: Where the store is or will be.
    """

    def __init__(self, file: Path) -> None:
        self._folders = (file.parent / _FOLDER, _folder_elsewhere(file))
        self._stem = f"{file.name}-{host_name()}"
        self._run = secrets.token_hex(4)
        self._used: set[Path] = set()
        self.damaged = 0
        """Records that were found torn or changed, and left out."""

    def append(self, traces: Sequence[Trace]) -> Path:
        """Write traces down; give the folder that took them.

        Raises:
            OSError: If neither the store's folder nor the temporary one can.
        """
        data = b"".join(_record(trace) for trace in traces)
        name = f"{self._stem}-{os.getpid()}-{self._run}{_ENDING}"
        try:
            return self._append_to(self._folders[0], name, data)
        except OSError:
            return self._append_to(self._folders[1], name, data)

    def adopt(self, write: Callable[[Sequence[Trace]], None]) -> int:
        """Store what this process and those that are gone have spilled.

        Args:
            write: Stores some traces; what it raises ends the adoption, which may be
                tried again: storing a trace twice does no harm.

        Returns:
            How many records there were.
        """
        count = 0
        for path in self._orphans():
            taken = path.with_name(
                f"{self._stem}-{os.getpid()}-{self._run}"
                f".{secrets.token_hex(4)}{_ENDING}"
            )
            try:
                path.rename(taken)
            except OSError:
                # Another process was faster.
                continue
            self._used.add(taken)
            try:
                count += self._store(taken, write)
                taken.unlink(missing_ok=True)
            except OSError:
                # It can't be read now; a later adoption finds it again.
                continue
            self._used.discard(taken)
        return count

    def _append_to(self, folder: Path, name: str, data: bytes) -> Path:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_own(folder)
        path = folder / name
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        number = os.open(path, flags, 0o600)
        with open(number, "ab", buffering=0) as file:  # noqa: PTH123 - a number
            before = os.fstat(number).st_size
            try:
                _write_all(file.fileno(), data)
            except OSError:
                # Half a batch would be stored twice: here and where it goes next.
                with contextlib.suppress(OSError):
                    os.ftruncate(number, before)
                raise
        self._used.add(path)
        return folder

    def _orphans(self) -> Iterator[Path]:
        """Give the files whose process is gone, and those of this one."""
        name = re.compile(rf"{re.escape(self._stem)}-(\d+)-.*{re.escape(_ENDING)}")
        for folder in self._folders:
            try:
                paths = sorted(folder.iterdir())
            except OSError:
                continue
            for path in paths:
                found = name.fullmatch(path.name)
                if found is not None and self._may_take(path, int(found[1])):
                    yield path

    def _may_take(self, path: Path, pid: int) -> bool:
        if path in self._used:
            return True
        # In a container, the same number comes again and again.
        return pid == os.getpid() or not is_running(pid)

    def _store(self, path: Path, write: Callable[[Sequence[Trace]], None]) -> int:
        count = 0
        batch: list[Trace] = []
        with path.open("rb") as lines:
            for line in lines:
                trace = _trace_of(line)
                if trace is None:
                    self.damaged += 1
                    continue
                batch.append(trace)
                count += 1
                if len(batch) == _BATCH:
                    write(batch)
                    batch = []
        write(batch)
        return count


def _record(trace: Trace) -> bytes:
    text = trace.to_json().encode("utf-8", "backslashreplace")
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _trace_of(line: bytes) -> Trace | None:
    crc, _, text = line.rstrip(b"\n").partition(b" ")
    is_whole = line.endswith(b"\n") and crc == b"%08x" % zlib.crc32(text)
    try:
        return Trace.from_json(text.decode()) if is_whole else None
    except ValueError:
        return None


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def _folder_elsewhere(file: Path) -> Path:
    """Name a folder on another disk, perhaps, for the spill of this store alone."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    store = f"{zlib.crc32(os.fsencode(file.absolute())):08x}"
    try:
        return Path(tempfile.gettempdir()) / f"spantree-{user}" / store
    except FileNotFoundError:
        return file.parent / _FOLDER


def _check_own(folder: Path) -> None:
    """Refuse a folder that another user laid out in a shared place."""
    for path in (folder, folder.parent):
        found = path.lstat()
        is_shared = found.st_mode & 0o022
        if hasattr(os, "getuid") and found.st_uid != os.getuid() and is_shared:
            msg = f"{path} belongs to another user"
            raise PermissionError(msg)
