"""What is on a real MLflow server is found, read, tagged, judged and deleted there."""

from __future__ import annotations

import json
import logging

import pytest

import spantree
from spantree.entities import AssessmentSource
from spantree.exceptions import SpantreeException
from spantree.shipping.errors import RefusedError
from spantree.shipping.mlflow_api import MlflowApi

COUNT = 12


@pytest.fixture
def elsewhere(shipping, server, tmp_path, monkeypatch):
    """Traces on the server that this process's store does not have."""
    for number in range(COUNT):
        with spantree.start_span(f"t{number % 3}", span_type="AGENT") as root:
            root.set_inputs({"n": number})
            with spantree.start_span("step", span_type="TOOL") as step:
                step.set_attribute("even", number % 2 == 0)
                if number == 5:
                    step.set_status("ERROR")
            spantree.update_current_trace(
                tags={"parity": "even" if number % 2 == 0 else "odd"},
                session_id=f"s-{number % 4}",
            )
    spantree.flush_trace_async_logging()
    assert spantree.stats()["shipped"] == COUNT
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(tmp_path / "another"))
    spantree.set_tracking_uri(server.uri)
    spantree.set_experiment(shipping)
    assert search(where="local") == []
    return shipping


def search(filter_string=None, **options):
    return spantree.search_traces(
        filter_string=filter_string, return_type="list", **options
    )


def names(filter_string=None, **options):
    return [t.info.tags["mlflow.traceName"] for t in search(filter_string, **options)]


def test_searching_reads_traces_back_whole(elsewhere):
    found = search()

    assert len(found) == COUNT
    times = [t.info.request_time for t in found]
    assert times == sorted(times, reverse=True)
    trace = found[0]
    assert [span.name for span in trace.data.spans] == ["t2", "step"]
    assert trace.data.spans[0].inputs == {"n": COUNT - 1}
    assert trace.data.spans[0].span_type == "AGENT"
    assert trace.data.spans[1].parent_id == trace.data.spans[0].span_id
    assert trace.info.session == "s-3"
    assert trace.info.experiment_id == spantree.get_experiment_by_name(elsewhere).experiment_id  # fmt: skip
    assert spantree.get_trace(trace.trace_id).data.spans[0].inputs == {"n": COUNT - 1}


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("name = 't1'", 4),
        ("name LIKE 't%' AND tags.parity = 'odd'", 6),
        ("tags.parity != 'odd'", 6),
        ("status = 'OK'", 12),
        ("span.type = 'TOOL'", 12),
        ("span.status = 'ERROR'", 1),
        ("timestamp > 0 AND execution_time >= 0", 12),
        # What the server can't do.
        ("name = 't1' OR name = 't2'", 8),
        ("NOT name = 't1'", 8),
        ("session = 's-1' AND span.attributes.even = 'false'", 3),
        ("tags.parity IN ('odd', 'x')", 6),
        ("span_count = 2 AND name = 't0'", 4),
        ("span.status = 'ERROR' AND span.name = 'step'", 1),
        ("span.status = 'ERROR' AND span.name = 't2'", 0),
    ],
)
def test_filters_give_what_they_give_here(elsewhere, wanted, count):
    assert len(search(wanted)) == count
    assert len(search(wanted, include_spans=False)) == count


def test_orders_and_pages(elsewhere):
    client = spantree.TraceClient()
    number = spantree.get_experiment_by_name(elsewhere).experiment_id
    for wanted in (None, "tags.parity = 'odd' OR name = 't0'"):
        pages, token = [], None
        while True:
            page = client.search_traces(
                [number], wanted, max_results=5, page_token=token, include_spans=False
            )
            pages.append([t.trace_id for t in page])
            token = page.token
            if token is None:
                break
        whole = [t.trace_id for t in search(wanted, include_spans=False)]

        assert [i for page in pages for i in page] == whole
        assert all(len(page) == 5 for page in pages[:-1])

    assert names(order_by=["name ASC"]) == ["t0"] * 4 + ["t1"] * 4 + ["t2"] * 4
    by_session = search(order_by=["session DESC"], max_results=3)
    assert [t.info.session for t in by_session] == ["s-3"] * 3
    assert len(spantree.search_traces(max_results=2)) == 2
    assert len(spantree.search_sessions()) == 4


def test_tags_feedback_and_deleting(elsewhere, mlflow_client):
    first, second = search(max_results=2)
    person = AssessmentSource("HUMAN", "ada")

    spantree.set_trace_tag(first.trace_id, "new", "yes")
    spantree.delete_trace_tag(first.trace_id, "parity")
    given = spantree.log_feedback(
        trace_id=first.trace_id, name="right", value=False, source=person
    )
    better = spantree.override_feedback(
        trace_id=first.trace_id, assessment_id=given.assessment_id, value=True
    )
    (found,) = [
        t
        for t in mlflow_client("traces(name)", name=elsewhere)
        if t["info"]["trace_id"] == first.trace_id
    ]

    assert found["info"]["tags"]["new"] == "yes"
    assert "parity" not in found["info"]["tags"]
    judged = {a["assessment_id"]: a for a in found["info"]["assessments"]}
    assert judged[given.assessment_id]["valid"] is False
    assert judged[better.assessment_id]["feedback"]["value"] is True
    assert search("feedback.right = true")[0].trace_id == first.trace_id

    spantree.delete_assessment(first.trace_id, better.assessment_id)
    read = spantree.get_trace(first.trace_id)
    assert better.assessment_id not in {a.assessment_id for a in read.info.assessments}

    assert spantree.delete_traces([first.trace_id, second.trace_id]) == 2
    assert len(search()) == COUNT - 2
    assert spantree.get_trace(first.trace_id, silent=True) is None


def test_judgement_of_a_session_finds_all_its_traces(elsewhere, monkeypatch):
    session = {"mlflow.trace.session": "s-1"}
    newest, *_, oldest = search("session = 's-1'")
    spantree.log_feedback(
        trace_id=oldest.trace_id, name="coherent", value=True, metadata=session
    )
    spantree.log_expectation(
        trace_id=newest.trace_id, name="goal", value="x", metadata=session
    )
    spantree.log_feedback(trace_id=newest.trace_id, name="own", value=1)

    for wanted, count in (
        ("feedback.coherent = true", 3),
        ("feedback.coherent = true AND name = 't0'", 1),
        ("feedback.coherent = true AND span.attributes.even = 'true'", 0),
        ("assessment.goal = 'x' OR name = 't0'", 6),
        ("feedback.coherent IS NULL", COUNT - 3),
        ("feedback.coherent = false", 0),
        ("feedback.goal = 'x'", 0),
        ("feedback.own = 1", 1),
    ):
        assert len(search(wanted)) == count, wanted
    shown = [len(t.info.assessments) for t in search("feedback.coherent = true")]
    assert sorted(shown) == [0, 1, 2]

    ask = MlflowApi.search

    def refuse(api, ids, *, wanted=None, **options):
        if wanted and "IS NOT NULL" in wanted:
            raise RefusedError("Invalid clause", 400)
        return ask(api, ids, wanted=wanted, **options)

    monkeypatch.setattr(MlflowApi, "search", refuse)
    assert len(search("feedback.coherent = true")) == 3


def test_what_is_not_there_yet_is_found_too(elsewhere):
    with spantree.start_span("fresh", span_type="LLM"):
        assert names("name = 'fresh'") == ["fresh"]
    assert names(max_results=2)[0] == "fresh"
    spantree.flush_trace_async_logging()
    assert names("span.type = 'LLM'") == ["fresh"]
    assert names().count("fresh") == 1


def test_deleting_what_was_sent_from_here(shipping, mlflow_client):
    with spantree.start_span("gone") as span:
        spantree.update_current_trace(tags={"k": "v"})
    spantree.flush_trace_async_logging()
    spantree.delete_trace_tag(span.trace_id, "k")
    (found,) = mlflow_client("traces(name)", name=shipping)
    assert "k" not in found["info"]["tags"]

    assert spantree.delete_traces([span.trace_id]) == 1
    assert mlflow_client("traces(name)", name=shipping) == []


def test_experiments_of_the_server(elsewhere, mlflow_client):
    mlflow_client("client.create_experiment(n)", n=f"{elsewhere} other")

    found = {e.name: e.experiment_id for e in spantree.search_experiments()}

    assert {elsewhere, f"{elsewhere} other"} <= set(found)
    again = spantree.get_experiment_by_name(f"{elsewhere} other")
    assert again.experiment_id == found[again.name]
    assert search(experiment_names=[again.name]) == []
    assert len(search(experiment_names=[elsewhere, "unknown"])) == COUNT


def test_what_mlflow_logged_is_read(shipping, mlflow_client):
    mlflow_client(
        "[mlflow.set_experiment(n), mlflow.log_trace(name='theirs', request={'q': [1]},"
        " response='r', tags={'t': 'x'}), mlflow.flush_trace_async_logging()][1]",
        n=shipping,
    )

    (found,) = search("name = 'theirs'")

    assert found.info.tags["t"] == "x"
    assert found.data.spans[0].inputs == {"q": [1]}
    assert found.data.spans[0].outputs == "r"
    assert json.loads(found.data.request) == {"q": [1]}


def test_unknown_traces(elsewhere):
    unknown = "tr-" + "ab" * 16

    assert spantree.get_trace(unknown, silent=True) is None
    assert spantree.delete_traces([unknown]) == 0
    with pytest.raises(SpantreeException) as caught:
        spantree.log_feedback(trace_id=unknown, value=1)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_server_that_is_away_leaves_the_local_traces(shipping, caplog):
    spantree.set_tracking_uri("http://127.0.0.1:9")
    spantree.set_experiment(shipping)
    caplog.set_level(logging.WARNING)
    with spantree.start_span("here") as span:
        pass

    assert names() == ["here"]
    assert names("name = 'here'") == ["here"]
    assert spantree.get_trace("tr-" + "ab" * 16, silent=True) is None
    assert caplog.text.count("This is what the local store") == 1
    with pytest.raises(SpantreeException, match="Deleted here only"):
        spantree.delete_traces([span.trace_id])
