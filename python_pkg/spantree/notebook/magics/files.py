"""``%trace_export`` and ``%trace_import``: traces as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spantree.notebook.desk import Desk
    from spantree.notebook.magic import Magic


def file_magics(desk: Desk) -> list[Magic]:
    """Give ``%trace_export`` and ``%trace_import``."""
    del desk
    return []
