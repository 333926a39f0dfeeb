"""Who calls us: libraries whose calls become spans without a change to programs.

One file per library. Nothing here imports the library; a library that isn't there
still has its entry, which explains itself.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from spantree.entities.errors import MissingExtraError
from spantree.integrations._integration import LibraryStatus
from spantree.integrations._otel_libraries import bridged_libraries, get_bridged

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ALL",
    "BRIDGE",
    "LIBRARIES",
    "Library",
    "LibraryStatus",
    "autolog",
    "get_library",
    "status",
]

LIBRARIES: Final = (
    "openai",
    "anthropic",
    "langchain",
    "llama_index",
    "dspy",
    "autogen",
)
# Traced as those, but no attributes of the package: `%autolog ag2`.
MORE: Final = ("ag2", "mcp")
ALL: Final = (*LIBRARIES, *MORE)
BRIDGE: Final = "otel"


class Library(Protocol):
    """What each file of this folder offers.

    Attributes:
        DISTRIBUTION: What ``pip install`` calls the library.
    """

    DISTRIBUTION: str

    @property
    def autolog(self) -> Callable[..., None]:
        """Trace it, or stop tracing it."""

    @property
    def status(self) -> Callable[[], LibraryStatus]:
        """Say whether it is traced."""


def get_library(name: str) -> Library:
    """Give the integration of a library.

    Args:
        name: One of :data:`ALL`, ``"otel"`` for the bridge to whatever is
            instrumented with OpenTelemetry, or a library that an instrumentor traces
            over the bridge.

    Raises:
        SpantreeException: If there is none of that name.
    """
    ours = (*LIBRARIES, BRIDGE, *MORE)
    if name not in ours:
        return get_bridged(name, known=[*ours])
    library: Library = import_module(f"spantree.integrations.{name}")
    return library


def autolog(name: str, *, must_be_installed: bool = False, **options: bool) -> None:
    """Trace the calls of a library, or stop tracing them.

    Args:
        name: As for :func:`get_library`.
        must_be_installed: Refuse a library that isn't there, instead of waiting for
            it to be imported.
        **options: Those of the library's own ``autolog``, such as ``disable``.

    Raises:
        SpantreeException: If there is none of that name; MissingExtraError if it is
            not installed and must be.
    """
    library = get_library(name)
    is_ours = name in ALL  # the others say themselves what is missing
    if is_ours and must_be_installed and library.status().state == "not installed":
        needed = library.DISTRIBUTION
        raise MissingExtraError(f"{name} is not installed. Run: pip install {needed}")
    library.autolog(**options)


def status() -> list[LibraryStatus]:
    """Give one row for each library of ours, the bridge, and what was asked of it."""
    direct = [get_library(name).status() for name in LIBRARIES]
    asked = [name for name in MORE if f"{__name__}.{name}" in sys.modules]
    direct += [get_library(name).status() for name in asked]
    bridged = [library.status() for library in bridged_libraries()]
    return [*direct, get_library(BRIDGE).status(), *bridged]
