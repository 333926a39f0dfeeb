"""Who calls us: libraries whose calls become spans without a change to programs.

One file per library. Nothing here imports the library; a library that isn't there
still has its entry, which explains itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from spantree.entities.errors import MissingExtraError, SpantreeException, did_you_mean
from spantree.integrations._integration import LibraryStatus

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LIBRARIES", "Library", "LibraryStatus", "autolog", "get_library", "status"]

LIBRARIES: Final = (
    "openai",
    "anthropic",
    "langchain",
    "llama_index",
    "dspy",
    "autogen",
)


class Library(Protocol):
    """What each file of this folder offers.

    Attributes:
        DISTRIBUTION: What ``pip install`` calls the library.
    """

    DISTRIBUTION: str
    autolog: Callable[..., None]
    status: Callable[[], LibraryStatus]


def get_library(name: str) -> Library:
    """Give the integration of a library.

    Args:
        name: One of :data:`LIBRARIES`.

    Raises:
        SpantreeException: If there is none of that name.
    """
    if name not in LIBRARIES:
        hint = did_you_mean(name, LIBRARIES)
        known = ", ".join(LIBRARIES)
        message = f"Unknown library '{name}'.{hint} Known: {known}."
        raise SpantreeException(message)
    library: Library = import_module(f"spantree.integrations.{name}")
    return library


def autolog(name: str, *, must_be_installed: bool = False, **options: bool) -> None:
    """Trace the calls of a library, or stop tracing them.

    Args:
        name: One of :data:`LIBRARIES`.
        must_be_installed: Refuse a library that isn't there, instead of waiting for
            it to be imported.
        **options: Those of the library's own ``autolog``, such as ``disable``.

    Raises:
        SpantreeException: If there is none of that name; MissingExtraError if it is
            not installed and must be.
    """
    library = get_library(name)
    if must_be_installed and library.status().state == "not installed":
        needed = library.DISTRIBUTION
        raise MissingExtraError(f"{name} is not installed. Run: pip install {needed}")
    library.autolog(**options)


def status() -> list[LibraryStatus]:
    """Give one row for each known library."""
    return [get_library(name).status() for name in LIBRARIES]
