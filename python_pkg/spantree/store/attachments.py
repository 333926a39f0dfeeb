"""Keeps the bytes of attachments in files beside the store, the same ones once.

``content/`` holds each content under its SHA-256, ``traces/<trace>/<attachment>`` is a
hard link to it: the file system counts who uses a content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ID = re.compile(r"[0-9a-f-]{36}")


class Attachments(Protocol):
    """Holds bytes by trace and attachment."""

    def put(self, key: int, attachment_id: str, content: bytes) -> None:
        """Keep a content; one that is kept already stays.

        Raises:
            OSError: If it can't be kept now.
        """

    def get(self, key: int, attachment_id: str) -> bytes | None:
        """Give a content, or None when there is none of that trace and id."""

    def delete(self, keys: Iterable[int]) -> None:
        """Delete what belongs to traces."""


class AttachmentsInMemory:
    """Those of a store in memory."""

    def __init__(self) -> None:
        self._contents: dict[tuple[int, str], bytes] = {}

    def put(self, key: int, attachment_id: str, content: bytes) -> None:
        """See the protocol."""
        self._contents.setdefault((key, attachment_id), content)

    def get(self, key: int, attachment_id: str) -> bytes | None:
        """See the protocol."""
        return self._contents.get((key, attachment_id))

    def delete(self, keys: Iterable[int]) -> None:
        """See the protocol."""
        gone = set(keys)
        for place in [place for place in self._contents if place[0] in gone]:
            self._contents.pop(place, None)


class AttachmentFiles:
    """Those of a store in a file; only the user may read them.

    Args:
        file: The store's.
    """

    def __init__(self, file: Path) -> None:
        self._folder = file.with_name(f"{file.name}.attachments")

    def put(self, key: int, attachment_id: str, content: bytes) -> None:
        """See the protocol."""
        place = self._of_trace(key) / _checked(attachment_id)
        if place.exists():
            return
        digest = hashlib.sha256(content).hexdigest()
        shared = self._contents() / digest[:2] / digest
        for folder in (shared.parent, place.parent):
            _make_private(folder)
        if not shared.exists():
            _write(shared, content)
        try:
            os.link(shared, place)
        except FileExistsError:
            return
        except OSError:  # no links here, or too many of this one, or just deleted
            _write(place, content)

    def get(self, key: int, attachment_id: str) -> bytes | None:
        """See the protocol."""
        try:
            return (self._of_trace(key) / _checked(attachment_id)).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, keys: Iterable[int]) -> None:
        """See the protocol."""
        if not self._folder.exists():
            return
        for key in keys:
            folder = self._of_trace(key)
            if folder.exists():
                shared = [self._content_of(path) for path in folder.iterdir()]
                shutil.rmtree(folder, ignore_errors=True)
                for path in shared:
                    _delete_if_unused(path)

    def _contents(self) -> Path:
        return self._folder / "content"

    def _of_trace(self, key: int) -> Path:
        return self._folder / "traces" / f"{key:032x}"

    def _content_of(self, path: Path) -> Path:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._contents() / digest[:2] / digest


def _checked(attachment_id: str) -> str:
    # It comes from an address inside traced text, which is anybody's.
    if not _ID.fullmatch(attachment_id):
        raise FileNotFoundError(attachment_id)
    return attachment_id


def _make_private(folder: Path) -> None:
    # `mkdir(parents=True)` gives the mode to the last folder only.
    if not folder.exists():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(number, "wb") as file:  # noqa: PTH123 - a number
            file.write(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _delete_if_unused(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_nlink == 1:
            path.unlink()
