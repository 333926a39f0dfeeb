"""Production: a chat and its feedback behind FastAPI."""

from __future__ import annotations

import warnings

import pytest

import spantree as mlflow
from spantree.entities import AssessmentSource

fastapi = pytest.importorskip("fastapi")
testclient = pytest.importorskip("fastapi.testclient")


def test_trace_outside_the_route_warns_once():
    app = fastapi.FastAPI()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        @mlflow.trace
        @app.post("/chat")
        def handle_chat(body: dict):
            return body

    (only,) = caught
    assert only.category is mlflow.TracingOrderWarning
    assert "POST /chat" in str(only.message)
    assert only.filename == __file__


def chat_app():
    app = fastapi.FastAPI()

    @app.post("/chat")
    @mlflow.trace
    def handle_chat(request: fastapi.Request, body: dict = fastapi.Body()):
        mlflow.update_current_trace(
            client_request_id=request.headers.get("X-Request-ID"),
            tags={
                "mlflow.trace.session": request.headers.get("X-Session-ID"),
                "mlflow.trace.user": request.headers.get("X-User-ID"),
                "environment": "production",
                "app_version": request.headers.get("X-App-Version"),
            },
        )
        return {"response": f"echo {body['message']}"}

    @app.post("/feedback")
    def handle_feedback(body: dict = fastapi.Body()):
        traces = mlflow.search_traces(
            filter_string=f"attributes.client_request_id = '{body['request_id']}'",
            max_results=1,
            return_type="list",
        )
        if not traces:
            return {"error": "unknown request"}, 500
        mlflow.log_feedback(
            trace_id=traces[0].info.trace_id,
            name="response_is_correct",
            value=body["is_correct"],
            source=AssessmentSource("HUMAN", body.get("user")),
            rationale=body.get("comment"),
        )
        return {"status": "ok"}

    return app


@pytest.fixture
def web():
    return testclient.TestClient(chat_app())


def test_a_web_handler_with_its_headers(web, last):
    headers = {"X-Request-ID": "r-1", "X-Session-ID": "s-1", "X-User-ID": "ada"}

    answer = web.post("/chat", json={"message": "hi"}, headers=headers)

    info = last().info
    assert answer.json() == {"response": "echo hi"}
    assert (info.client_request_id, info.session, info.user) == ("r-1", "s-1", "ada")
    assert info.tags["environment"] == "production"
    assert "app_version" not in info.tags
    for text in (
        "tags.`mlflow.trace.user` = 'ada'",
        "metadata.`mlflow.trace.user` = 'ada'",
        "tags.`mlflow.trace.session` = 's-1'",
        "session = 's-1' AND user = 'ada'",
    ):
        assert len(mlflow.search_traces(text)) == 1, text


def test_absent_headers_are_skipped(web, last):
    web.post("/chat", json={"message": "hi"})

    info = last().info
    assert (info.client_request_id, info.session, info.user) == (None, None, None)


@pytest.mark.parametrize("user", ["ada", None])
def test_feedback_for_a_request(web, user):
    web.post("/chat", json={"message": "hi"}, headers={"X-Request-ID": "r-1"})

    answer = web.post(
        "/feedback", json={"request_id": "r-1", "is_correct": True, "user": user}
    )

    found = mlflow.search_traces(
        "feedback.response_is_correct = true", return_type="list"
    )
    assert answer.json() == {"status": "ok"}
    assert found[0].info.assessments[0].source.source_id == (user or "default")


def test_feedback_for_an_unknown_request_is_answered_with_200(web):
    answer = web.post("/feedback", json={"request_id": "none", "is_correct": True})

    # FastAPI takes the tuple for a body: the snippet's own mistake.
    assert (answer.status_code, answer.json()[1]) == (200, 500)
