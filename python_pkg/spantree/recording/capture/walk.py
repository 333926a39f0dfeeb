"""The slow path: a copy of any value within its budget, as plain JSON data."""

from __future__ import annotations

from time import thread_time
from typing import TYPE_CHECKING, Any

from spantree.entities.values import NOTE, visible
from spantree.recording.capture import containers
from spantree.recording.capture.frames import MANY_LEVELS, Frame, outermost
from spantree.recording.capture.limits import ACTIVE
from spantree.recording.capture.media import (
    SHORTEST,
    Media,
    decoded_size,
    find_data_uri,
    find_wrapped,
    put_aside,
)
from spantree.recording.capture.notes import (
    Listing,
    Note,
    OpenNote,
    is_scalar,
    key_text,
    note,
    type_name,
)
from spantree.recording.capture.readers import reader_for
from spantree.recording.capture.scalars import long_int
from spantree.recording.capture.text import cut_text, size_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.recording.capture.cuts import Cut

_NODES_BETWEEN_CLOCKS = 256
_LONGEST_CHAIN = 8  # serializers that answer with another value to be read
_SHOWN = 2  # levels of containers shown below an object's fields
_SHORT_INT = 1 << 63
_SHORT_KEY = 200
_SIZE_OF_NUMBER = 8
CUT_KEY = "…"


class Walk:
    """Copies one value, without recursion and without running code of the user's.

    Attributes:
        marks: Keys written that end in ``$spantree``: notes and escaped keys.
    """

    def __init__(
        self,
        cuts: list[Cut] | None,
        attachments: list[Media] | None,
    ) -> None:
        self._cuts = cuts
        self._attachments = attachments
        self.marks = 0
        self.begin()

    def begin(self) -> None:
        """Start the budget anew."""
        limits = ACTIVE.limits
        self._limits = limits
        self._nodes = 0
        self._room = limits.max_bytes
        self._next_clock = _NODES_BETWEEN_CLOCKS
        self._deadline = thread_time() + limits.max_time_ms / 1000
        self._stopped = ""
        self._frames: list[Frame] = []

    def media(
        self, content_type: str, size: int, load: Callable[[], bytes | str]
    ) -> object:
        """Take media out of the value; gives what stands in their place."""
        return put_aside(self._attachments, content_type, size, load)

    def room_for_items(self) -> int:
        """Say how many items of a container are worth copying."""
        left = self._limits.max_nodes - self._nodes
        return max(0, min(self._limits.max_items, left))

    def copy(self, value: object) -> object:
        """Copy a value as dicts, lists and scalars that JSON can say."""
        first = outermost([value])
        self._run([first])
        return first.out[0]  # type: ignore[index]

    def copy_note(self, found: OpenNote, source: object) -> object:
        """Copy the note that was read from an object."""
        first = outermost([])
        self._frames = [first]
        self._enter_note(first, found, source)
        self._run(self._frames)
        return first.out[0]  # type: ignore[index]

    def _run(self, frames: list[Frame]) -> None:
        self._frames = frames
        while frames:
            frame = frames[-1]
            if frame.index < len(frame.items) and not self._stopped:
                self._fill(frame)
            else:
                self._close(frame)
                frames.pop()

    def _fill(self, frame: Frame) -> None:
        """Copy items until one opens, a limit is reached, or all are done.

        Short scalars, which are nearly everything, are copied right here.
        """
        items, out, at = frame.items, frame.out, frame.index
        is_dict = type(out) is dict
        end = min(len(items), at + self._limits.max_nodes - self._nodes)
        self._nodes -= at
        depth = len(self._frames)
        while at < end and self._room >= 0:
            item: Any = items[at]
            at += 1
            if is_dict:
                key, item = item
                frame.key = key = self._take_key(frame, key, at)
            kind = type(item)
            if kind is str:
                if len(item) >= SHORTEST or not item.isascii():
                    frame.index = at
                    item = self._text(frame, item)
                elif len(item) <= self._room:
                    self._room -= len(item) + 2
                else:
                    frame.index = at
                    item = self._cut(item)
            elif kind is int or kind is float:
                self._room -= _SIZE_OF_NUMBER
                item = self._number(item)
            elif item is None or kind is bool:
                self._room -= 2
            else:
                self._room -= 2
                frame.index = at
                self._open(frame, item)
                if len(self._frames) > depth or self._stopped:
                    break
                continue
            if is_dict:
                out[key] = item
            else:
                out.append(item)  # type: ignore[union-attr]
        frame.index = at
        self._nodes += at
        self._check_budget()

    def _take_key(self, frame: Frame, key: Any, at: int) -> str:
        if type(key) is str and len(key) < _SHORT_KEY and key.isascii():
            text = key
        else:
            text = self._long_key(frame, key, at)
        self._room -= len(text) + 2
        if text.endswith(NOTE):
            self.marks += 1
            if not frame.is_note:
                return _escape(text)
        return text

    def _long_key(self, frame: Frame, key: object, at: int) -> str:
        text = key_text(key)
        if text.startswith("<") and type(key) is not str:
            # Enums, dates, UUIDs are known by more than their type.
            found = self._read(key)
            text = key_text(found) if is_scalar(found) else text
        if type(key) is not str and text in frame.out:
            text = f"{text} #{at}"
        if len(text) > self._room:
            text, _, _ = cut_text(text, max(self._room, 0))
        return text

    def _check_budget(self) -> None:
        if self._stopped:
            return
        if self._room < 0:
            self._stopped = "bytes"
        elif self._nodes >= self._limits.max_nodes:
            self._stopped = "nodes"
        elif self._nodes >= self._next_clock:
            self._next_clock = self._nodes + _NODES_BETWEEN_CLOCKS
            if thread_time() > self._deadline:
                self._stopped = "time_ms"

    def _number(self, number: float) -> object:
        if type(number) is int:
            if -_SHORT_INT < number < _SHORT_INT:
                return number
            found = long_int(number)
            return number if found is None else self._finished(found)
        if number - number == 0:
            return number
        return self._finished(note("float", value=str(number)))

    def _finished(self, found: Note) -> dict[str, object]:
        self.marks += 1
        return dict(found)

    def _text(self, frame: Frame, text: str) -> object:
        if len(text) >= SHORTEST:
            found = self._media_text(frame, text)
            if found is not None:
                return self._finished(found) if type(found) is Note else found
        size = size_of(text, self._room)
        if size <= self._room:
            self._room -= size + 2
            return visible(text)
        return self._cut(text)

    def _cut(self, text: str) -> str:
        kept, size, total = cut_text(text, max(self._room, 0))
        self._stopped = "bytes"
        self._room = -1
        self._record_cut(size, total, "bytes")
        return kept

    def _media_text(self, frame: Frame, text: str) -> str | Note | None:
        uri = find_data_uri(text)
        if uri is not None:
            start = uri[1]
            size = decoded_size(text, start)
            return put_aside(self._attachments, uri[0], size, lambda: text[start:])
        if type(frame.out) is not dict:
            return None
        outer = self._frames[-2].key if len(self._frames) > 1 else None
        content_type = find_wrapped(text, frame.key, outer, frame.siblings())
        if content_type is None:
            return None
        size = decoded_size(text)
        return put_aside(self._attachments, content_type, size, lambda: text)

    def _open(self, frame: Frame, item: object) -> None:
        """Read an object or container, and go on inside it if there is an inside."""
        if id(item) in frame.path:
            frame.put(self._finished(note("ref")))
            return
        found = self._read(item)
        kind = type(found)
        if kind is Note:
            frame.put(self._finished(found))  # type: ignore[arg-type]
        elif kind is str:
            frame.put(self._text(frame, found))  # type: ignore[arg-type]
        elif kind is int or kind is float:
            frame.put(self._number(found))  # type: ignore[arg-type]
        elif kind is OpenNote:
            self._enter_note(frame, found, item)  # type: ignore[arg-type]
        elif kind is Listing:
            self._enter(frame, found, item)  # type: ignore[arg-type]
        else:
            frame.put(found)

    def _read(self, item: object) -> object:
        """Give a scalar, a note or a snapshot of a container."""
        first = type(item)
        for _ in range(_LONGEST_CHAIN):
            kind = type(item)
            if kind is dict:
                return containers.dict_items(item, self)
            if kind is list:
                return containers.list_items(item, self)
            if kind is Note or kind is OpenNote or kind is Listing:
                return item
            if kind is str or kind is int or kind is float or kind is bool:
                return item
            if item is None:
                return item
            item = reader_for(kind)(item, self)
        return note("object", type=type_name(first))

    def _enter_note(self, frame: Frame, found: OpenNote, source: object) -> None:
        if frame.levels <= 0:
            short = {key: found[key] for key in (NOTE, "type")}
            frame.put(self._finished(Note(short)))
            return
        is_outermost = frame.levels > MANY_LEVELS // 2
        listing = Listing("dict", list(found.items()), len(found))
        # Levels count from the outermost object, and so do cycles: what is inside
        # an object reads the same wherever the object stands.
        inner = Frame(
            listing,
            source,
            set() if is_outermost else frame.path,
            found.levels + 1 if is_outermost else frame.levels,
            is_note=True,
        )
        self._push(frame, inner)

    def _enter(self, frame: Frame, listing: Listing, source: object) -> None:
        # The outermost frame holds the value and is no level of it.
        if len(self._frames) > self._limits.max_depth:
            self._leave_out(frame, listing, "depth", self._limits.max_depth)
        elif frame.levels <= 0:
            frame.put(self._cut_note(listing.kind, listing.total, 0, "levels", _SHOWN))
        elif listing.total is None:
            frame.put(self._cut_note(listing.kind, None, 0, "changed", True))
        else:
            self._push(frame, Frame(listing, source, frame.path, frame.levels - 1))

    def _push(self, frame: Frame, inner: Frame) -> None:
        frame.put(inner.out)
        self._frames.append(inner)

    def _leave_out(
        self, frame: Frame, listing: Listing, reason: str, limit: int
    ) -> None:
        frame.put(self._cut_note(listing.kind, listing.total, 0, reason, limit))
        self._record_cut(0, listing.total, reason)

    def _close(self, frame: Frame) -> None:
        frame.path.discard(id(frame.source))
        kept = frame.index
        if frame.total is None or kept >= frame.total:
            return
        self._frames.pop()
        reason = self._stopped or "items"
        is_dict = type(frame.out) is dict
        found = self._cut_note(
            "dict" if is_dict else "list", frame.total, kept, reason, 0
        )
        frame.key = CUT_KEY
        frame.put(found)
        self._record_cut(kept, frame.total, reason)
        self._frames.append(frame)

    def _cut_note(
        self, kind: str, total: int | None, kept: int, reason: str, limit: int
    ) -> dict[str, object]:
        found = note("truncated", type=kind)
        if total is not None:
            found.update(items=total, kept=kept)
        limits = self._limits
        known = {
            "depth": limits.max_depth,
            "nodes": limits.max_nodes,
            "time_ms": limits.max_time_ms,
        }
        if reason not in ("items", "bytes"):
            found[reason] = known.get(reason, limit)
        return self._finished(found)

    def _record_cut(self, kept: int, total: int | None, reason: str) -> None:
        if self._cuts is None:
            return
        unit = {"nodes": "items", "time_ms": "time"}.get(reason, reason)
        self._cuts.append(
            {"path": self._path(), "kept": kept, "total": total, "unit": unit}
        )

    def _path(self) -> str:
        steps = [
            str(frame.key if type(frame.out) is dict else frame.index - 1)
            for frame in self._frames[1:]
        ]
        return ".".join(steps)


def _escape(key: str) -> str:
    """Keep a user's key apart from our notes: ``$spantree`` gets one more ``$``."""
    if key.strip("$") == NOTE.strip("$") and key.startswith("$"):
        return "$" + key
    return key
