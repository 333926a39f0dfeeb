"""``TraceClient``, the client API (also under MLflow's name ``MlflowClient``)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from spantree import assessments, experiments, runs, tags
from spantree._arguments import asks
from spantree._runtime import RUNTIME
from spantree._spelling import older_names
from spantree.entities.errors import SpantreeException
from spantree.entities.ids import parse_span_id, parse_trace_id
from spantree.entities.paging import PagedList
from spantree.entities.propagation import TraceParent
from spantree.entities.span import SpanType
from spantree.recording import (
    NO_OP,
    RECORDER,
    LiveSpan,
    guard,
    make_site,
    text_of,
    warn,
)
from spantree.searching import searched_experiments, trace_query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from spantree._arguments import Location
    from spantree.entities.span import Link
    from spantree.entities.trace import Trace

__all__ = ["MlflowClient", "TraceClient"]


class TraceClient:
    """Builds traces by hand, and asks the store.

    Spans begun here never become current. Recording methods never raise: what can't
    be done is skipped with a warning. Asking methods raise ``SpantreeException``.

    Args:
        tracking_uri: Where traces go, as :func:`spantree.set_tracking_uri` takes it;
            None leaves it as it is.
    """

    @asks
    def __init__(self, tracking_uri: str | Path | None = None) -> None:
        if tracking_uri is not None:
            RUNTIME.set_target(tracking_uri)

    # Recording.

    def start_trace(
        self,
        name: str,
        span_type: str = SpanType.UNKNOWN,
        inputs: object = None,
        attributes: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
        experiment_id: str | None = None,
        start_time_ns: int | None = None,
        run_id: str | None = None,
        links: Sequence[Link] | None = None,
        *,
        trace_id: str | int | uuid.UUID | None = None,
    ) -> LiveSpan:
        """Begin a trace; end it with :meth:`end_trace`.

        Args:
            name: The root's name.
            span_type: Its type.
            inputs: JSON-able data, snapshotted now.
            attributes: JSON-able data by name.
            tags: Text by key.
            experiment_id: Where the trace belongs; the active experiment if left out.
            start_time_ns: Nanoseconds since 1970; now when left out.
            run_id: Kept as metadata; there are no runs here.
            links: Pointers to other spans.
            trace_id: An id of your own: ``tr-`` + 32 hex digits, the digits, an integer
                of 128 bits or a UUID. Any other text becomes the client request id.

        Returns:
            The root span.
        """
        site = make_site(
            name,
            span_type,
            attributes=attributes,
            links=links,
            destination=experiment_id,
        )
        key, request_id = _own_id(trace_id)
        root = RECORDER.begin_detached(
            site,
            None,
            inputs,
            start_time_ns=start_time_ns,
            origin=None if key is None else TraceParent(key, None),
        )
        if root:
            root.owner.update(
                tags=tags,
                metadata={"mlflow.sourceRun": run_id},
                client_request_id=request_id,
            )
        return root

    @older_names(may_differ=True, request_id="trace_id")
    def start_span(
        self,
        name: str,
        trace_id: str,
        parent_id: str,
        span_type: str = SpanType.UNKNOWN,
        inputs: object = None,
        attributes: Mapping[str, object] | None = None,
        start_time_ns: int | None = None,
        links: Sequence[Link] | None = None,
    ) -> LiveSpan:
        """Begin a span of a trace, live or ended; end it with :meth:`end_span`.

        Args:
            name: The span's name.
            trace_id: The trace.
            parent_id: The span above it.
            span_type: Its type.
            inputs: JSON-able data, snapshotted now.
            attributes: JSON-able data by name.
            start_time_ns: Nanoseconds since 1970; now when left out.
            links: Pointers to other spans.

        Returns:
            The span; a no-op one, with a warning, when there is no such parent.
        """
        parent = _live_span(trace_id, parent_id)
        origin = None if parent is not None else _stored_span(trace_id, parent_id)
        if parent is None and origin is None:
            _warn_unknown(f"span {text_of(parent_id)} of trace {text_of(trace_id)}")
            return NO_OP
        site = make_site(name, span_type, attributes=attributes, links=links)
        return RECORDER.begin_detached(
            site, parent, inputs, start_time_ns=start_time_ns, origin=origin
        )

    @older_names(may_differ=True, request_id="trace_id")
    def end_span(
        self,
        trace_id: str,
        span_id: str,
        outputs: object = None,
        attributes: Mapping[str, object] | None = None,
        status: object = "OK",
        end_time_ns: int | None = None,
    ) -> None:
        """End a span; what was set at a first end stays.

        Args:
            trace_id: The trace.
            span_id: The span.
            outputs: JSON-able data.
            attributes: JSON-able data by name.
            status: A status, a code or its name.
            end_time_ns: Nanoseconds since 1970; now when left out.
        """
        span = _live_span(trace_id, span_id)
        if span is None:
            _warn_unknown(f"open span {text_of(span_id)} of trace {text_of(trace_id)}")
        else:
            span.end(outputs, attributes, status, end_time_ns)  # type: ignore[arg-type]

    @older_names(may_differ=True, request_id="trace_id")
    def end_trace(
        self,
        trace_id: str,
        outputs: object = None,
        attributes: Mapping[str, object] | None = None,
        status: object = "OK",
        end_time_ns: int | None = None,
    ) -> None:
        """End a trace's root; open spans below it stay open. See :meth:`end_span`."""
        key = parse_trace_id(text_of(trace_id))
        live = None if key is None else RUNTIME.live_trace(key)
        if live is None or live.root is None:
            _warn_unknown(f"open trace {text_of(trace_id)}")
            return
        live.root.end(outputs, attributes, status, end_time_ns)  # type: ignore[arg-type]

    # Asking.

    @older_names(request_id="trace_id")
    @asks
    def get_trace(
        self, trace_id: str, display: bool = True, flush: bool = False
    ) -> Trace:
        """Give a trace; in a notebook, show it under the cell as well.

        Args:
            trace_id: ``tr-`` and 32 hex digits, or the digits alone.
            display: Whether to show it.
            flush: Wait first until everything recorded so far is committed.

        Raises:
            SpantreeException: If there is no trace of that id.
        """
        if flush:
            RUNTIME.flush()
        found = RUNTIME.require_trace(str(trace_id))
        if display:
            RUNTIME.show(found)
        return found

    @asks
    def search_traces(
        self,
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        max_results: int = 100,
        order_by: Sequence[str] | str | None = None,
        page_token: str | None = None,
        run_id: str | None = None,
        include_spans: bool = True,
        model_id: str | None = None,
        locations: Sequence[Location] | None = None,
        flush: bool = False,
        *,
        experiment_names: Sequence[str] | None = None,
    ) -> PagedList[Trace]:
        """Find traces, newest first, a page at a time.

        Args:
            experiment_ids: Where to look; the active experiment when nothing is named.
            filter_string: The search language.
            max_results: How many a page holds.
            order_by: Fields, each with an optional ``ASC`` or ``DESC``.
            page_token: The ``token`` of the page before.
            run_id: Those linked to a run.
            include_spans: Whether to read the spans.
            model_id: Those linked to a model.
            locations: ``experiment_ids`` under its newer name.
            flush: Wait for the writer without a time limit.
            experiment_names: Experiments by name, added to the others.

        Returns:
            The page; its ``token`` is None after the last one.

        Raises:
            FilterError: If the filter is not understood.
        """
        if flush:
            RUNTIME.flush()
        query = trace_query(
            filter_string,
            order_by,
            experiments=searched_experiments(
                experiment_ids, experiment_names, locations
            ),
            run_id=run_id,
            model_id=model_id,
        )
        page = RUNTIME.search_page(
            query,
            max_results,
            cursor=page_token,
            spans=include_spans,
            everywhere=True,
        )
        return PagedList(page.traces, page.cursor)

    @older_names(request_ids="trace_ids")
    @asks
    def delete_traces(
        self,
        experiment_id: str,
        max_timestamp_millis: int | None = None,
        max_traces: int | None = None,
        trace_ids: Sequence[str] | None = None,
    ) -> int:
        """Delete traces of an experiment, by age or by id.

        Args:
            experiment_id: The experiment.
            max_timestamp_millis: Those begun at or before, in ms since 1970.
            max_traces: At most so many, oldest first; only with a time.
            trace_ids: These.

        Returns:
            How many were deleted.

        Raises:
            SpantreeException: Unless exactly one of time and ids is given.
        """
        if (max_timestamp_millis is None) == (trace_ids is None):
            msg = "Give delete_traces either max_timestamp_millis or trace_ids."
            raise SpantreeException(msg)
        if max_traces is not None and (trace_ids is not None or max_traces < 1):
            msg = "max_traces is at least 1 and goes with max_timestamp_millis only."
            raise SpantreeException(msg)
        if trace_ids is None:
            found = self.search_traces(
                [experiment_id],
                f"timestamp <= {max_timestamp_millis}",
                max_traces or 1_000_000_000,
                ["timestamp ASC"],
                include_spans=False,
            )
            trace_ids = [trace.trace_id for trace in found]
        return tags.delete_traces(trace_ids)

    # The same as the functions of the package.

    set_trace_tag = staticmethod(tags.set_trace_tag)
    delete_trace_tag = staticmethod(tags.delete_trace_tag)
    log_feedback = staticmethod(assessments.log_feedback)
    log_expectation = staticmethod(assessments.log_expectation)
    log_assessment = staticmethod(assessments.log_assessment)
    get_assessment = staticmethod(assessments.get_assessment)
    update_assessment = staticmethod(assessments.update_assessment)
    delete_assessment = staticmethod(assessments.delete_assessment)
    create_experiment = staticmethod(experiments.create_experiment)
    get_experiment = staticmethod(experiments.get_experiment)
    get_experiment_by_name = staticmethod(experiments.get_experiment_by_name)
    search_experiments = staticmethod(experiments.search_experiments)
    link_traces_to_run = staticmethod(runs.link_traces_to_run)
    unlink_traces_from_run = staticmethod(runs.unlink_traces_from_run)
    link_prompt_versions_to_trace = staticmethod(runs.link_prompt_versions_to_trace)


MlflowClient = TraceClient


def _live_span(trace_id: str | None, span_id: str | None) -> LiveSpan | None:
    trace_key = parse_trace_id(text_of(trace_id))
    span_key = parse_span_id(text_of(span_id))
    live = None if trace_key is None else RUNTIME.live_trace(trace_key)
    return None if live is None or span_key is None else live.find(span_key)


def _stored_span(trace_id: str | None, span_id: str | None) -> TraceParent | None:
    """Find a span that has ended, in a trace of this or another process."""
    with guard("stored_span"):
        found = RUNTIME.get_trace(text_of(trace_id))
        for span in found.data.spans if found is not None else ():
            if span.span_id == text_of(span_id):
                return TraceParent(span.trace_key, span.span_key)
    return None


def _warn_unknown(what: str) -> None:
    warn("not_live", "There is no %s; the call is ignored.", what)


def _own_id(given: Any) -> tuple[int | None, str | None]:
    """Read a trace id of the user's: the key, or the text that is none."""
    if given is None:
        return None, None
    if type(given) is uuid.UUID:
        return given.int, None
    key = given if type(given) is int else parse_trace_id(text_of(given))
    if key is None or not 0 < key < 2**128:  # W3C trace-context, 3.2.2.3: not zero
        warn(
            "own_id",
            "%r is no trace id ('tr-' and 32 hex digits); it becomes the client "
            "request id.",
            text_of(given),
        )
        return None, text_of(given)
    return key, None
