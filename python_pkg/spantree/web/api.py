"""What the page asks of its server; programs may ask the same."""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from spantree._version import __version__
from spantree.entities.errors import SpantreeException
from spantree.entities.ids import parse_trace_id
from spantree.link import answer
from spantree.render.diff import TraceDiff
from spantree.search.aggregate import aggregate
from spantree.store.listing import every, listing
from spantree.web.answers import JsonAnswer
from spantree.web.bodies import listed, read_object
from spantree.web.files import write_file
from spantree.web.lists import SEARCH_S, limit_of, query_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from spantree.search import Summary
    from spantree.store import Store
    from spantree.web.desk import Desk

_MEASURES = ("count", "errors", "tokens", "cost", "p50")
_MOST_SESSIONS = 500
MOST_SUMMED = 20_000
_MOST_DELETED = 100_000
# Others that write wait while so many are deleted.
_AT_ONCE = 200
_MOST_KEY = 250
_JSON = "application/json"


def routes(desk: Desk) -> list[Route]:
    """Give the endpoints of the page."""
    api = _Api(desk)
    return [
        Route("/api/v1/status", api.status),
        Route("/api/v1/search", api.search, methods=["POST"]),
        Route("/api/v1/sessions", api.sessions, methods=["POST"]),
        Route("/api/v1/link", api.link, methods=["POST"]),
        Route("/api/v1/compare", api.compare),
        Route("/api/v1/export", api.export),
        Route("/api/v1/traces/delete", api.delete, methods=["POST"]),
        Route("/api/v1/traces/{trace_id}", api.trace),
        Route("/api/v1/traces/{trace_id}/info", api.info),
        Route("/api/v1/traces/{trace_id}/tags", api.tags, methods=["PATCH"]),
        Route(
            "/api/v1/traces/{trace_id}/assessments/{aid}",
            api.delete_assessment,
            methods=["DELETE"],
        ),
    ]


class _Api:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def status(self, _: Request) -> Response:
        known = await self._desk.read(lambda store: store.experiments())
        return JsonAnswer(
            {
                "version": __version__,
                "store": self._desk.store_name(),
                "added": self._desk.added,
                "experiments": {e.experiment_id: e.name for e in known},
            }
        )

    async def search(self, request: Request) -> Response:
        given = await read_object(request)
        query, limit, cursor = query_of(given), limit_of(given), _cursor(given)
        page = await self._desk.read(
            lambda s: listing(s, query, limit, cursor, SEARCH_S)
        )
        return JsonAnswer(
            {
                "traces": [shown(row) for row in page.rows],
                "next_cursor": page.cursor,
                "complete": page.complete,
                "scanned_until": page.scanned_until_ns,
            }
        )

    async def sessions(self, request: Request) -> Response:
        given = await read_object(request)
        text = f"({given['filter']}) AND " if given.get("filter") else ""
        # Read alone first, so that an error points into what was written.
        query_of(given)
        query = query_of({**given, "filter": f"{text}session IS NOT NULL"})
        # The newest, as a summary of each of a million traces would fill the memory.
        found = await self._desk.read(
            lambda store: store.summaries(query, limit=MOST_SUMMED + 1)
        )
        groups = await asyncio.to_thread(
            aggregate, found[:MOST_SUMMED], ["session"], _MEASURES
        )
        return JsonAnswer(
            {
                "sessions": groups[:_MOST_SESSIONS],
                "total": len(groups),
                "complete": len(found) <= MOST_SUMMED,
                "traces": min(len(found), MOST_SUMMED),
            }
        )

    async def link(self, request: Request) -> Response:
        """Answer the viewer: the operations of a kernel's link, one a request."""
        asked = await read_object(request)
        reply = await asyncio.to_thread(answer, asked, self._desk)
        buffers = [base64.b64encode(part).decode() for part in reply.buffers]
        return JsonAnswer({**reply.content, "buffers": buffers})

    async def trace(self, request: Request) -> Response:
        found = await self._desk.require(request.path_params["trace_id"])
        text = await asyncio.to_thread(found.to_json)
        return Response(text.encode("utf-8", "backslashreplace"), media_type=_JSON)

    async def info(self, request: Request) -> Response:
        """Give what is known of a trace as a whole, without reading its spans."""
        found = await self._desk.require(
            request.path_params["trace_id"], include_spans=False
        )
        return JsonAnswer(found.info.to_dict())

    async def compare(self, request: Request) -> Response:
        wanted = [request.query_params.get(name, "") for name in ("a", "b")]
        a, b = [await self._desk.require(one) for one in wanted]
        diff = await asyncio.to_thread(TraceDiff, a, b)
        return JsonAnswer(diff.to_dict())

    async def export(self, request: Request) -> Response:
        """Give what is listed as a file: all of it, or the traces named by ``ids``."""
        given = request.query_params
        lists = {name: given.getlist(name) for name in ("order_by", "experiments")}
        query = query_of({"filter": given.get("filter", ""), **lists})
        form = given.get("form", "")
        ids = [one for one in given.get("ids", "").split(",") if one]

        def rows(store: Store) -> Iterator[Summary]:
            found = every(store, query)
            return (row for row in found if row.trace_id in ids) if ids else found

        media_type, pieces = await self._desk.read(
            lambda store: write_file(form, rows(store))
        )
        name = f'attachment; filename="traces.{form}"'
        return StreamingResponse(
            pieces, media_type=media_type, headers={"Content-Disposition": name}
        )

    async def delete(self, request: Request) -> Response:
        given = await read_object(request)
        ids = given.get("ids")
        if (ids is None) == (given.get("filter") is None):
            msg = "Give either ids, or a filter ('' for all), of what to delete."
            raise SpantreeException(msg)
        if ids is not None:
            wanted = listed(given, "ids")
            keys = [key for one in wanted if (key := parse_trace_id(str(one)))]
        else:
            query = query_of(given)
            page = await self._desk.read(
                lambda store: store.search(
                    query, limit=_MOST_DELETED, include_spans=False
                )
            )
            keys = [trace.key for trace in page.traces]
        if given.get("dry_run") is True:
            return JsonAnswer({"would_delete": len(keys)})
        count = 0
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            count += await self._desk.change(partial(_delete, keys=some))
        return JsonAnswer({"deleted": count})

    async def tags(self, request: Request) -> Response:
        trace = await self._desk.require(
            request.path_params["trace_id"], include_spans=False
        )
        given = await read_object(request)
        put, dropped = given.get("set") or {}, given.get("delete") or []
        if not isinstance(put, dict) or not isinstance(dropped, list):
            msg = "set is an object of texts by key, delete a list of keys."
            raise SpantreeException(msg)
        changes: dict[str, str | None] = {str(k): str(v) for k, v in put.items()}
        if any(not key or len(key) > _MOST_KEY for key in changes):
            msg = f"A tag's key has 1 to {_MOST_KEY} characters."
            raise SpantreeException(msg)
        changes |= {str(key): None for key in dropped}
        await self._desk.change(lambda store: store.patch(trace.key, tags=changes))
        kept = await self._desk.require(trace.trace_id, include_spans=False)
        return JsonAnswer({"tags": kept.info.tags})

    async def delete_assessment(self, request: Request) -> Response:
        trace = await self._desk.require(
            request.path_params["trace_id"], include_spans=False
        )
        wanted = request.path_params["aid"]
        await self._desk.change(
            lambda store: store.delete_assessment(trace.key, wanted)
        )
        return JsonAnswer({})


def _delete(store: Store, keys: list[int]) -> int:
    return store.delete(keys)


def _cursor(given: dict[str, Any]) -> str | None:
    cursor = given.get("cursor")
    return str(cursor) if cursor else None
