"""Reducers on chunks that the demo provider doesn't send. Needs no SDK."""

from __future__ import annotations

import pytest

from spantree.integrations._plain import plain
from spantree.integrations._reduce import ChatReducer, Text
from spantree.integrations._reduce_responses import ResponsesReducer
from spantree.integrations._usage import openai_usage


def reduced(*chunks, reducer=ChatReducer):
    made = reducer()
    for chunk in chunks:
        made.add(chunk)
    return made.result()


def delta(index=0, **fields):
    return {"choices": [{"index": index, "delta": fields}]}


def message(*chunks):
    return reduced(*chunks)["choices"][0]["message"]


def test_no_chunks_give_nothing():
    assert reduced() is None
    assert reduced(reducer=ResponsesReducer) is None


def test_text_of_many_pieces():
    text = Text()
    pieces = [f"{n} " for n in range(1000)]
    for piece in pieces:
        text.add(piece)

    assert str(text) == "".join(pieces)
    assert str(text) == "".join(pieces)


def test_choices_come_in_order_of_their_index():
    reply = reduced(delta(1, content="b"), delta(0, content="a"), delta(1, content="c"))

    assert [c["message"]["content"] for c in reply["choices"]] == ["a", "bc"]


def test_a_refusal_and_reasoning_are_joined():
    found = message(
        delta(role="assistant", refusal="I ", reasoning_content="hm "),
        delta(refusal="can't", reasoning_content="no"),
    )

    assert found == {
        "role": "assistant",
        "refusal": "I can't",
        "reasoning_content": "hm no",
    }


def test_the_items_of_a_list_valued_content_are_joined():
    item = {"type": "text", "text": "a"}

    assert message(delta(content=[item, item]), delta(content="b"))["content"] == "aab"


def test_a_legacy_function_call_and_audio():
    found = message(
        delta(function_call={"name": "f", "arguments": '{"a'}),
        delta(function_call={"arguments": '":1}'}, audio={"id": "x", "data": "AA"}),
        delta(audio={"data": "BB", "expires_at": 5}),
    )

    assert found["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert found["audio"] == {"id": "x", "data": "AABB", "expires_at": 5}


def test_log_probabilities_are_extended():
    chunks = [
        {
            "choices": [
                {"index": 0, "delta": {}, "logprobs": {"content": [{"token": t}]}}
            ]
        }
        for t in "ab"
    ]

    logprobs = reduced(*chunks)["choices"][0]["logprobs"]
    assert logprobs == {"content": [{"token": "a"}, {"token": "b"}]}


def test_the_first_chunk_of_azure_does_not_hide_the_rest():
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"a": 1}]}
    reply = reduced(first, {"id": "c1", "model": "gpt-4o", "choices": []})

    assert (reply["id"], reply["model"]) == ("c1", "gpt-4o")
    assert reply["prompt_filter_results"] == [{"a": 1}]


def test_what_is_unknown_is_kept_verbatim_and_bounded():
    chunks = [{"strange": n, "obfuscation": "xx"} for n in range(30)]
    reply = reduced(delta(content="a", odd=[1]), delta(odd=[1]), *chunks)

    assert reply["unrecognized"][0] == {"choice": 0, "odd": [1]}
    assert reply["unrecognized"][1:] == [{"strange": n} for n in range(15)]


def test_something_that_is_no_chunk_at_all():
    assert reduced("what", 5) == {"unrecognized": ["what", 5]}


def test_a_result_does_not_change_when_the_stream_goes_on():
    reducer = ChatReducer()
    reducer.add(delta(content="a", annotations=[1]))
    before = reducer.result()
    reducer.add(delta(content="b", annotations=[2]))

    assert before["choices"][0]["message"] == {"content": "a", "annotations": [1]}


def event(kind, **fields):
    return {"type": f"response.{kind}", **fields}


def test_the_open_item_of_a_response_is_built_from_its_deltas():
    item = {"type": "reasoning", "id": "r", "summary": []}
    call = {"type": "function_call", "id": "f", "name": "go", "arguments": ""}
    reply = reduced(
        event("created", response={"id": "r1", "model": "m", "output": []}),
        event("output_item.added", output_index=0, item=item),
        event(
            "reasoning_summary_text.delta", output_index=0, summary_index=0, delta="h"
        ),
        event(
            "reasoning_summary_text.delta", output_index=0, summary_index=0, delta="m"
        ),
        event("output_item.added", output_index=1, item=call),
        event("function_call_arguments.delta", output_index=1, delta='{"a"'),
        reducer=ResponsesReducer,
    )

    assert reply == {
        "id": "r1",
        "model": "m",
        "output": [
            {**item, "summary": [{"type": "summary_text", "text": "hm"}]},
            {**call, "arguments": '{"a"'},
        ],
    }


def test_the_item_that_is_done_wins_over_its_deltas():
    done = {"type": "message", "content": [{"type": "output_text", "text": "all"}]}
    reply = reduced(
        event("output_text.delta", output_index=0, content_index=0, delta="a"),
        event("output_item.done", output_index=0, item=done),
        reducer=ResponsesReducer,
    )

    assert reply == {"output": [done]}


def test_an_error_event_makes_the_response_failed():
    error = {"type": "error", "message": "overloaded", "code": "x"}
    reply = reduced(
        event("created", response={"id": "r1"}), error, reducer=ResponsesReducer
    )

    assert reply["status"] == "failed"
    assert reply["error"] == {"message": "overloaded", "code": "x"}


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 3}, {"input_tokens": 3}),
        (
            {"prompt_tokens": 3, "completion_tokens": 4},
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
        ),
        (
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "total_tokens": 9,
                "input_tokens_details": {"cached_tokens": 1},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "total_tokens": 9,
                "cache_read_input_tokens": 1,
                "reasoning_output_tokens": 2,
            },
        ),
    ],
)
def test_usage_is_by_mlflows_names_and_never_zero_when_unknown(usage, counts):
    assert openai_usage(usage) == counts


def test_plain_runs_no_code_of_the_user():
    class Hostile(dict):
        def __iter__(self):
            raise AssertionError

        items = keys = values = __getitem__ = __iter__

    assert plain(Hostile(a=[Hostile(b=1)])) == {"a": [{"b": 1}]}


def test_plain_leaves_what_it_does_not_know():
    unknown = object()
    generator = (n for n in range(3))

    assert plain({"x": unknown, "y": generator}) == {"x": unknown, "y": generator}
    assert list(generator) == [0, 1, 2]


def test_plain_survives_a_cycle():
    cycle = []
    cycle.append(cycle)

    assert isinstance(plain(cycle), list)
