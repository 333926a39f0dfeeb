"""What is the same for every span of one decorated function or one block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantree.entities.span import DESCRIPTION, LOG_LEVEL, Link, SpanLogLevel, SpanType
from spantree.entities.trace import MlflowExperimentLocation, TraceLocation
from spantree.entities.values import decode
from spantree.recording.capture import capture
from spantree.recording.guard import guard, warn
from spantree.recording.names import checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantree.entities.values import Captured

NO_ATTRIBUTES: Final[dict[str, Captured]] = {}
NO_LINKS: Final[list[Link]] = []


class Site:
    """What is the same for every span of one decorated function or one block.

    Attributes:
        name: The spans' name.
        span_type: Their type.
        attributes: Captured values by name; shared until a span changes its own.
        links: Pointers that every span gets.
        experiment_id: Where roots begun here belong; None leaves it to the recorder.
        sampling_ratio: The share of roots begun here that are recorded, 0 to 1; None
            leaves it to the recorder.
    """

    __slots__ = (
        "attributes",
        "experiment_id",
        "links",
        "name",
        "sampling_ratio",
        "span_type",
    )

    def __init__(self, name: str, span_type: str = SpanType.UNKNOWN) -> None:
        self.name = name
        self.span_type = span_type
        self.attributes = NO_ATTRIBUTES
        self.links = NO_LINKS
        self.experiment_id: str | None = None
        self.sampling_ratio: float | None = None


def make_site(
    name: object,
    span_type: object,
    *,
    attributes: Mapping[str, object] | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
    log_level: SpanLogLevel | str | int | None = None,
    destination: object = None,
    sampling_ratio: float | None = None,
) -> Site:
    """Check and snapshot what a user said of spans; never raises.

    Args:
        name: Text of 1 to 250 characters; longer is cut, other becomes ``span``.
        span_type: Any text.
        attributes: JSON-able data by name.
        links: Pointers to other spans.
        description: What the spans are about.
        log_level: A :class:`SpanLogLevel`, its name or its number.
        destination: An experiment: a location or an id.
        sampling_ratio: 0 to 1, clamped.
    """
    site = Site("span")
    with guard("make_site"):
        own: dict[str, Captured] = {}
        site.name = checked_name(name, own)
        site.span_type = SpanType.UNKNOWN if span_type is None else str(span_type)
        if type(attributes) is dict:
            own.update({str(k): capture(v) for k, v in attributes.items()})
        if description is not None:
            own[DESCRIPTION] = str(description)
        level = None if log_level is None else log_level_of(log_level)
        if level is not None:
            own[LOG_LEVEL] = int(level)
        site.attributes = own or NO_ATTRIBUTES
        if isinstance(links, (list, tuple)):
            site.links = [own_link(x) for x in links if isinstance(x, Link)] or NO_LINKS
        if destination is not None:
            site.experiment_id = experiment_of(destination)
        if sampling_ratio is not None:
            site.sampling_ratio = _ratio_of(sampling_ratio)
    return site


def _ratio_of(ratio: object) -> float | None:
    if isinstance(ratio, (int, float)):
        return min(1.0, max(0.0, float(ratio)))
    warn(
        "sampling_ratio",
        "A sampling ratio is a number from 0 to 1, not a %s; ignored.",
        type(ratio).__name__,
    )
    return None


def own_link(link: Link) -> Link:
    """Copy a link, so that a later change of its attributes does not show."""
    if not link.attributes:
        return link
    attributes = decode(capture(link.attributes))
    if not isinstance(attributes, dict):
        attributes = {"attributes": attributes}
    return Link(link.trace_id, link.span_id, attributes)


def log_level_of(level: object) -> SpanLogLevel | None:
    """Read a log level from itself, its name in any case, or its number."""
    if level is None or isinstance(level, SpanLogLevel):
        return level
    try:
        if isinstance(level, str):
            return SpanLogLevel[level.upper()]
        return SpanLogLevel(level) if isinstance(level, int) else None
    except (KeyError, ValueError):
        warn(
            "log_level",
            "A log level is DEBUG, INFO, WARNING, ERROR or CRITICAL, not %r; ignored.",
            str(level),
        )
        return None


def experiment_of(destination: object) -> str | None:
    """Read the experiment that a trace destination names."""
    if isinstance(destination, TraceLocation):
        destination = destination.mlflow_experiment
    if isinstance(destination, MlflowExperimentLocation):
        return destination.experiment_id
    return None if destination is None else str(destination)
