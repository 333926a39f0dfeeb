"""What the page asks of its server."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient
from support.traces import make_trace

from spantree.entities import Feedback
from spantree.web import api


def search(site, **given):
    return site.post("/api/v1/search", json=given).json()


def test_status_names_store_and_experiments(site):
    found = site.get("/api/v1/status").json()

    assert found["store"] == "memory:"
    assert found["experiments"] == {"0": "Default"}


def test_pages_follow_each_other(site, some):
    first = search(site, limit=2, order_by=["trace_id ASC"])
    second = search(
        site, limit=2, order_by=["trace_id ASC"], cursor=first["next_cursor"]
    )
    third = search(
        site, limit=2, order_by=["trace_id ASC"], cursor=second["next_cursor"]
    )

    ids = [t["trace_id"] for page in (first, second, third) for t in page["traces"]]
    assert ids == [trace.trace_id for trace in some]
    assert third["next_cursor"] is None
    assert first["traces"][0]["spans"] == 2


def test_a_bad_filter_says_where(site):
    answer = site.post("/api/v1/search", json={"filter": "stauts = 'OK'"})

    found = answer.json()
    assert answer.status_code == 400
    assert (found["position"], found["length"]) == (0, 6)
    assert found["suggestion"] == "status"
    assert "^^^^^^" in found["message"]


@pytest.mark.parametrize(
    "given",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": True},
        {"limit": "5"},
        {"filter": 3},
        {"order_by": "name"},
        {"experiments": [1]},
        {"cursor": "nonsense"},
    ],
)
def test_wrong_arguments_are_refused(site, some, given):
    assert site.post("/api/v1/search", json=given).status_code == 400


def test_bodies_are_at_most_200_levels_deep(site):
    deep = '{"filter":' + "[" * 300 + "]" * 300 + "}"

    answer = site.post(
        "/api/v1/search", content=deep, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 400
    assert "200 levels" in answer.json()["message"]


def test_sessions_are_counted(site, some):
    found = site.post("/api/v1/sessions", json={"filter": "name = 'agent'"}).json()

    assert {s["session"]: s["count"] for s in found["sessions"]} == {"s1": 3, "s0": 2}
    assert (found["complete"], found["traces"]) == (True, 5)
    wrong = site.post("/api/v1/sessions", json={"filter": "nam = 1"})
    assert wrong.json()["position"] == 0


def test_sessions_of_very_many_traces_are_those_of_the_newest(site, some, monkeypatch):
    monkeypatch.setattr(api, "MOST_SUMMED", 3)

    found = site.post("/api/v1/sessions", json={}).json()

    assert {s["session"]: s["count"] for s in found["sessions"]} == {"s1": 2, "s0": 1}
    assert (found["complete"], found["traces"]) == (False, 3)


def test_the_viewer_is_answered_as_by_a_kernel(site, some):
    trace_id = some[0].trace_id

    hello = site.post("/api/v1/link", json={"op": "hello"}).json()
    trace = site.post("/api/v1/link", json={"op": "trace", "trace": trace_id}).json()
    wrong = site.post("/api/v1/link", json={"op": "nothing"}).json()

    assert hello["ok"] is True
    assert trace["payload"]["traces"][0]["id"] == trace_id
    assert (wrong["ok"], wrong["error"]) == (False, "op is unknown")


def test_feedback_is_stored_and_taken_back(site, store, some):
    trace_id = some[0].trace_id
    asked = {"op": "feedback", "trace": trace_id, "name": "good", "value": True}

    made = site.post("/api/v1/link", json=asked).json()["assessment"]
    assert [a.name for a in store.get(some[0].key).info.assessments] == ["good"]
    site.delete(f"/api/v1/traces/{trace_id}/assessments/{made}")

    assert store.get(some[0].key).info.assessments == []


def test_tags_are_set_and_deleted(site, some):
    place = f"/api/v1/traces/{some[0].trace_id}/tags"

    found = site.patch(place, json={"set": {"a": "1"}, "delete": ["team"]}).json()
    unknown = site.patch("/api/v1/traces/tr-0/tags", json={"set": {"a": "1"}})
    empty = site.patch(place, json={"set": {"": "1"}})

    assert found["tags"]["a"] == "1"
    assert "team" not in found["tags"]
    assert (unknown.status_code, empty.status_code) == (404, 400)


def test_deleting_can_be_tried_first(site, some):
    by_filter = {"filter": "session = 's1'"}

    tried = site.post("/api/v1/traces/delete", json=by_filter | {"dry_run": True})
    done = site.post("/api/v1/traces/delete", json=by_filter)
    by_ids = site.post("/api/v1/traces/delete", json={"ids": [some[1].trace_id, "x"]})
    nothing = site.post("/api/v1/traces/delete", json={})
    no_list = site.post("/api/v1/traces/delete", json={"ids": 5})

    assert tried.json() == {"would_delete": 3}
    assert done.json() == {"deleted": 3}
    assert by_ids.json() == {"deleted": 1}
    assert nothing.status_code == no_list.status_code == 400
    assert len(search(site)["traces"]) == 1


def test_two_traces_are_compared(site, store):
    store.write([make_trace(1), make_trace(2, spans=[{"name": "new"}])])

    ids = {"a": "tr-" + "1".zfill(32), "b": "tr-" + "2".zfill(32)}
    found = site.get("/api/v1/compare", params=ids).json()

    assert [row["side"] for row in found["rows"]] == ["BOTH", "ONLY_B"]
    assert site.get("/api/v1/compare", params={"a": "x"}).status_code == 404


def test_the_list_as_csv(site, store):
    store.write([make_trace(1, root={"name": "=1+1"}), make_trace(2)])

    answer = site.get("/api/v1/export", params={"form": "csv"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"].endswith('"traces.csv"')
    assert {row["name"] for row in rows} == {"'=1+1", "agent"}
    assert rows[0]["start_time"] == "2023-11-14T22:13:20.000000000Z"


def test_the_list_as_json_and_parquet(site, some):
    wanted = {"filter": "session = 's1'"}

    lines = site.get("/api/v1/export", params=wanted | {"form": "json"}).text
    table = site.get("/api/v1/export", params=wanted | {"form": "parquet"}).content

    ids = [json.loads(line)["trace_id"] for line in lines.splitlines()]
    frame = pq.read_table(io.BytesIO(table))
    assert len(ids) == 3
    assert frame.column("trace_id").to_pylist() == ids


def test_only_the_chosen_are_exported(site, some):
    wanted = {"form": "json", "ids": f"{some[0].trace_id},{some[2].trace_id}"}

    assert len(site.get("/api/v1/export", params=wanted).text.splitlines()) == 2


def test_odd_values_are_answered_too(site, store, some):
    odd = [float("nan"), float("inf"), "\ud800", 2**80, {"a": [float("nan")]}]
    for number, value in enumerate(odd):
        store.put_assessment(some[0].key, Feedback(f"f{number}", value))
    place = f"/api/3.0/mlflow/traces/{some[0].trace_id}"

    row = search(site, filter=f"trace_id = '{some[0].trace_id}'")["traces"][0]
    info = site.get(f"/api/v1/traces/{some[0].trace_id}/info").json()
    told = site.get(place).json()["trace"]["trace_info"]
    lines = site.get("/api/v1/export", params={"form": "json"}).text.splitlines()
    table = site.get("/api/v1/export", params={"form": "csv"})

    assert set(row["feedback"]) == {"f0", "f1", "f2", "f3", "f4"}
    assert row["feedback"]["f3"] == 2**80
    assert len(info["assessments"]) == len(told["assessments"]) == 5
    assert len([json.loads(line) for line in lines]) == 5
    assert table.status_code == 200


def test_an_unknown_form_is_refused(site):
    answer = site.get("/api/v1/export", params={"form": "cvs"})

    assert answer.status_code == 400
    assert "Did you mean 'csv'?" in answer.json()["message"]


def test_a_failure_of_ours_tells_nothing(site, store, monkeypatch):
    def fail(*_, **__):
        msg = "a secret path"
        raise RuntimeError(msg)

    monkeypatch.setattr(store, "experiments", fail)
    with TestClient(
        site.app, base_url=site.base_url, raise_server_exceptions=False
    ) as client:
        answer = client.get("/api/v1/status", headers=site.headers)

    assert answer.status_code == 500
    assert "secret" not in answer.text
