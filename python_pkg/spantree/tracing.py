"""Switches and settings of tracing: ``spantree.tracing.*``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from spantree import attachments
from spantree._arguments import asks
from spantree._environment import apply_environment
from spantree._runtime import RUNTIME
from spantree._spelling import older_names
from spantree.configuration import reset_options
from spantree.entities.live_span import LiveSpan
from spantree.experiments import id_of_name
from spantree.recording import (
    RECORDER,
    context,
    continue_trace,
    experiment_of,
    headers,
    is_a,
    items_of,
    processors_set,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.trace import TracerProvider

    from spantree._arguments import Location

    _Location = TypeVar("_Location")

__all__ = [
    "attachments",
    "configure",
    "context",
    "disable",
    "disable_notebook_display",
    "enable",
    "enable_notebook_display",
    "get_bridged_tracer_provider",
    "get_tracing_context_headers_for_http_request",
    "reset",
    "set_databricks_monitoring_sql_warehouse_id",
    "set_destination",
    "set_experiment_trace_location",
    "set_span_chat_tools",
    "set_tracing_context_from_http_request_headers",
    "unset_experiment_trace_location",
]

# MLflow's code imports it from here.
sys.modules[f"{__name__}.attachments"] = attachments


def enable() -> None:
    """Turn recording on in this process."""
    RECORDER.enabled = True


def disable() -> None:
    """Turn recording off; functions decorated earlier follow at once."""
    RECORDER.enabled = False


def reset() -> None:
    """Forget destination, processors, options and switches; stored traces stay."""
    RECORDER.reset()
    RUNTIME.forget_experiment()
    RUNTIME.display = True
    reset_options()
    apply_environment()


@asks
def configure(
    span_processors: Sequence[Callable[[LiveSpan], None]] | None = None,
) -> processors_set:
    """Set the functions that see, and may change, every span before it ends.

    A processor that raises is skipped and counted.

    Args:
        span_processors: Called in order, on the thread that ends the span.

    Returns:
        A context manager that puts back what was set before; without ``with`` the
        setting stays.

    Example:
        >>> import spantree
        >>> with configure(span_processors=[lambda span: span.set_attribute("n", 1)]):
        ...     with spantree.start_span("work") as span:
        ...         pass
        >>> span.get_attribute("n")
        1
    """
    return processors_set(RECORDER, tuple(span_processors or ()))


@older_names(destination="location")
@asks
def set_destination(location: Location | None, *, context_local: bool = False) -> None:
    """Choose the experiment that roots begun from now on belong to.

    It comes before the one of ``set_experiment``, whichever is called last.

    Args:
        location: A trace location, or an experiment's id or name; a name that is
            unknown makes an experiment. None leaves it to ``set_experiment`` again.
        context_local: Only for roots begun in the present context.
    """
    experiment = experiment_of(location)
    if isinstance(location, str) and not location.isdecimal():
        experiment = id_of_name(location)
    RECORDER.set_destination(experiment, context_local=context_local)


def get_bridged_tracer_provider() -> TracerProvider:
    """Give OpenTelemetry's kind of tracer provider, whose spans are ours.

    Returns:
        The same as ``spantree.otel.tracer_provider()``; never global by itself.

    Raises:
        MissingExtraError: If opentelemetry-api is not installed.
    """
    from spantree.integrations.otel import tracer_provider

    return tracer_provider()


def get_tracing_context_headers_for_http_request() -> dict[str, str]:
    """Give the headers by which another process goes on with the active trace.

    Returns:
        The same as :func:`spantree.headers`: text by header name.
    """
    return headers()


def set_tracing_context_from_http_request_headers(
    headers: Mapping[str, str],
) -> continue_trace:
    """Go on with the trace that a request's headers name, in a ``with`` block.

    Args:
        headers: Of the request; the case of names is no matter.

    Returns:
        The same as :class:`spantree.continue_trace`.
    """
    return continue_trace(headers)


def set_span_chat_tools(span: LiveSpan, tools: Sequence[object]) -> None:
    """Record the tools that a model was offered, in OpenAI's form."""
    if is_a(span, LiveSpan):
        span.set_attribute("mlflow.chat.tools", items_of(tools))


def enable_notebook_display() -> None:
    """Show the trees under the cells that made them."""
    RUNTIME.display = True


def disable_notebook_display() -> None:
    """Stop showing trees under cells; recording goes on."""
    RUNTIME.display = False


def set_experiment_trace_location(
    location: _Location,
    experiment_id: str | None = None,
    sql_warehouse_id: str | None = None,
) -> _Location:
    """Accept a Databricks location, which acts with a Databricks destination only.

    Args:
        location: A schema of Unity Catalog.
        experiment_id: The experiment meant.
        sql_warehouse_id: The warehouse to search with.

    Returns:
        The location.
    """
    del experiment_id, sql_warehouse_id
    return location


def unset_experiment_trace_location(
    location: object, experiment_id: str | None = None
) -> None:
    """Take :func:`set_experiment_trace_location` back."""
    del location, experiment_id


def set_databricks_monitoring_sql_warehouse_id(
    sql_warehouse_id: str, experiment_id: str | None = None
) -> None:
    """Accept a warehouse, which acts with a Databricks destination only."""
    del sql_warehouse_id, experiment_id
