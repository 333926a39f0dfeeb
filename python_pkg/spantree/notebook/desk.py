"""What the magics work with: the shell, the runtime, the settings and the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from spantree.notebook.frames import CellFrames
    from spantree.notebook.host import Host
    from spantree.notebook.kernel_link import KernelLink
    from spantree.notebook.settings import SpantreeConfig


@dataclass(frozen=True, slots=True)
class Desk:
    """One shell's parts.

    Args:
        shell: The shell.
        host: The process's runtime.
        settings: What is shown, and how much of it.
        frames: The running cells.
        link: What viewers ask through.
    """

    shell: InteractiveShell
    host: Host
    settings: SpantreeConfig
    frames: CellFrames
    link: KernelLink
