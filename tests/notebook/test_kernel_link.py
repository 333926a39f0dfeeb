"""What the viewer may ask of a kernel, and what it gets."""

from __future__ import annotations

import base64
import json

import pytest
from unit.render.drawn_traces import span, trace

import spantree
from spantree._runtime import RUNTIME
from spantree.notebook.kernel_link import REPLY_BYTES, answer
from spantree.render.widget import TraceWidget

TRACE_OF_NOBODY = "tr-" + "0" * 32


@pytest.fixture
def traced():
    """A trace with a large value, a file and an error."""

    @spantree.trace(span_type="TOOL")
    def look_up(city):
        return {"city": city, "text": "x" * 60_000, "note": 'says "Graz"'}

    @spantree.trace
    def work():
        look_up("Graz")
        return draw()

    @spantree.trace
    def draw():
        return "a picture"

    with spantree.testing.memory_store():
        work()
        trace = spantree.get_trace(spantree.get_last_active_trace_id())
        yield trace


def ask(op, **arguments):
    return answer({"id": 7, "op": op, **arguments}, RUNTIME)


def span_id(trace, name):
    return trace.search_spans(name=name)[0].span_id


def test_hello_names_version_and_store(traced):
    content = ask("hello", v=1).content

    assert content["ok"]
    assert content["id"] == 7
    assert content["version"] == spantree.__version__


def test_bodies_come_whole_by_span_id(traced):
    spans = [span_id(traced, "look_up")]

    content = ask("bodies", trace=traced.info.trace_id, spans=spans).content

    (item,) = content["bodies"]
    assert item["span"] == spans[0]
    assert len(json.loads(item["body"]["out"])["text"]) == 60_000
    assert "next" not in content


def test_bodies_come_by_row_while_the_rows_are_the_same(traced):
    known = {"trace": traced.info.trace_id, "rows": [1]}

    same = ask("bodies", **known, size=3).content
    changed = ask("bodies", **known, size=4).content

    assert same["bodies"][0]["row"] == 1
    assert not changed["ok"]
    assert "run the cell again" in changed["error"]


def test_a_reply_stays_below_a_megabyte_and_says_where_to_go_on():
    with spantree.testing.memory_store():
        with spantree.start_span("root"):
            for n in range(5):
                with spantree.start_span(f"s{n}") as span:
                    span.set_inputs({"text": str(n) * 400_000})
        trace = spantree.get_trace(spantree.get_last_active_trace_id())
        spans = [s.span_id for s in trace.data.spans if s.name != "root"]

        content = ask("bodies", trace=trace.info.trace_id, spans=spans).content

        assert content["next"] == len(content["bodies"]) == 2
        assert len(json.dumps(content)) < REPLY_BYTES + 1000


def test_a_file_comes_as_bytes():
    image = b"\x89PNG" + bytes(range(256)) * 8
    url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    drawing = trace([span(1, None, "draw", outputs={"image": url})])
    with spantree.testing.memory_store():
        RUNTIME.write(lambda store: store.write([drawing]))
        where = {"trace": drawing.info.trace_id, "spans": ["0" * 15 + "1"]}
        (item,) = ask("bodies", **where).content["bodies"]
        (entry,) = item["blobs"]

        reply = ask("blob", **where, ref=entry["ref"])

    assert item["body"]["out"] == '{"image":{"$blob":0}}'
    assert reply.content["mime"] == "image/png"
    assert reply.buffers == [image]


def test_a_whole_trace_comes_as_a_payload(traced):
    content = ask("trace", trace=traced.info.trace_id).content

    (trace,) = content["payload"]["traces"]
    assert trace["id"] == traced.info.trace_id
    assert trace["n"] == 3


@pytest.mark.parametrize("text", ["graz", 'SAYS "graz"'])
def test_values_are_searched_in_any_case(traced, text):
    content = ask("grep", trace=traced.info.trace_id, text=text).content

    assert span_id(traced, "look_up") in content["spans"]
    assert content["done"]


def test_feedback_is_stored_as_a_person_s(traced):
    drawing = span_id(traced, "draw")

    content = ask(
        "feedback",
        trace=traced.info.trace_id,
        span=drawing,
        name="correct",
        value=True,
        why="It is.",
    ).content

    found = spantree.get_assessment(traced.info.trace_id, content["assessment"])
    assert (found.name, found.value, found.rationale) == ("correct", True, "It is.")
    assert found.source.source_type == "HUMAN"
    assert found.span_id == drawing


def test_traces_are_listed_newest_first(traced):
    content = ask("list", filter="name = 'work'", limit=1).content

    (line,) = content["traces"]
    assert line["id"] == traced.info.trace_id
    assert line["n"] == 3
    assert line["state"] == "OK"
    assert not content["more"]


def test_a_wrong_filter_is_answered_with_its_place(traced):
    content = ask("list", filter="nmae = 'work'").content

    assert not content["ok"]
    assert content["position"] == 0
    assert "nmae" in content["error"]


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "bodies",
        {},
        {"op": 3},
        {"op": "eval", "code": "1"},
        {"op": "__class__"},
        {"op": "bodies"},
        {"op": "bodies", "trace": 5, "spans": []},
        {"op": "bodies", "trace": TRACE_OF_NOBODY, "spans": []},
        {"op": "bodies", "trace": "../../etc/passwd", "spans": ["a"]},
        {"op": "list", "limit": -1},
        {"op": "list", "limit": True},
        {"op": "list", "filter": {"$ne": 1}},
        {"op": "feedback", "trace": TRACE_OF_NOBODY, "name": "a", "value": 1},
        {"op": "hello", "v": "1"},
    ],
)
def test_what_breaks_the_schema_is_refused_in_words(request_):
    with spantree.testing.memory_store():
        content = answer(request_, RUNTIME).content

    assert content["ok"] is False
    assert content["error"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"spans": ["0" * 16]},
        {"spans": [1]},
        {"spans": "all"},
        {"rows": [-1], "size": 3},
        {"rows": [3], "size": 3},
        {"rows": [True], "size": 3},
    ],
)
def test_spans_that_are_not_there_are_refused(traced, arguments):
    content = ask("bodies", trace=traced.info.trace_id, **arguments).content

    assert content["ok"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": " ", "value": 1},
        {"name": "a"},
        {"name": "a", "value": {"x": 1}},
        {"name": "a", "value": 1, "span": "0" * 16},
        {"name": "a" * 251, "value": 1},
    ],
)
def test_feedback_that_breaks_the_schema_adds_nothing(traced, arguments):
    content = ask("feedback", trace=traced.info.trace_id, **arguments).content

    assert content["ok"] is False
    assert not spantree.get_trace(traced.info.trace_id).info.assessments


def test_the_widget_asks_by_message(traced):
    widget = TraceWidget([traced], answer=lambda request: answer(request, RUNTIME))
    sent = []
    widget.send = lambda content, buffers: sent.append((content, buffers))

    widget._handle_custom_msg({"id": 3, "op": "hello", "v": 1}, [])

    ((content, buffers),) = sent
    assert (content["id"], content["ok"], buffers) == (3, True, [])
    assert widget.linked


def test_the_widget_gives_the_selected_span(traced):
    widget = TraceWidget([traced])

    before = widget.selected_span
    widget.selected_span_id = span_id(traced, "draw")

    assert before is None
    assert widget.selected_span.name == "draw"
    assert not widget.linked
