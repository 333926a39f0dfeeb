"""DSPy with its real model client, against a provider on this machine."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading

import pytest
from support.sdk import sdk

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import spantree
from spantree.integrations import dspy as integration
from spantree.testing import outline

dspy = sdk("dspy")

dspy.configure_cache(enable_disk_cache=False)

QUESTION = '@@say={"answer":"Paris"}@@ Where is it?'


@pytest.fixture
def lm(provider):
    return dspy.LM(
        "openai/gpt-4o-mini",
        api_base=provider.url,
        api_key="test",
        cache=False,
        num_retries=0,
        temperature=0.5,
    )


@pytest.fixture(autouse=True)
def _dspy(lm):
    integration.autolog()
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        yield
    integration.autolog(disable=True)
    assert len(integration._runs) == len(integration._replies) == 0
    assert spantree.get_current_active_span() is None


def spans_by_name(trace):
    return {span.name: span for span in trace.data.spans}


def test_a_module_shows_adapter_and_model(lm, traces):
    reply = dspy.Predict("question -> answer")(question=QUESTION)

    assert reply.answer == "Paris"
    (trace,) = traces
    assert outline(trace).splitlines() == [
        "Predict.forward LLM",
        "  JSONAdapter.format PARSER",
        "  LM.__call__ CHAT_MODEL",
        "  JSONAdapter.parse PARSER",
    ]
    spans = spans_by_name(trace)
    assert spans["Predict.forward"].inputs == {"question": QUESTION}
    assert spans["Predict.forward"].outputs == {"answer": "Paris"}
    model = spans["LM.__call__"]
    assert model.inputs["messages"] == lm.history[-1]["messages"]
    assert model.outputs == ['{"answer":"Paris"}']
    assert model.model_name == "gpt-4o-mini"
    assert model.get_attribute("spantree.llm.request_model") == "openai/gpt-4o-mini"
    assert model.get_attribute("mlflow.llm.provider") == "openai"
    assert model.get_attribute("temperature") == 0.5
    used = lm.history[-1]["usage"]
    assert model.token_usage["input_tokens"] == used["prompt_tokens"]
    assert model.token_usage["output_tokens"] == used["completion_tokens"]
    assert trace.info.token_usage["total_tokens"] == used["total_tokens"]
    assert spans["JSONAdapter.parse"].outputs == {"answer": "Paris"}
    assert "test" not in str([span.to_dict() for span in trace.data.spans])


async def test_asynchronous_modules_are_recorded_alike(traces):
    said = '@@say={"reasoning":"r","answer":"Paris"}@@ Where?'
    await dspy.ChainOfThought("question -> answer").acall(question=said)

    assert outline(traces[0]).splitlines() == [
        "ChainOfThought.forward CHAIN",
        "  Predict.forward LLM",
        "    JSONAdapter.format PARSER",
        "    LM.__call__ CHAT_MODEL",
        "    JSONAdapter.parse PARSER",
    ]
    root = traces[0].data.spans[0]
    assert root.outputs == {"reasoning": "r", "answer": "Paris"}


async def test_a_streamed_program_is_recorded_alike(traces):
    program = dspy.streamify(dspy.Predict("question -> answer"))
    *chunks, last = [part async for part in program(question=QUESTION)]

    assert chunks
    assert last.answer == "Paris"
    (trace,) = traces
    assert outline(trace).splitlines() == [
        "Predict.forward LLM",
        "  JSONAdapter.format PARSER",
        "  LM.__call__ CHAT_MODEL",
        "  JSONAdapter.parse PARSER",
    ]
    model = spans_by_name(trace)["LM.__call__"]
    assert model.outputs == ['{"answer":"Paris"}']
    assert model.get_attribute("spantree.stream.end") == "exhausted"
    assert model.get_attribute("spantree.stream.first_item_ms") > 0
    assert model.token_usage["output_tokens"] > 0
    assert trace.info.token_usage == model.token_usage


PROGRAMS = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def streamed(is_async=False, **options):
    return dspy.streamify(
        dspy.Predict("question -> answer"), is_async_program=is_async, **options
    )


async def finished(traces):
    """Wait for the program that nobody listens to any more."""
    while len(integration._runs) or not len(traces):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return traces[0]


@PROGRAMS
async def test_a_streamed_program_that_breaks_off_keeps_the_part(is_async, traces):
    with pytest.raises(Exception, match="closed") as caught:
        [part async for part in streamed(is_async)(question="@@words=9 drop=4@@")]

    (trace,) = traces
    model = spans_by_name(trace)["LM.__call__"]
    assert model.outputs == ["word0 word1 word2"]
    assert model.get_attribute("spantree.stream.end") == "error"
    assert model.get_attribute("spantree.stream.items") == 3
    for span in (model, trace.data.spans[0]):
        assert span.status.status_code.value == "ERROR"
        assert span.exception[0] == type(caught.value).__name__
    assert trace.info.state == "ERROR"


def assert_is_a_part(outputs):
    (text,) = outputs
    words = [f"word{n}" for n in range(9)]
    assert text.split() == words[: len(text.split())]
    assert 3 <= len(text.split()) < 9


async def leave_early(is_async):
    seen = []
    parts = streamed(is_async)(question="@@words=9 chunk_delay=0.05@@")
    async for part in parts:
        seen.append(part.choices[0].delta.content or "")
        if "word2" in "".join(seen):
            break
    await parts.aclose()


@PROGRAMS
async def test_a_streamed_program_that_is_left_early_is_no_error(is_async, traces):
    # DSPy 3.4 cancels the task that has left, traced or not.
    await asyncio.wait([asyncio.create_task(leave_early(is_async))])
    trace = await finished(traces)

    model = spans_by_name(trace)["LM.__call__"]
    assert_is_a_part(model.outputs)
    assert model.get_attribute("spantree.stream.end") == "closed"
    for span in trace.data.spans:
        assert span.status.status_code.value == "OK"
        assert span.events == []
    assert trace.info.state == "OK"


@PROGRAMS
async def test_a_streamed_program_that_is_cancelled_is_an_error(is_async, traces):
    seen = []

    async def read():
        parts = streamed(is_async)(question="@@words=9 chunk_delay=0.05@@")
        async for part in parts:
            seen.append(part.choices[0].delta.content or "")

    task = asyncio.create_task(read())
    while "word2" not in "".join(seen):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    trace = await finished(traces)

    model = spans_by_name(trace)["LM.__call__"]
    assert_is_a_part(model.outputs)
    assert model.get_attribute("spantree.stream.end") == "error"
    assert model.status.status_code.value == "ERROR"
    assert trace.info.state == "ERROR"


@PROGRAMS
async def test_fifty_streamed_programs_stay_apart(is_async, traces):
    program = streamed(is_async)

    async def ask(number):
        question = f'@@say={{"answer":"{number}"}}@@ Where?'
        with spantree.start_span(f"ask {number}"):
            return [part async for part in program(question=question)][-1].answer

    answers = await asyncio.gather(*map(ask, range(50)))

    assert answers == [str(number) for number in range(50)]
    assert len(traces) == 50
    for trace in traces:
        number = trace.data.spans[0].name.removeprefix("ask ")
        assert outline(trace).splitlines() == [
            f"ask {number} UNKNOWN",
            "  Predict.forward LLM",
            "    JSONAdapter.format PARSER",
            "    LM.__call__ CHAT_MODEL",
            "    JSONAdapter.parse PARSER",
        ]
        spans = spans_by_name(trace)
        asked = f'@@say={{"answer":"{number}"}}@@ Where?'
        assert spans["Predict.forward"].inputs == {"question": asked}
        assert spans["Predict.forward"].outputs == {"answer": number}
        assert spans["LM.__call__"].outputs == [f'{{"answer":"{number}"}}']
        assert trace.info.token_usage == spans["LM.__call__"].token_usage


def test_a_program_that_is_streamed_to_a_loop_is_read_to_its_end(traces):
    for _ in streamed(async_streaming=False)(question=QUESTION):
        break
    asyncio.run(finished(traces))

    assert spans_by_name(traces[0])["LM.__call__"].outputs == ['{"answer":"Paris"}']
    assert traces[0].info.state == "OK"


async def test_a_streamed_program_stays_what_it_is(traces):
    traced = streamed()
    integration.autolog(disable=True)
    plain = streamed()

    assert inspect.signature(traced) == inspect.signature(plain)
    assert inspect.isasyncgenfunction(traced)
    assert inspect.isasyncgenfunction(plain)
    assert [part async for part in traced(question=QUESTION)]
    assert len(traces) == 0


def test_an_agent_shows_its_tools(traces):
    def look_up(city: str) -> str:
        """Tell the weather."""
        with spantree.start_span("inside"):
            return f"sunny in {city}"

    said = [
        {
            "next_thought": "t",
            "next_tool_name": "look_up",
            "next_tool_args": {"city": "Paris"},
        },
        {"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "r", "answer": "sunny"},
    ]
    with dspy.context(lm=dspy.utils.DummyLM(said), adapter=dspy.ChatAdapter()):
        dspy.ReAct("question -> answer", tools=[look_up])(question="Weather?")

    (trace,) = traces
    lines = outline(trace).splitlines()
    assert lines[0] == "ReAct.forward AGENT"
    at = lines.index("  Tool.look_up TOOL")
    assert lines[at + 1] == "    inside UNKNOWN"
    tool = spans_by_name(trace)["Tool.look_up"]
    assert tool.inputs == {"city": "Paris"}
    assert tool.outputs == "sunny in Paris"


def test_threads_of_dspy_nest_below_the_span_that_began_them(traces):
    module = dspy.Predict("question -> answer")
    example = dspy.Example(question=QUESTION).with_inputs("question")

    with spantree.start_span("all"):
        dspy.Parallel(num_threads=3, disable_progress_bar=True)([(module, example)] * 5)

    (trace,) = traces
    root = trace.data.spans[0]
    below = [s for s in trace.data.spans if s.name == "Predict.forward"]
    assert [s.parent_id for s in below] == [root.span_id] * 5
    for span in trace.data.spans:
        if span.name == "LM.__call__":
            assert span.parent_id in [s.span_id for s in below]
            assert span.token_usage is not None


def test_an_evaluation_is_one_trace(traces):
    examples = [
        dspy.Example(question=QUESTION, answer="Paris").with_inputs("question")
        for _ in range(2)
    ]
    evaluate = dspy.Evaluate(
        devset=examples,
        metric=lambda example, found, trace=None: example.answer == found.answer,
        num_threads=2,
        display_progress=False,
    )
    score = evaluate(dspy.Predict("question -> answer")).score

    (trace,) = traces
    root = trace.data.spans[0]
    assert (root.name, root.span_type) == ("Evaluate.__call__", "EVALUATOR")
    assert root.outputs["score"] == score == 100.0
    assert root.inputs["program"] == {"module": "Predict"}
    assert sum(s.name == "Predict.forward" for s in trace.data.spans) == 2


def test_an_evaluation_can_be_left_out(traces):
    integration.autolog(log_traces_from_eval=False)
    example = dspy.Example(question=QUESTION).with_inputs("question")
    dspy.Evaluate(
        devset=[example] * 2,
        metric=lambda *_: True,
        num_threads=2,
        display_progress=False,
    )(dspy.Predict("question -> answer"))

    assert len(traces) == 0


@pytest.mark.parametrize("is_recorded", [False, True])
def test_what_an_optimizer_calls_is_left_out_unless_asked(traces, is_recorded):
    integration.autolog(log_traces_from_compile=is_recorded)
    example = dspy.Example(question=QUESTION, answer="Paris").with_inputs("question")
    optimizer = dspy.BootstrapFewShot(metric=lambda *_: True, max_labeled_demos=1)
    optimizer.compile(dspy.Predict("question -> answer"), trainset=[example])

    names = [trace.data.spans[0].name for trace in traces]
    assert names == (["BootstrapFewShot.compile"] if is_recorded else [])


def test_retrieved_passages_are_documents(traces):
    class Shelf(dspy.Retrieve):
        def forward(self, query):
            return dspy.Prediction(passages=["Paris is in France."])

    Shelf(k=1)(query="Paris")

    (span,) = traces[0].data.spans
    assert (span.name, span.span_type) == ("Shelf.forward", "RETRIEVER")
    assert span.outputs == [
        {"page_content": "Paris is in France.", "metadata": {}, "id": None}
    ]


def test_an_error_is_raised_as_it_is_and_recorded(traces):
    class Broken(dspy.Module):
        def forward(self, question):
            raise LookupError(question)

    with pytest.raises(LookupError):
        Broken()(question="why")

    (span,) = traces[0].data.spans
    assert span.status.status_code.value == "ERROR"
    assert span.exception[:2] == ("LookupError", "why")


def test_an_error_of_the_provider_is_recorded(traces):
    with pytest.raises(Exception, match="429"):
        dspy.Predict("question -> answer")(question="@@status=429@@")

    model = spans_by_name(traces[0])["LM.__call__"]
    assert model.status.status_code.value == "ERROR"
    assert traces[0].info.state == "ERROR"


async def test_a_cancelled_call_is_an_error(traces):
    module = dspy.Predict("question -> answer")
    task = asyncio.create_task(module.acall(question="@@delay=5@@"))
    while not (len(traces) and len(traces[0].data.spans) == 3):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    model = spans_by_name(traces[0])["LM.__call__"]
    assert model.status.status_code.value == "ERROR"
    assert model.exception[0] == "CancelledError"


def test_a_cached_reply_has_no_usage(provider, traces):
    lm = dspy.LM("openai/gpt-4o-mini", api_base=provider.url, api_key="test")
    with dspy.context(lm=lm):
        for _ in range(2):
            dspy.Predict("question -> answer")(question=QUESTION)

    first, second = (spans_by_name(trace)["LM.__call__"] for trace in traces)
    assert first.token_usage is not None
    assert second.token_usage is None
    assert second.outputs == first.outputs


def test_the_callback_survives_configure_and_other_threads(lm, traces):
    dspy.settings.configure(callbacks=[])
    thread = threading.Thread(target=integration.autolog)
    thread.start()
    thread.join()
    integration.autolog()
    dspy.Predict("question -> answer")(question=QUESTION)

    assert len(traces) == 1


def test_nothing_is_recorded_once_it_is_disabled(traces):
    integration.autolog(disable=True)
    dspy.Predict("question -> answer")(question=QUESTION)

    assert len(traces) == 0


def test_inputs_and_outputs_can_be_left_out(traces):
    integration.autolog(log_inputs=False, log_outputs=False)
    dspy.Predict("question -> answer")(question=QUESTION)

    for span in traces[0].data.spans:
        assert (span.inputs, span.outputs) == (None, None)
    assert spans_by_name(traces[0])["LM.__call__"].token_usage is not None
