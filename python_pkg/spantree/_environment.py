"""Settings from the environment, under our names and MLflow's."""

from __future__ import annotations

import functools
import math
import os
from typing import TYPE_CHECKING, TypeVar

from spantree.recording import RECORDER, warn
from spantree.recording.capture import SHELF

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.recording.prices import Prices

_T = TypeVar("_T")

# Nanoseconds, and what threads can wait for, are limited.
_MOST_SECONDS = 1_000_000_000

_LIMITS = ("MAX_VALUE_BYTES", "MAX_ITEMS", "MAX_NODES", "MAX_DEPTH", "MAX_EVENTS")


def environment(*suffixes: str) -> str | None:
    """Give the first of some variables that is set to anything but blanks.

    Args:
        *suffixes: Each looked for as ``SPANTREE_<suffix>``, then ``MLFLOW_<suffix>``.
    """
    for suffix in suffixes:
        for prefix in ("SPANTREE_", "MLFLOW_"):
            text = os.environ.get(prefix + suffix, "").strip()
            if text:
                return text
    return None


def parsed(suffix: str, parse: Callable[[str], _T]) -> _T | None:
    """Read a variable; one that does not parse is as good as none, with a warning.

    Args:
        suffix: As for :func:`environment`.
        parse: Reads the text; raises ValueError when it can't.
    """
    text = environment(suffix)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        warn(
            f"environment:{suffix}",
            "SPANTREE_%s=%s can't be used (%s); the default stays.",
            suffix,
            text,
            error,
        )
        return None


def above_zero(text: str) -> int:
    """Read a whole number of at least 1.

    Raises:
        ValueError: If the text is none.
    """
    number = int(text)
    if number < 1:
        msg = "it must be above 0"
        raise ValueError(msg)
    return number


def seconds(text: str) -> float:
    """Read a number of seconds above 0.

    Raises:
        ValueError: If the text is none, or more than thirty years.
    """
    number = float(text)
    if not 0 < number <= _MOST_SECONDS:
        msg = f"it must be a number of seconds above 0, at most {_MOST_SECONDS:,}"
        raise ValueError(msg)
    return number


def share(text: str) -> float:
    """Read a number, clamped to 0 to 1.

    Raises:
        ValueError: If the text is none.
    """
    number = float(text)
    if math.isnan(number):
        msg = "it must be a number from 0 to 1"
        raise ValueError(msg)
    return min(1.0, max(0.0, number))


def switch(text: str) -> bool:
    """Read ``0``, ``false``, ``no``, ``off`` and their opposites.

    Raises:
        ValueError: If the text is none of them.
    """
    lowered = text.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    msg = f"{text!r} is neither 1 nor 0"
    raise ValueError(msg)


def apply_environment() -> None:
    """Take over the settings of recording that the environment names.

    What is needed for some of them alone is imported when they are set.
    """
    if parsed("ENABLED", switch) is False:
        RECORDER.enabled = False
    if parsed("REDACT", switch) is False:
        from spantree.recording.redaction import Redactor

        RECORDER.redactor = Redactor(enabled=False)
    RECORDER.prices = parsed("PRICES", _prices_in)
    ratio = parsed("TRACE_SAMPLING_RATIO", share)
    if ratio is not None:
        RECORDER.sampling_ratio = ratio
    SHELF.max_bytes = parsed("TRACE_MAX_ATTACHMENT_SIZE", above_zero) or 10_000_000
    if parsed("TRACE_EXTRACT_ATTACHMENTS", switch) is False:
        SHELF.max_bytes = 0
    traces = RECORDER.traces
    traces.max_open = parsed("TRACE_BUFFER_MAX_SIZE", above_zero) or 1_000
    traces.max_idle_s = parsed("TRACE_BUFFER_TTL_SECONDS", seconds) or 3_600.0
    for name in _LIMITS:
        parsed(name, functools.partial(_set_limit, name.lower()))


def _prices_in(path: str) -> Prices:
    from spantree.configuration import prices_in

    return prices_in(path)


def _set_limit(name: str, text: str) -> None:
    from spantree.configuration import configure

    configure(**{name: above_zero(text)})


def watch_timeouts() -> None:
    """End traces that take longer than the environment allows, if it says so."""
    timeout = parsed("TRACE_TIMEOUT_SECONDS", seconds)
    if timeout is not None:
        from spantree.recording import Expiry

        interval = parsed("TRACE_TIMEOUT_CHECK_INTERVAL_SECONDS", seconds) or 1.0
        RECORDER.traces.add_listener(Expiry(RECORDER.traces, timeout, interval))


def environment_experiment() -> tuple[str | None, str | None]:
    """Give the name and the id of the experiment that the environment names."""
    return (
        environment("EXPERIMENT", "EXPERIMENT_NAME"),
        environment("TRACING_DESTINATION", "EXPERIMENT_ID"),
    )
