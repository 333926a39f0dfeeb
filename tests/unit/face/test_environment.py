"""What the environment sets, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import spantree
from spantree.exceptions import SpantreeException


@pytest.fixture
def run(tmp_path):
    """Run a program; gives what it prints as JSON, and what it logs."""

    def run_with(program, **environment):
        done = subprocess.run(
            [sys.executable, "-c", "import json, time, spantree\n" + program],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "SPANTREE_DATA_DIR": str(tmp_path), **environment},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stderr

    return run_with


WHERE = """
with spantree.start_span("s") as span: pass
found = spantree.get_trace(span.trace_id, flush=True)
print(json.dumps([spantree.get_tracking_uri(), found.name]))
"""


@pytest.mark.parametrize(
    "uri", ["http://user:secret@127.0.0.1:9", "https://x.invalid", "databricks"]
)
def test_a_server_is_named_and_traces_are_kept_here(run, uri):
    (named, name), said = run(WHERE, MLFLOW_TRACKING_URI=uri)

    assert named == uri.replace("user:secret@", "")
    assert name == "s"
    assert "secret" not in said


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "./mlruns", "file:///mlruns"])
def test_the_files_of_mlflow_are_left_alone(run, tmp_path, uri):
    (named, _), said = run(WHERE, MLFLOW_TRACKING_URI=uri)

    assert named == f"sqlite:///{tmp_path}/traces.db"
    assert said == ""
    assert not (tmp_path / "mlflow.db").exists()


def test_our_own_variable_comes_first(run):
    (named, _), _ = run(
        WHERE, SPANTREE_TRACKING_URI="memory:", MLFLOW_TRACKING_URI="http://x.invalid"
    )

    assert named == "memory:"


def test_a_uri_that_is_none_is_warned_of(run, tmp_path):
    (named, _), said = run(WHERE, SPANTREE_TRACKING_URI="sqltie:///x.db")

    assert named == f"sqlite:///{tmp_path}/traces.db"
    assert "Did you mean 'sqlite'?" in said


def test_what_was_set_is_given_back(tmp_path):
    for uri in ("memory:", f"sqlite:///{tmp_path}/x.db", str(tmp_path / "y.db")):
        spantree.set_tracking_uri(uri)
        assert spantree.get_tracking_uri() == uri

    spantree.set_tracking_uri("https://me:secret@traces.example.org/a")
    assert spantree.get_tracking_uri() == "https://traces.example.org/a"

    with pytest.raises(SpantreeException, match="Did you mean 'sqlite'"):
        spantree.set_tracking_uri("sqltie:///x.db")
    assert spantree.get_tracking_uri() == "https://traces.example.org/a"


OPEN_TOO_LONG = """
root = spantree.start_span_no_context("root")
child = spantree.start_span_no_context("child", parent_span=root)
done = spantree.start_span_no_context("done", parent_span=root)
done.end()
for _ in range(200):
    trace = spantree.get_trace(root.trace_id)
    if trace.info.state != "IN_PROGRESS":
        break
    time.sleep(0.05)
root.end()
print(json.dumps([trace.info.state, [[s.name, *s.to_dict()["status"].values()] for s in trace.data.spans]]))
"""


def test_a_trace_that_takes_too_long_is_ended(run):
    (state, spans), _ = run(
        OPEN_TOO_LONG,
        MLFLOW_TRACE_TIMEOUT_SECONDS="0.1",
        SPANTREE_TRACE_TIMEOUT_CHECK_INTERVAL_SECONDS="0.05",
    )

    assert state == "ERROR"
    assert spans == [
        ["root", "STATUS_CODE_ERROR", "trace timed out"],
        ["child", "STATUS_CODE_ERROR", "trace timed out"],
        ["done", "STATUS_CODE_OK", ""],
    ]


MANY = """
roots = [spantree.start_span_no_context(f"r{n}") for n in range(40)]
held = len(spantree.recording.RECORDER.traces.all())
found = [spantree.get_trace(r.trace_id, flush=True).info.state for r in roots]
for root in roots: root.end(outputs=1)
ended = [spantree.get_trace(r.trace_id).info.state for r in roots]
print(json.dumps([held, sorted(set(found)), sorted(set(ended))]))
"""


@pytest.mark.parametrize(
    ("environment", "most"),
    [
        ({"MLFLOW_TRACE_BUFFER_MAX_SIZE": "10"}, 10),
        ({"MLFLOW_TRACE_BUFFER_TTL_SECONDS": "1e-9"}, 1),
    ],
)
def test_of_too_many_open_traces_the_idle_ones_are_in_the_store(run, environment, most):
    (held, found, ended), _ = run(MANY, **environment)

    assert held <= most
    assert found == ["IN_PROGRESS"]
    assert ended == ["OK"]


LIBRARIES = """
spantree.trace
from spantree import integrations
print(json.dumps({s.library: s.state for s in integrations.status()}))
"""


def test_the_environment_names_libraries_to_trace(run):
    states, said = run(LIBRARIES, SPANTREE_AUTOLOG="openai, opena")

    assert states["openai"] != run(LIBRARIES)[0]["openai"]
    assert "SPANTREE_AUTOLOG: Unknown library 'opena'. Did you mean 'openai'?" in said


PRICED = """
used = {"input_tokens": 1000000, "output_tokens": 0}
attributes = {"mlflow.llm.model": "mine", "mlflow.chat.tokenUsage": used}
with spantree.start_span("s", attributes=attributes) as span: pass
print(json.dumps(span.llm_cost))
"""


def test_the_environment_names_a_table_of_prices(run, tmp_path):
    rows = [{"provider": "me", "model": "mine", "input": 3, "output": 4}]
    (tmp_path / "prices.json").write_text(json.dumps({"models": rows}))

    assert run(PRICED, SPANTREE_PRICES="prices.json")[0]["total_cost"] == 3
    cost, said = run(PRICED, SPANTREE_PRICES="none.json")
    assert cost is None
    assert "SPANTREE_PRICES=none.json can't be used" in said


EVENTS = """
with spantree.start_span("s") as span:
    for n in range(9): span.add_event(spantree.entities.SpanEvent("e"))
print(json.dumps(len(spantree.get_trace(span.trace_id).data.root.events)))
"""


def test_the_environment_limits_events(run):
    assert run(EVENTS, SPANTREE_MAX_EVENTS="5")[0] == 5


LIMITED = """
with spantree.start_span("s") as span: span.set_inputs([[[["x" * 500] * 9]]])
root = spantree.get_trace(span.trace_id).data.root
print(json.dumps([c["unit"] for c in root.get_attribute("spantree.truncated") or []]))
"""


@pytest.mark.parametrize(
    ("name", "unit"),
    [("MAX_VALUE_BYTES", "bytes"), ("MAX_NODES", "items"), ("MAX_DEPTH", "depth")],
)
def test_the_environment_limits_values(run, name, unit):
    assert unit in run(LIMITED, **{f"SPANTREE_{name}": "3"})[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANTREE_MAX_DEPTH", "251"),
        ("SPANTREE_MAX_ITEMS", "0"),
        ("SPANTREE_MAX_NODES", "9" * 5_000),
        ("SPANTREE_MAX_VALUE_BYTES", "1 MB"),
        ("SPANTREE_ENABLED", "perhaps"),
        ("MLFLOW_TRACE_SAMPLING_RATIO", "nan"),
        ("MLFLOW_TRACE_SAMPLING_RATIO", "half"),
        ("SPANTREE_TRACE_TIMEOUT_SECONDS", "1e300"),
        ("MLFLOW_TRACE_TIMEOUT_SECONDS", "soon"),
        ("MLFLOW_TRACE_BUFFER_TTL_SECONDS", "-1"),
        ("MLFLOW_TRACE_MAX_ATTACHMENT_SIZE", "big"),
    ],
)
def test_what_can_not_be_is_warned_of_once_and_the_default_stays(run, name, value):
    cuts, said = run(LIMITED, **{name: value})

    assert cuts == []
    assert said.count("can't be used") == 1
    assert f"SPANTREE_{name.partition('_')[2]}=" in said


@pytest.mark.parametrize(("ratio", "count"), [("7", 20), ("-1", 0), ("1.0", 20)])
def test_a_sampling_ratio_is_clamped(run, ratio, count):
    program = (
        "for _ in range(20):\n    with spantree.start_span('s'): pass\n"
        "print(len(spantree.search_traces(return_type='list')))"
    )

    assert run(program, MLFLOW_TRACE_SAMPLING_RATIO=ratio) == (count, "")


@pytest.mark.parametrize(
    "name",
    [
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING",
        "MLFLOW_ASYNC_TRACE_LOGGING_MAX_WORKERS",
        "MLFLOW_TRACE_USE_ISOLATED_RANDOM_ID_GENERATOR",
        "MLFLOW_NOTEBOOK_TRACE_RENDERER_BASE_URL",
    ],
)
def test_what_has_no_effect_is_accepted_silently(run, name):
    (_, found), said = run(WHERE, **{name: "nonsense"})

    assert (found, said) == ("s", "")
