"""An experiment: the named group that traces belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

from spantree.entities.trace_fields import DEFAULT_ID

__all__ = ["DEFAULT_ID", "DEFAULT_NAME", "Experiment"]

DEFAULT_NAME = "Default"


@dataclass(slots=True)
class Experiment:
    """A named group of traces.

    Args:
        experiment_id: Decimal text; ``"0"`` is ``Default``.
        name: At most 500 characters, any text.
        artifact_location: Always empty here; kept for MLflow's callers.
        lifecycle_stage: ``"active"`` or ``"deleted"``.
        tags: Text by key.
        creation_time: Milliseconds since 1970.
        last_update_time: The same.
    """

    experiment_id: str
    name: str
    artifact_location: str = ""
    lifecycle_stage: str = "active"
    tags: dict[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None
