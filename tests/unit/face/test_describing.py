"""What names and describes a trace: names, tags, session and user, previews."""

from __future__ import annotations

import pytest

import spantree
from spantree import TraceClient

SESSION, USER = "mlflow.trace.session", "mlflow.trace.user"
LONG = "x" * 249 + "…"


def last():
    return spantree.get_trace(spantree.get_last_active_trace_id())


def found(filter_string):
    return spantree.search_traces(filter_string, return_type="list")


def by_a_block(name):
    with spantree.start_span(name):
        pass


def by_the_decorator(name):
    def span():
        pass

    spantree.trace(name=name)(span)()


def by_hand(name):
    spantree.start_span_no_context(name).end()


def by_the_client(name):
    client = TraceClient()
    client.end_trace(client.start_trace(name).trace_id)


@pytest.mark.parametrize(
    "record", [by_a_block, by_the_decorator, by_hand, by_the_client]
)
@pytest.mark.parametrize(
    ("name", "stored", "full"),
    [
        ("x" * 250, "x" * 250, None),
        ("x" * 251, LONG, "x" * 251),
        ("x" * 5_000, LONG, "x" * 4_096),
        ("日" * 300, "日" * 249 + "…", "日" * 300),
        ("", "span", None),
        (5, "span", None),
        (None, "span", None),
    ],
)
def test_a_name_is_text_of_at_most_250_characters(record, name, stored, full):
    record(name)

    (trace,) = found(None)
    assert trace.data.root.name == stored
    assert trace.data.root.get_attribute("spantree.name.full") == full


def test_a_nul_or_a_lone_surrogate_is_visible_in_names_keys_tags_and_previews():
    odd, shown = "a\0\ud800", "a\\u0000\\ud800"
    with spantree.start_span(odd, attributes={odd: 1}) as span:
        span.set_attribute(f"{odd}!", 2)
        span.set_inputs({"messages": [{"role": "user", "content": odd}]})
        spantree.update_current_trace(
            tags={odd: odd}, metadata={odd: odd}, client_request_id=odd, user=odd
        )
        spantree.update_current_trace(response_preview=odd)

    in_memory, (stored,) = last(), found(None)
    for trace in (in_memory, stored):
        root, info = trace.data.root, trace.info
        assert (root.name, trace.name) == (shown, shown)
        assert (root.attributes[shown], root.attributes[f"{shown}!"]) == (1, 2)
        assert (info.tags[shown], info.trace_metadata[shown]) == (shown, shown)
        assert (info.client_request_id, info.user) == (shown, shown)
        assert (info.request_preview, info.response_preview) == (shown, shown)
    assert in_memory.to_dict() == stored.to_dict()


def test_repeated_names_are_found_as_they_were_given():
    with spantree.start_span("root"):
        for name in ("red", "red", "blue"):
            by_a_block(name)

    (trace,) = found("span.name = 'red'")
    assert [s.name for s in trace.data.spans] == ["root", "red", "red", "blue"]
    assert [s.display_name for s in trace.data.spans[1:]] == ["red_1", "red_2", "blue"]
    assert found("span.name = 'red_1'") == []


def test_tags_and_metadata_are_text_of_limited_length():
    texts = {"k" * 300: "v" * 70_000, "n": 5, "b": True, 7: "x", "none": None}
    with spantree.start_span("root"):
        spantree.update_current_trace(tags=texts, metadata=texts)

    for kept in (last().info.tags, last().info.trace_metadata):
        assert kept["k" * 249 + "…"] == "v" * 63_999 + "…"
        assert (kept["n"], kept["b"], kept["7"]) == ("5", "True", "x")
        assert "none" not in kept


def test_recording_calls_take_wrong_types():
    with spantree.start_span("root") as span:
        spantree.update_current_trace(
            tags=5, metadata="x", client_request_id=7, request_preview=5, state=3
        )
        span.set_span_type(5)
        span.set_attribute(7, 1)
        span.set_attributes(None)
        span.add_event(None)
        span.add_link(3)
        span.set_log_level("loud")

    info, root = last().info, last().data.root
    assert (info.client_request_id, info.request_preview) == ("7", "5")
    assert (info.state, root.span_type, root.get_attribute("7")) == ("OK", "5", 1)


class Unprintable:
    def __str__(self):
        raise SystemExit(3)


def test_what_has_no_text_is_named_by_its_type():
    with spantree.start_span(
        "root", span_type=Unprintable(), description=Unprintable()
    ) as span:
        spantree.update_current_trace(
            tags={"t": Unprintable(), "after": "kept"}, user=Unprintable()
        )
        span.record_exception(Unprintable())

    info, root = last().info, last().data.root
    said = "<unprintable Unprintable>"
    assert (info.tags["t"], info.tags["after"], info.user) == (said, "kept", said)
    assert (root.span_type, root.description) == (said, said)
    assert root.events[0].attributes["exception.message"] == said


def assert_described():
    (trace,) = {t.info.trace_id: t for t in found(None)}.values()
    info = trace.info
    assert (info.session, info.user) == ("s", "u")
    assert (info.tags[SESSION], info.tags[USER]) == ("s", "u")
    assert (info.trace_metadata[SESSION], info.trace_metadata[USER]) == ("s", "u")
    for field, value in ((SESSION, "s"), (USER, "u")):
        assert len(found(f"tags.`{field}` = '{value}'")) == 1
        assert len(found(f"metadata.`{field}` = '{value}'")) == 1
    assert len(found("session = 's' AND user = 'u'")) == 1


def set_tags():
    trace_id = spantree.get_active_trace_id()
    spantree.set_trace_tag(trace_id, SESSION, "s")
    spantree.set_trace_tag(trace_id, USER, "u")


def set_attributes():
    spantree.get_current_active_span().set_attributes(
        {"session.id": "s", "user.id": "u"}
    )


INSIDE = {
    "arguments": lambda: spantree.update_current_trace(session_id="s", user="u"),
    "tags": lambda: spantree.update_current_trace(tags={SESSION: "s", USER: "u"}),
    "metadata": lambda: spantree.update_current_trace(
        metadata={SESSION: "s", USER: "u"}
    ),
    "set_trace_tag": set_tags,
    "attributes of the root": set_attributes,
}


@pytest.mark.parametrize("form", INSIDE)
def test_session_and_user_are_one_field_each_and_the_last_write_wins(form):
    with spantree.start_span("root"):
        spantree.update_current_trace(session_id="before", user="before")
        INSIDE[form]()
        assert_described()  # while it runs

    assert_described()


def in_a_scope():
    with spantree.tracing.context(session_id="s", user="u"):
        by_a_block("root")


def in_a_scope_of_tags():
    with spantree.tracing.context(tags={SESSION: "s"}, metadata={USER: "u"}):
        by_a_block("root")


def by_attributes_of_a_block():
    with spantree.start_span("root", attributes={"session.id": "s", "user.id": "u"}):
        pass


def by_hand_with_tags():
    spantree.start_span_no_context(
        "root", tags={SESSION: "s"}, metadata={USER: "u"}
    ).end()


def by_the_client_with_tags():
    client = TraceClient()
    root = client.start_trace("root", tags={SESSION: "s", USER: "u"})
    client.end_trace(root.trace_id)


def by_the_client_at_the_end():
    client = TraceClient()
    root = client.start_trace("root")
    client.end_trace(root.trace_id, attributes={"session.id": "s", "user.id": "u"})


def by_tags_after_the_end():
    by_a_block("root")
    trace_id = spantree.get_last_active_trace_id()
    spantree.set_trace_tag(trace_id, SESSION, "s")
    spantree.set_trace_tag(trace_id, USER, "u")


@pytest.mark.parametrize(
    "record",
    [
        in_a_scope,
        in_a_scope_of_tags,
        by_attributes_of_a_block,
        by_hand_with_tags,
        by_the_client_with_tags,
        by_the_client_at_the_end,
        by_tags_after_the_end,
    ],
)
def test_session_and_user_may_be_given_with_a_trace(record):
    record()

    assert_described()


def test_attributes_of_a_child_say_nothing_of_the_trace():
    with spantree.start_span("root"), spantree.start_span("child") as child:
        child.set_attribute("session.id", "s")

    assert last().info.session is None


@pytest.mark.parametrize("is_running", [True, False])
def test_deleting_the_tag_clears_the_field(is_running):
    with spantree.start_span("root") as root:
        spantree.update_current_trace(session_id="s", user="u")
        if is_running:
            spantree.delete_trace_tag(root.trace_id, SESSION)
    if not is_running:
        spantree.delete_trace_tag(root.trace_id, SESSION)

    info = last().info
    assert (info.session, info.user) == (None, "u")
    assert SESSION not in info.tags
    assert SESSION not in info.trace_metadata
    assert found("session = 's'") == []


def said(role, content):
    return {"role": role, "content": content}


PARTS = [
    {"type": "text", "text": "x"},
    {"type": "image_url"},
    {"type": "text", "text": "y"},
]
CHAT = [said("user", "a"), said("assistant", "b"), said("user", "c"), said("tool", "t")]


@pytest.mark.parametrize(
    ("inputs", "outputs", "request_preview", "response_preview"),
    [
        ("text", "out", '"text"', '"out"'),
        ({"q": 1}, [1], '{"q":1}', "[1]"),
        (None, None, None, None),
        ({"messages": CHAT}, {"messages": CHAT}, "c", "b"),
        ({"input": CHAT}, {"output": CHAT}, "c", "b"),
        ({"request": CHAT}, {"choices": [{"message": CHAT[1]}]}, "c", "b"),
        ({"request": {"input": CHAT}}, None, "c", None),
        ({"messages": [said("user", PARTS)]}, None, "x\ny", None),
        ({"input": "hello"}, {"output": "bye"}, '{"input":"hello"}', '{"output":"bye"}'),
        (
            {"messages": [said("system", "a")]},
            None,
            '{"messages":[{"role":"system","content":"a"}]}',
            None,
        ),
        ("z" * 2_000, "z" * 998, '"' + "z" * 996 + "...", '"' + "z" * 998 + '"'),
    ],
)  # fmt: skip
def test_a_preview_is_the_last_message_or_the_json(
    inputs, outputs, request_preview, response_preview
):
    span = spantree.start_span_no_context("root", inputs=inputs)
    running = spantree.get_trace(span.trace_id).info.request_preview
    span.end(outputs=outputs)

    info = spantree.get_trace(span.trace_id).info
    assert running == request_preview
    assert (info.request_preview, info.response_preview) == (
        request_preview,
        response_preview,
    )
    assert info.trace_metadata["mlflow.traceInputs"] == (request_preview or "")[:250]
    assert info.trace_metadata["mlflow.traceOutputs"] == (response_preview or "")[:250]


def test_previews_of_ones_own_are_neither_cut_nor_computed_again():
    with spantree.start_span("root") as root:
        spantree.update_current_trace(
            request_preview="q" * 60_000, response_preview="r"
        )
        root.set_inputs("other")
        root.set_outputs("other")

    info = last().info
    assert (info.request_preview, info.response_preview) == ("q" * 60_000, "r")
    assert info.trace_metadata["mlflow.traceInputs"] == "q" * 250
