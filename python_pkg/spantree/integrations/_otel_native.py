"""Libraries that instrument themselves with OpenTelemetry, once they have a provider.

Each is shown as an instrumentor, so that the bridge treats it as any other.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import TracerProvider


class Instrumentor(Protocol):
    """What the bridge asks of an instrumentor."""

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether a provider has been given already."""

    def instrument(self, *, tracer_provider: TracerProvider) -> None:
        """Give the library a provider."""


class _PydanticAI:
    """What ``Agent.instrument_all`` does, for embedders too.

    An agent that was made with ``instrument=…`` keeps its own settings.
    """

    def __init__(self) -> None:
        self._library: Any = import_module("pydantic_ai")

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether the user has called ``instrument_all``, or we have."""
        return bool(getattr(self._library.Agent, "_instrument_default", False))

    def instrument(self, *, tracer_provider: TracerProvider) -> None:
        """Instrument all agents that have no settings of their own."""
        library = self._library
        settings = library.InstrumentationSettings(tracer_provider=tracer_provider)
        for name in ("Agent", "Embedder"):
            kind = getattr(library, name, None)
            if kind is not None:
                kind.instrument_all(settings)


# Library → its module, and what makes its instrumentor.
NATIVE: Final[dict[str, tuple[str, Callable[[], Instrumentor]]]] = {
    "pydantic-ai": ("pydantic_ai", _PydanticAI),
}


def native(library: str) -> Callable[[], Instrumentor] | None:
    """Give what makes the instrumentor of a library that has its own.

    Args:
        library: As ``%autolog`` calls it.

    Returns:
        None for another library, or where it is not installed.
    """
    module, make = NATIVE.get(library, ("", None))
    return make if module and find_spec(module) is not None else None
