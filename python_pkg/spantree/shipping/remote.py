"""Reading back from an MLflow server, on the thread that asks."""

from __future__ import annotations

import logging
import time
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantree.entities.errors import RESOURCE_DOES_NOT_EXIST, SpantreeException
from spantree.entities.ids import trace_id_text
from spantree.entities.trace import Trace, TraceData
from spantree.search.evaluate import compare_positions, matches, position
from spantree.search.sessions import judgements_of_sessions
from spantree.search.summary import summarise
from spantree.shipping.errors import RefusedError, ShippingError
from spantree.shipping.mlflow_api import MOST_AT_ONCE, MlflowApi
from spantree.shipping.mlflow_filter import judged, order_by, split
from spantree.shipping.mlflow_wire import assessment_out, info_in, trace_in
from spantree.store.merge import prepare
from spantree.store.protocol import Page
from spantree.store.uri import TargetKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.search.nodes import Node
    from spantree.search.query import Query
    from spantree.search.sessions import OfSessions
    from spantree.store.uri import Target

_logger = logging.getLogger("spantree.shipping")

MAX_LOOKED_AT = 10_000
"""So many traces of a server are looked at for what it can't find by itself."""
_SPANS_AT_ONCE = 50
_SECONDS = 10.0
_CURSOR = "server:"


class _Place(NamedTuple):
    """Where a search goes on: the token of a page, and how many of it are behind."""

    token: str | None = None
    behind: int = 0


class Remote:
    """Asks one server; methods raise :class:`~spantree.shipping.errors.ShippingError`.

    Args:
        target: An MLflow server or a Databricks workspace.
    """

    def __init__(self, target: Target) -> None:
        self.shown = target.shown
        self._api = _api_of(target)

    def experiment_names(self) -> list[str]:
        """Give the names of the experiments there."""
        return [str(found["name"]) for found in self._api.experiments()]

    def attachment(self, key: int, attachment_id: str) -> bytes | None:
        """Give the bytes of an attachment, None if there are none."""
        return self._api.get_attachment(trace_id_text(key), attachment_id)

    def has_experiment(self, name: str) -> bool:
        """Tell whether there is an experiment of that name."""
        return self._api.experiment_id(name, create=False) is not None

    def get(self, key: int) -> tuple[Trace, str] | None:
        """Give a trace and the name of its experiment, None if there is none."""
        found = self._api.get_trace(trace_id_text(key))
        if found is None:
            return None
        name = self._api.experiment_name(_experiment_of(found["trace_info"])) or ""
        return trace_in(found, "0"), name

    def search(
        self,
        query: Query,
        experiments: Mapping[str, str],
        *,
        limit: int | None,
        cursor: str | None,
        include_spans: bool,
    ) -> Page:
        """Find traces there.

        Args:
            query: What to find; its experiments are not looked at.
            experiments: Ids of the local store by name.
            limit: At most so many, None for all.
            cursor: Of the page before.
            include_spans: Read spans, too.

        Returns:
            The page; not complete if it gave up looking for what the server can't
            find by itself.
        """
        ids = {}
        for name, local in experiments.items():
            number = self._api.experiment_id(name, create=False)
            if number is not None:
                ids[number] = local
        if not ids or limit == 0:
            return Page([])
        order = order_by(query.order)
        wanted = split(query.filter)
        found: list[Trace] = []
        place, looked_at, last = _read_cursor(cursor), 0, None
        following: _Place | None = None
        deadline = time.monotonic() + _SECONDS
        said = self._judgements(ids, wanted.rest, deadline)
        # What the server can't sort is sorted here, and so has to be here.
        most = limit if order is not None else None
        pages = self._pages(ids, wanted.text, order or (), place, most)
        for infos, place, after in pages:
            looked_at += len(infos)
            some = self._traces(infos, ids, include_spans=wanted.needs_spans)
            for count, trace in enumerate(some, 1):
                last = trace.info.request_time
                if wanted.rest is None or matches(wanted.rest, trace, said):
                    found.append(trace)
                if most is not None and len(found) >= most:
                    here = _Place(place.token, place.behind + count)
                    following = after if count == len(infos) else here
                    break
            if most is not None and len(found) >= most:
                break
            is_late = time.monotonic() > deadline and wanted.rest is not None
            if after is not None and (is_late or looked_at >= MAX_LOOKED_AT):
                return self._page(found, query, limit, include_spans, until_ms=last)
        page = self._page(found, query, limit, include_spans)
        return Page(
            page.traces, None if following is None else _write_cursor(following)
        )

    def set_tag(self, key: int, name: str, value: str) -> None:
        """Set a tag of a trace."""
        self._api.set_tag(trace_id_text(key), name, value)

    def delete_tag(self, key: int, name: str) -> None:
        """Delete a tag; one that is not there is no failure."""
        self._api.delete_tag(trace_id_text(key), name)

    def delete(self, keys: Iterable[int]) -> set[int]:
        """Delete traces; give those that were there."""
        found = set()
        for key in keys:
            if self._api.delete([trace_id_text(key)]):
                found.add(key)
        return found

    def put_assessment(self, key: int, assessment: Assessment) -> None:
        """Add an assessment to a trace that only the server has, or change it there.

        It goes as part of the trace's info, which keeps its id, so that the same one
        twice is one.
        """
        found = self._api.get_info(trace_id_text(key))
        if found is None:
            msg = f"There is no trace {trace_id_text(key)} on {self.shown}."
            raise RefusedError(msg, 404, RESOURCE_DOES_NOT_EXIST)
        put = [assessment_out(assessment.to_dict())]
        self._api.start_trace({**found, "assessments": put})

    def delete_assessment(self, key: int, assessment_id: str) -> None:
        """Delete an assessment; one that is not there is no failure."""
        self._api.delete_assessment(trace_id_text(key), assessment_id)

    def close(self) -> None:
        """Let go of the connection; the next call opens another."""
        self._api.client.close()

    def _judgements(
        self, ids: Mapping[str, str], node: Node | None, deadline: float
    ) -> OfSessions:
        """Give what is said there of whole sessions, as far as a filter asks for it."""
        infos: list[dict[str, Any]] = []
        try:
            for text in judged(node):
                infos += self._all_infos(ids, text, deadline)
        except RefusedError:
            # Older servers can't look for judgements; all traces have them, too.
            infos = self._all_infos(ids, None, deadline)
        traces = self._traces(infos, ids, include_spans=False)
        found = {trace.trace_id: trace for trace in traces}
        return judgements_of_sessions(map(summarise, found.values()))

    def _all_infos(
        self, ids: Mapping[str, str], text: str | None, deadline: float
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for infos, _, after in self._pages(ids, text, (), _Place(), None):
            found += infos
            is_late = time.monotonic() > deadline
            if after is not None and (is_late or len(found) >= MAX_LOOKED_AT):
                _logger.warning(
                    "%s has very many traces: judgements of whole sessions count that "
                    "stand on the newest %s.",
                    self.shown,
                    f"{len(found):,}",
                )
                break
        return found

    def _pages(
        self,
        ids: Mapping[str, str],
        text: str | None,
        order: Sequence[str],
        place: _Place,
        limit: int | None,
    ) -> Iterator[tuple[list[dict[str, Any]], _Place, _Place | None]]:
        """Give what is left of each page, where it begins, and the next one."""
        size = MOST_AT_ONCE if limit is None else min(MOST_AT_ONCE, max(limit, 20))
        while True:
            infos, token = self._api.search(
                list(ids), wanted=text, order_by=order, limit=size, token=place.token
            )
            following = None if token is None else _Place(token)
            yield infos[place.behind :], place, following
            if following is None:
                return
            place = following

    def _traces(
        self,
        infos: Sequence[dict[str, Any]],
        ids: Mapping[str, str],
        *,
        include_spans: bool,
    ) -> list[Trace]:
        bare = [Trace(info_in(i, ids[_experiment_of(i)]), TraceData()) for i in infos]
        return self._with_spans(bare) if include_spans else bare

    def _with_spans(self, traces: Sequence[Trace]) -> list[Trace]:
        """Read the spans of traces that have none yet."""
        spans: dict[str, TraceData] = {}
        bare = [trace for trace in traces if not trace.data.spans]
        for start in range(0, len(bare), _SPANS_AT_ONCE):
            some = [trace.trace_id for trace in bare[start : start + _SPANS_AT_ONCE]]
            for found in self._read(some):
                trace = trace_in(found, "0")
                spans[trace.trace_id] = trace.data
        return [Trace(t.info, spans.get(t.trace_id, t.data)) for t in traces]

    def _read(self, trace_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Read traces; where one of them can't be given, the others one by one."""
        try:
            return self._api.get_traces(trace_ids)
        except ShippingError as error:
            if len(trace_ids) == 1:
                _logger.warning(
                    "The spans of %s can't be read: %s", trace_ids[0], error
                )
                return []
            half = len(trace_ids) // 2
            return self._read(trace_ids[:half]) + self._read(trace_ids[half:])

    def _page(
        self,
        found: list[Trace],
        query: Query,
        limit: int | None,
        include_spans: bool,
        *,
        until_ms: int | None = None,
    ) -> Page:
        kept = in_order(found, query)[:limit]
        if include_spans:
            kept = self._with_spans(kept)
        else:
            kept = [Trace(trace.info, TraceData()) for trace in kept]
        until_ns = None if until_ms is None else until_ms * 1_000_000
        return Page(kept, None, until_ms is None, until_ns)


def in_order(traces: Sequence[Trace], query: Query) -> list[Trace]:
    """Sort traces as a query says."""
    order = query.order

    def compare(left: tuple[Any, Trace], right: tuple[Any, Trace]) -> int:
        return compare_positions(order, left[0], right[0])

    placed = [(position(order, prepare(trace).summary), trace) for trace in traces]
    return [trace for _, trace in sorted(placed, key=cmp_to_key(compare))]


def is_of_server(cursor: str | None) -> bool:
    """Tell whether a cursor is one of :meth:`Remote.search`."""
    return cursor is not None and cursor.startswith(_CURSOR)


def first_cursor() -> str:
    """Give the cursor of a search that has not begun."""
    return _write_cursor(_Place())


def _api_of(target: Target) -> MlflowApi:
    if target.kind is TargetKind.DATABRICKS:
        from spantree.shipping.databricks import DatabricksApi, databricks_client

        return DatabricksApi(databricks_client(target))
    from spantree.shipping.mlflow import mlflow_client

    return MlflowApi(mlflow_client(target))


def _experiment_of(info: Mapping[str, Any]) -> str:
    return str(info["trace_location"]["mlflow_experiment"]["experiment_id"])


def _write_cursor(place: _Place) -> str:
    return _CURSOR + orjson.dumps(tuple(place)).decode()


def _read_cursor(cursor: str | None) -> _Place:
    if cursor is None:
        return _Place()
    try:
        token, behind = orjson.loads(cursor.removeprefix(_CURSOR))
        return _Place(token, int(behind))
    except (ValueError, TypeError):
        msg = f"{cursor[:80]!r} is no page_token of this search."
        raise SpantreeException(msg) from None
