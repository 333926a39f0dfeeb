"""Warns when a function is decorated after a web framework has registered it.

``@trace`` above ``@app.post`` wraps what the framework no longer calls: requests go
untraced and nobody notices. Nothing is imported and nothing is changed here; only
frameworks that the program has already loaded are looked for.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from spantree.recording.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_FRAMEWORKS = ("fastapi", "starlette", "flask")
_APPLICATIONS = ("FastAPI", "Flask", "Starlette")


class TracingOrderWarning(UserWarning):
    """A decorated function is already registered as a route."""


def warn_if_routed(function: Callable[..., object], frame: FrameType) -> None:
    """Warn when an app or router in sight of the decoration calls the function.

    Args:
        function: What is being decorated.
        frame: Where; the warning points there.
    """
    if not any(name in sys.modules for name in _FRAMEWORKS):
        return
    found = None
    with guard("route_check"):
        found = _find_route(function, frame)
    if found is not None:
        route, decorator = found
        warnings.warn_explicit(
            f"{function.__name__} is already registered as {route}; requests will "
            f"not be traced. Put @trace below {decorator}.",
            TracingOrderWarning,
            filename=frame.f_code.co_filename,
            lineno=frame.f_lineno,
        )


def _find_route(
    function: Callable[..., object], frame: FrameType
) -> tuple[str, str] | None:
    for candidate in [*frame.f_locals.values(), *frame.f_globals.values()]:
        modules = {base.__module__.split(".")[0] for base in type(candidate).__mro__}
        if modules.isdisjoint(_FRAMEWORKS):
            continue
        for found in _routes_to(candidate, function):
            return found
    return None


def _routes_to(
    app: object, function: Callable[..., object]
) -> Iterator[tuple[str, str]]:
    names = {base.__name__ for base in type(app).__mro__}
    name = "router" if names.isdisjoint(_APPLICATIONS) else "app"
    for route in list(getattr(app, "routes", None) or ()):
        if getattr(route, "endpoint", None) is function:
            methods = sorted(getattr(route, "methods", None) or ["GET"])
            yield f"{methods[0]} {route.path}", f"@{name}.{methods[0].lower()}"
    views = getattr(app, "view_functions", None)
    for endpoint, view in list(views.items()) if isinstance(views, dict) else ():
        if view is function:
            yield f"the endpoint {endpoint!r}", f"@{name}.route"
