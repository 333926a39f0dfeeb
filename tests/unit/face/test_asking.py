"""The public face: reading back, searching, and mistakes answered in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import spantree
from spantree.exceptions import FilterError, MlflowException, SpantreeException
from spantree.testing import outline


@spantree.trace
def work(n):
    if n < 0:
        raise ValueError(n)
    return n


@pytest.fixture(autouse=True)
def _store(tmp_path):
    spantree.set_tracking_uri(tmp_path / "traces.db")
    yield
    spantree.set_tracking_uri("memory:")


def test_a_trace_can_be_read_right_after_the_call():
    work(1)

    trace = spantree.get_trace(spantree.get_last_active_trace_id())

    assert trace.data.root.outputs == 1


def test_a_running_trace_can_be_read():
    with spantree.start_span("root") as span:
        trace = spantree.get_trace(span.trace_id)

    assert trace.info.state == "IN_PROGRESS"


def test_search_finds_what_was_just_recorded_in_the_twelve_columns():
    work(1)
    with pytest.raises(ValueError):
        work(-1)

    everything = spantree.search_traces()
    failed = spantree.search_traces("status = 'ERROR' AND name = 'work'")

    assert (
        list(everything.columns) == spantree.entities.Trace.pandas_dataframe_columns()
    )
    assert list(everything["request"]) == [{"n": -1}, {"n": 1}]
    assert len(failed) == 1
    assert isinstance(everything, pd.DataFrame)


def test_search_by_tags_and_time():
    with spantree.start_span("tagged"):
        spantree.update_current_trace(tags={"team.name": "red"})
    work(1)

    found = spantree.search_traces(
        "tags.`team.name` = 'red' AND timestamp > now - 1h", return_type="list"
    )

    assert [t.name for t in found] == ["tagged"]


def test_a_trace_survives_the_store():
    with spantree.start_span("root", span_type="AGENT") as span:
        span.set_inputs({"q": [1, {"a": None}], "text": "ü\n"})
        span.add_event(spantree.entities.SpanEvent("seen", attributes={"x": 1}))
        span.add_link(spantree.entities.Link("tr-" + "0" * 31 + "1", "0" * 15 + "1"))
        work(2)
    recorded = spantree.get_trace(span.trace_id).to_dict()
    assert spantree.flush(60)

    stored = spantree.search_traces(return_type="list")[0].to_dict()

    assert stored == recorded


def test_another_process_reads_what_was_flushed(tmp_path):
    work(3)
    spantree.flush()

    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import spantree, sys\n"
                "spantree.set_tracking_uri(sys.argv[1])\n"
                "print(spantree.search_traces(return_type='list')[0].data.root.inputs)"
            ),
            str(tmp_path / "traces.db"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )

    assert answer.stdout.strip() == "{'n': 3}"


def test_a_program_that_ends_at_once_loses_nothing(tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import spantree, sys\n"
                "spantree.set_tracking_uri(sys.argv[1])\n"
                "for i in range(50):\n"
                "    with spantree.start_span('s'): pass\n"
            ),
            str(tmp_path / "traces.db"),
        ],
        check=True,
    )

    assert len(spantree.search_traces()) == 50


ENDS = {
    "return": "",
    "exit": "sys.exit(3)",
    "error": "raise RuntimeError",
    "interrupt": "signal.raise_signal(signal.SIGINT)",
}


@pytest.mark.parametrize("how", ENDS)
def test_a_span_open_at_exit_is_stored_as_interrupted(tmp_path, how):
    subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import signal, spantree, sys\n"
                "spantree.set_tracking_uri(sys.argv[1])\n"
                "root = spantree.start_span_no_context('root', inputs=1)\n"
                "spantree.start_span_no_context('done', parent_span=root).end()\n"
                "spantree.start_span_no_context('open', parent_span=root)\n" + ENDS[how]
            ),
            str(tmp_path / "traces.db"),
        ],
        check=False,
        capture_output=True,
    )

    (trace,) = spantree.search_traces(return_type="list")
    assert trace.info.state == "INTERRUPTED"
    assert outline(trace) == (
        "root UNKNOWN (open)\n  done UNKNOWN\n  open UNKNOWN (open)"
    )
    assert trace.info.execution_duration is None
    assert len(spantree.search_traces("state = 'INTERRUPTED'")) == 1


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: spantree.set_tracking_uri("sqlit:///x.db"), "Did you mean 'sqlite'"),
        (lambda: spantree.set_tracking_uri("ftp://host"), "sqlite:///"),
        (
            lambda: spantree.TraceClient().get_trace("tr-nope"),
            "No trace with the id 'tr-nope'",
        ),
        (lambda: spantree.search_traces("stauts = 'OK'"), "did you mean 'status'?"),
        (lambda: spantree.search_traces(return_type="polar"), "'polar'"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence_and_loses_nothing(ask, said):
    work(1)

    with pytest.raises(SpantreeException) as caught:
        ask()

    assert said.lower() in str(caught.value).lower()
    assert isinstance(caught.value, MlflowException)
    assert len(spantree.search_traces()) == 1


def test_a_filter_error_points_at_the_place():
    with pytest.raises(FilterError) as caught:
        spantree.search_traces("status = 'OK' AND durration > 2s")

    assert caught.value.position == 18
    assert caught.value.suggestion == "duration"
    assert "^^^^^^^^^" in str(caught.value)


def test_without_pandas_the_line_to_install_is_said_and_a_list_is_the_default(
    monkeypatch,
):
    monkeypatch.setitem(sys.modules, "pandas", None)
    work(1)

    with pytest.raises(ImportError, match=r'pip install "spantree\[notebook\]"'):
        spantree.search_traces(return_type="pandas")

    assert len(spantree.search_traces()) == 1
    assert isinstance(spantree.search_traces(), list)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tracee'"):
        spantree.tracee


@pytest.mark.parametrize("is_open", [True, False])
def test_a_trace_is_linked_to_a_run_and_unlinked(is_open):
    client = spantree.TraceClient()
    root = client.start_trace("t")
    if not is_open:
        client.end_trace(root.trace_id)
        spantree.flush()

    client.set_trace_tag(root.trace_id, "k", "v")
    client.link_traces_to_run([root.trace_id], "r-1")
    linked = client.search_traces(run_id="r-1")
    client.unlink_traces_from_run([root.trace_id], "other")
    client.unlink_traces_from_run([root.trace_id], "r-1")

    client.delete_trace_tag(root.trace_id, "k")
    client.end_trace(root.trace_id)
    spantree.flush()

    assert [t.trace_id for t in linked] == [root.trace_id]
    assert "k" not in client.get_trace(root.trace_id).info.tags
    assert "mlflow.sourceRun" not in client.get_trace(root.trace_id).info.trace_metadata
    assert client.search_traces(run_id="r-1") == []


@pytest.mark.parametrize("given", [5, None, {"bad": 1}, {"info": {}, "data": {}}])
def test_what_is_no_trace_is_not_merged_and_harms_nothing(given, caplog):
    from spantree.recording import internal_errors, reset_internal_errors

    reset_internal_errors()
    with spantree.start_span("s") as span:
        spantree.add_trace(given)

    assert "add_trace is left out: This is not a trace's dict" in caplog.text
    assert len(spantree.get_trace(span.trace_id).data.spans) == 1
    assert internal_errors() == {}


@pytest.mark.parametrize("given", [5, 3.5, ["x"], {"a": 1}, object()])
def test_what_is_of_another_type_is_refused_in_one_sentence(given):
    with spantree.start_span("s") as span:
        pass
    feedback = spantree.log_feedback(trace_id=span.trace_id, value=1)

    for ask in (
        lambda: spantree.search_traces(filter_string=given),
        lambda: spantree.search_traces(max_results=[given]),
        lambda: spantree.search_traces(timeout=[given]),
        lambda: spantree.log_feedback(trace_id=given, value=1),
        lambda: spantree.log_assessment(span.trace_id, given),
        lambda: spantree.TraceClient().get_trace(given),
        lambda: spantree.entities.Trace.from_json(given),
        lambda: spantree.update_assessment(
            span.trace_id, feedback.assessment_id, given
        ),
    ):
        with pytest.raises(spantree.exceptions.SpantreeException):
            ask()
