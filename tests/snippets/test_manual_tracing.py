"""A guide to manual tracing: decorators, blocks, the client."""

from __future__ import annotations

import logging
import warnings

import spantree as mlflow
from spantree import MlflowClient
from spantree.entities import SpanType
from spantree.testing import outline


def test_decorators_with_types(last):
    @mlflow.trace(span_type=SpanType.LLM, attributes={"model": "gpt-4o-mini"})
    def invoke(prompt: str) -> str:
        return f"answer to {prompt}"

    @mlflow.trace(span_type=SpanType.CHAIN)
    def run(question: str) -> str:
        prompt = f"Question: {question}"
        return invoke(prompt)

    run("What is MLflow?")

    assert outline(last()) == "run CHAIN\n  invoke LLM"
    assert last().data.spans[1].inputs == {"prompt": "Question: What is MLflow?"}
    assert last().data.spans[1].get_attribute("model") == "gpt-4o-mini"


def test_data_pipeline(last):
    def data_pipeline(source):
        with mlflow.start_span(name="data_pipeline") as parent:
            parent.set_inputs({"source": source})
            with mlflow.start_span(name="extract") as extract:
                extract.set_inputs({"source": source})
                raw = [1, 2, 3]
                extract.set_outputs({"rows": len(raw)})
            with mlflow.start_span(name="transform") as transform:
                transform.set_inputs({"rows": len(raw)})
                changed = [r * 2 for r in raw]
                transform.set_outputs(changed)
            with mlflow.start_span(name="load") as load:
                load.set_inputs(changed)
                load.set_outputs("loaded")
            parent.set_outputs({"status": "success"})

    data_pipeline("db")

    assert outline(last()) == (
        "data_pipeline UNKNOWN\n  extract UNKNOWN\n  transform UNKNOWN\n  load UNKNOWN"
    )
    assert [s.outputs for s in last().data.spans] == [
        {"status": "success"},
        {"rows": 3},
        [2, 4, 6],
        "loaded",
    ]


def test_the_client_with_older_spellings_is_silent(caplog):
    client = MlflowClient()

    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        root = client.start_trace(
            name="manual_trace",
            inputs={"query": "q"},
            tags={"environment": "production"},
        )
        request_id = root.request_id
        child = client.start_span(
            name="data_retrieval",
            request_id=request_id,
            parent_id=root.span_id,
            inputs={"query": "q"},
        )
        client.end_span(
            request_id=request_id,
            span_id=child.span_id,
            outputs={"documents": 3},
            attributes={"source": "db"},
        )
        client.end_trace(request_id=request_id, outputs={"answer": "a"})

    trace = mlflow.get_trace(request_id)
    assert outline(trace) == "manual_trace UNKNOWN\n  data_retrieval UNKNOWN"
    assert trace.info.tags["environment"] == "production"
    assert caplog.records == []


def test_a_trace_id_of_ones_own():
    client = MlflowClient()
    wanted = "tr-" + "ab" * 16

    root = client.start_trace("own id", trace_id=wanted)
    client.end_trace(wanted)
    other = client.start_trace("other", trace_id="order-7")
    client.end_trace(other.trace_id)

    assert root.trace_id == wanted
    assert mlflow.get_trace(wanted).info.client_request_id is None
    assert mlflow.get_trace(other.trace_id).info.client_request_id == "order-7"


def test_previews_of_ones_own_are_in_list_search_and_tree(last):
    @mlflow.trace
    def predict(messages):
        mlflow.update_current_trace(
            request_preview="asked about spans", response_preview="told about spans"
        )
        return {"choices": [{"message": {"content": "…"}}]}

    predict([{"role": "user", "content": "long " * 500}])

    row = mlflow.traces().iloc[0]
    found = mlflow.search_traces(return_type="list")[0]
    assert (row["request"], row["response"]) == (
        "asked about spans",
        "told about spans",
    )
    assert found.info.request_preview == "asked about spans"
    assert "asked about spans" in str(mlflow.traces()["request"].to_list())
    assert last().info.response_preview == "told about spans"
