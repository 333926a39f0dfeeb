"""One library's switch, options, hooks and counters."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from spantree.integrations._call import Options
from spantree.integrations._patch import WATCHER, HookState
from spantree.recording import guard, internal_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

State: TypeAlias = Literal[
    "on", "off", "waiting for import", "not installed", "partial"
]


class AnyHook(Protocol):
    """What is put in place once a library is imported."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Where the library must have been imported to; any will do."""

    @property
    def name(self) -> str:
        """The hook as people read it."""

    @property
    def is_optional(self) -> bool:
        """Whether some supported versions lack it."""

    def apply(self) -> HookState:
        """Put it in place, unless it is."""


TRACED: set[str] = set()
"""The libraries whose calls are traced by hooks of our own at the moment."""

_logger = logging.getLogger("spantree.integrations")


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """One row of what ``%autolog`` prints.

    Args:
        library: The library's name.
        installed: The version that is installed, or None.
        supported: The versions that the hooks are made for. Others are left alone,
            unless the user wants them traced as far as the hooks fit.
        state: Whether calls are traced, and if not, why.
        hooks_applied: ``module.Class.method`` of those in place.
        hooks_missing: Those that this version should have and doesn't.
        calls: How many calls were traced in this process.
        internal_errors: Failures of our own, swallowed.
        complaint: How the installed version lies outside of the range, or None.
    """

    library: str
    installed: str | None
    supported: str
    state: State
    hooks_applied: tuple[str, ...]
    hooks_missing: tuple[str, ...]
    calls: int
    internal_errors: int
    complaint: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a library that its hooks are made for.

    Args:
        first: The oldest, as integers.
        tested: The newest that was tried, ``major.minor``.
    """

    first: tuple[int, ...]
    tested: tuple[int, ...]

    def __str__(self) -> str:
        """Give the range: later minor versions than the tested one are included."""
        return f">={_dotted(self.first)},<{self.tested[0] + 1}"

    def complaint(self, version: str) -> str | None:
        """Say how a version lies outside of the range, or None."""
        numbers = _numbers(version)
        if numbers and numbers < self.first:
            return f"older than the supported {_dotted(self.first)}"
        if numbers[:1] > self.tested[:1]:
            return f"newer than the tested {_dotted(self.tested)}"
        return None


@dataclass(slots=True)
class Integration:
    """One library: whether its calls are traced, and how.

    Attributes:
        library: Its name.
        versions: What the hooks are made for.
        hooks: What is replaced, or attached.
        module: What is imported, where its name is another.
        distribution: What is installed, where its name is another.
        on: The switch that every replaced method reads first.
        options: What is recorded.
        calls: How many calls were traced.
    """

    library: str
    versions: Versions
    hooks: Sequence[AnyHook] = ()
    module: str = ""
    distribution: str = ""
    on: bool = False
    options: Options = field(default_factory=Options)
    calls: int = 0
    _states: dict[str, HookState] = field(default_factory=dict)
    _only_supported: bool = True
    _is_silent: bool = False
    _is_checked: bool = False
    _told: str = ""

    def __post_init__(self) -> None:
        """Name module and distribution as the library, unless they differ."""
        self.module = self.module or self.library
        self.distribution = self.distribution or self.library

    @property
    def label(self) -> str:
        """The library and its version, as spans name them."""
        return f"{self.library} {self.installed_version()}"

    @property
    def site(self) -> str:
        """Where failures of this integration are counted."""
        return f"autolog.{self.library}"

    def switch(
        self,
        options: Options,
        *,
        on: bool,
        is_silent: bool,
        only_supported: bool,
    ) -> None:
        """Trace the library's calls from now on, imported already or not; or stop.

        Calls that are under way when it stops are finished.

        Args:
            options: Take the place of the earlier ones, if calls are traced.
            on: Whether they are.
            is_silent: Whether to say nothing about versions and absence.
            only_supported: Whether to leave versions alone that the hooks aren't made
                for. One that is imported later is looked at then.
        """
        self._only_supported, self._is_silent = only_supported, is_silent
        self._is_checked = False
        if not on or self._is_refused():
            self._stop()
            return
        self.options = options
        self.on = True
        TRACED.add(self.library)
        # What is imported already is watched too: a reload makes new classes.
        WATCHER.watch(self._modules(), self.apply)
        self.apply()

    def _stop(self) -> None:
        self.on = False
        TRACED.discard(self.library)
        WATCHER.unwatch(self._modules())

    def _is_refused(self) -> bool:
        """Whether the version that is installed is left alone; says so, once."""
        if self._is_checked:
            return False
        version = self.installed_version()
        # Another one may be installed before it is imported.
        self._is_checked = self.module in sys.modules
        complaint = None if version is None else self.versions.complaint(version)
        is_refused = complaint is not None and self._only_supported
        if version is None:
            told = "is not installed; tracing starts if it is imported later."
            self._tell(logging.INFO, f"{self.library} {told}")
        elif is_refused:
            told = f"{version} is {complaint} and is left alone"
            how = "disable_for_unsupported_versions=False traces it all the same"
            self._tell(logging.WARNING, f"{self.library} {told}; {how}.")
        elif complaint:
            told = f"{version} is {complaint}; tracing may be incomplete."
            self._tell(logging.WARNING, f"{self.library} {told}")
        return is_refused

    def _tell(self, level: int, text: str) -> None:
        if not self._is_silent and text != self._told:
            self._told = text
            _logger.log(level, "%s", text)

    def apply(self) -> None:
        """Put the hooks in place wherever their classes have been imported."""
        with guard(self.site):
            if self._is_refused():
                self._stop()
                return
            for hook in self.hooks:
                self._states[hook.name] = hook.apply()

    def _modules(self) -> set[str]:
        return {module for hook in self.hooks for module in hook.modules}

    def installed_version(self) -> str | None:
        """Give the version that is imported or installed, without importing it."""
        version = getattr(sys.modules.get(self.module), "__version__", None)
        if isinstance(version, str):
            return version
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return "unknown" if _can_be_imported(self.module) else None

    def status(self) -> LibraryStatus:
        """Say whether the library's calls are traced."""
        if self.on:
            self.apply()
        version = self.installed_version()
        optional = {hook.name for hook in self.hooks if hook.is_optional}
        missing = self._names(HookState.MISSING) - optional
        return LibraryStatus(
            library=self.library,
            installed=version,
            supported=str(self.versions),
            state=self._state(version, is_partial=bool(missing)),
            hooks_applied=tuple(sorted(self._names(HookState.APPLIED))),
            hooks_missing=tuple(sorted(missing)),
            calls=self.calls,
            internal_errors=internal_errors().get(self.site, 0),
            complaint=None if version is None else self.versions.complaint(version),
        )

    def _names(self, state: HookState) -> set[str]:
        return {name for name, found in self._states.items() if found is state}

    def _state(self, version: str | None, *, is_partial: bool) -> State:
        if version is None and self.module not in sys.modules:
            return "not installed"
        if not self.on:
            return "off"
        if self.module not in sys.modules:
            return "waiting for import"
        return "partial" if is_partial else "on"


def _can_be_imported(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
