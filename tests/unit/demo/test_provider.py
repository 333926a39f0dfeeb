"""The demo provider: its rules, its directives, and that it stays on this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from spantree import demo
from spantree.entities.errors import MissingExtraError, SpantreeException


@pytest.fixture(scope="module")
def provider():
    made = demo.DemoProvider(has_latency=False).start()
    yield made
    made.stop()


def post(provider, path, body):
    request = urllib.request.Request(provider.url + path, json.dumps(body).encode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return response.read().decode()


def chat(provider, text, **more):
    messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
    body = {"model": "demo", "messages": messages, **more}
    return json.loads(post(provider, "/chat/completions", body))


def answer(provider, text, **more):
    return chat(provider, text, **more)["choices"][0]["message"]["content"]


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            },
        },
    }
]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("What is the capital of France?", "The capital of France is Paris."),
        ("hello there", "Hello! What would you like to know?"),
        ("Nobody taught it this", "You said: Nobody taught it this"),
        ("@@say=just_this@@ hello", "just this"),
        ("@@words=3@@", "word0 word1 word2"),
        (
            (
                "Context:\n- Refunds take 30 days.\n- Shipping takes 5 days.\n"
                "Question: How long does shipping take?"
            ),
            "Shipping takes 5 days.",
        ),
        ("Context: Cats purr.\nQuestion: How tall is it?", "The context does not say."),
    ],
)
def test_replies_follow_the_rules(provider, asked, said):
    assert answer(provider, asked) == said
    assert answer(provider, asked) == said


def test_a_tool_that_the_question_names_is_called(provider):
    reply = chat(provider, "The weather in Paris for 3 days, please", tools=TOOLS)

    (call,) = reply["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris", "days": 3}
    assert reply["choices"][0]["finish_reason"] == "tool_calls"


def test_a_tool_is_called_when_it_must_be_and_not_when_it_may_not(provider):
    forced = chat(provider, "hello", tools=TOOLS, tool_choice="required")
    banned = chat(provider, "the weather", tools=TOOLS, tool_choice="none")

    assert "tool_calls" in forced["choices"][0]["message"]
    assert "tool_calls" not in banned["choices"][0]["message"]


def test_the_result_of_a_tool_is_put_into_words(provider):
    said = answer(
        provider,
        [
            {"role": "user", "content": "the weather?"},
            {"role": "assistant", "content": None, "tool_calls": []},
            {
                "role": "tool",
                "tool_call_id": "x",
                "content": '{"sky": "clear", "c": 18}',
            },
        ],
        tools=TOOLS,
    )

    assert said == "Here is what I found: sky clear, c 18."


def test_a_schema_is_followed(provider):
    schema = {
        "$defs": {"Mood": {"enum": ["sad", "happy"]}},
        "type": "object",
        "properties": {
            "mood": {"$ref": "#/$defs/Mood"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "score": {"anyOf": [{"type": "null"}, {"type": "number"}]},
        },
    }
    form = {"type": "json_schema", "json_schema": {"name": "m", "schema": schema}}

    said = answer(provider, "I am happy, 7.5 of 10", response_format=form)
    assert json.loads(said) == {"mood": "happy", "tags": ["10"], "score": 7.5}


def test_usage_counts_words_and_marks_of_both_sides(provider):
    usage = chat(provider, "@@say=one_two@@ Hi, you!", n=2)["usage"]

    assert usage["prompt_tokens"] == 4
    assert usage["completion_tokens"] == 4
    assert usage["total_tokens"] == 8


def test_a_stream_has_a_usage_chunk_only_when_asked(provider):
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    bare = post(provider, "/chat/completions", {**body, "stream": True})
    options = {"stream": True, "stream_options": {"include_usage": True}}
    asked = post(provider, "/chat/completions", {**body, **options})

    assert '"usage"' not in bare
    assert asked.count('"usage": null') == asked.count("data: ") - 2
    assert bare.rstrip().endswith("data: [DONE]")


def test_texts_that_share_words_have_near_vectors(provider):
    texts = ["the red fox runs", "a red fox", "stock market news"]
    reply = json.loads(post(provider, "/embeddings", {"model": "m", "input": texts}))

    fox, other_fox, news = (item["embedding"] for item in reply["data"])
    near = sum(a * b for a, b in zip(fox, other_fox, strict=True))
    far = sum(a * b for a, b in zip(fox, news, strict=True))
    assert near > far + 0.3
    assert sum(x * x for x in fox) == pytest.approx(1)


def test_errors_are_ordered_for_a_number_of_times(provider):
    with pytest.raises(urllib.error.HTTPError) as caught:
        chat(provider, "@@status=429 times=1@@ hello")

    assert caught.value.code == 429
    assert answer(provider, "@@status=429 times=1@@ hello").startswith("Hello")


def test_a_request_it_cannot_read_is_told_so(provider):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(provider, "/chat/completions", {"messages": [{"content": "no role"}]})

    assert caught.value.code == 400
    assert "KeyError" in caught.value.read().decode()


def test_it_listens_on_this_machine_only_and_logs_what_it_receives(provider):
    provider.requests.clear()
    chat(provider, "hello")

    assert provider.url.startswith("http://127.0.0.1:")
    assert provider.requests[0].path == "/v1/chat/completions"
    assert provider.requests[0].json["model"] == "demo"


def test_latency_is_the_same_for_the_same_request():
    from spantree.demo._replies import Message, Request

    slow = demo.DemoProvider()
    times = {slow.latency_s(Request([Message("user", "x")])) for _ in range(3)}
    slow._server.server_close()

    assert len(times) == 1
    assert 0.005 <= times.pop() <= 0.040


def test_a_client_is_the_real_one_and_ignores_proxies(monkeypatch):
    openai = pytest.importorskip("openai")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = demo.client()
    reply = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "hello"}]
    )

    assert type(client) is openai.OpenAI
    assert reply.choices[0].message.content.startswith("Hello")
    assert demo.client().base_url == client.base_url


async def test_an_asynchronous_client():
    openai = pytest.importorskip("openai")
    async with demo.async_client() as client:
        reply = await client.responses.create(model="demo", input="hello")

    assert type(client) is openai.AsyncOpenAI
    assert reply.output_text.startswith("Hello")


def test_the_hosted_api_is_used_only_with_a_key(monkeypatch, capsys):
    pytest.importorskip("openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "127.0.0.1" in str(demo.client(real=True).base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert "api.openai.com" in str(demo.client(real=True).base_url)
    assert "127.0.0.1" in str(demo.client().base_url)

    assert capsys.readouterr().out.splitlines() == [
        "spantree.demo: using the demo provider (OPENAI_API_KEY is not set)",
        "spantree.demo: using the hosted API",
    ]


def test_an_unknown_kind_and_a_missing_sdk_are_explained(monkeypatch):
    with pytest.raises(SpantreeException, match="Did you mean 'openai'"):
        demo.client("openia")
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r'pip install "spantree\[demo\]"'):
        demo.client()
