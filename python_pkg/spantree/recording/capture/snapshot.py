"""Takes values down on the caller's thread, before anyone can change them.

Scalars stay by reference. Containers are encoded at once: orjson is cheaper than any
copy and touches no attribute of a class it doesn't know. What it refuses or would
get wrong goes to the slow path, :class:`Walk`, which gives the same JSON.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.values import encode_exactly
from spantree.recording.capture.encoding import encode_flat, encode_quickly
from spantree.recording.capture.failures import report_failure
from spantree.recording.capture.limits import ACTIVE
from spantree.recording.capture.media import SHORTEST, find_data_uri
from spantree.recording.capture.notes import Note, OpenNote, is_scalar, note
from spantree.recording.capture.readers import reader_for
from spantree.recording.capture.scalars import long_int
from spantree.recording.capture.shelf import SHELF
from spantree.recording.capture.text import size_of
from spantree.recording.capture.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.entities.values import Captured
    from spantree.recording.capture.cuts import Cut
    from spantree.recording.capture.media import Media

    Cuts = list[Cut]
    Collector = list[Media]

_SHORT_INT = 1 << 63
# The system gives memory for texts as long as this page by page, as it is touched.
_OF_THE_SYSTEM = 1 << 20


def capture(
    value: Any, cuts: Cuts | None = None, attachments: Collector | None = None
) -> Captured:
    """Take a value down. Never raises, runs no code of the value's.

    Args:
        value: Anything.
        cuts: Gets an entry ``{path, kept, total, unit}`` for each part that was cut;
            ``path`` is relative to the value, dotted, empty for the value itself.
        attachments: Gets the media found in the value, best an
            :class:`~spantree.recording.capture.Attachments`; without it they go to
            the :data:`~spantree.recording.capture.SHELF`.

    Returns:
        A scalar as it is, or JSON text.
    """
    kind = type(value)
    if kind is str:
        if len(value) <= ACTIVE.plain_text:
            return value  # type: ignore[no-any-return]
    elif kind is int:
        if -_SHORT_INT < value < _SHORT_INT:
            return value  # type: ignore[no-any-return]
    elif kind is float or kind is bool or value is None:
        return value  # type: ignore[no-any-return]
    return _guarded(_take, value, cuts, attachments)


def is_plain(value: Any) -> bool:
    """Tell whether :func:`capture` gives a value back as it is, at the first look."""
    kind = type(value)
    if kind is str:
        return len(value) <= ACTIVE.plain_text
    if kind is int:
        return -_SHORT_INT < value < _SHORT_INT  # type: ignore[no-any-return]
    return kind is float or kind is bool or value is None


def capture_arguments(
    arguments: dict[str, Any],
    cuts: Cuts | None = None,
    attachments: Collector | None = None,
) -> Captured:
    """Take the arguments of a call down. Never raises, runs no code of theirs.

    Args:
        arguments: By name; a dict nobody else holds, which may be changed.
        cuts: As for :func:`capture`.
        attachments: As for :func:`capture`.

    Returns:
        The same dict if all arguments are scalars, else JSON text.
    """
    room = ACTIVE.plain_text
    for value in arguments.values():
        kind = type(value)
        if kind is str:
            room -= len(value)
        elif kind is int:
            if not -_SHORT_INT < value < _SHORT_INT:
                break
        elif kind is not float and kind is not bool and value is not None:
            break
    else:
        if room >= 0:
            return arguments
    return _guarded(_take_arguments, arguments, cuts, attachments)


def _guarded(
    take: Callable[[Any, Cuts | None, Collector | None], Captured],
    value: object,
    cuts: Cuts | None,
    attachments: Collector | None,
) -> Captured:
    media = SHELF.collector() if attachments is None else attachments
    try:
        captured = take(value, cuts, media)
        if media and attachments is None:
            SHELF.add(media)
        return _fitted(captured) if type(captured) is bytes else captured
    except (KeyboardInterrupt, SystemExit):  # a signal's: no code of the user's ran
        raise
    except BaseException as error:  # noqa: BLE001 - nothing of ours may escape
        report_failure("capture", error)
        return encode_exactly(note("lost", reason=type(error).__name__))


def _fitted(text: bytes) -> bytes:
    """Copy a text into memory of its own size.

    What orjson 3.13 gives still has the buffer that it was written in: at least 4 kB,
    fourteen times the text of 10 kB. Kept, that is memory fresh from the system each
    time, which takes ten times as long as to encode a few words.
    """
    return b"".join((text, b"")) if len(text) < _OF_THE_SYSTEM else text


def _take_arguments(
    arguments: dict[str, Any], cuts: Cuts | None, attachments: Collector | None
) -> Captured:
    room = ACTIVE.limits.max_bytes
    is_flat = True
    for name, value in arguments.items():
        kind = type(value)
        if kind is str:
            room -= size_of(value, room)
            is_flat = is_flat and not _is_media(value)
        elif kind is int:
            is_flat = is_flat and long_int(value) is None
        elif type(kind) is enum.EnumMeta:
            # Inside containers orjson writes an enum's value; here its name stands.
            arguments[name] = reader_for(kind)(value, Walk(None, None))
        elif not is_scalar(value):
            is_flat = False
    if is_flat and room >= 0:
        return arguments
    return _take_container(arguments, cuts, attachments)


def _take(value: Any, cuts: Cuts | None, attachments: Collector | None) -> Captured:
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        return encode_flat(value) or _take_container(value, cuts, attachments)
    limit = ACTIVE.limits.max_bytes
    if kind is str and size_of(value, limit) <= limit and not _is_media(value):
        return value  # type: ignore[no-any-return]
    walk = Walk(cuts, attachments)
    found = value if is_scalar(value) else reader_for(kind)(value, walk)
    if is_scalar(found):
        return _encode(walk.copy(found))
    if type(found) is Note:
        return orjson.dumps(dict(found))
    if type(found) is OpenNote:
        return _encode(walk.copy_note(found, value))
    return _take_container(value, cuts, attachments)


def _is_media(text: str) -> bool:
    return len(text) >= SHORTEST and find_data_uri(text) is not None


def _take_container(
    value: object, cuts: Cuts | None, attachments: Collector | None
) -> Captured:
    before = 0 if attachments is None else len(attachments)
    text = encode_quickly(value, attachments)
    if text is not None:
        return text
    if attachments is not None:
        del attachments[before:]
    return _encode(Walk(cuts, attachments).copy(value))


def _encode(data: Any) -> Captured:
    if is_scalar(data):
        return data  # type: ignore[no-any-return]
    try:
        return orjson.dumps(data)
    except TypeError:  # an integer beyond 64 bits
        return encode_exactly(data)
