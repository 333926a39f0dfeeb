"""What every store can do, and how it says that it can't at the moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from spantree.entities.errors import (
    RESOURCE_DOES_NOT_EXIST,
    SpantreeException,
    StoreError,
)
from spantree.entities.ids import trace_id_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.entities.experiment import Experiment
    from spantree.entities.trace import Trace
    from spantree.search.query import Query
    from spantree.search.summary import Summary
    from spantree.store.attachments import Attachments


@dataclass(frozen=True, slots=True)
class Page:
    """Some results of a search, in order.

    Args:
        traces: Without spans if the search left them out.
        cursor: Where the next page begins, None after the last result.
        complete: False if time ran out; the cursor then says where to go on.
        scanned_until_ns: The start of the last trace looked at, if time ran out.
        looked_into: How many traces were read for what their spans carry, as no index
            tells which of them match.
    """

    traces: list[Trace]
    cursor: str | None = None
    complete: bool = True
    scanned_until_ns: int | None = None
    looked_into: int = 0


class Trouble(Enum):
    """Why a store can't be used; each kind is warned of once a minute at most."""

    LOCKED = "is locked by another process"
    FULL = "can't be written: the disk is full"
    READ_ONLY = "can't be written: it is read-only"
    UNREACHABLE = "can't be opened"
    CORRUPT = "is damaged"
    FOREIGN = "is not a spantree store"
    NEWER = "was written by a newer version of spantree"
    OLDER = "is an older version's, and its owner has to open it with this one first"
    FORKED = "can't be used in this process, which was forked during a write"


class StoreUnavailableError(StoreError):
    """The store can't be used now; the same call may succeed later.

    Args:
        trouble: What is wrong.
        location: The path, safe to show.
        detail: What the operating system or the engine said.
    """

    def __init__(self, trouble: Trouble, location: str, detail: str = "") -> None:
        self.trouble = trouble
        self.location = location
        reason = f" ({detail})" if detail else ""
        super().__init__(f"The trace store {location} {trouble.value}{reason}.")


class Store(Protocol):
    """Where traces rest: a plain synchronous engine without threads of its own.

    Reads may be called from any thread, writes from one thread at a time (see
    :class:`~spantree.store.writer.Writer`). Every method may raise
    :class:`StoreUnavailableError`.
    """

    location: str
    """Where it is, safe to show."""

    attachments: Attachments
    """The bytes that are kept beside the traces."""

    forgotten: int
    """How many traces had to go for others; none where there is a disk."""

    def write(self, traces: Sequence[Trace]) -> None:
        """Insert or update traces by trace id, their spans by span id.

        Returning means committed. A trace may hold a part of the spans only; what
        is stored already stays. A span that ended is never opened again, and a
        final state never gives way to IN_PROGRESS.
        """

    def get(self, key: int, *, include_spans: bool = True) -> Trace | None:
        """Give a trace, or None when there is none of this id."""

    def search(
        self,
        query: Query,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        include_spans: bool = True,
        timeout_s: float | None = None,
    ) -> Page:
        """Find traces.

        Args:
            query: What to find.
            limit: At most so many, None for all.
            cursor: Of the page before, for the same order.
            include_spans: Read spans, too.
            timeout_s: Seconds for conditions on what spans carry, which no index
                serves; None for as long as it takes.

        Raises:
            SpantreeException: If the cursor is not one of this order.
        """

    def summaries(self, query: Query, *, limit: int | None = None) -> list[Summary]:
        """Find traces, and give what is known of each as a whole."""

    def aggregate(
        self, query: Query, by: Sequence[str], measures: Sequence[str]
    ) -> list[dict[str, object]]:
        """Group the traces that match and measure each group.

        Args:
            query: Which traces; its order is not looked at.
            by: Fields of traces to group by, ``day`` or ``hour`` (UTC); none for one
                group.
            measures: Among ``count``, ``errors``, ``tokens``, ``input_tokens``,
                ``output_tokens``, ``cost``, ``duration`` (the mean), ``p50``, ``p90``,
                ``p95``, ``p99`` (of the duration); durations in ms.

        Returns:
            A dict a group with all these names, the largest group first; what is
            unknown in all of a group is None. A trace of several models counts for
            each of them.

        Raises:
            SpantreeException: For an unknown field or measure.
        """

    def patch(
        self,
        key: int,
        *,
        tags: Mapping[str, str | None] | None = None,
        metadata: Mapping[str, str | None] | None = None,
    ) -> None:
        """Set tags and metadata, and delete those given as None.

        Raises:
            SpantreeException: RESOURCE_DOES_NOT_EXIST for an unknown trace.
        """

    def delete(self, keys: Iterable[int]) -> int:
        """Delete traces with all that belongs to them; give how many there were."""

    def put_assessment(self, key: int, assessment: Assessment) -> None:
        """Add an assessment, or replace the one with its id.

        The assessment it overrides, if any, is no longer valid.

        Raises:
            SpantreeException: RESOURCE_DOES_NOT_EXIST for an unknown trace.
        """

    def delete_assessment(self, key: int, assessment_id: str) -> None:
        """Delete an assessment; one that it had overridden is valid again.

        Raises:
            SpantreeException: RESOURCE_DOES_NOT_EXIST for an unknown one.
        """

    def experiments(self) -> list[Experiment]:
        """Give all experiments, by id; ``Default`` is always among them."""

    def experiment_id_for(self, name: str) -> str:
        """Give the id of the experiment of that name, which is made if need be."""

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> Experiment:
        """Make an experiment.

        Raises:
            SpantreeException: RESOURCE_ALREADY_EXISTS if there is one of that name.
        """

    def unsent(self) -> set[int]:
        """Give the ids of the traces that wait to be sent elsewhere."""

    def shrink(self) -> int:
        """Give unused room back to the disk; give the bytes that are taken now."""

    def close(self) -> None:
        """Let go of files; the next call opens them again."""


def unknown_trace(key: int) -> SpantreeException:
    """Make the error for an id that no trace has."""
    msg = f"There is no trace {trace_id_text(key)} in the store."
    return SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)


def unknown_assessment(key: int, assessment_id: str) -> SpantreeException:
    """Make the error for an id that no assessment of a trace has."""
    msg = f"Trace {trace_id_text(key)} has no assessment {assessment_id!r}."
    return SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)
