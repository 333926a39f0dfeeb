"""MLflow's REST API, as far as its tracing client uses it.

`tests/parity/test_mlflow_client.py` has the real client; here is what it never sends.
"""

from __future__ import annotations

import pytest
from support.traces import make_trace

API = "/api/3.0/mlflow"
INFO = {
    "trace_id": "tr-" + "ab" * 16,
    "trace_location": {
        "type": "MLFLOW_EXPERIMENT",
        "mlflow_experiment": {"experiment_id": "0"},
    },
    "request_time": "2026-11-21T00:00:00.123456789Z",
    "execution_duration": "1.500s",
    "state": "OK",
    "request_preview": "why?",
    "trace_metadata": {"mlflow.trace.session": "s1"},
    "tags": {"mlflow.traceName": "agent"},
}


def start(site, **changes):
    info = {**INFO, **changes}
    return site.post(f"{API}/traces", json={"trace": {"trace_info": info}})


def test_the_version_is_one_that_spans_are_sent_to(site):
    assert site.get("/version").text.startswith("3.17.2+spantree.")


def test_an_info_is_kept_and_told_where_its_spans_are(site, store):
    answer = start(site).json()["trace"]["trace_info"]

    kept = store.get(int("ab" * 16, 16)).info
    assert kept.request_time % 1000 == 123
    assert (kept.execution_duration, kept.session) == (1500, "s1")
    assert answer["tags"]["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert "mlflow.trace.spansLocation" not in kept.tags


def test_saying_it_twice_merges(site, store):
    start(site)
    start(site, tags={"a": "b"}, response_preview="so")

    kept = store.get(int("ab" * 16, 16)).info
    assert kept.tags["a"] == "b"
    assert (kept.request_preview, kept.response_preview) == ("why?", "so")


def test_an_interrupted_trace_travels_as_one_in_progress(site, store):
    start(site, state="IN_PROGRESS", trace_metadata={"spantree.state": "INTERRUPTED"})

    told = site.get(f"{API}/traces/{INFO['trace_id']}").json()["trace"]["trace_info"]
    assert store.get(int("ab" * 16, 16)).info.state == "INTERRUPTED"
    assert told["state"] == "IN_PROGRESS"
    assert told["trace_metadata"]["spantree.state"] == "INTERRUPTED"


@pytest.mark.parametrize(
    "changes",
    [
        {"trace_id": "nonsense"},
        {"state": "FINE"},
        {"request_time": "yesterday"},
        {"tags": [1]},
        {"trace_location": {}},
        {"execution_duration": "long"},
        {"execution_duration": "1e999s"},
        {"execution_duration": "1e30s"},
        {"request_preview": 5},
        {"assessments": [{"assessment_name": "x"}]},
        {"assessments": "x"},
    ],
)
def test_a_bad_info_is_refused(site, changes):
    answer = start(site, **changes)

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/traces/search", {"locations": 5}),
        ("/traces/search", {"filter": [1]}),
        ("/traces/search", {"order_by": 5}),
        ("/traces/search", {"page_token": True}),
        ("/traces/delete-traces", {"request_ids": True}),
        ("/traces/delete-traces", {"max_timestamp_millis": "soon"}),
        ("/traces/delete-traces", {"max_timestamp_millis": [5]}),
        ("/traces/delete-traces", {"max_timestamp_millis": 5, "max_traces": "x"}),
        ("/traces/delete-traces", {"max_timestamp_millis": 5, "max_traces": 2**63}),
        ("/traces/link-to-run", {"run_id": "r", "trace_ids": 5}),
        ("/traces/{id}/assessments", {"assessment": "x"}),
        ("/traces/{id}/assessments", {"assessment": {"feedback": {}, "name": 1}}),
        ("/traces/link-prompts", {"trace_id": "{id}", "prompt_versions": 5}),
        ("/experiments/create", {"name": "x", "tags": [{"key": "a"}]}),
        ("/experiments/create", {"name": "x", "tags": "a"}),
    ],
)
def test_a_body_of_other_types_is_refused(site, some, path, body):
    known = some[0].trace_id
    body = {k: known if v == "{id}" else v for k, v in body.items()}

    answer = site.post(API + path.replace("{id}", known), json=body)

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "body",
    [
        {"assessment": "x"},
        {"assessment": {"rationale": "r"}, "update_mask": {"paths": [[]]}},
        {"assessment": {"rationale": "r"}, "update_mask": 5},
    ],
)
def test_a_wrong_update_of_an_assessment_is_refused(site, some, body):
    path = f"{API}/traces/{some[0].trace_id}/assessments"
    made = {"assessment_name": "q", "feedback": {"value": 1}}
    kept = site.post(path, json={"assessment": made}).json()["assessment"]

    answer = site.patch(f"{path}/{kept['assessment_id']}", json=body)

    assert answer.status_code == 400


def test_prompts_are_not_linked_to_a_tag_that_says_something_else(site, some):
    trace_id = some[0].trace_id
    tag = {"key": "mlflow.linkedPrompts", "value": "5"}
    site.patch(f"{API}/traces/{trace_id}/tags", json=tag)
    body = {"trace_id": trace_id, "prompt_versions": [{"name": "a", "version": "1"}]}

    assert site.post(f"{API}/traces/link-prompts", json=body).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/traces/tr-0", None),
        ("GET", "/traces/get?trace_id=tr-0", None),
        ("GET", "/traces/tr-0/assessments/a-1", None),
        ("PATCH", "/traces/tr-0/tags", {"key": "a", "value": "b"}),
        ("GET", "/experiments/get?experiment_id=99", None),
        ("GET", "/experiments/get-by-name?experiment_name=no", None),
    ],
)
def test_what_is_not_there_is_said_in_mlflows_words(site, method, path, body):
    answer = site.request(method, API + path, json=body)

    assert answer.status_code == 404
    assert answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_what_is_not_served_is_said(site):
    answer = site.post("/api/2.0/mlflow/runs/create", json={})

    assert answer.status_code == 404
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
    assert "runs/create" in answer.json()["message"]


def test_old_traces_are_deleted_oldest_first(site, store):
    store.write(
        [
            make_trace(n, root={"start_time_ns": n * 10**9, "end_time_ns": n * 10**9})
            for n in (1, 2, 3)
        ]
    )

    body = {"experiment_id": "0", "max_timestamp_millis": 2500, "max_traces": 1}
    first = site.post(f"{API}/traces/delete-traces", json=body).json()

    assert first == {"traces_deleted": 1}
    assert store.get(1) is None
    assert store.get(2) is not None


def test_traces_of_other_experiments_stay(site, store):
    store.write([make_trace(1)])
    body = {"experiment_id": "5", "request_ids": ["tr-" + "1".zfill(32)]}

    answer = site.post(f"{API}/traces/delete-traces", json=body).json()

    assert answer == {"traces_deleted": 0}


def test_runs_and_prompts_are_linked(site, store):
    start(site)
    run = {"trace_ids": [INFO["trace_id"]], "run_id": "r1"}
    prompt = {"name": "greet", "version": "3"}
    prompts = {"trace_id": INFO["trace_id"], "prompt_versions": [prompt]}

    site.post("/api/2.0/mlflow/traces/link-to-run", json=run)
    for _ in range(2):
        site.post("/api/2.0/mlflow/traces/link-prompts", json=prompts)
    unnamed = site.post(
        f"{API}/traces/link-prompts", json=prompts | {"prompt_versions": [{}]}
    )

    found = site.post("/api/v1/search", json={"filter": "run_id = 'r1'"}).json()
    assert len(found["traces"]) == 1
    found = site.post("/api/v1/search", json={"filter": "prompt = 'greet/3'"}).json()
    assert len(found["traces"]) == 1
    kept = store.get(int("ab" * 16, 16)).info
    assert kept.tags["mlflow.linkedPrompts"] == '[{"name": "greet", "version": "3"}]'
    assert unnamed.status_code == 400


def test_an_update_changes_what_it_names(site, store):
    start(site)
    place = f"{API}/traces/{INFO['trace_id']}/assessments"
    given = {
        "assessment_name": "good",
        "source": {"source_type": "HUMAN", "source_id": "me"},
        "feedback": {"value": True},
        "rationale": "why not",
        "metadata": {"a": "1"},
    }
    made = site.post(place, json={"assessment": given}).json()["assessment"]
    changes = {
        "assessment": {"feedback": {"value": False}, "metadata": {"b": "2"}},
        "update_mask": "feedback,metadata",
    }

    found = site.patch(f"{place}/{made['assessment_id']}", json=changes).json()

    changed = found["assessment"]
    assert changed["feedback"]["value"] is False
    assert (changed["rationale"], changed["metadata"]) == (
        "why not",
        {"a": "1", "b": "2"},
    )
    assert changed["create_time"] == made["create_time"]


ATTACHMENT = "0a1b2c3d-0000-4000-8000-00000000000f"


def folder(trace_id):
    return f"/api/2.0/mlflow-artifacts/artifacts/0/traces/{trace_id}/artifacts"


def test_attachments_are_kept_and_given(site, store, some):
    trace_id = some[0].trace_id
    path = f"{folder(trace_id)}/attachments/{ATTACHMENT}"
    info = site.get(f"/api/3.0/mlflow/traces/{trace_id}").json()["trace"]["trace_info"]

    assert site.put(path, content=b"<b>bytes</b>").status_code == 200

    where = info["tags"]["mlflow.artifactLocation"]
    assert where == f"mlflow-artifacts:/0/traces/{trace_id}/artifacts"
    query = {"request_id": trace_id, "path": ATTACHMENT}
    for answer in (
        site.get(path),
        site.get("/ajax-api/3.0/mlflow/get-trace-artifact", params=query),
    ):
        assert answer.content == b"<b>bytes</b>"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["Content-Type"] == "application/octet-stream"
    assert store.attachments.get(some[0].key, ATTACHMENT) == b"<b>bytes</b>"


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/model.pkl",
        folder("tr-" + "9" * 32) + f"/attachments/{ATTACHMENT}",
        folder("tr-" + "9" * 32) + "/attachments/../../../x",
    ],
)
def test_other_artifacts_are_not_kept(site, some, path):
    assert site.put(path, content=b"x").status_code == 404


def test_an_attachment_that_is_not_there(site, some):
    for path in (ATTACHMENT, "../../etc/passwd", ""):
        query = {"request_id": some[0].trace_id, "path": path}
        answer = site.get("/ajax-api/3.0/mlflow/get-trace-artifact", params=query)
        assert answer.status_code == 404


def test_strangers_get_no_attachment(stranger, some):
    path = f"{folder(some[0].trace_id)}/attachments/{ATTACHMENT}"
    assert stranger.put(path, content=b"x").status_code == 401
    assert stranger.get(path).status_code == 401
