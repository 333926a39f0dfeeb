"""Attaches our handlers to a library that calls handlers by itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantree.integrations._patch import HookState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class Attachment:
    """A handler of ours that a library is given once it has been imported.

    Args:
        module: What the handler is given to; imported by the library itself.
        name: The place as people read it.
        attach: Module → whether the handler is in its place now. Called again and
            again: it must see that it is there already.
        is_optional: Whether some supported versions lack the place.
    """

    module: str
    name: str
    attach: Callable[[ModuleType], bool]
    is_optional: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        """The module, as other hooks name theirs."""
        return (self.module,)

    def apply(self) -> HookState:
        """Attach the handler, if the library has been imported."""
        module = sys.modules.get(self.module)
        if module is None:
            return HookState.WAITING
        return HookState.APPLIED if self.attach(module) else HookState.MISSING
