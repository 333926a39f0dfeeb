"""``spantree.wsgi``: requests of a web service as parts of their callers' traces.

For any WSGI framework and server (PEP 3333), such as Flask and Django; none of them is
imported. See :mod:`spantree.asgi` for the others.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from spantree._serving import fields_of, identity, note_answer, request_span
from spantree.recording import continue_trace, guard
from spantree.recording.context import CURRENT, REMOTE
from spantree.recording.scope import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextvars import ContextVar

    _Environ = dict[str, Any]
    _App = Callable[[_Environ, Callable[..., Any]], Iterable[bytes]]

__all__ = ["TraceMiddleware"]


class TraceMiddleware:
    """Put what a web service records under the request that asked for it.

    The same as :class:`spantree.asgi.TraceMiddleware`, for a WSGI application: every
    trace begun while a request is served, to the last piece of its answer, goes on with
    the caller's and is given the session, the user and the request's id. Bodies are
    neither read nor held back, exceptions go on.

    Args:
        app: The WSGI application.
        span: Whether the request itself is a span too, of kind SERVER, failed if the
            status is 500 or more, or on an exception. It is named by its route where
            Flask tells it, else by its path.
        headers: The header that holds the ``session``, the ``user`` and the
            ``client_request_id``, where it is not ``X-Session-ID``, ``X-User-ID`` and
            ``X-Request-ID``; None for none.

    Raises:
        SpantreeException: If ``headers`` has another key.

    Example:
        With Flask::

            app = Flask(__name__)
            app.wsgi_app = spantree.wsgi.TraceMiddleware(app.wsgi_app, span=True)
    """

    def __init__(
        self,
        app: _App,
        span: bool = False,
        headers: Mapping[str, str | None] | None = None,
    ) -> None:
        self.app = app
        self._has_span = span
        self._fields = {
            f"HTTP_{name.upper().replace('-', '_')}": field
            for name, field in fields_of(headers).items()
        }

    def __call__(
        self, environ: _Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve one request."""
        block = _Block()
        body: Iterable[bytes] = block.run(self._serve, block, environ, start_response)
        if _is_whole(body, environ):
            block.run(block.stack.close)
            return body
        return _Body(body, block)

    def _serve(
        self, block: _Block, environ: _Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        told = [(f, environ[n]) for n, f in self._fields.items() if n in environ]
        block.stack.enter_context(continue_trace(environ))
        block.stack.enter_context(identity(told))
        if not self._has_span:
            return self.app(environ, start_response)
        method = environ["REQUEST_METHOD"]
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") or "/"
        text = path.encode("latin-1", "replace").decode(errors="replace")
        span = block.stack.enter_context(request_span(method, text))

        def start_and_note(status: str, *more: Any) -> Any:
            with guard("wsgi"):
                note_answer(span, method, _route_of(environ), int(status[:3]))
            return start_response(status, *more)

        return self.app(environ, start_and_note)


class _Block:
    """What is open during a request, and what is current in it.

    The server takes the answer's pieces when the call is over, in between it does what
    it likes. So what is current is put in place by value for each step, and only what
    is ours: a framework's context variables stay those of the server's context.
    """

    def __init__(self) -> None:
        self.stack = ExitStack()
        self._held = _current()

    def run(self, work: Callable[..., Any], *given: Any) -> Any:
        """Do a part of the request; what it raises ends the request and goes on."""
        outside = _current()
        _make_current(self._held)
        try:
            return work(*given)
        except StopIteration:
            self.stack.close()
            raise
        except BaseException:
            self.stack.__exit__(*sys.exc_info())
            raise
        finally:
            self._held = _current()
            _make_current(outside)


_VARIABLES: Final[tuple[ContextVar[Any], ...]] = (CURRENT, REMOTE, SCOPE)


def _current() -> list[object]:
    return [variable.get() for variable in _VARIABLES]


def _make_current(values: list[object]) -> None:
    for variable, value in zip(_VARIABLES, values, strict=True):
        variable.set(value)


class _Body:
    """The pieces of an answer, each made inside the request's block."""

    def __init__(self, body: Iterable[bytes], block: _Block) -> None:
        self._body = body
        self._block = block
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = self._block.run(iter, self._body)
        piece: bytes = self._block.run(next, self._pieces)
        return piece

    def close(self) -> None:
        """End the request, also when the caller has gone away."""
        close = getattr(self._body, "close", None)
        if close is not None:
            self._block.run(close)
        self._block.run(self._block.stack.close)


def _is_whole(body: Iterable[bytes], environ: _Environ) -> bool:
    """Whether nothing is left to do, and servers look at what kind of body it is."""
    wrapper = environ.get("wsgi.file_wrapper")
    kinds = (list, tuple, *([wrapper] if isinstance(wrapper, type) else []))
    return isinstance(body, kinds)


def _route_of(environ: _Environ) -> str | None:
    # As Werkzeug 3 tells it, for Flask.
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return getattr(rule, "rule", None)
