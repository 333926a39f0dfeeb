from __future__ import annotations

import math

import pytest

from spantree.entities import (
    Feedback,
    Link,
    SpanStatusCode,
    TraceLocation,
    TraceState,
)
from spantree.entities.errors import (
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    SpantreeException,
)
from spantree.search import parse_query, summarise
from spantree.search.frames import typed_frame

START_NS = 1_700_000_000_000_000_000
EVERYTHING = parse_query()


def ids(page):
    return [int(trace.trace_id[3:], 16) for trace in page.traces]


def find(store, text=None, order=None, experiments=("0",), **options):
    return ids(store.search(parse_query(text, order, experiments), **options))


def at(ms):
    start = START_NS + ms * 1_000_000
    return {"start_time_ns": start, "end_time_ns": start + 5}


def rich_span():
    return {
        "name": "chat",
        "span_type": "CHAT_MODEL",
        "status_code": SpanStatusCode.ERROR,
        "status_message": "ValueError: \x00 \ud800",
        "raw_inputs": b'{"n":123456789012345678901234567890,"x":1e5, "t":"\\n"}',
        "raw_outputs": {"a": 1, "b": float("nan")},
        "raw_attributes": {
            "mlflow.llm.model": "gpt-4o",
            "mlflow.chat.tokenUsage": b'{"input_tokens":10,"output_tokens":5}',
            'quo"te\n': None,
            "list": b'[1,{"$spantree":"float","value":"inf"}]',
        },
        "raw_events": [
            ("exception", START_NS, {"exception.type": "ValueError"}),
            ("empty", START_NS + 1, {}),
        ],
        "links": [
            Link("tr-" + "0" * 32, "0" * 16, {"k": 1}),
            Link("ab" * 16, "cd" * 8),
        ],
    }


def test_trace_comes_back_as_it_was(store, make_trace):
    trace = make_trace(
        7,
        spans=[rich_span(), {"name": "plain"}],
        request_preview="hello",
        response_preview="wörld 🌍",
        client_request_id="req",
        tags={"env": "prod"},
        trace_metadata={"m": "1"},
    )

    store.write([trace])

    found = store.get(7)
    written, read = trace.to_dict()["data"], found.to_dict()["data"]
    # Cleaned: SQL and JSON hold neither NUL nor lone surrogates.
    written["spans"][1]["status"]["message"] = "ValueError: \\u0000 \\ud800"
    assert read == written
    assert found.data.spans[1].inputs["n"] == 123456789012345678901234567890
    assert found.info.request_preview == "hello"
    assert found.info.response_preview == "wörld 🌍"
    assert found.info.client_request_id == "req"
    assert found.info.tags == {"env": "prod", "mlflow.traceName": "agent"}
    assert found.info.trace_metadata["m"] == "1"
    assert found.info.token_usage == {"input_tokens": 10, "output_tokens": 5}
    assert found.info.execution_duration == 1500


def test_unknown_trace_is_none(store):
    assert store.get(5) is None


def test_writing_twice_changes_nothing(store, make_trace):
    trace = make_trace(1, spans=[rich_span()], tags={"a": "b"})

    store.write([trace])
    once = store.get(1).to_dict()
    store.write([trace, trace])

    assert store.get(1).to_dict() == once
    assert find(store) == [1]


def test_open_trace_is_stored_and_ended_later(store, make_trace):
    running = make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)
    store.write([running])
    assert store.get(1).info.state is TraceState.IN_PROGRESS
    assert store.get(1).info.execution_duration is None
    assert find(store, "state = 'IN_PROGRESS'") == [1]

    store.write([make_trace(1, spans=[{"name": "late"}])])

    found = store.get(1)
    assert found.info.state is TraceState.OK
    assert [s.name for s in found.data.spans] == ["agent", "late"]


def test_what_has_ended_is_not_opened_again(store, make_trace):
    store.write([make_trace(1)])

    store.write(
        [make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)]
    )

    assert store.get(1).info.state is TraceState.OK
    assert store.get(1).data.root.end_time_ns is not None


def test_parts_of_a_trace_add_up(store, make_trace):
    usage = {"mlflow.chat.tokenUsage": b'{"total_tokens":5}'}
    whole = make_trace(
        1,
        spans=[
            {"name": "a", "raw_attributes": usage},
            {"name": "b", "raw_attributes": usage},
        ],
        tags={"first": "1"},
        request_preview="asked",
    )
    part = make_trace(1, spans=[{"name": "a", "raw_attributes": usage}])
    part.data.spans.pop(0)
    part.info.tags["second"] = "2"

    store.write([whole])
    store.write([part])

    found = store.get(1)
    assert {s.name for s in found.data.spans} == {"agent", "a", "b"}
    assert found.info.token_usage == {"total_tokens": 10}
    assert {"first", "second"} <= found.info.tags.keys()
    assert found.info.request_preview == "asked"
    assert found.name == "agent"


def test_growing_open_trace_keeps_every_span(store, make_trace):
    for count in range(4):
        spans = [{"name": f"s{i}", "raw_inputs": f"in {i}"} for i in range(count)]
        root = {"end_time_ns": None}
        store.write(
            [make_trace(1, spans=spans, root=root, state=TraceState.IN_PROGRESS)]
        )
        store.write(
            [make_trace(1, spans=spans, root=root, state=TraceState.IN_PROGRESS)]
        )

    found = store.get(1)
    assert {s.name: s.inputs for s in found.data.spans[1:]} == {
        "s0": "in 0",
        "s1": "in 1",
        "s2": "in 2",
    }


def test_newest_come_first(store, make_trace):
    store.write([make_trace(n, root=at(n % 3)) for n in range(1, 7)])

    assert find(store) == [2, 5, 1, 4, 3, 6]


def test_limit_none_is_all_and_zero_is_none(store, make_trace):
    store.write([make_trace(n) for n in range(1, 6)])

    assert len(find(store)) == 5
    assert find(store, limit=0) == []
    assert len(find(store, limit=3)) == 3


@pytest.mark.parametrize(
    "order",
    [None, ["duration DESC"], ["tags.k", "name DESC"], ["tokens DESC"], ["status"]],
)
def test_pages_join_up_without_gaps_or_repeats(store, make_trace, order):
    for n in range(1, 24):
        tags = {"k": str(n % 4)} if n % 3 else {}
        root = {**at(n % 5), "name": f"n{n % 2}"}
        root["end_time_ns"] = root["start_time_ns"] + n % 4 if n % 5 else None
        store.write([make_trace(n, root=root, tags=tags)])
    query = parse_query(None, order, ["0"])

    found, cursor = [], None
    while True:
        page = store.search(query, limit=4, cursor=cursor)
        found += ids(page)
        cursor = page.cursor
        if cursor is None:
            break

    assert found == ids(store.search(query))
    assert sorted(found) == list(range(1, 24))


def test_last_page_has_no_cursor(store, make_trace):
    store.write([make_trace(n) for n in (1, 2)])

    assert store.search(EVERYTHING, limit=2).cursor is None


@pytest.mark.parametrize("cursor", ["x", "", "W10", "bnVsbA", "é"])
def test_foreign_page_token_is_refused(store, make_trace, cursor):
    store.write([make_trace(1)])

    with pytest.raises(SpantreeException, match="page token"):
        store.search(EVERYTHING, limit=1, cursor=cursor)


def test_cursor_of_another_order_is_refused(store, make_trace):
    store.write([make_trace(n) for n in (1, 2)])
    cursor = store.search(EVERYTHING, limit=1).cursor

    with pytest.raises(SpantreeException, match="same order_by"):
        store.search(parse_query(None, "name"), limit=1, cursor=cursor)


def test_missing_values_sort_last_both_ways(store, make_trace):
    store.write([make_trace(n, tags={"k": str(n)} if n < 3 else {}) for n in (1, 2, 3)])

    assert find(store, order=["tags.k"]) == [1, 2, 3]
    assert find(store, order=["tags.k DESC"]) == [2, 1, 3]


def test_search_looks_in_the_experiments_named(store, make_trace):
    other = store.experiment_id_for("other")
    store.write([make_trace(1)])
    store.write([make_trace(2, trace_location=TraceLocation.from_experiment_id(other))])

    assert find(store, experiments=["0"]) == [1]
    assert find(store, experiments=[other]) == [2]
    assert sorted(find(store, experiments=["0", other])) == [1, 2]
    assert sorted(find(store, experiments=None)) == [1, 2]
    assert find(store, experiments=["99"]) == []
    assert find(store, experiments=[]) == []


@pytest.mark.parametrize("other", ["00", "٠", "²", "0" * 20])
def test_experiments_are_known_by_their_ids_as_written(store, make_trace, other):
    store.write([make_trace(1)])

    assert store.search(parse_query(None, None, [other])).traces == []


def test_spans_are_left_out_when_not_wanted(store, make_trace):
    store.write([make_trace(1, spans=[{"name": "a"}])])

    (trace,) = store.search(EVERYTHING, include_spans=False).traces
    assert trace.data.spans == []
    assert trace.name == "agent"
    assert store.get(1, include_spans=False).data.spans == []


def test_summaries_equal_those_of_the_traces(store, make_trace):
    store.write([make_trace(1, spans=[rich_span()], assessments=[Feedback(value=1)])])

    (summary,) = store.summaries(EVERYTHING)

    assert summary == summarise(store.get(1))
    assert len(typed_frame([summary])) == 1


def test_session_and_user_are_one_field_however_written(store, make_trace):
    store.write(
        [
            make_trace(1, tags={"mlflow.trace.session": "s"}),
            make_trace(2, trace_metadata={"mlflow.trace.session": "s"}),
        ]
    )

    for text in (
        "session = 's'",
        "tags.`mlflow.trace.session` = 's'",
        "metadata.`mlflow.trace.session` = 's'",
    ):
        assert sorted(find(store, text)) == [1, 2]
    assert store.get(1).info.session == "s"
    assert store.get(2).info.tags["mlflow.trace.session"] == "s"


def test_patch_sets_and_deletes_tags(store, make_trace):
    store.write([make_trace(1, tags={"a": "1", "b": "2"})])

    store.patch(1, tags={"a": None, "c": "3", "never": None})

    tags = store.get(1).info.tags
    assert tags == {"b": "2", "c": "3", "mlflow.traceName": "agent"}


def test_patched_session_and_name_are_found(store, make_trace):
    store.write([make_trace(1, trace_metadata={"mlflow.trace.session": "old"})])

    store.patch(1, tags={"mlflow.trace.session": "new", "mlflow.traceName": "shown"})
    assert find(store, "session = 'new' AND name = 'shown'") == [1]

    store.patch(1, tags={"mlflow.trace.session": None, "mlflow.traceName": None})
    assert find(store, "session IS NULL AND name = 'agent'") == [1]
    assert store.get(1).info.session is None


def test_name_set_by_tag_outlives_a_later_write(store, make_trace):
    store.write([make_trace(1, tags={"mlflow.traceName": "shown"})])

    store.write([make_trace(1)])

    assert store.get(1).name == "shown"


def test_unknown_trace_can_not_be_changed(store):
    for change in (
        lambda: store.patch(1, tags={"a": "b"}),
        lambda: store.put_assessment(1, Feedback()),
        lambda: store.delete_assessment(1, "a-1"),
    ):
        with pytest.raises(SpantreeException) as caught:
            change()
        assert caught.value.error_code == RESOURCE_DOES_NOT_EXIST


def test_delete_removes_and_counts(store, make_trace):
    store.write([make_trace(n, spans=[rich_span()]) for n in (1, 2, 3)])

    assert store.delete([1, 3, 99, 1]) == 2
    assert find(store) == [2]
    assert store.delete([]) == 0


def test_deleted_trace_may_come_again(store, make_trace):
    running = make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)
    store.write([running])
    store.delete([1])

    store.write([make_trace(1)])

    assert find(store) == [1]


def test_assessment_is_added_replaced_and_searched(store, make_trace):
    store.write([make_trace(1)])
    feedback = Feedback(
        name="ok", value=False, metadata={"k": "v"}, span_id="0" * 15 + "1"
    )

    store.put_assessment(1, feedback)
    assert find(store, "feedback.ok = false") == [1]
    feedback.value = {"deep": [1, 2]}
    store.put_assessment(1, feedback)

    (read,) = store.get(1).info.assessments
    assert (read.value, read.metadata, read.span_id) == (
        {"deep": [1, 2]},
        {"k": "v"},
        "0" * 15 + "1",
    )
    assert read.trace_id == store.get(1).trace_id


def test_override_hides_the_old_feedback_until_it_is_deleted(store, make_trace):
    store.write([make_trace(1)])
    old = Feedback(name="ok", value="bad")
    new = Feedback(name="ok", value="good", overrides=old.assessment_id)
    store.put_assessment(1, old)

    store.put_assessment(1, new)
    assert find(store, "feedback.ok = 'bad'") == []
    store.delete_assessment(1, new.assessment_id)

    assert find(store, "feedback.ok = 'bad'") == [1]


SESSION = "mlflow.trace.session"
SAID_OF_SESSION = {SESSION: "s"}


@pytest.fixture
def conversation(store, make_trace):
    """Store two traces of a session, the first judged for both, and one of another."""
    judged = [Feedback(name="ok", value=True, metadata=SAID_OF_SESSION)]
    store.write(
        [
            make_trace(n, trace_metadata={SESSION: session}, assessments=given)
            for n, session, given in ((1, "s", judged), (2, "s", ()), (3, "other", ()))
        ]
    )
    return judged[0]


@pytest.mark.parametrize(
    "text",
    [
        "feedback.ok = true",
        "assessment.ok = 'true'",
        "HAS feedback.ok",
        "NOT feedback.ok IS NULL",
        "feedback.ok != 'x' AND text CONTAINS 'agent'",
        "feedback.ok LIKE 'tru_' OR outputs.none = 1",
    ],
)
def test_judgement_of_a_session_finds_all_its_traces(store, conversation, text):
    assert find(store, text) == [1, 2]
    assert [len(store.get(n).info.assessments) for n in (1, 2)] == [1, 0]
    (shown,) = store.search(parse_query(f"({text}) AND trace_id LIKE '%2'")).traces
    assert shown.info.assessments == []
    assert find(store, f"NOT ({text})") == [3]


def test_judge_that_failed_has_judged_and_found_no_value(store, make_trace):
    store.write([make_trace(1), make_trace(2)])
    store.put_assessment(1, Feedback(name="ok", error=ValueError("no")))

    assert find(store, "feedback.ok IS NOT NULL") == [1]
    assert find(store, "HAS assessment.ok AND text CONTAINS 'agent'") == [1]
    assert find(store, "feedback.ok IS NULL") == [2]
    assert find(store, "feedback.ok != 1 OR feedback.ok = 'null'") == []
    assert find(store, "NOT feedback.ok = 1") == [1, 2]


def test_other_judgements_are_of_their_trace(store, conversation):
    store.put_assessment(1, Feedback(name="own", value=1, metadata={"k": SESSION}))
    store.put_assessment(3, Feedback(name="three", value=1, metadata=SAID_OF_SESSION))

    assert find(store, "feedback.own = 1") == [1]
    assert find(store, "feedback.three = 1") == [3]
    assert find(store, "expectation.ok = true") == []
    assert find(store, "issue.id = 'ok'") == []


def test_judgement_of_a_session_ends_with_it(store, conversation):
    new = Feedback(
        name="ok",
        value=False,
        overrides=conversation.assessment_id,
        metadata=SAID_OF_SESSION,
    )
    store.put_assessment(1, new)
    assert find(store, "feedback.ok = true") == []
    assert find(store, "feedback.ok = false") == [1, 2]

    store.delete_assessment(1, new.assessment_id)
    assert find(store, "feedback.ok = false") == []
    assert find(store, "feedback.ok = true") == [1, 2]

    store.delete([1])
    assert find(store, "feedback.ok = true") == []
    assert find(store, "feedback.ok IS NULL") == [2, 3]


def test_judgement_goes_along_when_its_trace_changes_session(store, conversation):
    store.patch(1, tags={SESSION: "other"})
    assert find(store, "feedback.ok = true") == [1, 3]

    store.patch(3, metadata={SESSION: None})
    assert find(store, "feedback.ok = true") == [1]


def test_judgement_of_an_open_trace_waits_for_its_session(store, make_trace):
    running = make_trace(1, root={"end_time_ns": None}, state=TraceState.IN_PROGRESS)
    store.write([running, make_trace(2, trace_metadata=SAID_OF_SESSION)])
    store.put_assessment(1, Feedback(name="ok", metadata=SAID_OF_SESSION, value=True))
    assert find(store, "feedback.ok = true") == [1]

    store.write([make_trace(1, trace_metadata=SAID_OF_SESSION)])

    assert find(store, "feedback.ok = true") == [1, 2]


@pytest.mark.parametrize("text", ["feedback.ok = true", "feedback.ok MATCH 'true'"])
def test_judgement_counts_within_the_experiments_looked_in(
    store, conversation, make_trace, text
):
    number = store.experiment_id_for("elsewhere")
    there = TraceLocation.from_experiment_id(number)
    said = [Feedback(name="far", value=True, metadata=SAID_OF_SESSION)]
    store.write(
        [
            make_trace(
                4,
                trace_metadata=SAID_OF_SESSION,
                trace_location=there,
                assessments=said,
            )
        ]
    )
    far = text.replace("ok", "far")

    assert find(store, text, experiments=[number]) == []
    assert find(store, text, experiments=["0"]) == [1, 2]
    assert find(store, text, experiments=["0", number]) == [1, 2, 4]
    assert find(store, far, experiments=["0"]) == []
    assert find(store, far, experiments=None) == [1, 2, 4]
    assert find(store, f"{far} OR text = 'x'", experiments=["0", "x"]) == []


def test_default_experiment_is_always_there(store):
    (default,) = store.experiments()

    assert (default.experiment_id, default.name) == ("0", "Default")
    assert store.experiment_id_for("Default") == "0"


def test_experiment_is_made_once(store):
    made = store.create_experiment("mine", {"team": "x"})

    assert store.experiment_id_for("mine") == made.experiment_id
    assert store.experiments()[1].tags == {"team": "x"}
    with pytest.raises(SpantreeException) as caught:
        store.create_experiment("mine", {})
    assert caught.value.error_code == RESOURCE_ALREADY_EXISTS


def test_long_names_are_cut_and_kept_in_full(store, make_trace):
    store.write([make_trace(1, root={"name": "n" * 300})])

    root = store.get(1).data.root
    assert len(root.name) == 250
    assert root.name.endswith("…")
    assert root.attributes["spantree.name.full"] == "n" * 300


def test_bad_characters_never_lose_a_trace(store, make_trace):
    bad = "a\x00b\ud800"
    trace = make_trace(
        1,
        root={"name": bad, "span_type": bad, "raw_inputs": bad},
        tags={bad: bad},
        request_preview=bad,
    )

    store.write([trace])

    assert store.get(1).name == "a\\u0000b\\ud800"
    assert find(store, "name = 'a\\u0000b\\ud800'") == [1]


def test_huge_numbers_never_lose_a_trace(store, make_trace):
    usage = {"mlflow.chat.tokenUsage": b'{"total_tokens":99999999999999999999999}'}

    store.write([make_trace(1, spans=[{"name": "a", "raw_attributes": usage}])])

    assert find(store, "tokens > 5") == [1]


def test_metadata_can_be_set_and_deleted(store, make_trace):
    store.write([make_trace(1)])

    store.patch(1, metadata={"run": "r", "mlflow.trace.user": "ada"})
    set_to = store.get(1).info
    store.patch(1, metadata={"run": None, "mlflow.trace.user": None})
    deleted = store.get(1).info

    assert (set_to.trace_metadata["run"], set_to.user) == ("r", "ada")
    assert set_to.tags["mlflow.trace.user"] == "ada"
    assert "run" not in deleted.trace_metadata
    assert deleted.user is None


@pytest.mark.parametrize(
    "key", ["mlflow.traceInputs", "mlflow.trace.sizeBytes", "mlflow.user", "other"]
)
def test_metadata_are_found_whether_they_are_indexed_or_not(store, make_trace, key):
    store.write([make_trace(n, trace_metadata={key: str(n)}) for n in (1, 2)])

    found = store.search(parse_query(f"metadata.`{key}` = '2'")).traces

    assert [trace.info.trace_metadata[key] for trace in found] == ["2"]


def test_numbers_beyond_json_come_back_from_links_and_assessments(store, make_trace):
    odd = {"inf": [math.inf, {"x": -math.inf}], "big": 2**70, "none": None}
    link = Link("tr-" + "1" * 32, "2" * 16, odd)
    store.write([make_trace(1, spans=[{"name": "a", "links": [link]}])])
    store.put_assessment(1, Feedback(name="odd", value=odd))
    store.put_assessment(1, Feedback(name="none", value=[None, 1]))
    store.put_assessment(1, Feedback(name="long", value=10**400))
    store.put_assessment(1, Feedback(name="late", value=1, create_time_ms=10**14))

    trace = store.get(1)

    assert trace.data.spans[1].links == [link]
    values = [a.value for a in trace.info.assessments]
    assert sorted(values, key=str) == sorted([odd, [None, 1], 10**400, 1], key=str)
