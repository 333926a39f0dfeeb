"""The bridge to OpenTelemetry: other people's instrumentations, recorded by us.

Nothing here imports opentelemetry before it is used.
"""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal

from spantree.entities.errors import MissingExtraError, did_you_mean
from spantree.integrations._call import Options
from spantree.integrations._integration import TRACED, LibraryStatus
from spantree.recording import internal_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import TracerProvider

    from spantree.integrations._otel_install import Installation
    from spantree.integrations._otel_provider import SpantreeTracerProvider

_MODES: Final = ("auto", "mirror", "listen", "context")
DISTRIBUTION: Final = "opentelemetry-api"
SUPPORTED: Final = ">=1.27,<2"
_NEEDS_API = (
    "The OpenTelemetry bridge needs opentelemetry-api. "
    'Run: pip install "spantree[otel]"'
)


class _Bridge:
    """What the bridge is at the moment; its fields are a provider's switch."""

    def __init__(self) -> None:
        self.on = False
        self.options = Options()
        self.calls = 0
        self.installation: Installation | None = None
        self.provider: SpantreeTracerProvider | None = None


_bridge = _Bridge()


def require_api() -> None:
    """Refuse to go on without opentelemetry-api.

    Raises:
        MissingExtraError: If it is not installed.
    """
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        raise MissingExtraError(_NEEDS_API)


def covered() -> Sequence[str]:
    """Name the libraries that are traced by hooks of our own at the moment."""
    return tuple(TRACED)


def install(mode: Literal["auto", "mirror", "listen", "context"] = "auto") -> str:
    """Record what is instrumented with OpenTelemetry, whoever instruments it.

    Without a global tracer provider ours becomes it, until the user sets one. With one
    of OpenTelemetry's SDK, its spans are recorded too, and our own are repeated to it
    with their ids, secrets masked: its exporters get whole trees, and its sampler
    decides which. Spans that have nothing to do with models, such as those of a web
    framework, are recorded only below a span of ours.

    Args:
        mode: ``"auto"`` as above, ``"mirror"`` the same; ``"listen"`` repeats nothing
            to the user's provider; ``"context"`` only shows our spans to OpenTelemetry
            as current ones, so that instrumented HTTP clients send our ids, and
            records nothing.

    Returns:
        ``"own"``, ``"mirror"``, ``"listen"`` or ``"context"``: which of these it is
        now.

    Raises:
        MissingExtraError: If opentelemetry-api is not installed.
        ValueError: If there is no such mode.
    """
    if mode not in _MODES:
        hint = did_you_mean(str(mode), _MODES)
        raise ValueError(f"Unknown mode {mode!r}.{hint} Known: {', '.join(_MODES)}.")
    require_api()
    from spantree.integrations._otel_install import Installation

    if _bridge.installation is None:
        _bridge.installation = Installation(_bridge, covered)
    return _bridge.installation.install(mode)


def uninstall() -> None:
    """Undo :func:`install`; spans under way are finished."""
    _bridge.on = False
    if _bridge.installation is not None:
        _bridge.installation.uninstall()


def tracer_provider() -> TracerProvider:
    """Give a tracer provider whose spans are ours; never global by itself.

    Hand it to ``SomeInstrumentor().instrument(tracer_provider=...)``.

    Raises:
        MissingExtraError: If opentelemetry-api is not installed.
    """
    require_api()
    if _bridge.provider is None:
        from spantree.integrations import _otel_context
        from spantree.integrations._otel_provider import (
            AlwaysOn,
            SpantreeTracerProvider,
        )

        _otel_context.follow("tracer_provider")
        _bridge.provider = SpantreeTracerProvider(AlwaysOn())
    return _bridge.provider


def autolog(
    *,
    disable: bool = False,
    log_traces: bool = True,
    log_inputs: bool = True,
    log_outputs: bool = True,
    **options: Any,
) -> None:
    """Do what :func:`install` does, or undo it.

    Args:
        disable: Undo it.
        log_traces: False is the same as ``disable``.
        log_inputs: Whether what goes in is recorded.
        log_outputs: Whether what comes out is; usage and model always are.
        **options: Those of our own integrations; without effect here.

    Raises:
        MissingExtraError: If opentelemetry-api is not installed.
    """
    del options
    if disable or not log_traces:
        uninstall()
        return
    _bridge.options = Options(log_inputs=log_inputs, log_outputs=log_outputs)
    install()


def status() -> LibraryStatus:
    """Say whether the bridge is installed, and how many spans came over it."""
    try:
        version: str | None = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        version = None
    mode = None if _bridge.installation is None else _bridge.installation.mode
    return LibraryStatus(
        library="otel",
        installed=version,
        supported=SUPPORTED,
        state="not installed" if version is None else "on" if mode else "off",
        hooks_applied=(mode,) if mode else (),
        hooks_missing=(),
        calls=_bridge.calls,
        internal_errors=sum(
            count for site, count in internal_errors().items() if "otel." in site
        ),
    )
