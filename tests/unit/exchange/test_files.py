"""Traces written to files come back, whatever the form; what is no file is refused."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import examples
from support.made import any_trace
from support.traces import make_trace, said_by

import spantree
from spantree.cli import main
from spantree.entities import Trace
from spantree.exceptions import SpantreeException
from spantree.importing import read_traces

FORMS = ["a.otlp.jsonl", "a.otlp.json", "a.spantree.json"]
COMPLETE = [*FORMS, *(f"{form}.gz" for form in FORMS)]
FROM_MLFLOW = Path(__file__).parents[2] / "fixtures" / "mlflow_trace.json"


@pytest.mark.parametrize("name", COMPLETE)
def test_what_is_exported_is_imported(keep, stored, some_traces, tmp_path, name):
    before = keep(some_traces)

    assert spantree.export_traces(tmp_path / name) == 5
    keep()
    assert spantree.import_traces(tmp_path / name) == 5

    assert stored() == before
    spantree.import_traces(tmp_path / name)
    assert stored() == before, "a second import changed something"


@pytest.mark.parametrize("name", FORMS)
@examples(20)
@given(made=st.lists(any_trace(), min_size=1, max_size=2, unique_by=lambda t: t.key))
def test_files_lose_nothing(tmp_path, made, name):
    spantree.export_traces(tmp_path / name, traces=made)

    back = {trace.trace_id: trace for trace in read_traces(tmp_path / name)}

    for trace in made:
        found = said_by(back[trace.trace_id])
        found["info"]["trace_location"] = trace.info.trace_location.to_dict()
        assert found == said_by(trace)


@pytest.mark.parametrize("name", ["a.otlp.jsonl", "a.otlp.json"])
def test_backends_that_know_only_gen_ai_read_otlp_files(keep, tmp_path, name):
    said = {"messages": [{"role": "user", "content": "hi"}]}
    chat = {
        "name": "chat",
        "span_type": "CHAT_MODEL",
        "raw_inputs": json.dumps(said).encode(),
        "raw_attributes": {
            "mlflow.llm.model": "m-1-2026",
            "spantree.llm.request_model": "m-1",
            "mlflow.chat.tokenUsage": b'{"input_tokens":3}',
            # Set by an instrumentation, which is right about itself.
            "gen_ai.response.model": "theirs",
        },
    }
    trace = make_trace(1, spans=[chat])
    keep()

    spantree.export_traces(tmp_path / name, traces=[trace])

    (by_resource,) = json.loads((tmp_path / name).read_text())["resourceSpans"]
    (by_scope,) = by_resource["scopeSpans"]
    assert by_scope["schemaUrl"].startswith("https://opentelemetry.io/schemas/gen-ai")
    written = by_scope["spans"][1]["attributes"]
    found = {a["key"]: next(iter(a["value"].values())) for a in written}
    assert len(found) == len(written), "a name that comes twice"
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.request.model"] == "m-1"
    assert found["gen_ai.response.model"] == "theirs"
    assert found["gen_ai.usage.input_tokens"] == "3"
    (message,) = json.loads(found["gen_ai.input.messages"])
    assert message["parts"] == [{"type": "text", "content": "hi"}]
    (back,) = read_traces(tmp_path / name)
    assert said_by(back)["data"] == said_by(trace)["data"]


@pytest.mark.parametrize("odd", ["text", b"[1]", 5, None, b'{"messages":{"a":1}}'])
def test_attributes_that_are_not_what_their_names_say_are_written(tmp_path, odd):
    names = ("mlflow.chat.tokenUsage", "mlflow.llm.cost", "mlflow.chat.tools")
    spans = [
        {
            "name": kind,
            "span_type": kind,
            "raw_inputs": odd,
            "raw_outputs": odd,
            "raw_attributes": dict.fromkeys((*names, "mlflow.llm.model"), odd),
        }
        for kind in ("CHAT_MODEL", "LLM", "TOOL", "RETRIEVER")
    ]
    trace = make_trace(1, spans=spans)

    spantree.export_traces(tmp_path / "a.otlp.jsonl", traces=[trace])

    (back,) = read_traces(tmp_path / "a.otlp.jsonl")
    assert said_by(back)["data"] == said_by(trace)["data"]


def test_experiments_keep_their_names(keep, tmp_path):
    keep()
    spantree.set_experiment("cats")
    with spantree.start_span("s"):
        pass
    spantree.flush()

    spantree.export_traces(tmp_path / "a.otlp.jsonl")
    keep()
    spantree.create_experiment("dogs")
    spantree.import_traces(tmp_path / "a.otlp.jsonl")

    found = spantree.search_traces(experiment_names=["cats"], return_type="list")
    assert [t.data.spans[0].name for t in found] == ["s"]


def test_import_into_an_experiment_of_choice(keep, some_traces, tmp_path):
    keep(some_traces)
    spantree.export_traces(tmp_path / "a.otlp.jsonl")

    keep()
    spantree.import_traces(tmp_path / "a.otlp.jsonl", experiment_name="mine")

    assert len(spantree.search_traces(experiment_names=["mine"])) == 5


def test_export_takes_a_filter_a_limit_and_traces(keep, some_traces, tmp_path):
    keep(some_traces)
    path = tmp_path / "a.otlp.jsonl"

    assert spantree.export_traces(path, "session = 's2'") == 1
    assert spantree.export_traces(path, limit=3) == 3
    assert spantree.export_traces(path, traces=some_traces[:2]) == 2
    assert spantree.export_traces(path, traces=some_traces[0].trace_id) == 1
    assert spantree.export_traces(path, traces=spantree.traces(limit=2)) == 2


def test_own_file_is_a_payload_that_draws(keep, some_traces, tmp_path):
    import jsonschema

    schema = json.loads(Path("js/src/model/payload.schema.json").read_text())
    keep(some_traces)

    spantree.export_traces(tmp_path / "a.spantree.json")

    payload = json.loads((tmp_path / "a.spantree.json").read_text())
    jsonschema.validate(payload, schema)
    assert payload["total"] == len(payload["traces"]) == len(payload["otlp"]) == 5


def test_page_holds_the_traces(keep, some_traces, tmp_path):
    keep(some_traces)

    assert spantree.export_traces(tmp_path / "a.html", limit=2) == 2

    assert "chat" in (tmp_path / "a.html").read_text()


def test_parquet_has_a_row_a_span(keep, some_traces, tmp_path):
    from pyarrow import parquet

    keep(some_traces)

    spantree.export_traces(tmp_path / "a.parquet")

    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert len(rows) == 10
    root = next(r for r in rows if r["parent_id"] is None and r["session"] == "s1")
    assert json.loads(root["inputs"]) == {"q": "why?"}
    assert json.loads(root["tags"])["team"] == "red"
    assert root["total_tokens"] is None
    assert str(root["start_time"].tz) == "UTC"


def test_parquet_says_what_is_missing(keep, some_traces, tmp_path, monkeypatch):
    keep(some_traces)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ImportError, match="pip install pyarrow"):
        spantree.export_traces(tmp_path / "a.parquet")

    assert list(tmp_path.glob("*a.parquet*")) == []


def test_trace_json_of_mlflow_is_read(keep, stored):
    keep()

    assert spantree.import_traces(FROM_MLFLOW) == 1

    (trace,) = map(Trace.from_dict, stored().values())
    root, child = trace.data.spans
    assert (root.name, root.inputs, root.outputs) == ("agent", {"q": "why?"}, "so")
    assert (child.name, child.span_type) == ("chat", "CHAT_MODEL")
    assert child.token_usage == {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
    }
    assert trace.info.tags["team"] == "red"
    assert trace.info.session == "s1"
    assert [a.name for a in trace.info.assessments] == ["good"]
    assert root.status.description == "" and child.events[0].name == "exception"


def test_list_and_lines_of_trace_json_are_read(some_traces, tmp_path):
    texts = [trace.to_json() for trace in some_traces]
    (tmp_path / "lines.json").write_text("\n".join(texts))
    (tmp_path / "list.json").write_text(
        json.dumps([json.loads(t) for t in texts], indent=2)
    )

    for name in ("lines.json", "list.json"):
        found = read_traces(tmp_path / name)
        assert [t.trace_id for t in found] == [t.trace_id for t in some_traces]


def test_spans_of_one_trace_in_two_lines_are_one_tree(keep, stored, tmp_path):
    from spantree.entities.otlp import to_otlp

    trace = make_trace(1, spans=[{"name": "late"}])
    line = to_otlp([trace])
    spans = line["resourceSpans"][0]["scopeSpans"][0]["spans"]
    parts = []
    for span in reversed(spans):
        line["resourceSpans"][0]["scopeSpans"][0]["spans"] = [span]
        parts.append(json.dumps(line))
    (tmp_path / "a.otlp.jsonl").write_text("\n".join(parts))
    keep()

    assert spantree.import_traces(tmp_path / "a.otlp.jsonl") == 1

    (found,) = stored().values()
    assert [span["name"] for span in found["data"]["spans"]] == ["agent", "late"]
    assert found["info"]["state"] == "OK"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"5", "no traces here"),
        (b'{"a": 1}', "no traces here"),
        (b'{"v": 1, "traces": []}', "the view of an output"),
        (b'{"resourceSpans": 5}', "line 1: .*resourceSpans"),
        (b'{"resourceSpans": []}\n{"resourceSpans": [5]}', "line 2: "),
        (b'{"otlp":[\n{"resourceSpans": []},\n', "not whole"),
        (b'{"info": {}, "data": {}}', "not a trace's dict"),
        (gzip.compress(b'{"resourceSpans": []}', mtime=0)[:-9], "not whole"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_file_of_traces_is_refused(keep, tmp_path, text, said):
    keep()
    (tmp_path / "bad").write_bytes(text)

    with pytest.raises(SpantreeException, match=said):
        spantree.import_traces(tmp_path / "bad")


def test_unknown_form_lists_the_known_ones(tmp_path):
    with pytest.raises(SpantreeException, match="Did you mean '.otlp.json'"):
        spantree.export_traces(tmp_path / "a.otlp.jsn")
    with pytest.raises(SpantreeException, match="Known: .otlp.jsonl"):
        spantree.export_traces(tmp_path / "traces")


def test_broken_export_leaves_the_old_file(keep, some_traces, tmp_path):
    keep(some_traces)
    (tmp_path / "a.otlp.jsonl").write_text("old")

    with pytest.raises(SpantreeException):
        spantree.export_traces(tmp_path / "a.otlp.jsonl", traces=["no id"])

    assert (tmp_path / "a.otlp.jsonl").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


def test_command_line_exports_and_imports(keep, some_traces, stored, tmp_path, capsys):
    before = keep(some_traces)
    file = str(tmp_path / "a.otlp.jsonl.gz")

    assert main(["export", file, "--filter", "name = 'agent'"]) == 0
    keep()
    assert main(["import", file]) == 0
    assert main(["import", str(tmp_path / "no such")]) == 1
    assert main(["export", file, "--filter", "nam = 'agent'"]) == 2

    assert stored() == before
    said = capsys.readouterr()
    assert "5 traces" in said.out
    assert "did you mean 'name'?" in said.err
