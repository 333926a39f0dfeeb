"""Tracing for GenAI programs, shown where people write them.

Load it in a notebook with ``%load_ext spantree`` and ``%autolog openai``, or decorate
functions with ``@spantree.trace``. The API is MLflow Tracing's: code written against
it runs after ``import spantree as mlflow``.

Everything here is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from spantree._version import __version__

if TYPE_CHECKING:
    from spantree import (
        anthropic,
        asgi,
        autogen,
        client,
        demo,
        dspy,
        entities,
        exceptions,
        langchain,
        llama_index,
        openai,
        otel,
        testing,
        tracing,
        wsgi,
    )
    from spantree._runtime import (
        load_ipython_extension,
        unload_ipython_extension,
    )
    from spantree.assessments import (
        delete_assessment,
        get_assessment,
        log_assessment,
        log_expectation,
        log_feedback,
        log_issue,
        override_feedback,
        update_assessment,
    )
    from spantree.client import (
        MlflowClient,
        TraceClient,
    )
    from spantree.configuration import (
        configure,
    )
    from spantree.experiments import (
        create_experiment,
        get_experiment,
        get_experiment_by_name,
        search_experiments,
        set_experiment,
    )
    from spantree.exporting import (
        export_traces,
    )
    from spantree.fluent import (
        autolog,
        flush,
        flush_trace_async_logging,
        get_last_active_trace_id,
        get_trace,
        get_tracking_uri,
        internal_errors,
        set_tracking_uri,
        stats,
        view,
    )
    from spantree.frames import (
        aggregate,
        get,
        show,
        spans,
        traces,
    )
    from spantree.importing import (
        import_traces,
    )
    from spantree.merging import (
        add_trace,
        log_trace,
    )
    from spantree.pruning import (
        prune,
    )
    from spantree.recording import (
        TracingOrderWarning,
        continue_trace,
        get_active_trace_id,
        get_current_active_span,
        headers,
        start_span,
        start_span_no_context,
        trace,
        update_current_trace,
    )
    from spantree.recording.threads import (
        ThreadPoolExecutor,
        propagate,
    )
    from spantree.searching import (
        search_sessions,
        search_traces,
    )
    from spantree.tags import (
        delete_trace_tag,
        delete_traces,
        set_trace_tag,
    )

# The module of each public name that is not a module itself.
_NAMES = {
    "spantree._runtime": (
        "load_ipython_extension",
        "unload_ipython_extension",
    ),
    "spantree.assessments": (
        "delete_assessment",
        "get_assessment",
        "log_assessment",
        "log_expectation",
        "log_feedback",
        "log_issue",
        "override_feedback",
        "update_assessment",
    ),
    "spantree.client": (
        "MlflowClient",
        "TraceClient",
    ),
    "spantree.configuration": ("configure",),
    "spantree.experiments": (
        "create_experiment",
        "get_experiment",
        "get_experiment_by_name",
        "search_experiments",
        "set_experiment",
    ),
    "spantree.exporting": ("export_traces",),
    "spantree.fluent": (
        "autolog",
        "flush",
        "flush_trace_async_logging",
        "get_last_active_trace_id",
        "get_trace",
        "get_tracking_uri",
        "internal_errors",
        "set_tracking_uri",
        "stats",
        "view",
    ),
    "spantree.frames": (
        "aggregate",
        "get",
        "show",
        "spans",
        "traces",
    ),
    "spantree.importing": ("import_traces",),
    "spantree.merging": (
        "add_trace",
        "log_trace",
    ),
    "spantree.pruning": ("prune",),
    "spantree.recording": (
        "TracingOrderWarning",
        "continue_trace",
        "get_active_trace_id",
        "get_current_active_span",
        "headers",
        "start_span",
        "start_span_no_context",
        "trace",
        "update_current_trace",
    ),
    "spantree.recording.threads": (
        "ThreadPoolExecutor",
        "propagate",
    ),
    "spantree.searching": (
        "search_sessions",
        "search_traces",
    ),
    "spantree.tags": (
        "delete_trace_tag",
        "delete_traces",
        "set_trace_tag",
    ),
}
_MODULES = {
    "anthropic": "spantree.anthropic",
    "asgi": "spantree.asgi",
    "autogen": "spantree.autogen",
    "client": "spantree.client",
    "demo": "spantree.demo",
    "dspy": "spantree.dspy",
    "entities": "spantree.entities",
    "exceptions": "spantree.exceptions",
    "langchain": "spantree.langchain",
    "llama_index": "spantree.llama_index",
    "openai": "spantree.openai",
    "otel": "spantree.otel",
    "testing": "spantree.testing",
    "tracing": "spantree.tracing",
    "wsgi": "spantree.wsgi",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "MlflowClient",
    "ThreadPoolExecutor",
    "TraceClient",
    "TracingOrderWarning",
    "__version__",
    "add_trace",
    "aggregate",
    "anthropic",
    "asgi",
    "autogen",
    "autolog",
    "client",
    "configure",
    "continue_trace",
    "create_experiment",
    "delete_assessment",
    "delete_trace_tag",
    "delete_traces",
    "demo",
    "dspy",
    "entities",
    "exceptions",
    "export_traces",
    "flush",
    "flush_trace_async_logging",
    "get",
    "get_active_trace_id",
    "get_assessment",
    "get_current_active_span",
    "get_experiment",
    "get_experiment_by_name",
    "get_last_active_trace_id",
    "get_trace",
    "get_tracking_uri",
    "headers",
    "import_traces",
    "internal_errors",
    "langchain",
    "llama_index",
    "load_ipython_extension",
    "log_assessment",
    "log_expectation",
    "log_feedback",
    "log_issue",
    "log_trace",
    "openai",
    "otel",
    "override_feedback",
    "propagate",
    "prune",
    "search_experiments",
    "search_sessions",
    "search_traces",
    "set_experiment",
    "set_trace_tag",
    "set_tracking_uri",
    "show",
    "spans",
    "start_span",
    "start_span_no_context",
    "stats",
    "testing",
    "trace",
    "traces",
    "tracing",
    "unload_ipython_extension",
    "update_assessment",
    "update_current_trace",
    "view",
    "wsgi",
]


_ALONE = "Of MLflow it has tracing alone: no runs, models or evaluation."


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in _WHERE and name not in _MODULES:
        msg = f"module 'spantree' has no attribute {name!r}"
        if not name.startswith("_"):
            # Not Python's own suggestion, which IPython does not show.
            from spantree.entities.errors import did_you_mean

            msg += f".{did_you_mean(name, __all__)} {_ALONE}"
        raise AttributeError(msg)
    # Whatever is used first, the recorder must find its store.
    import_module("spantree._runtime")
    if name in _MODULES:
        return import_module(_MODULES[name])
    found: object = getattr(import_module(_WHERE[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
