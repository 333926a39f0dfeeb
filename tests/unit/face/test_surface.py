"""Every public name exists, with exactly the parameters that MLflow's code passes."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

import spantree
from spantree import entities, tracing

SEARCH = (
    "experiment_ids=None, filter_string=None, max_results=None, order_by=None, "
    "extract_fields=None, run_id=None, return_type=None, model_id=None, "
    "sql_warehouse_id=None, include_spans=True, locations=None, flush=False, *, "
    "experiment_names=None, layout='mlflow', timeout=None, where=None"
)
SPAN = "trace_destination=None, log_level=None"
FLUENT = {
    "trace": (
        "func=None, name=None, span_type='UNKNOWN', attributes=None, "
        "output_reducer=None, trace_destination=None, sampling_ratio_override=None, "
        "log_level=None, links=None, description=None, *, capture_inputs=None, "
        "capture_outputs=None"
    ),
    "start_span": (
        f"name='span', span_type='UNKNOWN', attributes=None, {SPAN}, run_id=None, "
        "links=None, description=None"
    ),
    "start_span_no_context": (
        "name, span_type='UNKNOWN', parent_span=None, inputs=None, attributes=None, "
        "tags=None, metadata=None, experiment_id=None, start_time_ns=None, "
        "log_level=None, links=None, description=None"
    ),
    "get_current_active_span": "",
    "get_active_trace_id": "",
    "get_last_active_trace_id": "thread_local=False",
    "get_trace": "trace_id, silent=False, flush=False",
    "search_traces": SEARCH,
    "search_sessions": (
        "max_results=100, run_id=None, model_id=None, include_spans=True, "
        "locations=None"
    ),
    "update_current_trace": (
        "tags=None, metadata=None, client_request_id=None, request_preview=None, "
        "response_preview=None, state=None, model_id=None, session_id=None, user=None"
    ),
    "add_trace": "trace, target=None",
    "log_trace": (
        "name='Task', request=None, response=None, intermediate_outputs=None, "
        "attributes=None, tags=None, start_time_ms=None, execution_time_ms=None"
    ),
    "set_trace_tag": "trace_id, key, value",
    "delete_trace_tag": "trace_id, key",
    "delete_traces": "trace_ids",
    "log_feedback": (
        "*, trace_id, name='feedback', value=None, source=None, error=None, "
        "rationale=None, metadata=None, span_id=None"
    ),
    "log_expectation": (
        "*, trace_id, name, value, source=None, metadata=None, span_id=None"
    ),
    "log_assessment": "trace_id, assessment",
    "log_issue": (
        "*, trace_id, issue_id, issue_name=None, source=None, run_id=None, "
        "rationale=None, metadata=None, span_id=None"
    ),
    "get_assessment": "trace_id, assessment_id",
    "update_assessment": "trace_id, assessment_id, assessment",
    "delete_assessment": "trace_id, assessment_id",
    "override_feedback": (
        "*, trace_id, assessment_id, value, rationale=None, source=None, metadata=None"
    ),
    "set_experiment": "experiment_name=None, experiment_id=None, trace_location=None",
    "get_experiment": "experiment_id",
    "get_experiment_by_name": "name",
    "create_experiment": "name, artifact_location=None, tags=None",
    "search_experiments": (
        "view_type=1, max_results=1000, filter_string=None, order_by=None, "
        "page_token=None"
    ),
    "set_tracking_uri": "uri",
    "get_tracking_uri": "",
    "flush_trace_async_logging": "terminate=False",
    "autolog": (
        "disable=False, silent=False, log_traces=True, exclude_flavors=None, *, "
        "disable_for_unsupported_versions=True, log_inputs=True, log_outputs=True, "
        "**mlflow_options"
    ),
    "configure": "**options",
    "headers": "baggage=False",
    "continue_trace": "headers",
    "propagate": "function",
    "traces": "filter=None, *, order_by=None, limit=1000, columns=None, as_='pandas'",
    "spans": "filter=None, *, order_by=None, limit=1000, columns=None, as_='pandas'",
    "get": "which",
    "show": "which",
    "view": "traces",
    "flush": "timeout=None",
    "stats": "",
}
TRACING = {
    "enable": "",
    "disable": "",
    "reset": "",
    "context": (
        "metadata=None, tags=None, enabled=None, session_id=None, user=None, *, "
        "client_request_id=None"
    ),
    "configure": "span_processors=None",
    "set_destination": "location, *, context_local=False",
    "enable_notebook_display": "",
    "disable_notebook_display": "",
    "set_span_chat_tools": "span, tools",
    "get_bridged_tracer_provider": "",
    "get_tracing_context_headers_for_http_request": "",
    "set_tracing_context_from_http_request_headers": "headers",
    "set_experiment_trace_location": (
        "location, experiment_id=None, sql_warehouse_id=None"
    ),
    "unset_experiment_trace_location": "location, experiment_id=None",
    "set_databricks_monitoring_sql_warehouse_id": (
        "sql_warehouse_id, experiment_id=None"
    ),
}
CLIENT = {
    "start_trace": (
        "name, span_type='UNKNOWN', inputs=None, attributes=None, tags=None, "
        "experiment_id=None, start_time_ns=None, run_id=None, links=None, *, "
        "trace_id=None"
    ),
    "start_span": (
        "name, trace_id, parent_id, span_type='UNKNOWN', inputs=None, "
        "attributes=None, start_time_ns=None, links=None"
    ),
    "end_span": (
        "trace_id, span_id, outputs=None, attributes=None, status='OK', "
        "end_time_ns=None"
    ),
    "end_trace": (
        "trace_id, outputs=None, attributes=None, status='OK', end_time_ns=None"
    ),
    "get_trace": "trace_id, display=True, flush=False",
    "search_traces": (
        "experiment_ids=None, filter_string=None, max_results=100, order_by=None, "
        "page_token=None, run_id=None, include_spans=True, model_id=None, "
        "locations=None, flush=False, *, experiment_names=None"
    ),
    "delete_traces": (
        "experiment_id, max_timestamp_millis=None, max_traces=None, trace_ids=None"
    ),
    "link_traces_to_run": "trace_ids, run_id",
    "unlink_traces_from_run": "trace_ids, run_id",
    "link_prompt_versions_to_trace": "prompt_versions, trace_id",
    **{
        name: FLUENT[name]
        for name in (
            "set_trace_tag",
            "delete_trace_tag",
            "log_feedback",
            "log_expectation",
            "log_assessment",
            "get_assessment",
            "update_assessment",
            "delete_assessment",
            "search_experiments",
            "get_experiment",
            "get_experiment_by_name",
            "create_experiment",
        )
    },
}
SPAN_MEMBERS = (
    "trace_id request_id span_id parent_id name display_name span_type start_time_ns "
    "end_time_ns inputs outputs status attributes get_attribute events links log_level "
    "description model_name llm_cost kind scope to_dict from_dict to_otel_proto "
    "from_otel_proto"
)
SETTERS = (
    "set_inputs set_outputs set_attribute set_attributes set_status set_span_type "
    "set_description set_log_level add_event add_link record_exception end"
)
MEMBERS = {
    "Span": SPAN_MEMBERS,
    "LiveSpan": f"{SPAN_MEMBERS} {SETTERS}",
    "NoOpSpan": f"{SPAN_MEMBERS} {SETTERS}",
    "SpanType": (
        "LLM CHAIN AGENT TOOL CHAT_MODEL RETRIEVER PARSER EMBEDDING RERANKER MEMORY "
        "UNKNOWN WORKFLOW TASK GUARDRAIL EVALUATOR"
    ),
    "SpanEvent": "from_exception",
    "SpanStatus": "status_code description",
    "SpanStatusCode": "UNSET OK ERROR",
    "SpanLogLevel": "DEBUG INFO WARNING ERROR CRITICAL",
    "Link": "trace_id span_id attributes to_dict from_dict",
    "Trace": (
        "trace_id to_dict from_dict to_json from_json search_spans search_assessments "
        "to_pandas_dataframe_row pandas_dataframe_columns _repr_mimebundle_ "
        "get_attachment"
    ),
    "TraceData": "spans request response intermediate_outputs",
    "TraceInfo": (
        "trace_id trace_location request_time execution_duration state "
        "request_preview response_preview client_request_id token_usage cost session "
        "user request_id experiment_id timestamp_ms execution_time_ms status "
        "request_metadata"
    ),
    "TraceState": "STATE_UNSPECIFIED OK ERROR IN_PROGRESS INTERRUPTED",
    "Assessment": "name source trace_id value rationale span_id overrides valid",
    "Feedback": "name value error",
    "Expectation": "name value",
    "IssueReference": "issue_id issue_name",
    "AssessmentError": "error_code error_message stack_trace",
    "AssessmentSource": "source_type source_id",
    "AssessmentSourceType": "HUMAN LLM_JUDGE AI_JUDGE CODE SOURCE_TYPE_UNSPECIFIED",
    "Document": "to_dict",
    "Session": "id __iter__ __len__ __getitem__",
    "Experiment": "experiment_id name",
    "TraceLocation": "from_experiment_id mlflow_experiment",
    "MlflowExperimentLocation": "experiment_id",
}


def parameters(function) -> str:
    """Write a signature without annotations and without `self`."""
    signature = inspect.signature(function)
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name != "self"
    ]
    text = str(inspect.Signature(plain))[1:-1]
    return text.replace(", /", "")


@pytest.mark.parametrize("name", FLUENT)
def test_a_function_has_its_parameters(name):
    assert parameters(getattr(spantree, name)) == FLUENT[name]


@pytest.mark.parametrize("name", TRACING)
def test_a_function_of_tracing_has_its_parameters(name):
    assert parameters(getattr(tracing, name)) == TRACING[name]


@pytest.mark.parametrize("name", CLIENT)
def test_a_method_of_the_client_has_its_parameters(name):
    assert parameters(getattr(spantree.TraceClient, name)) == CLIENT[name]


@pytest.mark.parametrize("name", MEMBERS)
def test_an_entity_has_its_members(name):
    entity = getattr(entities, name)

    missing = [m for m in MEMBERS[name].split() if not hasattr(entity, m)]

    assert missing == []


def test_names_of_the_package_are_listed_and_all_load():
    assert set(spantree.__all__) <= set(dir(spantree))
    assert [n for n in spantree.__all__ if getattr(spantree, n) is None] == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("spantree", "MlflowClient"),
        ("spantree", "ThreadPoolExecutor"),
        ("spantree.client", "MlflowClient"),
        ("spantree.entities", "SpanType"),
        ("spantree.entities", "NoOpSpan"),
        ("spantree.entities.span", "SpanType"),
        ("spantree.exceptions", "MlflowException"),
        ("spantree.tracing", "context"),
        ("spantree.tracing.attachments", "Attachment"),
        ("spantree.openai", "autolog"),
    ],
)
def test_what_programs_import_can_be_imported(module, name):
    assert getattr(importlib.import_module(module), name)


def test_sampling_is_no_switch_of_tracing():
    assert not hasattr(tracing, "sampling")


def test_what_is_no_tracing_is_said_to_be_missing():
    with pytest.raises(
        AttributeError, match="no attribute 'log_metric'.*tracing alone"
    ):
        spantree.log_metric  # noqa: B018 - reading it is what fails
    with pytest.raises(AttributeError, match="Did you mean 'start_span'"):
        spantree.star_span  # noqa: B018
    assert not hasattr(spantree, "__nothing__")


def test_the_client_has_both_names():
    assert spantree.MlflowClient is spantree.TraceClient


RENAMED = [
    (owner, name)
    for owner, table in ((spantree, FLUENT), (spantree.TraceClient(), CLIENT))
    for name in table
    if re.search(r"\btrace_id\b(?!=)", table[name])
]


@pytest.mark.parametrize(("owner", "name"), RENAMED)
def test_the_older_name_of_the_trace_id_is_taken_silently(owner, name, caplog, recwarn):
    with spantree.start_span("s") as span:
        pass
    feedback = spantree.log_feedback(trace_id=span.trace_id, value=1)
    known = {
        "assessment": feedback,
        "assessment_id": feedback.assessment_id,
        "issue_id": "i-1",
        "key": "k",
        "name": "n",
        "parent_id": span.span_id,
        "prompt_versions": [],
        "span_id": span.span_id,
        "value": 1,
    }
    call = getattr(owner, name)
    needed = [
        p.name
        for p in inspect.signature(call).parameters.values()
        if (p.default is p.empty and p.name != "trace_id") or p.name == "value"
    ]

    call(request_id=span.trace_id, **{name: known[name] for name in needed})

    assert not recwarn.list
    said = [r.getMessage() for r in caplog.records]
    assert all("the call is ignored" in text for text in said)  # it has ended
    assert not said or name in ("end_span", "end_trace")


def test_what_acts_with_databricks_only_is_accepted():
    location = object()

    assert tracing.set_experiment_trace_location(location, "1", "w") is location
    assert tracing.unset_experiment_trace_location(location, "1") is None
    assert tracing.set_databricks_monitoring_sql_warehouse_id("w", "1") is None


def test_a_no_op_span_is_false_and_takes_everything():
    span = entities.NoOpSpan()

    for name in SETTERS.split():
        getattr(span, name)(*[None] * (2 if name == "set_attribute" else 1))

    assert not span
    assert span.trace_id == "MLFLOW_NO_OP_SPAN_TRACE_ID"
    assert (span.inputs, span.outputs, span.events) == (None, None, [])
