"""Who gets in, and from where."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from spantree.store import MemoryStore
from spantree.web.app import create_app
from spantree.web.security import POLICY

EVERYTHING = [
    ("GET", "/"),
    ("GET", "/version"),
    ("GET", "/static/ui.js"),
    ("GET", "/api/v1/status"),
    ("POST", "/api/v1/search"),
    ("POST", "/v1/traces"),
    ("POST", "/api/3.0/mlflow/traces"),
    ("GET", "/no/such/page"),
]


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_nothing_is_answered_without_the_token(stranger, method, path):
    assert stranger.request(method, path).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic Og=="},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic é".encode("latin-1")},
        {"Cookie": "spantree-ui-8080=wrong"},
        {"Cookie": "spantree-ui-9999=a-token"},
    ],
)
def test_a_wrong_token_is_none(stranger, headers):
    assert stranger.get("/api/v1/status", headers=headers).status_code == 401


def test_a_password_is_a_token(stranger):
    assert stranger.get("/api/v1/status", auth=("any", "a-token")).status_code == 200


def test_the_printed_address_sets_a_cookie_and_hides_the_token(stranger):
    answer = stranger.get("/?token=a-token&x=1", follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/?x=1"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert stranger.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "///x"])
def test_the_redirect_stays_here(stranger, path):
    answer = stranger.get(
        f"http://127.0.0.1:8080{path}?token=a-token", follow_redirects=False
    )

    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith(("//", "/\\"))


def test_a_browser_without_a_token_is_asked_for_it(stranger):
    answer = stranger.get("/", headers={"Accept": "text/html"})

    assert answer.status_code == 401
    assert 'name="token"' in answer.text
    assert stranger.get("/login.css").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "["]
)
def test_a_name_that_was_made_to_lead_here_is_refused(site, host):
    answer = site.get("/api/v1/status", headers={"Host": host})

    assert answer.status_code == 400
    assert "--allow-host" in answer.json()["message"]


def test_without_a_token_even_addresses_are_refused():
    app = create_app(MemoryStore(), token=None)
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        ok = client.get("/api/v1/status")
        refused = client.get("/api/v1/status", headers={"Host": "192.168.0.7"})

    assert (ok.status_code, refused.status_code) == (200, 400)


def test_a_name_that_was_allowed_is_answered():
    app = create_app(MemoryStore(), token="t", hosts=["traces.team.example"])
    headers = {"Host": "Traces.team.example:8080", "Authorization": "Bearer t"}
    with TestClient(app) as client:
        assert client.get("/api/v1/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(site, some, headers):
    body = {"ids": [some[0].trace_id]}

    answer = site.post("/api/v1/traces/delete", json=body, headers=headers)

    assert answer.status_code == 403
    assert site.get(f"/api/v1/traces/{some[0].trace_id}").status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_refused(site, kind):
    answer = site.post(
        "/api/v1/search", content="{}", headers={"Content-Type": kind + "; x=y"}
    )

    assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/no/such", "/v1/traces"])
def test_every_answer_has_the_policy(site, path):
    headers = site.get(path).headers

    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_health_is_for_everybody(stranger):
    assert stranger.get("/health").text == "OK"
