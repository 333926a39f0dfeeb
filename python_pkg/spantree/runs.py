"""Links from traces to runs and prompts that are kept elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from spantree._arguments import asks, read_from
from spantree._runtime import RUNTIME
from spantree._spelling import older_names
from spantree.entities.errors import SpantreeException
from spantree.recording import RECORDER
from spantree.tags import set_trace_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.trace import Trace

__all__ = [
    "link_prompt_versions_to_trace",
    "link_traces_to_run",
    "unlink_traces_from_run",
]

_SOURCE_RUN = "mlflow.sourceRun"
_LINKED_PROMPTS = "mlflow.linkedPrompts"
_MOST_TRACES = 100  # as mlflow 3.17


@asks
def link_traces_to_run(trace_ids: Sequence[str], run_id: str) -> None:
    """Note that traces belong to a run; there are no runs here, only their ids.

    Args:
        trace_ids: At most 100.
        run_id: The run's id.

    Raises:
        SpantreeException: If a trace is unknown, or there are more than 100.
    """
    _check_count(trace_ids)
    for trace in [RUNTIME.require_trace(trace_id) for trace_id in trace_ids]:
        _set_run(trace, str(run_id))


@asks
def unlink_traces_from_run(trace_ids: Sequence[str], run_id: str) -> None:
    """Take :func:`link_traces_to_run` back; traces of other runs are left alone.

    Args:
        trace_ids: At most 100.
        run_id: The run's id.

    Raises:
        SpantreeException: If a trace is unknown, or there are more than 100.
    """
    _check_count(trace_ids)
    for trace in [RUNTIME.require_trace(trace_id) for trace_id in trace_ids]:
        if trace.info.trace_metadata.get(_SOURCE_RUN) == str(run_id):
            _set_run(trace, None)


@older_names(request_id="trace_id")
@asks
def link_prompt_versions_to_trace(
    prompt_versions: Sequence[Any], trace_id: str
) -> None:
    """Note the prompts that a trace used.

    Args:
        prompt_versions: Anything with a ``name`` and a ``version``.
        trace_id: A live or a stored trace.

    Raises:
        SpantreeException: If the trace is unknown.
    """
    tags = RUNTIME.require_trace(trace_id).info.tags
    linked = json.loads(tags.get(_LINKED_PROMPTS, "[]"))
    for prompt in prompt_versions:
        entry = read_from(_entry, prompt, "A prompt has a name and a version")
        if entry not in linked:
            linked.append(entry)
    set_trace_tag(trace_id, _LINKED_PROMPTS, json.dumps(linked))


def _entry(prompt: Any) -> dict[str, str]:
    return {"name": str(prompt.name), "version": str(prompt.version)}


def _check_count(trace_ids: Sequence[str]) -> None:
    if len(trace_ids) > _MOST_TRACES:
        msg = f"At most {_MOST_TRACES} traces are linked at once, not {len(trace_ids)}."
        raise SpantreeException(msg)


def _set_run(trace: Trace, run_id: str | None) -> None:
    live = RECORDER.traces.get(trace.key)
    if live is not None and run_id is not None:
        live.update(metadata={_SOURCE_RUN: run_id})
        return
    if live is not None:
        live.metadata.pop(_SOURCE_RUN, None)
    RUNTIME.write(lambda store: store.patch(trace.key, metadata={_SOURCE_RUN: run_id}))
