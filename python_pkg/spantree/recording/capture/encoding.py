"""The fast path: one call of orjson, and the checks that make its answer exact."""

from __future__ import annotations

import gc
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from spantree.recording.capture.limits import ACTIVE, Here
from spantree.recording.capture.media import MARKS, SHORTEST
from spantree.recording.capture.notes import Listing, Note, OpenNote
from spantree.recording.capture.readers import reader_for
from spantree.recording.capture.walk import Walk

if TYPE_CHECKING:
    from spantree.recording.capture.cuts import Cut
    from spantree.recording.capture.limits import Limits
    from spantree.recording.capture.media import Media

_PASS = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_PASS_KEYS = _PASS | orjson.OPT_NON_STR_KEYS  # costs twice the time: only when needed
_KEY_REFUSED = "Dict key must be str"
_OTHER_WEIGHT = 256
_FEW_LEVELS = 6
_MOST_LEVELS_READ = 200
_FEW = 32
_VERY_FEW = 4
_LEVELS_WEIGHED = 2
_SAMPLES = 4
_WEIGHT_OF_ITEM = 8
_BYTES_PER_ITEM = 8  # of a list so long that counting its items is worth it
_COUNTED = 2_000  # bytes whose commas are counted without further thought
_PLACES = 5  # a quarter of the text, the least that so many items take, holds one
_WINDOW = 64
_CLOSE = 4
_MOST_CONTAINERS = 100_000
_MANY = 64
_ROOM_OF_LEVEL = 8  # so that a chain ends after eight
_SHORT_TEXT = 256
_MARK = b'$spantree":'
# From an object the way leads over its class into modules; and that of asyncio in
# CPython 3.12 shows the collector iterators that are freed: a look brings them back to
# life, and the next one never ends. 3.10, 3.11 and 3.13 were seen not to.
_SHOWS_FREED = sys.version_info[:2] not in {(3, 10), (3, 11), (3, 13)}


class _SlowPathError(Exception):
    """Leaves orjson from inside; it comes out as the cause of a TypeError."""


def encode_quickly(value: Any, attachments: list[Media] | None) -> bytes | None:
    """Encode a dict, list, tuple or object by one call of orjson.

    Returns:
        JSON text, or None where only the slow path gives the right one: what orjson
        refuses or changes, media, and values beyond a limit.
    """
    limits = ACTIVE.limits
    text = _encode_small(value, limits)
    if text is not None:
        return text
    weight = _weigh(value, limits)
    if weight > limits.max_bytes:
        return None
    reader = _Reader(value, attachments, weight)
    text = _dump(reader)
    if text is None or len(text) > limits.max_bytes or reader.cuts:
        return None
    return text if _is_exact(text, reader, limits) else None


def encode_flat(value: Any) -> bytes | None:
    """Encode a small container of nothing but short text, integers and booleans.

    Args:
        value: A dict, list or tuple.

    Returns:
        JSON text, or None where :func:`encode_quickly` has to look closer.
    """
    if len(value) > ACTIVE.flat_items:
        return None
    try:
        for item in value.values() if type(value) is dict else value:
            kind = type(item)
            if kind is not str and kind is not int and kind is not bool:
                return None
        text = orjson.dumps(value, option=_PASS)
    except (RuntimeError, TypeError):  # changed meanwhile, or not orjson's
        return None
    is_short = len(text) <= SHORTEST and len(text) <= ACTIVE.limits.max_bytes
    return text if is_short and b"$" not in text else None


def _encode_small(value: Any, limits: Limits) -> bytes | None:
    """Encode a value of a few levels and a few dozen items, as most are.

    Returns:
        JSON text, or None where :func:`encode_quickly` has to look closer.
    """
    if ACTIVE.shallow_nodes < _MANY or limits.max_depth < _MANY // _ROOM_OF_LEVEL:
        return None
    if _weigh_small(value) > limits.max_bytes:
        return None
    try:
        text = orjson.dumps(value, option=_PASS)
    except TypeError:  # not orjson's, or not as its options are here
        return None
    is_exact = (
        len(text) <= limits.max_bytes
        and text.find(b"$") < 0
        and not (len(text) > SHORTEST and _may_hold_media(text))
    )
    return text if is_exact else None


def _weigh_small(value: Any) -> int:
    """Sum the lengths of all texts; beyond any limit for what is not small."""
    level, room, weight = [value], _MANY, 0
    while level:
        # The collector's view, as in `_is_shallow`.
        if _SHOWS_FREED and not all(map(_is_container, filter(gc.is_tracked, level))):
            return sys.maxsize
        level = gc.get_referents(*level)
        room -= len(level) + _ROOM_OF_LEVEL
        if room < 0:
            return sys.maxsize
        for item in level:
            kind = type(item)
            if kind is str:
                weight += len(item)
            elif kind is float and item - item != 0:  # orjson makes these null
                return sys.maxsize
    return weight


def _is_exact(text: bytes, reader: _Reader, limits: Limits) -> bool:
    is_counted = reader.is_shallow and len(reader.opened) == 1
    is_long = len(text) > 2 * limits.max_items and not is_counted
    if is_long and _may_exceed(text, limits.max_items):
        return False
    # A single byte is found ten times faster than the whole mark.
    # `find`, as `in` first takes the bytes for a number, which fails slowly.
    if text.find(b"$") >= 0 and text.count(_MARK) != reader.marks():
        return False
    if (
        reader.may_hold_non_finite()
        and text.find(b"null") >= 0
        and _has_non_finite(reader.opened)
    ):
        return False
    return len(text) <= SHORTEST or not _may_hold_media(text)


def _may_exceed(text: bytes, max_items: int) -> bool:
    """Tell whether a text has as many commas as a container beyond the limit."""
    if _COUNTED < len(text) <= _BYTES_PER_ITEM * max_items:
        # So many items in so little text lie close together: a look at some places
        # tells prose apart for a quarter of the time.
        places = range(0, len(text), len(text) // _PLACES)
        if not any(text.count(b",", at, at + _WINDOW) >= _CLOSE for at in places):
            return False
    return text.count(b",") >= max_items


def _weigh(value: Any, limits: Limits) -> int:
    """Estimate the bytes of a value from the lengths of its first two levels."""
    kind = type(value)
    if kind is not dict and kind is not list and kind is not tuple:
        return _OTHER_WEIGHT
    try:
        items = value.values() if kind is dict else value
        count = len(value)
        if count > limits.max_items:
            return limits.max_bytes + 1
        weight = 0
        for item in items if count <= _FEW else _samples(items, count):
            kind = type(item)
            if kind is str:
                weight += len(item)
            elif kind is list or kind is dict or kind is tuple:
                weight += _weigh_inner(item, limits)
    except (RuntimeError, IndexError):  # changed meanwhile: the slow path tries again
        return limits.max_bytes + 1
    return weight if count <= _FEW else weight * (count // _SAMPLES)


def _weigh_inner(value: Any, limits: Limits, levels: int = _LEVELS_WEIGHED) -> int:
    count = len(value)
    if count > limits.max_items:
        return limits.max_bytes + 1
    weight: int = count * _WEIGHT_OF_ITEM
    if count > _FEW and type(value) is not dict:
        places = (value[0], value[count // 2], value[-1])
        weight += sum(map(_length, places)) * count // len(places)
    elif count <= _FEW:
        for item in value.values() if type(value) is dict else value:
            kind = type(item)
            if kind is str:
                weight += len(item)
            elif count <= _VERY_FEW and levels and (kind is list or kind is dict):
                weight += _weigh_inner(item, limits, levels - 1)
    return weight


def _length(value: Any) -> int:
    kind = type(value)
    if kind is str:
        return len(value)
    if kind is list or kind is dict or kind is tuple:
        return len(value) * _WEIGHT_OF_ITEM
    return 0


def _samples(items: Any, count: int) -> Any:
    return islice(items, 0, None, count // _SAMPLES)


def _dump(reader: _Reader) -> bytes | None:
    """Encode with the exact depth limit; None if orjson refuses."""
    if ACTIVE.limits.max_depth >= _FEW_LEVELS and _is_shallow(reader):
        return _dump_with(reader.value, reader)
    if _depth_of(reader.value) > ACTIVE.limits.max_depth:
        return None
    return _dump_nested(reader)


def _is_shallow(reader: _Reader) -> bool:
    """Tell in no time that a value is of a few levels, as nearly all are.

    The collector's view of it: what lies in containers and is no container ends there.
    Of other objects it sees the classes, too, so with them the answer is False. On the
    way it notes whether there is a float, for which a long text must be looked through.
    """
    if _SHOWS_FREED and not _is_container(reader.value):
        return False
    level = [reader.value]
    has_floats = False
    enough = reader.weight // _SHORT_TEXT  # for texts to be short, on average
    room = ACTIVE.shallow_nodes
    for _ in range(_FEW_LEVELS):
        level = gc.get_referents(*level)
        if not level:
            reader.has_floats = has_floats
            reader.is_shallow = True
            return True
        if _SHOWS_FREED and not all(map(_is_container, filter(gc.is_tracked, level))):
            return False
        room -= len(level)
        if room < 0:
            return False
        if not has_floats and not (
            len(level) > _MANY and len(level) > enough and _are_texts(level)
        ):
            for item in level:
                if type(item) is float:
                    has_floats = True
                    break
    return False


def _are_texts(values: list[Any]) -> bool:
    """Tell whether there is nothing but text, by the fastest way to look at them all.

    To copy short ones takes half the time of a loop.
    """
    if type(values[0]) is not str:
        return False
    try:
        "".join(values)
    except TypeError:
        return False
    return True


def _is_container(value: object) -> bool:
    # No lookup in a set: the metaclass may have a __hash__.
    kind = type(value)
    return kind is dict or kind is list or kind is tuple


def _depth_of(value: object) -> int:
    """Count the levels of containers, those inside other objects left out.

    orjson 3.13.0 does not count tuples: it goes through a chain of them without an end
    and writes past its buffer, which ends the process. It must not see one.

    Returns:
        The levels; above the limit any number, also for what has too many items.
    """
    # Each container of a level once, by its id, and how often it lies there: one that
    # holds itself by two branches would else be looked at 2^n times.
    level: dict[int, tuple[Any, int]] = {}
    if _is_container(value):
        level[0] = (value, 1)
    depth = room = 0
    limits = ACTIVE.limits
    try:
        while level and depth <= limits.max_depth:
            depth += 1
            inner: dict[int, tuple[Any, int]] = {}
            for found, times in level.values():
                room += len(found) * times
                if room > limits.max_nodes:
                    return limits.max_depth + 1
                for item in found.values() if type(found) is dict else found:
                    if _is_container(item):
                        known = inner.get(id(item))
                        inner[id(item)] = (item, known[1] + times if known else times)
            level = inner
    except RuntimeError:  # changed meanwhile: the slow path tries again
        return limits.max_depth + 1
    return depth


def _dump_nested(reader: _Reader) -> bytes | None:
    text = _dump_with(ACTIVE.nest, reader)
    depth = ACTIVE.nest_depth
    return None if text is None else text[depth:-depth]


def _dump_with(value: Any, reader: _Reader) -> bytes | None:
    try:
        return orjson.dumps(value, reader.read, _PASS)
    except TypeError as error:
        _forward_interrupt(error)
        if str(error) != _KEY_REFUSED:
            return None
    try:
        return orjson.dumps(value, reader.again().read, _PASS_KEYS)
    except TypeError as error:
        _forward_interrupt(error)
        return None


def _forward_interrupt(error: TypeError) -> None:
    # orjson makes a Ctrl-C that arrives in `default` the cause of its own error.
    if isinstance(error.__cause__, KeyboardInterrupt):
        raise error.__cause__


class _Reader:
    """Reads the objects that orjson hands back.

    Attributes:
        value: The whole value.
        opened: The containers orjson took from here, the value among them.
        cuts: Entries for what was cut while reading; any means the slow path.
        has_floats: Whether orjson itself may meet one.
        is_shallow: Whether all levels were seen, and no container has too many items.
        weight: What the value was estimated to take, in bytes.
    """

    __slots__ = (
        "_attachments",
        "_found",
        "_levels",
        "_walk",
        "cuts",
        "has_floats",
        "is_shallow",
        "opened",
        "value",
        "weight",
    )

    def __init__(
        self, value: object, attachments: list[Media] | None, weight: int
    ) -> None:
        self.value = value
        self.weight = weight
        self._attachments = attachments
        self.has_floats = True
        self.is_shallow = False
        self.again()

    def again(self) -> _Reader:
        """Forget what was read."""
        self.opened: list[object] = [self.value]
        self.cuts: list[Cut] = []
        self._found = self._levels = 0
        self._walk: Walk | None = None
        return self

    def marks(self) -> int:
        """Count the notes written."""
        return self._found + (self._walk.marks if self._walk is not None else 0)

    def may_hold_non_finite(self) -> bool:
        """Tell whether a NaN or an infinity may have been written, as null."""
        return self.has_floats or self._walk is not None

    def read(self, value: object) -> object:
        """Give what stands for an object: orjson's ``default``."""
        kind = type(value)
        if kind is Here:
            return self.value
        if self._walk is None:
            self._walk = Walk(self.cuts, self._attachments)
        found = reader_for(kind)(value, self._walk)
        kind = type(found)
        if kind is Note:
            self._found += 1
            return dict(found)  # type: ignore[call-overload]
        if kind is OpenNote:
            return self._walk.copy_note(found, value)  # type: ignore[arg-type]
        if kind is Listing:
            found = _opened(found)  # type: ignore[arg-type]
        limits = ACTIVE.limits
        if _weigh(found, limits) > limits.max_bytes:
            raise _SlowPathError
        if _is_container(found):
            # They may all lie inside each other.
            levels = _depth_of(found) - 1
            self._levels += levels if levels > 1 else 0
            if self._levels > _MOST_LEVELS_READ:
                raise _SlowPathError
        self.opened.append(found)
        return found


def _opened(listing: Listing) -> object:
    if listing.total != len(listing.items):
        raise _SlowPathError
    if listing.kind == "list":
        return listing.items
    # A dict of other keys would be built by their __hash__ and __eq__.
    pairs: list[Any] = listing.items
    if not all(type(key) is str for key, _ in pairs):
        raise _SlowPathError
    return dict(pairs)


def _has_non_finite(values: list[object]) -> bool:
    """Tell whether a null in the text may be a NaN or an infinity."""
    stack: list[Any] = [values]
    for _ in range(_MOST_CONTAINERS):
        if not stack:
            return False
        found = stack.pop()
        try:
            for item in found.values() if type(found) is dict else found:
                kind = type(item)
                if kind is str:
                    continue
                if kind is dict or kind is list or kind is tuple:
                    stack.append(item)
                elif kind is float and item - item != 0:
                    return True
        except RuntimeError:  # another thread changed the dict
            return True
    return True


def _may_hold_media(text: bytes) -> bool:
    """Look for base64: a long stretch without space or comma, and a name for it."""
    at, end = 0, len(text) - SHORTEST
    while at <= end:
        # From the last space or comma of a stretch on, so that few steps are needed.
        last = text.rfind(b" ", at, at + SHORTEST)
        if last < 0:
            last = text.rfind(b",", at, at + SHORTEST)
            if last < 0:
                return any(mark in text for mark in MARKS)
        at = last + 1
    return False
