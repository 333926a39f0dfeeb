"""What other conventions say, read and written."""

from __future__ import annotations

import json

import pytest
from support.traces import make_trace

from spantree.entities import Span
from spantree.entities.dialects import is_about_models, read, write
from spantree.entities.values import encode

SAID = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "look_up", "arguments": '{"city": "Paris"}'},
            }
        ],
    },
    {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
]
REPLY = [{"role": "assistant", "content": "It is sunny."}]
USAGE = {
    "input_tokens": 9,
    "output_tokens": 3,
    "total_tokens": 12,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
    "reasoning_output_tokens": 1,
}


def make_span(span_type, inputs=None, outputs=None, **attributes):
    return Span(
        trace_key=1,
        span_key=2,
        parent_key=None,
        name="chat",
        span_type=span_type,
        start_time_ns=1,
        end_time_ns=2,
        raw_inputs=encode(inputs),
        raw_outputs=encode(outputs),
        raw_attributes={k: encode(v) for k, v in attributes.items()},
    )


@pytest.mark.parametrize("dialect", ["gen_ai", "openinference"])
def test_a_chat_keeps_messages_model_and_usage(dialect):
    span = make_span(
        "CHAT_MODEL",
        {"messages": SAID},
        {"messages": REPLY},
        **{
            "mlflow.llm.model": "gpt-4o",
            "mlflow.llm.provider": "openai",
            "mlflow.chat.tokenUsage": USAGE,
        },
    )
    written = write(span, dialect)
    found = read(written)

    assert found.span_type == "CHAT_MODEL"
    assert found.inputs == {"messages": SAID}
    assert found.outputs == {"messages": REPLY}
    assert found.attributes["mlflow.llm.model"] == "gpt-4o"
    assert found.attributes["mlflow.llm.provider"] == "openai"
    assert found.attributes["mlflow.chat.tokenUsage"] == USAGE
    assert all(isinstance(v, (str, int, float, list)) for v in written.values())


@pytest.mark.parametrize("dialect", ["gen_ai", "openinference"])
def test_tools_and_documents_come_back(dialect):
    tool = read(write(make_span("TOOL", {"city": "Paris"}, {"sky": "blue"}), dialect))
    shelf = [{"page_content": "Paris", "metadata": {"a": 1}, "id": "1", "score": 0.5}]
    found = read(write(make_span("RETRIEVER", {"query": "q"}, shelf), dialect))

    assert (tool.span_type, tool.inputs, tool.outputs) == (
        "TOOL",
        {"city": "Paris"},
        {"sky": "blue"},
    )
    assert (found.span_type, found.outputs) == ("RETRIEVER", shelf)


def test_an_unknown_dialect_is_refused():
    with pytest.raises(
        ValueError, match="Unknown dialect 'genai'. Known: gen_ai, open"
    ):
        write(make_span("TOOL"), "genai")


@pytest.mark.parametrize(
    ("attributes", "count"),
    [
        ({"gen_ai.usage.input_tokens": 1}, {"input_tokens": 1}),
        ({"gen_ai.usage.prompt_tokens": 1}, {"input_tokens": 1}),
        (
            {"gen_ai.usage.cache_write.input_tokens": 1},
            {"cache_creation_input_tokens": 1},
        ),
        (
            {"gen_ai.usage.cache_creation.input_tokens": 1},
            {"cache_creation_input_tokens": 1},
        ),
        ({"llm.usage.total_tokens": 3}, {"total_tokens": 3}),
    ],
)
def test_older_and_newer_spellings_are_read(attributes, count):
    assert read(attributes).attributes["mlflow.chat.tokenUsage"] == count


@pytest.mark.parametrize(
    ("attributes", "span_type"),
    [
        ({"gen_ai.operation.name": "generate_content"}, "CHAT_MODEL"),
        ({"gen_ai.operation.name": "invoke_agent"}, "AGENT"),
        ({"gen_ai.operation.name": "new_word"}, "new_word"),
        ({"openinference.span.kind": "LLM"}, "LLM"),
        ({"openinference.span.kind": "PROMPT"}, "CHAIN"),
        ({"traceloop.span.kind": "workflow"}, "WORKFLOW"),
        ({"llm.request.type": "embedding"}, "EMBEDDING"),
        ({"http.method": "GET"}, None),
    ],
)
def test_types_are_read(attributes, span_type):
    assert read(attributes).span_type == span_type


def test_events_of_the_older_style_are_messages():
    events = [
        ("gen_ai.user.message", {"content": "Hi"}),
        ("gen_ai.choice", {"content": "Hello"}),
    ]
    found = read({"gen_ai.operation.name": "chat"}, events)

    assert found.inputs == {"messages": [{"role": "user", "content": "Hi"}]}
    assert found.outputs == {"messages": [{"role": "assistant", "content": "Hello"}]}


@pytest.mark.parametrize("name", ["response", "result"])
def test_both_names_of_a_tools_result_are_read(name):
    part = {"type": "tool_call_response", "id": "c1", name: "sunny"}
    said = json.dumps([{"role": "tool", "parts": [part]}])
    found = read({"gen_ai.operation.name": "chat", "gen_ai.input.messages": said})

    assert found.inputs["messages"] == [
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"}
    ]


@pytest.mark.parametrize(
    ("history", "asked"),
    [({}, ["Hi"]), ({"pydantic_ai.new_message_index": 2}, ["Hi", "Hello", "Bye"])],
)
def test_a_run_of_pydantic_ai_is_asked_what_it_began_with(history, asked):
    said = [("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"), ("assistant", "x")]
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in said
    ]
    found = read(
        {
            "gen_ai.operation.name": "invoke_agent",
            "pydantic_ai.all_messages": json.dumps(messages),
            "final_result": '{"city": "Paris"}',
            **history,
        }
    )

    assert [m["content"] for m in found.inputs["messages"]] == asked
    assert found.outputs == {"city": "Paris"}


def test_session_user_tags_and_metadata_are_the_traces():
    found = read(
        {
            "session.id": "s",
            "user.id": "u",
            "tag.tags": ("a", "b"),
            "metadata": '{"k": 1}',
        }
    )

    assert (found.session, found.user) == ("s", "u")
    assert found.tags == {"a": "true", "b": "true"}
    assert found.metadata == {"k": "1"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.input.messages": "[broken"},
        {
            "gen_ai.input.messages": '[1, {"parts": [2]}]',
            "gen_ai.output.messages": "{}",
        },
        {"llm.input_messages.x.message": 1, "llm.input_messages.0": 2},
        {"retrieval.documents.0.document": 5, "gen_ai.retrieval.documents": "7"},
        {"embedding.embeddings.0.embedding": 5},
        {"llm.invocation_parameters": "[]", "metadata": "[]", "tag.tags": "a"},
        {"gen_ai.prompt.0.tool_calls.0": 1, "gen_ai.completion.0": "x"},
        {"gen_ai.usage.input_tokens": "many", "llm.token_count.total": None},
    ],
)
def test_nonsense_is_read_without_a_failure(attributes):
    read({"gen_ai.operation.name": "chat", **attributes})
    assert is_about_models({"gen_ai.x": 1})


@pytest.mark.parametrize("dialect", ["gen_ai", "openinference"])
@pytest.mark.parametrize(
    "message",
    [
        {"tool_calls": 1},
        {"tool_calls": [1, {"function": "f"}, {"function": {"arguments": 5}}]},
        {"tool_calls": [{"function": {"arguments": "[" * 100_000}}]},
        {"role": ["x"], "content": [None, 5, {"type": "text"}]},
    ],
)
def test_messages_of_an_odd_form_are_written(dialect, message):
    said = json.dumps({"messages": [message]}).encode()
    chat = {"name": "c", "span_type": "CHAT_MODEL", "raw_inputs": said}
    span = make_trace(1, spans=[chat]).data.spans[1]

    assert any("input" in name for name in write(span, dialect))
