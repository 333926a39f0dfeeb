"""The part of MLflow's REST API that its tracing client uses.

Enough that ``mlflow.set_tracking_uri("http://…")`` logs here and reads back: traces,
tags, assessments, attachments, experiments. Runs, models and other artifacts are not
served.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from spantree._version import __version__
from spantree.entities.checking import mapping
from spantree.entities.errors import (
    RESOURCE_DOES_NOT_EXIST,
    SpantreeException,
    reading,
)
from spantree.entities.ids import parse_trace_id
from spantree.search import parse_query
from spantree.search.evaluate import LINKED_PROMPTS
from spantree.web.answers import JsonAnswer
from spantree.web.bodies import count_in, listed, read_body, read_object
from spantree.web.lists import query_of
from spantree.web.mlflow_wire import (
    assessment_in,
    assessment_out,
    assessment_updated,
    experiment_out,
    info_in,
    info_out,
    linked_prompts,
    trace_out,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from spantree.entities.assessment import Assessment
    from spantree.entities.experiment import Experiment
    from spantree.entities.trace import Trace
    from spantree.store import Store
    from spantree.web.desk import Desk

# The version whose client is answered; it looks for at least 3.4 before it sends spans.
MLFLOW_VERSION = "3.17.2"
_MOST_RESULTS = 500
_BYTES = "application/octet-stream"
_MOST_DELETED = 10_000
_SOURCE_RUN = "mlflow.sourceRun"
_VERSIONS = ("/api/2.0/mlflow", "/api/3.0/mlflow")
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
# As `mlflow_wire.info_out` names the place of a trace's attachments.
_ATTACHMENT = re.compile(
    r"/*[^/]+/traces/(tr-[0-9a-f]{32})/artifacts/attachments/([0-9a-f-]{36})"
)


def routes(desk: Desk) -> list[Route]:
    """Give the endpoints of MLflow's that are served, and a word for the others."""
    traces, experiments = _Traces(desk), _Experiments(desk)
    paths: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("POST", "/traces", traces.start),
        ("POST", "/traces/search", traces.search),
        ("POST", "/traces/delete-traces", traces.delete),
        ("POST", "/traces/link-to-run", traces.link_to_run),
        ("POST", "/traces/link-prompts", traces.link_prompts),
        ("GET", "/traces/get", traces.get),
        ("GET", "/traces/batchGet", traces.batch),
        ("GET", "/traces/batchGetInfos", traces.batch_infos),
        ("GET", "/traces/{trace_id}", traces.info),
        ("PATCH", "/traces/{trace_id}/tags", traces.set_tag),
        ("DELETE", "/traces/{trace_id}/tags", traces.delete_tag),
        ("POST", "/traces/{trace_id}/assessments", traces.assess),
        ("GET", "/traces/{trace_id}/assessments/{aid}", traces.assessment),
        ("PATCH", "/traces/{trace_id}/assessments/{aid}", traces.reassess),
        ("DELETE", "/traces/{trace_id}/assessments/{aid}", traces.delete_assessment),
        ("POST", "/experiments/create", experiments.create),
        ("GET", "/experiments/get", experiments.get),
        ("GET", "/experiments/get-by-name", experiments.get_by_name),
        ("POST", "/experiments/search", experiments.search),
    ]
    served = [
        Route(version + path, answer, methods=[method])
        for version in _VERSIONS
        for method, path, answer in paths
    ]
    methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    rest = [Route(v + "/{path:path}", _not_served, methods=methods) for v in _VERSIONS]
    kept = [
        Route(f"{_ARTIFACTS}/{{path:path}}", traces.put_attachment, methods=["PUT"]),
        Route(f"{_ARTIFACTS}/{{path:path}}", traces.get_artifact, methods=["GET"]),
        *(
            Route(
                f"/ajax-api/{version}/mlflow/get-trace-artifact", traces.get_attachment
            )
            for version in ("2.0", "3.0")
        ),
    ]
    return [Route("/version", _version), *kept, *served, *rest]


async def _version(_: Request) -> Response:
    return PlainTextResponse(f"{MLFLOW_VERSION}+spantree.{__version__}")


async def _not_served(request: Request) -> Response:
    message = (
        f"spantree serves traces, their assessments and experiments of MLflow's API, "
        f"but not {request.method} {request.url.path}."
    )
    return JsonAnswer({"error_code": "ENDPOINT_NOT_FOUND", "message": message}, 404)


class _Traces:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, request: Request) -> Response:
        trace = info_in(await read_object(request))
        await self._desk.check_experiment(trace.info.experiment_id)
        await self._desk.add([trace])
        kept = await self._desk.require(trace.trace_id, include_spans=False)
        return JsonAnswer({"trace": {"trace_info": info_out(kept.info)}})

    async def search(self, request: Request) -> Response:
        given = await read_object(request)
        limit = given.get("max_results", 100)
        if type(limit) is not int or not 1 <= limit <= _MOST_RESULTS:
            msg = f"max_results is from 1 to {_MOST_RESULTS}, not {limit!r:.40}."
            raise SpantreeException(msg)
        places = listed(given, "locations")
        experiments = [_experiment_of(place) for place in places]
        query = query_of({**given, "experiments": None})
        query = replace(query, experiments=frozenset(experiments))
        cursor = given.get("page_token") or None
        page = await self._desk.read(
            lambda store: store.search(
                query,
                limit=limit,
                cursor=None if cursor is None else str(cursor),
                include_spans=False,
            )
        )
        answer: dict[str, Any] = {"traces": [info_out(t.info) for t in page.traces]}
        if page.cursor:
            answer["next_page_token"] = page.cursor
        return JsonAnswer(answer)

    async def delete(self, request: Request) -> Response:
        given = await read_object(request)
        ids, until = (
            listed(given, "request_ids"),
            count_in(given, "max_timestamp_millis"),
        )
        if bool(ids) == (until is not None):
            msg = "delete-traces needs either request_ids or max_timestamp_millis."
            raise SpantreeException(msg)
        experiment = str(given.get("experiment_id", ""))
        if ids:
            known = [await self._found(one) for one in ids]
            wanted = [t for t in known if t and t.info.experiment_id == experiment]
        else:
            most = count_in(given, "max_traces") or _MOST_DELETED
            query = parse_query(
                f"timestamp_ms <= {until}", ["timestamp_ms ASC"], [experiment]
            )
            page = await self._desk.read(
                lambda store: store.search(query, limit=most, include_spans=False)
            )
            wanted = page.traces
        keys = [trace.key for trace in wanted]
        count = await self._desk.change(lambda store: store.delete(keys))
        return JsonAnswer({"traces_deleted": count})

    async def put_attachment(self, request: Request) -> Response:
        trace, attachment_id = await self._attached(request)
        content = await read_body(request)
        await self._desk.change(
            lambda store: store.attachments.put(trace.key, attachment_id, content)
        )
        return JsonAnswer({})

    async def get_artifact(self, request: Request) -> Response:
        trace, attachment_id = await self._attached(request)
        return await self._attachment(trace, attachment_id)

    async def get_attachment(self, request: Request) -> Response:
        given = request.query_params
        trace = await self._desk.require(
            given.get("request_id", ""), include_spans=False
        )
        return await self._attachment(trace, given.get("path", ""))

    async def _attached(self, request: Request) -> tuple[Trace, str]:
        found = _ATTACHMENT.fullmatch(request.path_params["path"])
        if found is None:
            msg = "Of artifacts, spantree keeps the attachments of traces only."
            raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)
        trace = await self._desk.require(found[1], include_spans=False)
        return trace, found[2]

    async def _attachment(self, trace: Trace, attachment_id: str) -> Response:
        content = await self._desk.read(
            lambda store: _bytes_of(store, trace.key, attachment_id)
        )
        if content is None:
            msg = f"Trace {trace.trace_id} has no attachment {attachment_id!r:.80}."
            raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)
        # Never shown in the page: it may be anything, a page of HTML too.
        headers = {"Content-Disposition": "attachment"}
        return Response(content, media_type=_BYTES, headers=headers)

    async def link_to_run(self, request: Request) -> Response:
        given = await read_object(request)
        run_id = _named(given, "run_id")
        traces = [
            await self._desk.require(str(one), include_spans=False)
            for one in listed(given, "trace_ids")
        ]
        for trace in traces:
            await self._desk.change(
                partial(_patch_metadata, key=trace.key, texts={_SOURCE_RUN: run_id})
            )
        return JsonAnswer({})

    async def link_prompts(self, request: Request) -> Response:
        given = await read_object(request)
        trace = await self._desk.require(
            str(given.get("trace_id")), include_spans=False
        )
        text = linked_prompts(
            trace.info.tags.get(LINKED_PROMPTS), listed(given, "prompt_versions")
        )
        await self._desk.change(
            lambda store: store.patch(trace.key, tags={LINKED_PROMPTS: text})
        )
        return JsonAnswer({})

    async def get(self, request: Request) -> Response:
        trace = await self._desk.require(request.query_params.get("trace_id", ""))
        return JsonAnswer({"trace": trace_out(trace)})

    async def batch(self, request: Request) -> Response:
        found = [await self._found(i, spans=True) for i in _asked_ids(request)]
        return JsonAnswer({"traces": [trace_out(t) for t in found if t]})

    async def batch_infos(self, request: Request) -> Response:
        found = [await self._found(i) for i in _asked_ids(request)]
        return JsonAnswer({"trace_infos": [info_out(t.info) for t in found if t]})

    async def info(self, request: Request) -> Response:
        trace = await self._known(request)
        return JsonAnswer({"trace": {"trace_info": info_out(trace.info)}})

    async def set_tag(self, request: Request) -> Response:
        given = await read_object(request)
        return await self._patch(request, _named(given, "key"), str(given.get("value")))

    async def delete_tag(self, request: Request) -> Response:
        key = _named(await read_object(request), "key")
        trace = await self._known(request)
        if key not in trace.info.tags:
            msg = f"Trace {trace.trace_id} has no tag {key!r}."
            raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)
        return await self._patch(request, key, None)

    async def assess(self, request: Request) -> Response:
        trace = await self._known(request)
        given = await read_object(request)
        with reading("an assessment"):
            found = mapping(given.get("assessment"), "assessment")
        made = assessment_in({**found, "assessment_id": None}, trace.trace_id)
        return await self._put(trace, made)

    async def assessment(self, request: Request) -> Response:
        _, found = await self._judged(request)
        return JsonAnswer({"assessment": assessment_out(found)})

    async def reassess(self, request: Request) -> Response:
        trace, known = await self._judged(request)
        return await self._put(
            trace, assessment_updated(known, await read_object(request))
        )

    async def delete_assessment(self, request: Request) -> Response:
        trace, found = await self._judged(request)
        await self._desk.change(
            lambda store: store.delete_assessment(trace.key, found.assessment_id)
        )
        return JsonAnswer({})

    async def _found(self, trace_id: str, *, spans: bool = False) -> Trace | None:
        key = parse_trace_id(str(trace_id))
        if key is None:
            return None
        return await self._desk.read(lambda store: store.get(key, include_spans=spans))

    async def _known(self, request: Request) -> Trace:
        trace_id = request.path_params["trace_id"]
        return await self._desk.require(trace_id, include_spans=False)

    async def _judged(self, request: Request) -> tuple[Trace, Assessment]:
        trace, wanted = await self._known(request), request.path_params["aid"]
        for one in trace.info.assessments:
            if one.assessment_id == wanted:
                return trace, one
        msg = f"Trace {trace.trace_id} has no assessment {wanted!r:.80}."
        raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)

    async def _put(self, trace: Trace, assessment: Assessment) -> Response:
        await self._desk.change(
            lambda store: store.put_assessment(trace.key, assessment)
        )
        return JsonAnswer({"assessment": assessment_out(assessment)})

    async def _patch(self, request: Request, key: str, value: str | None) -> Response:
        trace = await self._known(request)
        await self._desk.change(lambda store: store.patch(trace.key, tags={key: value}))
        return JsonAnswer({})


class _Experiments:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, request: Request) -> Response:
        given = await read_object(request)
        name = _named(given, "name")
        with reading("a list of tags"):
            tags = {str(t["key"]): str(t["value"]) for t in listed(given, "tags")}
        made = await self._desk.change(lambda s: s.create_experiment(name, tags))
        return JsonAnswer({"experiment_id": made.experiment_id})

    async def get(self, request: Request) -> Response:
        wanted = request.query_params.get("experiment_id", "")
        return await self._one(lambda e: e.experiment_id == wanted, f"id {wanted!r}")

    async def get_by_name(self, request: Request) -> Response:
        wanted = request.query_params.get("experiment_name", "")
        return await self._one(lambda e: e.name == wanted, f"name {wanted!r}")

    async def search(self, request: Request) -> Response:
        # Of few experiments: all in one page, whatever was asked for.
        await read_object(request)
        known = await self._desk.read(lambda store: store.experiments())
        return JsonAnswer({"experiments": [experiment_out(e) for e in known]})

    async def _one(
        self, is_wanted: Callable[[Experiment], bool], what: str
    ) -> Response:
        known = await self._desk.read(lambda store: store.experiments())
        for one in known:
            if is_wanted(one):
                return JsonAnswer({"experiment": experiment_out(one)})
        msg = f"There is no experiment with the {what:.200}."
        raise SpantreeException(msg, RESOURCE_DOES_NOT_EXIST)


def _bytes_of(store: Store, key: int, attachment_id: str) -> bytes | None:
    try:
        return store.attachments.get(key, attachment_id)
    except FileNotFoundError:  # it is no id
        return None


def _patch_metadata(store: Store, key: int, texts: dict[str, str]) -> None:
    store.patch(key, metadata=texts)


def _experiment_of(place: Any) -> str:
    try:
        return str(place["mlflow_experiment"]["experiment_id"])
    except (KeyError, TypeError):
        msg = f"Traces are searched in experiments, not in {place!r:.80}."
        raise SpantreeException(msg) from None


def _asked_ids(request: Request) -> list[str]:
    return request.query_params.getlist("trace_ids")


def _named(given: dict[str, Any], field: str) -> str:
    found = given.get(field)
    if not isinstance(found, str) or not found or len(found) > _MOST_RESULTS:
        msg = f"{field} is a text of 1 to {_MOST_RESULTS} characters."
        raise SpantreeException(msg)
    return found
