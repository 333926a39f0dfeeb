"""Puts the server together: endpoints, the page, errors in one shape, the guard."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from spantree.entities.errors import (
    INTERNAL_ERROR,
    RESOURCE_DOES_NOT_EXIST,
    MissingExtraError,
    SpantreeException,
)
from spantree.store import StoreUnavailableError
from spantree.web import api, ingest, mlflow_rest
from spantree.web.answers import JsonAnswer
from spantree.web.bodies import TooLargeError
from spantree.web.desk import Desk
from spantree.web.ingest import MediaTypeError
from spantree.web.security import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from spantree.entities.trace import Trace
    from spantree.store import Store

_STATIC = Path(__file__).resolve().parent.parent / "static"
_FILES = {
    "/static/ui.js": ("ui.js", "text/javascript"),
    "/static/ui.css": ("ui.css", "text/css"),
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>spantree</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/ui.css">
<script src="/static/ui.js" defer></script>
</head>
<body><div id="spantree-ui"></div>
<noscript>This page needs JavaScript. In a terminal: spantree search</noscript>
</body>
</html>
"""
_NOT_BUILT = (
    "This copy of spantree was built without its viewer. It takes traces and answers "
    "programs; for the page, install a wheel, or run: node js/build.mjs"
)


def create_app(
    store: Store,
    *,
    name: str = "",
    token: str | None,
    hosts: Iterable[str] = (),
    port: int = 0,
    mask: Callable[[Trace], Trace] | None = None,
) -> ASGIApp:
    """Make the ASGI application of ``spantree ui``.

    Args:
        store: Where traces rest; closed when the server ends.
        name: What to call it in print, without secrets; its location when left out.
        token: What everybody must show; None lets everybody in.
        hosts: Names it goes by, besides the loopback's.
        port: Where it listens.
        mask: Masks the secrets of traces that come; None stores them as they are.
    """
    desk = Desk(store, name or store.location, mask)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        desk.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/health", _health),
            *(Route(path, _file) for path in _FILES),
            *ingest.routes(desk),
            *mlflow_rest.routes(desk),
            *api.routes(desk),
        ],
        exception_handlers={
            SpantreeException: _explain,
            HTTPException: _explain_http,
            Exception: _explain_failure,
        },
        lifespan=lifespan,
    )
    return Guard(app, token=token, hosts=hosts, port=port)


async def _page(_: Request) -> Response:
    if not (_STATIC / "ui.js").exists():
        return PlainTextResponse(_NOT_BUILT)
    return Response(_PAGE, media_type="text/html")


async def _health(_: Request) -> Response:
    return PlainTextResponse("OK")


async def _file(request: Request) -> Response:
    file, media_type = _FILES[request.url.path]
    try:
        content = (_STATIC / file).read_bytes()
    except FileNotFoundError:
        raise HTTPException(404, _NOT_BUILT) from None
    return Response(content, media_type=media_type)


async def _explain(_: Request, error: Exception) -> Response:
    assert isinstance(error, SpantreeException)  # noqa: S101 - as registered
    found: dict[str, object] = {
        "error_code": error.error_code,
        "message": error.message,
    }
    for name in ("position", "length", "suggestion"):
        if hasattr(error, name):
            found[name] = getattr(error, name)
    headers = {"Retry-After": "1"} if isinstance(error, StoreUnavailableError) else None
    return JsonAnswer(found, _status_of(error), headers=headers)


def _status_of(error: SpantreeException) -> int:
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            return status
    if error.error_code == RESOURCE_DOES_NOT_EXIST:
        return 404
    return 500 if error.error_code == INTERNAL_ERROR else 400


_STATUSES: dict[type[SpantreeException], int] = {
    TooLargeError: 413,
    MediaTypeError: 415,
    StoreUnavailableError: 503,
    MissingExtraError: 501,
}


async def _explain_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    message = error.detail
    if error.status_code == 404:  # noqa: PLR2004 - not found
        message = f"There is nothing at {request.url.path}."
    code = "ENDPOINT_NOT_FOUND" if error.status_code == 404 else "BAD_REQUEST"  # noqa: PLR2004 - the same
    return JsonAnswer({"error_code": code, "message": message}, error.status_code)


async def _explain_failure(_: Request, __: Exception) -> Response:
    # The server logs what happened; an answer may leave the machine.
    message = "spantree could not answer; its log tells why."
    return JsonAnswer({"error_code": INTERNAL_ERROR, "message": message}, 500)
