"""A small HTTP client: one connection that stays open, and hard limits of time.

Built on ``http.client``, so that the base install needs no other.
"""

from __future__ import annotations

import base64
import contextlib

# A socket would import it at the first connection, on a thread of ours: a child that
# is forked meanwhile could never make one.
import encodings.idna  # noqa: F401
import gzip
import http.client
import os
import socket
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

# Of urllib.request, which alone reads the proxy variables as everybody does.
from urllib.request import getproxies_environment, proxy_bypass

import orjson

from spantree._version import __version__
from spantree.shipping.errors import NotAllowedError, RefusedError, TryLaterError
from spantree.store.servers import token_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_S = 5.0
REQUEST_S = 10.0
_SECONDS_PER_MB = 1.0
_GZIP_ABOVE = 1_024
_MAX_ANSWER = 100 * 2**20
_MAX_WORDS = 500
_SHORTEST_SECRET = 6
_PIECE = 65_536
_PORTS = {"http": 80, "https": 443}


class Answer(NamedTuple):
    """What a server said.

    Args:
        status: The HTTP status.
        headers: By name in lower case.
        body: Its bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Talks to one server; usable from any thread, one request at a time.

    Args:
        url: ``http(s)://[user:password@]host[:port][/path]``; never shown.
        headers: Sent with every request; may hold secrets, never shown.
        timeout_s: For a whole request; a second a megabyte is added.
        ca_file: Certificates to trust instead of the system's.
        own_certificate: The files of the client's own and of its key; the key may be
            in the first.
        verify: Whether the server's certificate is checked.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = REQUEST_S,
        ca_file: str | None = None,
        own_certificate: tuple[str, str | None] = ("", None),
        verify: bool = True,
    ) -> None:
        try:
            parts = urlsplit(url)
            self._port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError):
            # What it says of it may hold a part of a password.
            msg = "the server's address can't be read"
            raise NotAllowedError(msg, "write http(s)://host:port") from None
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._path = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._own_certificate = own_certificate
        self._verify = verify
        self._headers = {
            "User-Agent": f"spantree/{__version__}",
            **_basic(parts.username, parts.password),
            **(headers or {}),
        }
        self.place = f"{parts.scheme}://{self._host}:{self._port}"
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._pid = os.getpid()

    def __repr__(self) -> str:
        """Show what may be shown."""
        return f"HttpClient({self.place!r})"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        compress: bool = False,
    ) -> Answer:
        """Ask, and give the answer to whatever status.

        Args:
            method: ``GET``, ``POST`` …
            path: Below the client's own path, with its query.
            body: JSON unless a header says something else.
            headers: Added to those of every request.
            compress: Whether a body above 1 kB goes out as gzip.

        Raises:
            TryLaterError: If there was no answer in time.
        """
        sent = {**self._headers, **self._local_token(), **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            if compress and len(body) > _GZIP_ABOVE:
                body = gzip.compress(body, compresslevel=1)
                sent["Content-Encoding"] = "gzip"
        if self._pid != os.getpid():
            # Its parent's connection is the parent's.
            self._connection, self._lock = None, threading.Lock()
            self._pid = os.getpid()
        allowed_s = self._timeout_s + _SECONDS_PER_MB * len(body or b"") / 2**20
        deadline = time.monotonic() + allowed_s
        if not self._lock.acquire(timeout=allowed_s):
            raise TryLaterError(f"{self.place} has not answered another request yet")
        try:
            return self._exchange(method, self._path + path, body, sent, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise TryLaterError(self._said(error)) from None
        finally:
            self._lock.release()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        compress: bool = False,
    ) -> Answer:
        """Ask as :meth:`request` does, and give an answer that says yes.

        Raises:
            TryLaterError: For no answer, 408, 429 and 5xx except 501.
            NotAllowedError: For 401 and 403.
            RefusedError: For all else that is not 2xx.
        """
        answer = self.request(method, path, body, headers, compress=compress)
        status = answer.status
        if 200 <= status < 300:  # noqa: PLR2004 - the statuses of success
            return answer
        words, code = _words(answer)
        words = self._without_secrets(words)
        said = f"{self.place} answered {status}" + (f": {words}" if words else "")
        if status in (408, 429) or (status >= 500 and status != 501):  # noqa: PLR2004
            raise TryLaterError(said, _retry_after(answer.headers.get("retry-after")))
        if status in (401, 403):
            raise NotAllowedError(said)
        raise RefusedError(said, status, code)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._lock:
            self._drop()

    def _local_token(self) -> dict[str, str]:
        """Give the token of a `spantree ui` of this user here, if one is asked."""
        if "Authorization" in self._headers:
            return {}
        # Looked up each time: a server that is started again has another one.
        token = token_of(self.place)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        is_fresh = self._connection is None
        try:
            return self._once(method, path, body, headers, deadline)
        except (ConnectionError, http.client.BadStatusLine):
            # A server closes what was idle for long; that is no failure.
            self._drop()
            if is_fresh:
                raise
        return self._once(method, path, body, headers, deadline)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        connection = self._connection or self._connect()
        _limit(connection, deadline)
        connection.request(method, self._target(path), body, dict(headers))
        answer = connection.getresponse()
        pieces, size = [], 0
        while piece := answer.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > _MAX_ANSWER:
                raise http.client.HTTPException("its answer is too long")
            _limit(connection, deadline)
        will_close = answer.will_close
        answer.close()
        if will_close:
            self._drop()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, fields, b"".join(pieces))

    def _connect(self) -> http.client.HTTPConnection:
        proxy = _proxy(self._scheme, self._host)
        host, port = (
            (proxy.hostname or "", proxy.port or 80)
            if proxy
            else (self._host, self._port)
        )
        connection: http.client.HTTPConnection
        if self._scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_S, context=self._context()
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_S)
        if proxy and self._scheme == "https":
            through = _basic(proxy.username, proxy.password, "Proxy-Authorization")
            connection.set_tunnel(self._host, self._port, headers=through)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        return connection

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._own_certificate[0]:
            context.load_cert_chain(*self._own_certificate)
        if not self._verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _target(self, path: str) -> str:
        is_proxied = self._scheme == "http" and _proxy("http", self._host)
        return f"{self.place}{path}" if is_proxied else path or "/"

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _without_secrets(self, words: str) -> str:
        """Hide what a server repeats of our headers."""
        for name, value in {**self._headers, **self._local_token()}.items():
            secret = value.rpartition(" ")[2]
            if name != "User-Agent" and len(secret) >= _SHORTEST_SECRET:
                words = words.replace(secret, "***")
        return words

    def _said(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"{self.place} does not answer in time"
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return f"{self.place} can't be reached ({reason})"


def _words(answer: Answer) -> tuple[str, str]:
    """Give what a server says of its refusal, and its name of the error."""
    try:
        found = orjson.loads(answer.body)
    except ValueError:
        text = answer.body.decode("utf-8", "replace").strip()
        location = answer.headers.get("location", "")
        return (text or location.partition("?")[0])[:_MAX_WORDS], ""
    if isinstance(found, dict):
        said = found.get("message") or found.get("detail") or found.get("error") or ""
        return str(said)[:_MAX_WORDS], str(found.get("error_code") or "")
    return "", ""


def _retry_after(text: str | None) -> float | None:
    """Read seconds or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return parsedate_to_datetime(text).timestamp() - time.time()
    return None


def _limit(connection: http.client.HTTPConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    # None once the server said that it would close it; the answer is buffered then.
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _basic(
    user: str | None, password: str | None, name: str = "Authorization"
) -> dict[str, str]:
    if not user:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode(
        "utf-8", "surrogateescape"
    )
    return {name: f"Basic {base64.b64encode(pair).decode()}"}


def _proxy(scheme: str, host: str) -> SplitResult | None:
    found = getproxies_environment().get(scheme)
    if not found or proxy_bypass(host):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")
