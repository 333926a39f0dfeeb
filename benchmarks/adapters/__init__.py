"""One module per library: how it is set up, how it records, what it has recorded.

The modules are imported by the worker, each in its library's own environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Adapter(Protocol):
    """What a module of this folder holds."""

    def set_up(self, folder: Path, *, enabled: bool) -> None:
        """Make the library record into `folder` or memory; send nothing anywhere.

        Args:
            folder: An empty folder, removed after the run.
            enabled: False turns tracing off, the way the library's users do.
        """

    def traced(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function of any kind so that inputs and outputs are recorded."""

    def block(self, value: int) -> int:
        """Give `value + 1`, computed in a context manager with input and output."""

    def flush(self) -> None:
        """Wait until everything recorded is where it can be found."""

    def count_spans(self) -> int:
        """Count the spans that have arrived since the set-up; call `flush` first."""

    def read_back(self) -> str:
        """Give everything kept of the newest trace as text, from where it rests."""
