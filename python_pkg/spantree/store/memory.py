"""A store in memory: for tests, and where nothing may be kept."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import cmp_to_key
from typing import TYPE_CHECKING

from spantree.entities.assessment import changed
from spantree.entities.errors import RESOURCE_ALREADY_EXISTS, SpantreeException
from spantree.entities.experiment import DEFAULT_ID, DEFAULT_NAME, Experiment
from spantree.entities.ids import is_experiment_id
from spantree.entities.trace import Trace, TraceData, TraceLocation, TraceState
from spantree.search.aggregate import aggregate
from spantree.search.evaluate import (
    Place,
    compare_positions,
    matches_summary,
    position,
)
from spantree.search.sessions import covered, judged_fields, judgements_of_sessions
from spantree.store.attachments import Attachments, AttachmentsInMemory
from spantree.store.cursor import read_cursor, write_cursor
from spantree.store.merge import Prepared, merge, patched, prepare
from spantree.store.protocol import Page, unknown_assessment, unknown_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.search.nodes import Node
    from spantree.search.query import Query
    from spantree.search.sessions import OfSessions
    from spantree.search.summary import Summary


_logger = logging.getLogger("spantree.store")

MAX_TRACES = 10_000
MAX_BYTES = 256 * 2**20
# What a span takes besides the values it carries, about.
_BYTES_AROUND_A_SPAN = 1_000
_BYTES_OF_A_NUMBER = 32


class MemoryStore:
    """A :class:`~spantree.store.protocol.Store` that ends with its process.

    It keeps the newest traces, at most :data:`MAX_TRACES` of :data:`MAX_BYTES` in all;
    open ones stay.
    """

    def __init__(self) -> None:
        self.location = "memory:"
        self.attachments: Attachments = AttachmentsInMemory()
        self.forgotten = 0
        self._lock = threading.RLock()
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._traces: dict[int, Trace] = {}
        self._prepared: dict[int, Prepared] = {}
        self._experiments = {DEFAULT_NAME: Experiment(DEFAULT_ID, DEFAULT_NAME)}

    def write(self, traces: Sequence[Trace]) -> None:
        """See the protocol."""
        with self._lock:
            for trace in traces:
                known = self._traces.get(trace.key)
                located = self._located(trace)
                self._keep(located if known is None else merge(known, located))
            self._forget_oldest()

    def get(self, key: int, *, include_spans: bool = True) -> Trace | None:
        """See the protocol."""
        with self._lock:
            found = self._prepared.get(key)
        return (
            None if found is None else _shown(found.trace, include_spans=include_spans)
        )

    def search(
        self,
        query: Query,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        include_spans: bool = True,
        timeout_s: float | None = None,
    ) -> Page:
        """See the protocol; it is never long."""
        del timeout_s
        found = self._find(query, cursor)
        kept = found if limit is None else found[:limit]
        following = None
        if kept and len(kept) < len(found):
            following = write_cursor(query.order, kept[-1][0])
        traces = [
            _shown(prepared.trace, include_spans=include_spans) for _, prepared in kept
        ]
        return Page(traces, following)

    def summaries(self, query: Query, *, limit: int | None = None) -> list[Summary]:
        """See the protocol."""
        found = self._find(query, None)
        return [prepared.summary for _, prepared in found[:limit]]

    def aggregate(
        self, query: Query, by: Sequence[str], measures: Sequence[str]
    ) -> list[dict[str, object]]:
        """See the protocol."""
        return aggregate(self.summaries(query), by, measures)

    def patch(
        self,
        key: int,
        *,
        tags: Mapping[str, str | None] | None = None,
        metadata: Mapping[str, str | None] | None = None,
    ) -> None:
        """See the protocol."""
        with self._lock:
            trace = self._known(key)
            info = patched(trace.info, tags or {}, metadata or {})
            self._keep(Trace(info, trace.data))

    def delete(self, keys: Iterable[int]) -> int:
        """See the protocol."""
        with self._lock:
            known = {key for key in keys if key in self._traces}
            self._remove(known)
            return len(known)

    def put_assessment(self, key: int, assessment: Assessment) -> None:
        """See the protocol."""
        with self._lock:
            trace = self._known(key)
            judged = {a.assessment_id: a for a in trace.info.assessments}
            judged[assessment.assessment_id] = changed(
                assessment, trace_id=trace.trace_id
            )
            self._judge(trace, judged, assessment.overrides, is_valid=False)

    def delete_assessment(self, key: int, assessment_id: str) -> None:
        """See the protocol."""
        with self._lock:
            trace = self._known(key)
            judged = {a.assessment_id: a for a in trace.info.assessments}
            deleted = judged.pop(assessment_id, None)
            if deleted is None:
                raise unknown_assessment(key, assessment_id)
            self._judge(trace, judged, deleted.overrides, is_valid=True)

    def experiments(self) -> list[Experiment]:
        """See the protocol."""
        with self._lock:
            found = list(self._experiments.values())
        return sorted(found, key=lambda experiment: int(experiment.experiment_id))

    def experiment_id_for(self, name: str) -> str:
        """See the protocol."""
        with self._lock:
            known = self._experiments.get(name)
            return (known or self._make_experiment(name, {})).experiment_id

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> Experiment:
        """See the protocol."""
        with self._lock:
            if name in self._experiments:
                msg = f"There is an experiment named {name!r} already."
                raise SpantreeException(msg, RESOURCE_ALREADY_EXISTS)
            return self._make_experiment(name, tags)

    def unsent(self) -> set[int]:
        """See the protocol; nothing is sent from memory."""
        return set()

    def shrink(self) -> int:
        """See the protocol; it takes no disk."""
        return 0

    def close(self) -> None:
        """See the protocol; what is stored stays."""

    def _find(
        self, query: Query, cursor: str | None
    ) -> list[tuple[list[Place], Prepared]]:
        with self._lock:
            everything = list(self._prepared.values())
        after = None if cursor is None else read_cursor(query.order, cursor)
        everything = [p for p in everything if _is_looked_in(query, p.summary)]
        of_sessions: OfSessions = {}
        if judged_fields(query.filter):
            of_sessions = judgements_of_sessions(p.summary for p in everything)
        found = [
            (position(query.order, prepared.summary), prepared)
            for prepared in everything
            if _is_found(query.filter, prepared, of_sessions)
        ]

        def compare(left: Sequence[Place], right: Sequence[Place]) -> int:
            return compare_positions(query.order, left, right)

        if after is not None:
            found = [entry for entry in found if compare(entry[0], after) > 0]
        by_position = cmp_to_key(compare)
        return sorted(found, key=lambda entry: by_position(entry[0]))

    def _keep(self, trace: Trace) -> None:
        prepared = prepare(trace)
        size = _size_of(trace)
        self._bytes += size - self._sizes.get(trace.key, 0)
        self._sizes[trace.key] = size
        self._traces[trace.key] = trace
        self._prepared[trace.key] = prepared

    def _remove(self, keys: Iterable[int]) -> None:
        for key in keys:
            del self._traces[key], self._prepared[key]
            self._bytes -= self._sizes.pop(key)
        self.attachments.delete(keys)

    def _forget_oldest(self) -> None:
        while len(self._traces) > MAX_TRACES or self._bytes > MAX_BYTES:
            finished = (k for k, t in self._traces.items() if not _is_open(t))
            key = next(finished, None)
            if key is None:
                return
            self._remove((key,))
            if not self.forgotten:
                _logger.warning(
                    "The store in memory is full (%s traces, %d MB): from now on the "
                    "oldest go. Name a file in SPANTREE_TRACKING_URI to keep all.",
                    f"{len(self._traces):,}",
                    self._bytes / 1e6,
                )
            self.forgotten += 1

    def _located(self, trace: Trace) -> Trace:
        """See to it that the experiment exists; text that is no id is its name."""
        experiment_id = trace.info.experiment_id
        if is_experiment_id(experiment_id):
            known = {e.experiment_id for e in self._experiments.values()}
            if experiment_id not in known:
                name = f"experiment {experiment_id}"
                self._experiments[name] = Experiment(experiment_id, name)
            return trace
        number = self.experiment_id_for(experiment_id)
        location = TraceLocation.from_experiment_id(number)
        return Trace(replace(trace.info, trace_location=location), trace.data)

    def _known(self, key: int) -> Trace:
        trace = self._traces.get(key)
        if trace is None:
            raise unknown_trace(key)
        return trace

    def _judge(
        self,
        trace: Trace,
        judged: dict[str, Assessment],
        overridden: str | None,
        *,
        is_valid: bool,
    ) -> None:
        if overridden in judged:
            judged[overridden] = changed(judged[overridden], valid=is_valid)
        info = replace(trace.info, assessments=list(judged.values()))
        self._keep(Trace(info, trace.data))

    def _make_experiment(self, name: str, tags: Mapping[str, str]) -> Experiment:
        numbers = [int(e.experiment_id) for e in self._experiments.values()]
        now_ms = time.time_ns() // 1_000_000
        made = Experiment(
            experiment_id=str(max(numbers) + 1),
            name=name,
            tags=dict(tags),
            creation_time=now_ms,
            last_update_time=now_ms,
        )
        self._experiments[name] = made
        return made


def _is_open(trace: Trace) -> bool:
    return trace.info.state is TraceState.IN_PROGRESS


def _size_of(trace: Trace) -> int:
    """Estimate the bytes that a trace takes."""
    return sum(
        _BYTES_AROUND_A_SPAN
        + _length(span.raw_inputs)
        + _length(span.raw_outputs)
        + sum(map(_length, span.raw_attributes.values()))
        + sum(_length(v) for _, _, more in span.raw_events for v in more.values())
        for span in trace.data.spans
    )


def _length(value: object) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    return _BYTES_OF_A_NUMBER


def _is_looked_in(query: Query, summary: Summary) -> bool:
    return query.experiments is None or summary.experiment_id in query.experiments


def _is_found(node: Node | None, prepared: Prepared, of_sessions: OfSessions) -> bool:
    if node is None:
        return True
    summary = covered(prepared.summary, of_sessions)
    return matches_summary(node, summary, prepared.trace.data.spans)


def _shown(trace: Trace, *, include_spans: bool) -> Trace:
    """Copy a trace far enough that a reader can't change what is stored."""
    info = replace(
        trace.info,
        tags=dict(trace.info.tags),
        trace_metadata=dict(trace.info.trace_metadata),
        assessments=list(trace.info.assessments),
    )
    return Trace(info, trace.data if include_spans else TraceData())
