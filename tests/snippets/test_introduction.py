"""An introduction: autolog, decorators, blocks, threads, a RAG pipeline."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import spantree as mlflow
from spantree.entities import SpanType
from spantree.testing import outline, recorded_traces


def test_openai_autolog_and_switching_it_off(openai_offline, last):
    from openai import OpenAI

    mlflow.openai.autolog()
    client = OpenAI()
    messages = [{"role": "user", "content": "What is MLflow?"}]

    client.chat.completions.create(model="gpt-4o-mini", messages=messages)

    root = last().data.root
    assert root.span_type == "CHAT_MODEL"
    assert root.inputs["messages"] == messages
    assert last().info.token_usage["input_tokens"] > 0

    for switch_off in (
        lambda: mlflow.openai.autolog(disable=True),
        lambda: mlflow.autolog(disable=True),
    ):
        mlflow.openai.autolog()
        switch_off()
        with recorded_traces() as traces:
            client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        assert len(traces) == 0


def test_a_server_that_is_absent_costs_nothing():
    mlflow.set_tracking_uri("http://localhost:5000")

    with mlflow.start_span("s") as span:
        pass

    assert mlflow.get_trace(span.trace_id).name == "s"


def test_basics(last):
    @mlflow.trace
    def process_query(query, top_k=3):
        return {"answer": query.upper()}

    process_query("hello")

    assert last().data.root.inputs == {"query": "hello", "top_k": 3}
    assert last().data.root.outputs == {"answer": "HELLO"}


def test_custom_name_type_and_attributes(last):
    @mlflow.trace(name="custom", span_type=SpanType.TOOL, attributes={"version": "1.0"})
    def tool(x):
        return x

    tool(1)

    root = last().data.root
    assert (root.name, root.span_type) == ("custom", "TOOL")
    assert root.get_attribute("version") == "1.0"


def test_methods_and_a_type_of_ones_own(last):
    class Pipeline:
        @mlflow.trace(span_type="ROUTER")
        def run(self, q):
            return self.step_2(self.step_1(q))

        @mlflow.trace
        def step_1(self, q):
            return q.strip()

        @mlflow.trace
        def step_2(self, q):
            return q.upper()

    Pipeline().run(" a ")

    assert outline(last()) == "run ROUTER\n  step_1 UNKNOWN\n  step_2 UNKNOWN"


def test_functions_of_others(last):
    traced_sqrt = mlflow.trace(math.sqrt)
    traced_pow = mlflow.trace(math.pow)

    assert traced_sqrt(16) == 4
    assert last().data.root.name == "sqrt"
    assert traced_pow(2, 10) == 1024
    assert last().data.root.inputs["args"] == [2, 10]


def test_coroutines(last):
    @mlflow.trace
    async def fetch(i):
        await asyncio.sleep(0)
        return i

    @mlflow.trace
    async def gather():
        return await asyncio.gather(*(fetch(i) for i in range(3)))

    assert asyncio.run(gather()) == [0, 1, 2]

    assert outline(last()).splitlines() == ["gather UNKNOWN", *["  fetch UNKNOWN"] * 3]


def test_names_in_chinese(last):
    with mlflow.start_span(name="检索文档", span_type=SpanType.RETRIEVER) as span:
        span.set_inputs({"查询": "什么是 MLflow?"})
        span.set_outputs(["文档一", "文档二"])

    assert last().data.root.name == "检索文档"
    assert last().data.root.outputs == ["文档一", "文档二"]
    assert len(mlflow.search_traces("name = '检索文档'")) == 1


def test_mixed_forms(last):
    @mlflow.trace
    def inner(x):
        with mlflow.start_span("block in inner") as span:
            span.set_attribute("x", x)
        return x

    with mlflow.start_span("outer"):
        inner(1)

    assert outline(last()) == (
        "outer UNKNOWN\n  inner UNKNOWN\n    block in inner UNKNOWN"
    )


@mlflow.trace
def worker(i):
    return i * i


def test_threads_with_a_context_each(last):
    @mlflow.trace
    def main():
        with ThreadPoolExecutor(max_workers=4) as executor:
            futures = [
                executor.submit(contextvars.copy_context().run, worker, i)
                for i in range(4)
            ]
            return [f.result() for f in futures]

    assert main() == [0, 1, 4, 9]

    assert outline(last()).splitlines() == ["main UNKNOWN", *["  worker UNKNOWN"] * 4]


def test_one_context_for_four_workers_raises_with_a_hint(last):
    first_is_in, second_was_refused = threading.Event(), threading.Event()

    def slow(i):
        first_is_in.set()
        second_was_refused.wait(60)
        return worker(i)

    @mlflow.trace
    def parallel_process(items):
        context = contextvars.copy_context()

        def enter(i):
            if i == 2:
                first_is_in.wait(60)
            try:
                return context.run(slow, i)
            finally:
                second_was_refused.set()

        with ThreadPoolExecutor(max_workers=4) as executor:
            return list(executor.map(enter, items))

    with pytest.raises(RuntimeError, match="already entered"):
        parallel_process([1, 2])

    event = last().data.root.events[-1]
    assert "spantree.ThreadPoolExecutor" in event.attributes["spantree.hint"]


def test_the_executor_that_carries_the_span(last):
    @mlflow.trace
    def parallel_process(items):
        with mlflow.ThreadPoolExecutor(max_workers=4) as executor:
            return list(executor.map(worker, items))

    assert parallel_process([1, 2, 3]) == [1, 4, 9]

    assert len(last().search_spans(name="worker")) == 3


def test_rag_pipeline(openai_offline, last):
    from openai import OpenAI

    mlflow.openai.autolog()
    client = OpenAI()

    @mlflow.trace(span_type=SpanType.RETRIEVER)
    def retrieve_documents(query: str) -> list[str]:
        return [f"Document about {query}", "Another document"]

    @mlflow.trace
    def build_prompt(query: str, docs: list[str]) -> str:
        return f"Answer {query} from {docs}"

    @mlflow.trace(name="RAG Pipeline", span_type=SpanType.AGENT)
    def rag(query: str) -> str:
        mlflow.update_current_trace(tags={"pipeline": "rag", "version": "1.0"})
        docs = retrieve_documents(query)
        prompt = build_prompt(query, docs)
        reply = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}]
        )
        return reply.choices[0].message.content

    assert rag("spans")

    lines = outline(last()).splitlines()
    assert lines[:3] == [
        "RAG Pipeline AGENT",
        "  retrieve_documents RETRIEVER",
        "  build_prompt UNKNOWN",
    ]
    assert lines[3].endswith("CHAT_MODEL")
    assert last().info.tags["pipeline"] == "rag"
    assert last().info.tags["version"] == "1.0"
