"""The calls of an MLflow server's REST API that traces need (MLflow 3.17)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from spantree.entities.errors import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST
from spantree.shipping.errors import RefusedError
from spantree.shipping.mlflow_wire import dumps, envelope, spans_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spantree.entities.trace import Trace
    from spantree.shipping.http import HttpClient

_TRACES = "/api/3.0/mlflow/traces"
_EXPERIMENTS = "/api/2.0/mlflow/experiments"
MOST_AT_ONCE = 500  # results of a search; more are refused
_SPANS_AT_ONCE = 512
_BYTES_AT_ONCE = 4 * 2**20
_TOO_LARGE = 413
_NOT_FOUND = 404
_NO_SPAN_TABLE = 501
# What the local store calls an experiment of which only the id was given.
_BY_ID = re.compile(r"experiment (\d+)")


class MlflowApi:
    """Every method may raise a :class:`~spantree.shipping.errors.ShippingError`.

    Args:
        client: Talks to the server.
    """

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self._ids: dict[str, str] = {}

    def experiment_id(self, name: str, *, create: bool = True) -> str | None:
        """Give the server's id of an experiment.

        Args:
            name: As the local store names it; ``experiment 7`` may mean the id.
            create: Whether to make a missing one; else None is given.
        """
        known = self._ids.get(name)
        if known is None:
            known = self._found_id(name)
            if known is None and create:
                known = self._created_id(name)
            if known is not None:
                self._ids[name] = known
        return known

    def experiments(self) -> list[dict[str, Any]]:
        """Give all active experiments."""
        found: list[dict[str, Any]] = []
        body: dict[str, Any] = {"max_results": 1000}
        while True:
            answer = self._post(f"{_EXPERIMENTS}/search", body)
            found += answer.get("experiments") or []
            if not answer.get("next_page_token"):
                return found
            body["page_token"] = answer["next_page_token"]

    def log_spans(self, experiment_id: str, traces: Sequence[Trace]) -> None:
        """Send the spans of traces; those there are replaced."""
        headers = {"x-mlflow-experiment-id": experiment_id}
        for some in batches(spans_out(traces)):
            self._log_some(headers, some)

    def start_trace(self, info: dict[str, Any]) -> dict[str, Any]:
        """Send what is known of a trace, merged into what is there; give that.

        The server takes each assessment in it for a valid one. Only one that is added
        by itself makes what it overrides invalid, and it can be added but once.
        """
        judged = info.get("assessments") or []
        odd = [a for a in judged if a.get("overrides") or a.get("valid") is False]
        late: list[dict[str, Any]] = []
        if odd:
            there = self.get_info(info["trace_id"]) or {}
            known = {a["assessment_id"] for a in there.get("assessments") or []}
            late = [a for a in odd if a["assessment_id"] not in known]
            plain = [a for a in judged if a not in late and a.get("valid") is not False]
            info = {**info, "assessments": plain}
        answer = self._post(_TRACES, {"trace": {"trace_info": info}})
        for assessment in late:
            path = f"{_TRACES}/{quote(info['trace_id'])}/assessments"
            self._post(path, {"assessment": assessment})
        trace = answer.get("trace") or {}
        return trace.get("trace_info") or {}

    def put_attachment(self, folder: str, attachment_id: str, content: bytes) -> None:
        """Send the bytes of an attachment; those there are replaced.

        Args:
            folder: See :func:`spantree.shipping.attachments.folder_of`.
            attachment_id: A UUID.
            content: The bytes.
        """
        headers = {"Content-Type": "application/octet-stream"}
        self.client.ask("PUT", f"{folder}/{attachment_id}", content, headers)

    def get_attachment(self, trace_id: str, attachment_id: str) -> bytes | None:
        """Give the bytes of an attachment, None if there are none."""
        query = urlencode({"request_id": trace_id, "path": attachment_id})
        path = f"/ajax-api/3.0/mlflow/get-trace-artifact?{query}"
        try:
            return self.client.ask("GET", path).body
        except RefusedError:
            return None

    def search(
        self,
        experiment_ids: Sequence[str],
        *,
        wanted: str | None = None,
        order_by: Sequence[str] = (),
        limit: int = 100,
        token: str | None = None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Give a page of infos and the token of the next one."""
        body: dict[str, Any] = {
            "locations": [
                {
                    "type": "MLFLOW_EXPERIMENT",
                    "mlflow_experiment": {"experiment_id": number},
                }
                for number in experiment_ids
            ],
            "max_results": min(limit, MOST_AT_ONCE),
            "order_by": list(order_by),
        }
        body |= {"filter": wanted} if wanted else {}
        body |= {"page_token": token} if token else {}
        answer = self._post(f"{_TRACES}/search", body)
        return answer.get("traces") or [], answer.get("next_page_token") or None

    def get_trace(self, trace_id: str) -> dict[str, Any] | None:
        """Give a trace with its spans, None if there is none."""
        return self._trace(f"{_TRACES}/get?{urlencode({'trace_id': trace_id})}")

    def get_info(self, trace_id: str) -> dict[str, Any] | None:
        """Give what is known of a trace, None if there is none."""
        found = self._trace(f"{_TRACES}/{quote(trace_id)}")
        return None if found is None else found["trace_info"]

    def get_traces(self, trace_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Give traces with their spans; unknown ones are left out."""
        query = urlencode([("trace_ids", trace_id) for trace_id in trace_ids])
        return self._get(f"{_TRACES}/batchGet?{query}").get("traces") or []

    def set_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set a tag."""
        body = dumps({"key": key, "value": value})
        self.client.ask("PATCH", f"{_TRACES}/{quote(trace_id)}/tags", body)

    def delete_tag(self, trace_id: str, key: str) -> None:
        """Delete a tag; one that is not there is no failure."""
        path = f"{_TRACES}/{quote(trace_id)}/tags"
        try:
            self.client.ask("DELETE", path, dumps({"key": key}))
        except RefusedError as error:
            if error.code != RESOURCE_DOES_NOT_EXIST:
                raise

    def delete_traces(self, experiment_id: str, trace_ids: Sequence[str]) -> int:
        """Delete traces of an experiment; give how many there were."""
        body = {"experiment_id": experiment_id, "request_ids": list(trace_ids)}
        answer = self._post(f"{_TRACES}/delete-traces", body)
        return int(answer.get("traces_deleted") or 0)

    def delete(self, trace_ids: Sequence[str]) -> int:
        """Delete traces of any experiment; give how many there were."""
        by_experiment: dict[str, list[str]] = {}
        for trace_id in trace_ids:
            found = self.get_info(trace_id)
            if found is not None:
                place = found["trace_location"]["mlflow_experiment"]
                by_experiment.setdefault(place["experiment_id"], []).append(trace_id)
        return sum(self.delete_traces(e, ids) for e, ids in by_experiment.items())

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Delete an assessment; one that is not there is no failure."""
        path = f"{_TRACES}/{quote(trace_id)}/assessments/{quote(assessment_id)}"
        try:
            self.client.ask("DELETE", path)
        except RefusedError as error:
            if error.code != RESOURCE_DOES_NOT_EXIST:
                raise

    def forget_experiments(self) -> None:
        """Look experiments up again; one may have been deleted."""
        self._ids.clear()

    def experiment_name(self, experiment_id: str) -> str | None:
        """Give the name of the server's experiment of an id, None if there is none."""
        for name, known in self._ids.items():
            if known == experiment_id:
                return name
        found = self._experiment("get", experiment_id=experiment_id)
        if found is None:
            return None
        self._ids[found["name"]] = experiment_id
        return str(found["name"])

    def _trace(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._get(path)["trace"]
        except RefusedError as error:
            if error.status == _NOT_FOUND or error.code == RESOURCE_DOES_NOT_EXIST:
                return None
            raise
        return found

    def _found_id(self, name: str) -> str | None:
        by_id = _BY_ID.fullmatch(name)
        found = self._experiment("get", experiment_id=by_id[1]) if by_id else None
        if found is None:
            found = self._experiment("get-by-name", experiment_name=name)
        return None if found is None else str(found["experiment_id"])

    def _created_id(self, name: str) -> str | None:
        try:
            answer = self._post(f"{_EXPERIMENTS}/create", {"name": name})
        except RefusedError as error:
            if error.code != RESOURCE_ALREADY_EXISTS:
                raise
            # Another process was faster.
            return self._found_id(name)
        return str(answer["experiment_id"])

    def _experiment(self, call: str, **query: str) -> dict[str, Any] | None:
        try:
            answer = self._get(f"{_EXPERIMENTS}/{call}?{urlencode(query)}")
        except RefusedError as error:
            if error.code == RESOURCE_DOES_NOT_EXIST or error.status == _NOT_FOUND:
                return None
            raise
        return answer["experiment"]  # type: ignore[no-any-return]

    def _log_some(self, headers: dict[str, str], spans: list[bytes]) -> None:
        body = envelope(spans)
        try:
            self.client.ask("POST", "/v1/traces", body, headers, compress=True)
        except RefusedError as error:
            if error.status == _NO_SPAN_TABLE:
                msg = f"{error.words}; a server on a file store takes no spans"
                raise RefusedError(msg, error.status) from None
            if error.status != _TOO_LARGE or len(spans) == 1:
                raise
            half = len(spans) // 2
            self._log_some(headers, spans[:half])
            self._log_some(headers, spans[half:])

    def _post(self, path: str, body: object) -> dict[str, Any]:
        return _read(self.client.ask("POST", path, dumps(body)).body)

    def _get(self, path: str) -> dict[str, Any]:
        return _read(self.client.ask("GET", path).body)


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        msg = "the answer is no JSON object: is this an MLflow server?"
        raise RefusedError(msg, 200)
    return found


def batches(spans: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Split encoded spans into requests of some 4 MB and at most 512 of them."""
    batch: list[bytes] = []
    size = 0
    for span in spans:
        if batch and (
            size + len(span) > _BYTES_AT_ONCE or len(batch) >= _SPANS_AT_ONCE
        ):
            yield batch
            batch, size = [], 0
        batch.append(span)
        size += len(span)
    if batch:
        yield batch
