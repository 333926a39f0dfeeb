"""Arize Phoenix, a real receiver of OTLP, has what was sent to it.

Its environment is named by SPANTREE_PHOENIX_PYTHON, as `make test-mlflow` does, or
stands in ``.venv-phoenix``; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

import spantree

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory):
    named = os.environ.get("SPANTREE_PHOENIX_PYTHON")
    python = Path(named or ROOT / ".venv-phoenix/bin/python").absolute()
    if not python.exists() and not named:
        pytest.skip("no environment with phoenix: run `make test-mlflow`")
    folder = tmp_path_factory.mktemp("phoenix")
    ports = free_ports(2)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-m", "phoenix.server.main", "serve"],
            cwd=folder,
            env=os.environ
            | {
                "PHOENIX_WORKING_DIR": str(folder),
                "PHOENIX_HOST": "127.0.0.1",
                "PHOENIX_PORT": str(ports[0]),
                "PHOENIX_GRPC_PORT": str(ports[1]),
                "PHOENIX_TELEMETRY_ENABLED": "false",
                "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    uri = f"http://127.0.0.1:{ports[0]}"
    try:
        for _ in range(600):
            try:
                asked(uri, "/v1/projects")
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.2)
        yield uri
    finally:
        process.terminate()
        process.wait(30)


def free_ports(count):
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in found]
    for one in found:
        one.close()
    return ports


def asked(uri, path):
    with urllib.request.urlopen(f"{uri}{path}", timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def send(phoenix):
    """Record in a program that sends to it; give the spans that it has of the trace."""

    def record(program, **options):
        spantree.configure(otlp=options)
        spantree.set_tracking_uri(f"otlp+{phoenix}")
        program()
        spantree.flush_trace_async_logging()
        assert spantree.stats()["waiting"] == 0
        assert spantree.stats()["rejected"] == 0
        wanted = spantree.get_last_active_trace_id().removeprefix("tr-")
        deadline = time.monotonic() + 60
        # It answers before it has stored them.
        while time.monotonic() < deadline:
            found = asked(phoenix, "/v1/projects/default/spans?limit=1000")["data"]
            spans = {s["name"]: s for s in found if s["context"]["trace_id"] == wanted}
            if len(spans) == 3:
                return spans
            time.sleep(0.2)
        raise AssertionError("it has not got all of them")

    yield record
    spantree.configure(otlp=None)
    spantree.set_tracking_uri("memory:")


@spantree.trace(span_type="TOOL")
def look_up(key):
    raise KeyError(key)


@spantree.trace(span_type="CHAT_MODEL")
def chat(messages):
    span = spantree.get_current_active_span()
    span.set_attribute("mlflow.llm.model", "gpt-4o-mini")
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    span.set_attribute("mlflow.chat.tokenUsage", usage)
    return {"choices": [{"message": {"role": "assistant", "content": "because"}}]}


@spantree.trace(span_type="AGENT")
def agent(question):
    spantree.update_current_trace(session_id="s-1", user="ada")
    try:
        look_up("k")
    except KeyError:
        return chat([{"role": "user", "content": question}])


def test_a_trace_is_there_whole(send):
    spans = send(lambda: agent("why?"))

    root, tool, model = spans["agent"], spans["look_up"], spans["chat"]
    trace = spantree.get_trace(spantree.get_last_active_trace_id())
    here = {s.name: s for s in trace.data.spans}
    for name, span in here.items():
        assert spans[name]["context"]["span_id"] == span.span_id
    assert root["parent_id"] is None
    assert tool["parent_id"] == model["parent_id"] == here["agent"].span_id
    kinds = [span["span_kind"] for span in (root, tool, model)]
    assert kinds == ["AGENT", "TOOL", "LLM"]
    assert [root["status_code"], tool["status_code"]] == ["OK", "ERROR"]
    assert tool["events"][0]["attributes"]["exception.type"] == "KeyError"
    assert root["attributes"]["session.id"] == "s-1"
    assert model["attributes"]["llm.token_count.total"] == 7


def test_openinference_s_words_are_understood(send):
    spans = send(lambda: agent("why?"), dialect="openinference")

    said = spans["chat"]["attributes"]
    assert spans["chat"]["span_kind"] == "LLM"
    assert said["llm.model_name"] == "gpt-4o-mini"
    assert said["llm.input_messages.0.message.content"] == "why?"
