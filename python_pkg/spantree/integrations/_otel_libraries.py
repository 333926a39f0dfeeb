"""Libraries that somebody else's instrumentor traces, through the bridge.

Instrumentors announce themselves by entry points; those of OpenInference are preferred,
then ``opentelemetry-instrumentation-genai-…``, then any other. A library that
instruments itself needs none.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from spantree.entities.errors import MissingExtraError, SpantreeException, did_you_mean
from spantree.integrations._call import Options
from spantree.integrations._integration import LibraryStatus
from spantree.integrations._otel_native import NATIVE, native
from spantree.integrations.otel import covered, require_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

# Library → what to install. The spans of the marked ones are asserted in our tests.
KNOWN: Final = {
    "agno": "openinference-instrumentation-agno",
    "bedrock": "openinference-instrumentation-bedrock",
    "chromadb": "opentelemetry-instrumentation-chromadb",  # tested
    "crewai": "openinference-instrumentation-crewai",
    "google-genai": "openinference-instrumentation-google-genai",  # tested
    "groq": "openinference-instrumentation-groq",
    "haystack": "openinference-instrumentation-haystack",
    "instructor": "openinference-instrumentation-instructor",
    "litellm": "openinference-instrumentation-litellm",  # tested
    "mistralai": "openinference-instrumentation-mistralai",  # tested
    "ollama": "opentelemetry-instrumentation-ollama",  # tested
    "openai-agents": "openinference-instrumentation-openai-agents",  # tested
    "pydantic-ai": "pydantic-ai-slim",  # tested; it instruments itself
    "smolagents": "openinference-instrumentation-smolagents",
    "vertexai": "openinference-instrumentation-vertexai",
}
_OTHER_NAMES: Final = {
    "chroma": "chromadb",
    "gemini": "google-genai",
    "mistral": "mistralai",
    "google-generativeai": "google-genai",
}
_GROUPS: Final = ("openinference_instrumentor", "opentelemetry_instrumentor")
# What the instrumentations of OpenTelemetry's own read while they are switched on.
_SETTINGS: Final = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}


class BridgedLibrary:
    """One library that an instrumentor traces; its fields are a provider's switch.

    Args:
        name: As in :data:`KNOWN`, or that of an instrumentor's entry point.

    Attributes:
        DISTRIBUTION: What is to be installed.
        on: Whether anything is recorded.
        options: What is recorded.
        calls: How many spans were.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.DISTRIBUTION = KNOWN.get(name, "")
        self.on = False
        self.options = Options()
        self.calls = 0
        self._is_instrumented = False

    def autolog(
        self,
        *,
        disable: bool = False,
        log_traces: bool = True,
        log_inputs: bool = True,
        log_outputs: bool = True,
        **options: Any,
    ) -> None:
        """Trace the library by its instrumentor, or stop.

        Args:
            disable: Stop tracing instead.
            log_traces: False is the same as ``disable``.
            log_inputs: Whether what goes in is recorded.
            log_outputs: Whether what comes out is.
            **options: Those of our own integrations; without effect here.

        Raises:
            MissingExtraError: If the instrumentor is missing or can't be imported.
        """
        del options
        self.options = Options(log_inputs=log_inputs, log_outputs=log_outputs)
        if disable or not log_traces:
            self._stop()
        elif not self.on:
            self._start()

    def status(self) -> LibraryStatus:
        """Say whether the library is traced, and by which instrumentor."""
        version, hook = self._found()
        return LibraryStatus(
            library=self.name,
            installed=version,
            supported="",
            state="on" if self.on else "not installed" if version is None else "off",
            hooks_applied=(hook,) if self.on else (),
            hooks_missing=(),
            calls=self.calls,
            internal_errors=0,
        )

    def _found(self) -> tuple[str | None, str]:
        """Give the version of what instruments the library, and its name."""
        if native(self.name) is not None:
            return metadata.version(self.DISTRIBUTION), self.DISTRIBUTION
        for entry in _entry_points(self.name):
            if entry.dist is not None:
                return entry.dist.version, entry.value
        return None, ""

    def _start(self) -> None:
        require_api()
        from spantree.integrations import _otel_context

        # Once for the life of the process, as our own hooks: some instrumentors leave
        # a layer of wrappers behind each time they are taken away.
        if not self._is_instrumented:
            self._instrument()
        _otel_context.follow(self.name)
        self.on = True

    def _instrument(self) -> None:
        from spantree.integrations._otel_provider import SpantreeTracerProvider

        instrumentor = self._load()
        if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            msg = (
                f"{self.name} is instrumented already, with another tracer provider. "
                "Record that one's spans by: %autolog otel"
            )
            raise SpantreeException(msg)
        with _settings():
            provider = SpantreeTracerProvider(self, covered=covered)
            instrumentor.instrument(tracer_provider=provider)
        if not getattr(instrumentor, "is_instrumented_by_opentelemetry", True):
            msg = (
                f"{self.DISTRIBUTION} does not accept the installed version of "
                f"{self.name}. Run: pip install -U {self.DISTRIBUTION} {self.name}"
            )
            raise SpantreeException(msg)
        self._is_instrumented = True

    def _stop(self) -> None:
        if self.on:
            from spantree.integrations import _otel_context

            self.on = False
            _otel_context.unfollow(self.name)

    def _load(self) -> Any:
        itself = native(self.name)
        if itself is not None:
            return itself()
        reasons = []
        for entry in _entry_points(self.name):
            try:
                return entry.load()()
            except Exception as error:  # noqa: BLE001 - somebody else's package
                reasons.append(f"{entry.value} can't be imported ({error})")
        if self.name in NATIVE:
            msg = f"{self.name} is not installed. Run: pip install {self.DISTRIBUTION}"
            raise MissingExtraError(msg)
        why = f" ({'; '.join(reasons)})" if reasons else ""
        msg = (
            f"{self.name} is traced by {self.DISTRIBUTION}, which is not installed"
            f"{why}. Run: pip install {self.DISTRIBUTION}"
        )
        raise MissingExtraError(msg)


@contextmanager
def _settings() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _entry_points(name: str) -> list[EntryPoint]:
    """Give the instrumentors of a library, the preferred one first."""
    found = [
        entry
        for group in _GROUPS
        for entry in metadata.entry_points(group=group)
        if _plain(entry.name) == name
    ]
    unique = {entry.value: entry for entry in reversed(found)}
    return sorted(unique.values(), key=_preference)


def _preference(entry: EntryPoint) -> int:
    if entry.value.startswith("openinference."):
        return 0
    return 1 if ".genai." in entry.value else 2


_libraries: dict[str, BridgedLibrary] = {}


def bridged_names() -> list[str]:
    """Name the libraries that can be traced through the bridge."""
    return sorted(KNOWN)


def bridged_libraries() -> list[BridgedLibrary]:
    """Give those that were asked for in this process."""
    return list(_libraries.values())


def get_bridged(name: str, *, known: list[str] | None = None) -> BridgedLibrary:
    """Give a library that an instrumentor traces.

    Args:
        name: In any spelling: ``google-genai``, ``google_genai``.
        known: Further names that a misspelt one may have meant.

    Raises:
        SpantreeException: If there is no instrumentor of that name, installed or known.
    """
    wanted = _plain(name)
    wanted = _OTHER_NAMES.get(wanted, wanted)
    if wanted not in _libraries:
        if wanted not in KNOWN and not _entry_points(wanted):
            names = [*(known or []), *bridged_names()]
            hint = did_you_mean(name, names)
            msg = f"Unknown library '{name}'.{hint} Known: {', '.join(names)}."
            raise SpantreeException(msg)
        _libraries[wanted] = BridgedLibrary(wanted)
    return _libraries[wanted]
