"""The order of ``@trace`` and a web framework's decorator."""

from __future__ import annotations

import asyncio
import sys
import warnings

import pytest

from spantree.recording import TracingOrderWarning, get_current_active_span, trace


@pytest.fixture(autouse=True)
def _warnings_are_seen():
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield


@pytest.fixture
def fastapi():
    return pytest.importorskip("fastapi", reason="fastapi is not installed")


@pytest.fixture
def client_of(fastapi):
    pytest.importorskip("httpx", reason="fastapi's test client needs httpx")
    testclient = pytest.importorskip("fastapi.testclient")
    return testclient.TestClient


@pytest.fixture
def flask():
    return pytest.importorskip("flask", reason="flask is not installed")


# FastAPI


def test_trace_above_a_fastapi_route_warns(traces, fastapi):
    app = fastapi.FastAPI()

    with pytest.warns(TracingOrderWarning) as caught:

        @trace
        @app.post("/chat")
        def handle_chat():
            return {}

    assert len(caught) == 1
    assert str(caught[0].message) == (
        "handle_chat is already registered as POST /chat; requests will not be "
        "traced. Put @trace below @app.post."
    )
    assert caught[0].filename == __file__


def test_trace_with_options_above_a_fastapi_route_warns(traces, fastapi):
    app = fastapi.FastAPI()

    with pytest.warns(TracingOrderWarning, match="GET /items") as caught:

        @trace(name="items")
        @app.get("/items")
        async def items():
            return []

    assert caught[0].filename == __file__


def test_the_warning_names_a_router(traces, fastapi):
    router = fastapi.APIRouter()

    with pytest.warns(TracingOrderWarning, match=r"Put @trace below @router\.put"):

        @trace
        @router.put("/x")
        def handler():
            return {}


def test_an_app_of_a_subclass_is_seen(traces, fastapi):
    class Service(fastapi.FastAPI):
        pass

    app = Service()

    with pytest.warns(TracingOrderWarning, match=r"@app\.get"):

        @trace
        @app.get("/x")
        def handler():
            return {}


def test_the_route_is_not_altered_and_the_function_is_wrapped(traces, fastapi):
    app = fastapi.FastAPI()

    def handler():
        return {"ok": True}

    app.get("/x")(handler)
    with pytest.warns(TracingOrderWarning):
        traced = trace(handler)

    assert [r.endpoint for r in app.routes if r.path == "/x"] == [handler]
    assert traced() == {"ok": True}
    assert len(traces) == 1


def test_an_error_filter_raises_the_warning(fastapi):
    app = fastapi.FastAPI()
    warnings.simplefilter("error")

    with pytest.raises(TracingOrderWarning):

        @trace
        @app.get("/x")
        def handler():
            return {}


def test_trace_below_a_fastapi_route_traces_every_kind(traces, fastapi, client_of):
    app = fastapi.FastAPI()
    responses = pytest.importorskip("fastapi.responses")

    @app.get("/plain")
    @trace
    def plain(q: str, n: int = 1):
        return {"q": q, "n": n}

    @app.get("/coroutine")
    @trace
    async def coroutine(q: "str"):
        await asyncio.sleep(0)
        return {"q": q}

    @trace
    def words():
        yield "a"
        yield "b"

    @app.get("/stream")
    @trace
    def stream():
        return responses.StreamingResponse(words())

    with warnings.catch_warnings():
        warnings.simplefilter("error", TracingOrderWarning)
        client = client_of(app)
        assert client.get("/plain?q=a&n=2").json() == {"q": "a", "n": 2}
        assert client.get("/coroutine?q=b").json() == {"q": "b"}
        assert client.get("/stream").text == "ab"
        assert client.get("/plain").status_code == 422

    assert [t.data.root.name for t in traces][:3] == ["plain", "coroutine", "stream"]
    assert traces[0].data.root.inputs == {"q": "a", "n": 2}
    assert traces[3].data.root.outputs == ["a", "b"]


def test_a_traced_yield_dependency_rolls_back(traces, fastapi, client_of):
    app = fastapi.FastAPI()
    log = []

    @trace
    def session():
        try:
            yield "session"
            log.append("commit")
        except ValueError:
            log.append("rollback")
            raise

    @trace
    async def async_session():
        try:
            yield "async session"
        except ValueError:
            log.append("async rollback")
            raise

    @app.get("/fails")
    @trace
    def fails(
        one: str = fastapi.Depends(session), two: str = fastapi.Depends(async_session)
    ):
        raise ValueError("v")

    client = client_of(app, raise_server_exceptions=False)
    assert client.get("/fails").status_code == 500

    assert sorted(log) == ["async rollback", "rollback"]
    assert get_current_active_span() is None


# Flask


def test_trace_above_a_flask_route_warns(traces, flask):
    app = flask.Flask("shop")

    with pytest.warns(TracingOrderWarning, match=r"Put @trace below @app\.route"):

        @trace
        @app.route("/chat", methods=["POST"])
        def handle_chat():
            return {}


def test_trace_below_a_flask_route_traces(traces, flask):
    app = flask.Flask("shop")

    @app.route("/chat/<name>")
    @trace
    def chat(name):
        return {"hello": name}

    assert app.test_client().get("/chat/ann").json == {"hello": "ann"}
    assert traces[0].data.root.inputs == {"name": "ann"}


def test_a_flask_blueprint_below_trace_is_quiet(traces, flask):
    blueprint = flask.Blueprint("b", "b")

    with warnings.catch_warnings():
        warnings.simplefilter("error", TracingOrderWarning)

        @blueprint.route("/x")
        @trace
        def x():
            return {}


# Without a framework


def test_without_a_framework_nothing_is_looked_at(traces, monkeypatch):
    for name in ("fastapi", "starlette", "flask"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    class Watched:
        def __getattr__(self, name):
            raise AssertionError(name)

    app = Watched()

    assert trace(lambda: app)() is app
