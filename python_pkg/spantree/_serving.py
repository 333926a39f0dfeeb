"""What a web service's requests say of their traces, whatever calls the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.entities.span import KIND, SpanStatus, SpanStatusCode
from spantree.recording import context, start_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from spantree.entities.live_span import LiveSpan

_HEADERS: Final = {
    "session": "X-Session-ID",
    "user": "X-User-ID",
    "client_request_id": "X-Request-ID",
}
# Longer values are no identifiers, and not kept: as of those that come as baggage.
_MOST_CHARACTERS = 256
_FIRST_FAILURE = 500


def fields_of(headers: Mapping[str, str | None] | None) -> dict[str, str]:
    """Give what each header tells, by its name in lower case.

    Args:
        headers: The user's own names by what they tell; None for none.

    Raises:
        SpantreeException: If there is no such thing to tell.
    """
    for key in headers or ():
        if key not in _HEADERS:
            msg = (
                f"Unknown header {key!r}.{did_you_mean(key, _HEADERS)} "
                f"Known: {', '.join(_HEADERS)}."
            )
            raise SpantreeException(msg)
    names = {**_HEADERS, **(headers or {})}
    return {name.lower(): key for key, name in names.items() if name}


def identity(told: Iterable[tuple[str, str]]) -> AbstractContextManager[None]:
    """Give the block in which traces have the session, the user and the request's id.

    Args:
        told: Pairs of what is told and its value; of two the first counts.
    """
    found: dict[str, str] = {}
    for field, value in told:
        if 0 < len(value) <= _MOST_CHARACTERS:
            found.setdefault(field, value)
    return context(
        session_id=found.get("session"),
        user=found.get("user"),
        client_request_id=found.get("client_request_id"),
    )


def request_span(method: str, path: str) -> AbstractContextManager[LiveSpan]:
    """Give the span of a request; neither query nor bodies are recorded."""
    known = {KIND: "SERVER", "http.request.method": method, "url.path": path}
    return start_span(f"{method} {path}", attributes=known)


def note_answer(span: LiveSpan, method: str, route: str | None, status: int) -> None:
    """Say what is known when the answer begins: the route, and whether it failed."""
    if route is not None:
        span.set_attribute("http.route", route)
        span.owner.edit_field(span, "name", f"{method} {route}")
    span.set_attribute("http.response.status_code", status)
    if status >= _FIRST_FAILURE:
        span.set_status(SpanStatus(SpanStatusCode.ERROR, f"HTTP {status}"))
