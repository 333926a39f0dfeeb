"""Reads the bodies of requests, within limits."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

import orjson

from spantree.entities.errors import SpantreeException
from spantree.entities.otlp_values import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

MAX_BODY_BYTES = 100 * 2**20
"""As it comes, and unpacked."""
_COUNT = re.compile("[0-9]{1,18}")
_GZIP = 31  # zlib's window bits that mean: with a gzip header


class TooLargeError(SpantreeException):
    """A body beyond the limit."""

    def __init__(self) -> None:
        super().__init__(
            f"A request has at most {MAX_BODY_BYTES // 2**20} MB; send less at once."
        )


async def read_body(request: Request) -> bytes:
    """Give a request's body, unpacked if it came with gzip or deflate.

    Raises:
        TooLargeError: If it is beyond the limit.
        SpantreeException: If it can't be unpacked.
    """
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > MAX_BODY_BYTES:
        raise TooLargeError
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise TooLargeError
        parts.append(part)
    body = b"".join(parts)
    packed = request.headers.get("content-encoding", "identity").lower()
    if packed == "identity":
        return body
    if packed not in ("gzip", "deflate"):
        msg = f"Content-Encoding is gzip, deflate or identity, not {packed!r:.40}."
        raise SpantreeException(msg)
    return _unpacked(body, _GZIP if packed == "gzip" else zlib.MAX_WBITS)


async def read_object(request: Request) -> dict[str, Any]:
    """Give a body that is a JSON object; none at all is an empty one.

    Raises:
        SpantreeException: If it is something else, or nested too deeply.
    """
    body = await read_body(request)
    if not body.strip():
        return {}
    found = parse_json(body)
    _check_depth(found)
    if not isinstance(found, dict):
        msg = f"The body is a JSON object, not {type(found).__name__}."
        raise SpantreeException(msg)
    return found


def listed(given: Mapping[str, Any], name: str) -> list[Any]:
    """Give a field of an object that is a list, an empty one if it is left out.

    Raises:
        SpantreeException: If it is something else.
    """
    found = given.get(name)
    if found is not None and not isinstance(found, list):
        msg = f"{name} is a list, not {found!r:.40}."
        raise SpantreeException(msg)
    return found or []


def count_in(given: Mapping[str, Any], name: str) -> int | None:
    """Give a field that is a whole number of 63 bits, None if it is left out.

    Protobuf's JSON writes them as texts.

    Raises:
        SpantreeException: If it is something else.
    """
    found = given.get(name)
    if found is None:
        return None
    if not isinstance(found, bool) and _COUNT.fullmatch(str(found)):
        return int(found)
    msg = f"{name} is a whole number from 0, not {found!r:.40}."
    raise SpantreeException(msg)


def parse_json(body: bytes) -> object:
    """Read JSON of any shape; of the depth that orjson reads, about a thousand.

    Raises:
        SpantreeException: If it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = f"The body is no JSON: {error}"
        raise SpantreeException(msg) from None


def _check_depth(found: object) -> None:
    level: list[object] = [found]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    msg = f"The body is JSON of more than {MAX_DEPTH} levels."
    raise SpantreeException(msg)


def _unpacked(body: bytes, window_bits: int) -> bytes:
    unpacking = zlib.decompressobj(window_bits)
    try:
        found = unpacking.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        msg = f"The body can't be unpacked: {error}"
        raise SpantreeException(msg) from None
    if len(found) > MAX_BODY_BYTES:
        raise TooLargeError
    if not unpacking.eof:
        msg = "The body can't be unpacked: it ends too early."
        raise SpantreeException(msg)
    return found
