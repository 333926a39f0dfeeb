"""Replaces a method in a class and in every class derived from it, also later ones."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spantree.integrations._patch import MARK, HookState, is_hooked
from spantree.recording import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spantree.integrations._patch import Method

_FAMILIES = "__spantree_families__"


@dataclass(frozen=True, slots=True)
class FamilyHook:
    """One method of a class and of all that derive from it.

    A class is changed only where it defines the method itself. Those defined later
    are changed as they are made.

    Args:
        module: Where the base class lives.
        owner: The base class's name.
        method: The method's name.
        wrap: Original method → the one that takes its place.
        is_optional: Whether some supported versions lack it.
    """

    module: str
    owner: str
    method: str
    wrap: Callable[[Method], Method]
    is_optional: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        """The module, as other hooks name theirs."""
        return (self.module,)

    @property
    def name(self) -> str:
        """The hook as people read it."""
        return f"{self.module.partition('.')[2]}.{self.owner}.{self.method}"

    def apply(self) -> HookState:
        """Replace the method in the classes there are, and see to later ones."""
        module = sys.modules.get(self.module)
        if module is None:
            return HookState.WAITING
        base = getattr(module, self.owner, None)
        if not isinstance(base, type) or not hasattr(base, self.method):
            return HookState.MISSING
        for kind in _family(base):
            self.replace(kind)
        _watch(base, self)
        return HookState.APPLIED

    def replace(self, kind: type) -> None:
        """Replace the method in one class, if it defines it."""
        original: Any = kind.__dict__.get(self.method)
        is_abstract = getattr(original, "__isabstractmethod__", False)
        if callable(original) and not is_abstract and not is_hooked(original):
            replacement = self.wrap(original)
            setattr(replacement, MARK, True)
            setattr(kind, self.method, replacement)


def _family(base: type) -> Iterator[type]:
    yield base
    kinds: list[type] = type.__subclasses__(base)
    for kind in kinds:
        yield from _family(kind)


def _watch(base: Any, hook: FamilyHook) -> None:
    """Let the base tell its hooks of classes that are derived later."""
    hooks: list[FamilyHook] | None = base.__dict__.get(_FAMILIES)
    if hooks is not None:
        if hook not in hooks:
            hooks.append(hook)
        return
    hooks = [hook]
    own = base.__dict__.get("__init_subclass__")

    def init_subclass(cls: Any, /, **keywords: Any) -> None:
        if own is not None:
            own.__get__(None, cls)(**keywords)
        else:
            super(base, cls).__init_subclass__(**keywords)
        with guard("autolog.subclass"):
            for known in hooks:
                known.replace(cls)

    setattr(base, _FAMILIES, hooks)
    base.__init_subclass__ = classmethod(init_subclass)
