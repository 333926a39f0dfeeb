"""What is the same for every span of one decorated function or one block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantree.entities.span import (
    DESCRIPTION,
    INPUTS,
    LOG_LEVEL,
    OUTPUTS,
    SPAN_TYPE,
    TRACE_REQUEST_ID,
    TRUNCATED,
    SpanLogLevel,
    SpanType,
)
from spantree.entities.trace_fields import SESSION, USER
from spantree.entities.values import clean_text, decode, dumps
from spantree.recording.capture import Cut, bounded, capture, is_plain, located
from spantree.recording.given import is_a, items_of, pairs_of, text_of
from spantree.recording.guard import counters, guard, warn
from spantree.recording.names import MAX_CHARACTERS, checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantree.entities.span import Link
    from spantree.entities.values import Captured

_FIELDS: Final = frozenset(
    {DESCRIPTION, INPUTS, LOG_LEVEL, OUTPUTS, SPAN_TYPE, TRACE_REQUEST_ID}
)
# As OpenTelemetry names them on a root span.
FIELDS_OF_ROOT: Final = {"session.id": SESSION, "user.id": USER}
_NOT_PLAIN: Final = _FIELDS | FIELDS_OF_ROOT.keys()
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
        values: Fields of a span that were given as attributes; None for none.
    """

    __slots__ = (
        "attributes",
        "experiment_id",
        "links",
        "name",
        "sampling_ratio",
        "span_type",
        "values",
    )

    def __init__(self, name: str, span_type: str = SpanType.UNKNOWN) -> None:
        self.name = name
        self.span_type = span_type
        self.attributes = NO_ATTRIBUTES
        self.links = NO_LINKS
        self.experiment_id: str | None = None
        self.sampling_ratio: float | None = None
        self.values: dict[str, object] | None = None


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
        if span_type is not None:
            site.span_type = bounded(text_of(span_type))
        if attributes is not None:
            _take_attributes(site, own, attributes)
        if description is not None:
            own[DESCRIPTION] = bounded(text_of(description))
        level = None if log_level is None else log_level_of(log_level)
        if level is not None:
            own[LOG_LEVEL] = int(level)
        site.attributes = own or NO_ATTRIBUTES
        if links is not None:
            from spantree.entities.span import Link

            given = [own_link(link) for link in items_of(links) if is_a(link, Link)]
            site.links = given or NO_LINKS
        if destination is not None:
            site.experiment_id = experiment_of(destination)
        if sampling_ratio is not None:
            site.sampling_ratio = _ratio_of(sampling_ratio)
    return site


def plain_site(name: str, span_type: str, attributes: dict[str, object]) -> Site:
    """Make a site for a call of a library, most of which tell of themselves briefly.

    Args:
        name: As for :func:`make_site`.
        span_type: One of ours.
        attributes: The same; a dict that nobody else holds.
    """
    if (
        0 < len(name) <= MAX_CHARACTERS
        and all(map(is_plain_name, (name, *attributes)))
        and all(map(is_plain, attributes.values()))
    ):
        site = Site(name, span_type)
        site.attributes = attributes  # type: ignore[assignment]  # all are scalars
        return site
    return make_site(name, span_type, attributes=attributes)


def _take_attributes(
    site: Site, own: dict[str, Captured], attributes: Mapping[str, object]
) -> None:
    """Snapshot attributes; those that are fields are kept to be set on each span."""
    cuts: list[Cut] = []
    fields: dict[str, object] = {}
    for key, value in pairs_of(attributes):
        if is_plain(value) and is_plain_name(key):
            own[key] = value
            continue
        name = clean_text(text_of(key))
        if name in _FIELDS:
            fields[name] = value
            continue
        cut: list[Cut] = []
        own[name] = capture(value, cut)
        cuts += located(cut, name)
    if cuts:
        own[TRUNCATED] = dumps(cuts)
        counters["truncated"] += 1
    site.values = fields or None


def is_plain_name(key: object) -> bool:
    """Tell whether a name of an attribute is text to be kept as it is, and no field."""
    return (
        type(key) is str
        and key.isascii()
        and key not in _NOT_PLAIN
        and "\x00" not in key
    )


def _ratio_of(ratio: object) -> float | None:
    if type(ratio) in (int, float, bool):
        return 1.0 if ratio >= 1 else max(0.0, float(ratio))  # type: ignore[operator,arg-type]
    warn(
        "sampling_ratio",
        "A sampling ratio is a number from 0 to 1, not a %s; ignored.",
        type(ratio).__name__,
    )
    return None


def own_link(link: Link) -> Link:
    """Copy a link, so that a later change of its attributes does not show."""
    from spantree.entities.span import Link

    trace_id, span_id = text_of(link.trace_id), text_of(link.span_id)
    if link.attributes is None:
        return Link(trace_id, span_id)
    attributes = decode(capture(link.attributes))
    if not isinstance(attributes, dict):
        attributes = {"attributes": attributes}
    return Link(trace_id, span_id, attributes)


def log_level_of(level: object) -> SpanLogLevel | None:
    """Read a log level from itself, its name in any case, or its number."""
    if level is None or type(level) is SpanLogLevel:
        return level
    try:
        if is_a(level, str):
            return SpanLogLevel[text_of(level).upper()]
        return SpanLogLevel(level) if type(level) is int else None
    except (KeyError, ValueError):
        warn(
            "log_level",
            "A log level is DEBUG, INFO, WARNING, ERROR or CRITICAL, not %r; ignored.",
            text_of(level),
        )
        return None


def experiment_of(destination: object) -> str | None:
    """Read the experiment that a trace destination names."""
    if destination is None or type(destination) is str:
        return destination
    from spantree.entities.trace import MlflowExperimentLocation, TraceLocation

    if type(destination) is TraceLocation:
        destination = destination.mlflow_experiment
    if type(destination) is MlflowExperimentLocation:
        destination = destination.experiment_id
    return None if destination is None else text_of(destination)
