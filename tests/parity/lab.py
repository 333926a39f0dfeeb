"""What every scenario is made of: a register, and a look at traces without ids and times.

Nothing here imports spantree or MLflow: the module under test is an argument, so the
same scenarios run in an environment that has only one of them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SAME = object()
SUBJECTS = (
    "decorating",
    "spans",
    "streams",
    "client",
    "describing",
    "merging",
    "searching",
    "judging",
    "experiments",
    "data",
    "carrying",
)


@dataclass(frozen=True)
class Scenario:
    """One behaviour; `ours` is what spantree gives where it differs, and `why`."""

    run: Callable[[Any], Any]
    ours: Any
    why: str


SCENARIOS: dict[str, Scenario] = {}


def scenario(*, ours: Any = SAME, why: str = ""):
    """Register a function of the module under test that returns JSON data."""
    assert (ours is SAME) == (not why), "a difference needs its reason"

    def register(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
        assert run.__name__ not in SCENARIOS, f"two scenarios are called {run.__name__}"
        SCENARIOS[run.__name__] = Scenario(run, ours, why)
        return run

    return register


def all_scenarios() -> dict[str, Scenario]:
    for subject in SUBJECTS:
        import_module(f"parity.scenarios.{subject}")
    return SCENARIOS


def outcome(run: Callable[[Any], Any], m: Any) -> Any:
    """Run a scenario; an exception that leaves it is its outcome."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return json.loads(json.dumps(run(m)))
        except Exception as error:
            return {"raises": type(error).__name__}


def last(m: Any) -> Any:
    """Give the trace whose root ended last."""
    m.flush_trace_async_logging()
    return m.get_trace(m.get_last_active_trace_id())


def read(m: Any, trace_id: str) -> Any:
    m.flush_trace_async_logging()
    return m.get_trace(trace_id)


def tree(trace: Any) -> Any:
    """Nest the spans of a trace; what is None or empty is left out."""
    if trace is None:
        return None
    spans = sorted(trace.data.spans, key=lambda s: s.start_time_ns)
    ids = {s.span_id for s in spans}
    tops = [s for s in spans if s.parent_id not in ids]
    return [_node(top, spans) for top in tops]


def _node(span: Any, spans: list[Any]) -> dict[str, Any]:
    found = {
        "name": span.name,
        "type": span.span_type if span.span_type != "UNKNOWN" else None,
        "status": str(span.status.status_code.value),
        "inputs": span.inputs,
        "outputs": span.outputs,
        "children": [_node(s, spans) for s in spans if s.parent_id == span.span_id],
    }
    return {k: v for k, v in found.items() if v not in (None, [])}


def names(trace: Any) -> Any:
    """Nest the names alone: ``["root", ["child"]]``."""

    def node(found: dict[str, Any]) -> list[Any]:
        return [found["name"], *map(node, found.get("children", []))]

    return [node(top) for top in tree(trace)]


def own(attributes: dict[str, Any]) -> dict[str, Any]:
    """Give the attributes that are not reserved."""
    ours = ("mlflow.", "spantree.")
    return {k: v for k, v in attributes.items() if not k.startswith(ours)}


def raised(call: Callable[[], Any]) -> str | None:
    """Give the error code, or the type, of what a call raises."""
    try:
        call()
    except Exception as error:
        return getattr(error, "error_code", None) or type(error).__name__
    return None


@contextlib.contextmanager
def complaints():
    """Collect the categories of warnings, and the loggers that warned."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                found.append(record.name.partition(".")[0])

    handler = Handler()
    loggers = [logging.getLogger(name) for name in ("mlflow", "spantree")]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for logger in loggers:
            logger.addHandler(handler)
        try:
            yield found
        finally:
            for logger in loggers:
                logger.removeHandler(handler)
            kinds = (FutureWarning, UserWarning)
            found += [w.category.__name__ for w in caught if w.category in kinds]
