"""What MLflow's own client does with a tracking server; run in its environment.

Prints what it saw as JSON. Argument: the server's address.
"""

from __future__ import annotations

import json
import sys

import mlflow
from mlflow.entities import AssessmentSource, Feedback
from mlflow.exceptions import MlflowException
from mlflow.tracing.attachments import Attachment
from mlflow.tracing.client import TracingClient

HUMAN = AssessmentSource("HUMAN", "me")
seen = {}

mlflow.set_tracking_uri(sys.argv[1])
experiment = mlflow.set_experiment("from mlflow")
client = mlflow.MlflowClient()


@mlflow.trace(span_type="TOOL")
def look_up(key):
    return {"found": [key, 2.5, None]}


@mlflow.trace(span_type="AGENT")
def agent(question):
    mlflow.update_current_trace(
        tags={"team": "red"}, metadata={"mlflow.trace.session": "s1"}
    )
    with mlflow.start_span("chat", span_type="CHAT_MODEL") as span:
        picture = Attachment(content_type="image/png", content_bytes=b"a picture")
        span.set_inputs({"picture": picture})
        span.set_attribute(
            "mlflow.chat.tokenUsage",
            {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12},
        )
    return look_up(question)


@mlflow.trace
def fails():
    raise ValueError("no such thing")


agent("why?")
try:
    fails()
except ValueError:
    pass
mlflow.flush_trace_async_logging()

found = mlflow.search_traces(filter_string="status = 'OK'", return_type="list")
trace = mlflow.get_trace(found[0].info.trace_id)
trace_id = trace.info.trace_id
seen["state"] = str(trace.info.state.value)
seen["session"] = trace.info.trace_metadata["mlflow.trace.session"]
seen["tokens"] = trace.info.token_usage["total_tokens"]
seen["tag"] = trace.info.tags["team"]
seen["spans"] = [
    [s.name, s.span_type, s.inputs, s.outputs, s.parent_id is None]
    for s in trace.data.spans
]
address = seen["spans"][1][2].pop("picture")
repository = TracingClient()._get_artifact_repo_for_trace(trace.info)
attachment_id = address.partition("://")[2].partition("?")[0]
seen["picture"] = repository.download_trace_attachment(attachment_id).decode()
failed = mlflow.search_traces(filter_string="status = 'ERROR'", return_type="list")
seen["error"] = failed[0].data.spans[0].events[0].attributes["exception.message"]
seen["rows"] = len(mlflow.search_traces())
pages = client.search_traces(
    locations=[experiment.experiment_id], max_results=1, order_by=["timestamp ASC"]
)
seen["page"] = [len(pages), bool(pages.token)]

client.set_trace_tag(trace_id, "a", "b")
client.delete_trace_tag(trace_id, "team")
good = mlflow.log_feedback(trace_id=trace_id, name="good", value=True, source=HUMAN)
mlflow.log_expectation(
    trace_id=trace_id, name="answer", value={"is": [1, 2]}, source=HUMAN
)
mlflow.update_assessment(
    trace_id, good.assessment_id, Feedback(name="good", value=False, rationale="no")
)
mlflow.override_feedback(
    trace_id=trace_id, assessment_id=good.assessment_id, value=True
)
trace = mlflow.get_trace(trace_id)
seen["tags"] = sorted(key for key in trace.info.tags if not key.startswith("mlflow."))
seen["judged"] = sorted(
    [a.name, repr(a.value), getattr(a, "valid", None)] for a in trace.info.assessments
)
mlflow.delete_assessment(trace_id, trace.info.assessments[0].assessment_id)
seen["left"] = len(mlflow.get_trace(trace_id).info.assessments)

seen["deleted"] = client.delete_traces(
    experiment_id=experiment.experiment_id, trace_ids=[trace_id]
)
seen["after"] = len(mlflow.search_traces(return_type="list"))
seen["experiments"] = sorted(e.name for e in client.search_experiments())
seen["by_name"] = client.get_experiment_by_name("from mlflow").experiment_id
try:
    client.create_experiment("from mlflow")
except MlflowException as error:
    seen["again"] = error.error_code
try:
    mlflow.search_traces(filter_string="stauts = 'OK'")
except MlflowException as error:
    seen["bad filter"] = "did you mean 'status'?" in str(error)
print(json.dumps(seen))
