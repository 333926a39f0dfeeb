"""Lets in who may: the host asked for, where a page comes from, and the token.

The checks stand in front of the whole application, static files included, so that no
route can be forgotten.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response

from spantree.store.servers import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE = ("GET", "HEAD", "OPTIONS")
# What a form of any site can send without asking the server first.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_OPEN = ("/health",)
_BAD = "INVALID_PARAMETER_VALUE"

LOGIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>spantree</title>
<link rel="stylesheet" href="/login.css"></head>
<body><main><h1>spantree</h1>
<p>This page asks for a token. Open the address that <code>spantree ui</code> printed,
or paste the token here.</p>
<form action="/" method="get"><input name="token" type="password" autocomplete="off"
aria-label="Token" required><button>Open</button></form></main></body></html>
"""
LOGIN_STYLE = """:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh}
main{max-width:26rem}input,button{font:inherit;padding:.4em .6em}
"""


class Guard:
    """Passes on the requests that may be answered, and refuses the others.

    Args:
        app: What answers.
        token: What everybody must show; None lets everybody in.
        hosts: Names besides the loopback's that requests may ask for. Addresses are
            always allowed where one must show a token.
        port: Where the server listens; names its cookie, as cookies know no ports.
    """

    def __init__(
        self, app: ASGIApp, *, token: str | None, hosts: Iterable[str], port: int
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        self._cookie = f"spantree-ui-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = self._refusal(scope, Headers(scope=scope)) or self._app

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await answer(scope, receive, send_safely)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Give the answer to a request that goes no further."""
        host = headers.get("host", "")
        if not self._is_host_allowed(host):
            return _refused(
                400,
                f"The host {host!r:.80} is not one this server goes by. "
                "Name it: spantree ui --allow-host NAME",
            )
        if scope["method"] not in _SAFE and not _is_own_page(headers, host):
            return _refused(403, "A page of another site may not change anything here.")
        if _is_form(headers):
            return _refused(
                415, "Send JSON or protobuf, and say so in Content-Type.", _BAD
            )
        if scope["path"] in _OPEN:
            return None
        if scope["path"] == "/login.css":
            return Response(LOGIN_STYLE, media_type="text/css")
        return self._unknown_person(scope, headers)

    def _is_host_allowed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        # A name can be made to lead here by whoever owns it; an address can't.
        is_address_allowed = self._token is not None and _is_address(name)
        return name in self._hosts or is_address_allowed

    def _unknown_person(self, scope: Scope, headers: Headers) -> Response | None:
        token = self._token
        if token is None:
            return None
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["method"] == "GET" and "token" in query:
            if _same(query.pop("token"), token):
                return self._welcome(scope["path"], query, token)
        elif any(_same(one, token) for one in self._shown(headers)):
            return None
        if "text/html" in headers.get("accept", ""):
            return Response(LOGIN, 401, media_type="text/html")
        return _refused(
            401,
            "A token is needed: Authorization: Bearer …, as `spantree ui` printed it.",
            "UNAUTHENTICATED",
        )

    def _welcome(self, path: str, query: dict[str, str], token: str) -> Response:
        """Keep the token in a cookie, and take it out of the address."""
        # One slash: two would lead to another host.
        place = "/" + path.lstrip("/\\") + (f"?{urlencode(query)}" if query else "")
        answer = RedirectResponse(place, 303)
        answer.set_cookie(self._cookie, token, httponly=True, samesite="strict")
        return answer

    def _shown(self, headers: Headers) -> list[str]:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        value = value.strip()
        shown = [cookie_parser(headers.get("cookie", "")).get(self._cookie, "")]
        if scheme.lower() == "bearer":
            shown.append(value)
        if scheme.lower() == "basic":
            # Clients that know a user and a password: the password is the token.
            with contextlib.suppress(ValueError):
                shown.append(base64.b64decode(value).decode().partition(":")[2])
        return shown


def _is_own_page(headers: Headers, host: str) -> bool:
    """Tell whether a change is asked for by our page, or by a program."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    # As browsers write it; what is no address is nobody's page.
    return origin is None or origin.partition("://")[2] == host


def _is_form(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].lower() in _FORMS


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _refused(status: int, message: str, code: str = "PERMISSION_DENIED") -> Response:
    return JSONResponse({"error_code": code, "message": message}, status)
