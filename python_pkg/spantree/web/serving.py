"""Runs the server of ``spantree ui`` until it is interrupted."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from spantree.entities.errors import SpantreeException
from spantree.store.servers import LOOPBACK, announce
from spantree.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spantree.entities.trace import Trace
    from spantree.store import Store

DEFAULT_PORT = 8080
_GRACE_S = 5
# Lists take their turns between what is read and written; a fifth of Python's own.
_SWITCH_S = 0.001
_TOKEN_BYTES = 24


class Address(NamedTuple):
    """Where a server is.

    Args:
        url: For people and programs, without the token.
        entrance: For a browser, with the token.
        token: What it asks for; None lets everybody in.
    """

    url: str
    entrance: str
    token: str | None


def new_token() -> str:
    """Make a token nobody can guess."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def serve(
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    token: str | None,
    name: str = "",
    allowed_hosts: Iterable[str] = (),
    mask: Callable[[Trace], Trace] | None = None,
    on_ready: Callable[[Address], object],
) -> None:
    """Serve a store until the process is interrupted or told to end.

    Args:
        store: Where traces rest.
        host: The name or address to listen at.
        port: 0 for any that is free.
        token: What everybody must show; None, on the loopback only, lets all in.
        name: What to call the store in print.
        allowed_hosts: Names it goes by, besides ``host`` and the loopback's.
        mask: Masks the secrets of traces that come; None stores them as they are.
        on_ready: Told where it is, once it listens.

    Raises:
        SpantreeException: If it can't listen there, or would be open to the network.
    """
    if token is None and host not in LOOPBACK:
        msg = (
            f"Without a token it listens on this machine only, not on {host}: leave "
            "--no-token or --host out."
        )
        raise SpantreeException(msg)
    listening = _listen(host, port)
    with contextlib.closing(listening), contextlib.ExitStack() as undo:
        port = listening.getsockname()[1]
        app = create_app(
            store,
            name=name,
            token=token,
            hosts=[host, *allowed_hosts],
            port=port,
            mask=mask,
        )
        if token is not None:
            # Without the file, programs are told the token as others are.
            with contextlib.suppress(OSError):
                file = announce(port, token)
                undo.callback(file.unlink, missing_ok=True)
        on_ready(_address(host, port, token))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        sys.setswitchinterval(_SWITCH_S)
        _end_orderly_when_told()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listening])


def _end_orderly_when_told() -> None:
    """See to it that SIGTERM, which uvicorn raises once more, ends in `finally`."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = (
            f"The server can't listen on {host} port {port}: {reason}. "
            "Choose another port with -p, 0 for any that is free."
        )
        raise SpantreeException(msg) from error


def _address(host: str, port: int, token: str | None) -> Address:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - read, not bound
    if ":" in shown and not shown.startswith("["):
        shown = f"[{shown}]"
    url = f"http://{shown}:{port}"
    return Address(url, f"{url}/?token={token}" if token else f"{url}/", token)
