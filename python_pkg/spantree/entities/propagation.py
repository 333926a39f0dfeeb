"""The headers by which a trace goes on in another process: W3C Trace Context.

``traceparent``, ``tracestate`` and ``baggage`` as https://www.w3.org/TR/trace-context/
and https://www.w3.org/TR/baggage/ define them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SAMPLED: Final = 0x01
SESSION_ITEM: Final = "session.id"
USER_ITEM: Final = "user.id"

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NAMES = ("traceparent", "tracestate", "baggage")
_WSGI_PREFIX = "http_"
_MOST_STATE_CHARACTERS = 512
_MOST_STATE_MEMBERS = 32
_MOST_BAGGAGE_BYTES = 8_192
_MOST_IDENTIFIER_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A place in a trace that spans may be put under, wherever it was recorded.

    Args:
        trace_key: The trace's id.
        span_key: The span above; None for none, in a trace of a chosen id.
        flags: Eight bits of the caller's; the lowest says that it records the trace.
        state: The caller's ``tracestate``, passed on as it came.
        session: The session that came along as baggage.
        user: The user that came along.
    """

    trace_key: int
    span_key: int | None
    flags: int = SAMPLED
    state: str = ""
    session: str | None = None
    user: str | None = None

    @property
    def is_sampled(self) -> bool:
        """Whether the caller records the trace."""
        return bool(self.flags & SAMPLED)


def read_headers(headers: object) -> TraceParent | None:
    """Read where a request comes from.

    Args:
        headers: Names and values: any mapping or list of pairs, of text or of bytes,
            or a WSGI environment; the case of names is no matter.

    Returns:
        The caller's span; None if the headers do not name one.

    Raises:
        ValueError: If there is a ``traceparent`` that is none.

    Example:
        >>> header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        >>> parent = read_headers({"TraceParent": header})
        >>> f"{parent.span_key:x}"
        'b7ad6b7169203331'
    """
    found = _wanted(headers)
    text = found.get("traceparent", "").strip()
    if not text:
        return None
    trace_key, span_key, flags = _parse(text)
    baggage = _baggage(found.get("baggage", ""))
    return TraceParent(
        trace_key,
        span_key,
        flags,
        _state(found.get("tracestate", "")),
        baggage.get(SESSION_ITEM),
        baggage.get(USER_ITEM),
    )


def write_headers(parent: TraceParent) -> dict[str, str]:
    """Write the headers that name a span, and session and user if it has them.

    Raises:
        ValueError: If there is no span.
    """
    if parent.span_key is None:
        msg = "a trace without a span can't be named"
        raise ValueError(msg)
    place = f"{parent.trace_key:032x}-{parent.span_key:016x}"
    found = {"traceparent": f"00-{place}-{parent.flags:02x}"}
    if parent.state:
        found["tracestate"] = parent.state
    from urllib.parse import quote

    given = {SESSION_ITEM: parent.session, USER_ITEM: parent.user}
    items = [
        f"{k}={quote(v, safe='', errors='backslashreplace')}"
        for k, v in given.items()
        if v
    ]
    while items and len(",".join(items)) > _MOST_BAGGAGE_BYTES:
        items.pop()
    if items:
        found["baggage"] = ",".join(items)
    return found


def _wanted(headers: object) -> dict[str, str]:
    pairs: Iterable[object] = ()
    if isinstance(headers, Mapping) or hasattr(headers, "items"):
        pairs = headers.items()
    elif isinstance(headers, Iterable) and not isinstance(headers, (str, bytes)):
        pairs = headers
    found: dict[str, str] = {}
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:  # noqa: PLR2004 - a pair
            continue
        name, value = (_text(part) for part in pair)
        plain = name.lower().removeprefix(_WSGI_PREFIX)
        if plain in _NAMES and plain not in found:
            found[plain] = value
    return found


def _text(part: object) -> str:
    if isinstance(part, bytes):
        return part.decode("latin-1")
    return part if isinstance(part, str) else ""


def _parse(text: str) -> tuple[int, int, int]:
    match = _FORM.fullmatch(text)
    # Of a later version the first four fields are read (W3C trace-context, 4.3).
    if match and match[1] != "ff" and (match[1] != "00" or match[5] is None):
        trace_key, span_key = int(match[2], 16), int(match[3], 16)
        if trace_key and span_key:
            return trace_key, span_key, int(match[4], 16)
    msg = f"{text[:80]!r} is no traceparent: 00-<32 hex>-<16 hex>-<2 hex>"
    raise ValueError(msg)


def _state(text: str) -> str:
    """Keep a state as it is, unless it is too long to be passed on."""
    is_short = len(text) <= _MOST_STATE_CHARACTERS
    is_ascii = text.isascii() and text.isprintable()
    fits = is_short and is_ascii and text.count(",") < _MOST_STATE_MEMBERS
    return text.strip() if fits else ""


def _baggage(text: str) -> dict[str, str]:
    from urllib.parse import unquote

    found: dict[str, str] = {}
    for item in text[:_MOST_BAGGAGE_BYTES].split(","):
        name, separator, value = item.partition(";")[0].partition("=")
        if separator and name.strip() in (SESSION_ITEM, USER_ITEM):
            plain = unquote(value.strip())
            if plain and len(plain) <= _MOST_IDENTIFIER_CHARACTERS:
                found[name.strip()] = plain
    return found
