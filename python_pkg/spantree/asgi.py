"""``spantree.asgi``: requests of a web service as parts of their callers' traces.

For any ASGI framework and server; none of them is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantree._runtime import RUNTIME
from spantree._serving import fields_of, identity, note_answer, request_span
from spantree.recording import continue_trace, guard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    _Message = MutableMapping[str, Any]
    _Receive = Callable[[], Awaitable[_Message]]
    _Send = Callable[[_Message], Awaitable[None]]
    _App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

__all__ = ["TraceMiddleware"]

_SHUTDOWN_SECONDS = 2.0
_BODIES = ("http.response.body", "http.response.pathsend")


class TraceMiddleware:
    """Put what a web service records under the request that asked for it.

    Every trace begun while a request is served goes on with the trace that its
    ``traceparent`` names (see :class:`spantree.continue_trace`), and is given the
    session, the user and the request's id that its headers tell. Where the service
    says otherwise, by ``update_current_trace``, that counts. Bodies are neither read
    nor held back, exceptions go on; websockets are passed on untouched.

    When the server shuts down, what waits to be stored is stored first, within 2 s:
    uvicorn ends itself by a signal, after which nothing of Python's runs.

    Args:
        app: The ASGI application.
        span: Whether the request itself is a span too: ``POST /chat/{id}``, of kind
            SERVER, from here to the last byte of the answer, failed if the status is
            500 or more, or on an exception. Neither query nor bodies are recorded.
        headers: The header that holds the ``session``, the ``user`` and the
            ``client_request_id``, where it is not ``X-Session-ID``, ``X-User-ID`` and
            ``X-Request-ID``; None for none. Values of more than 256 characters are
            ignored.

    Raises:
        SpantreeException: If ``headers`` has another key.

    Example:
        With FastAPI or Starlette, where options are keywords of ``add_middleware``::

            app = FastAPI()
            app.add_middleware(spantree.asgi.TraceMiddleware, span=True)
    """

    def __init__(
        self,
        app: _App,
        span: bool = False,
        headers: Mapping[str, str | None] | None = None,
    ) -> None:
        self.app = app
        self._has_span = span
        self._fields = {k.encode(): v for k, v in fields_of(headers).items()}

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, _saving_before_the_end(send))
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = scope["headers"]
        with continue_trace(headers), identity(self._read(headers)):
            if self._has_span:
                await self._serve(scope, receive, send)
            else:
                await self.app(scope, receive, send)

    async def _serve(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        method = scope["method"]
        with request_span(method, scope["path"]) as span:
            outside = scope.get("root_path", "")

            async def send_and_watch(message: _Message) -> None:
                await send(message)
                with guard("asgi"):
                    if message["type"] == "http.response.start":
                        route = _route_of(scope, outside)
                        note_answer(span, method, route, message["status"])
                    elif message["type"] in _BODIES and not message.get("more_body"):
                        span.end()

            await self.app(scope, receive, send_and_watch)

    def _read(self, headers: object) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        with guard("asgi"):
            for name, value in headers:  # type: ignore[attr-defined]
                field = self._fields.get(name.lower())
                if field is not None:
                    found.append((field, value.decode("latin-1")))
        return found


def _saving_before_the_end(send: _Send) -> _Send:
    async def save_and_send(message: _Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            with guard("asgi"):
                # On the loop's thread: no request is served any more.
                RUNTIME.flush(_SHUTDOWN_SECONDS)
        await send(message)

    return save_and_send


def _route_of(scope: _Message, outside: str) -> str | None:
    # As Starlette 1.10 and FastAPI 0.165 tell it; both add what they are mounted at.
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str):
        return None
    prefix: str = scope.get("root_path", "").removeprefix(outside)
    return prefix + path
