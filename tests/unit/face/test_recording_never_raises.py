"""Whatever calls that record are given, they raise nothing and the trace is readable."""

from __future__ import annotations

import inspect
import json

import pytest
from support.wrong_values import wrong_values

import spantree
from spantree.entities import Link, SpanEvent, SpanStatus
from spantree.recording import NO_OP, internal_error_tracebacks, reset_internal_errors


def block(make):
    def call(**given):
        with make(**given):
            pass

    call.__signature__ = inspect.signature(make)
    return call


def detached(**given):
    spantree.start_span_no_context(**given).end()


def decorated(**given):
    traced = spantree.trace(lambda x: x, **given)
    assert traced(5) == 5


def told_event(name="e", timestamp=1, attributes=None):
    spantree.get_current_active_span().add_event(SpanEvent(name, timestamp, attributes))


def told_link(trace_id="1" * 32, span_id="2" * 16, attributes=None):
    spantree.get_current_active_span().add_link(Link(trace_id, span_id, attributes))


def told_status(description):
    spantree.get_current_active_span().set_status(SpanStatus("OK", description))


def begun(**given):
    root = spantree.TraceClient().start_trace(**given)
    spantree.TraceClient().end_trace(root.trace_id)


def ended(**given):
    root = spantree.start_span_no_context("root")
    spantree.TraceClient().end_trace(**{"trace_id": root.trace_id, **given})
    root.end()


def ended_span(**given):
    root = spantree.start_span_no_context("root")
    spantree.TraceClient().end_span(
        **{"trace_id": root.trace_id, "span_id": root.span_id, **given}
    )
    root.end()


def child(**given):
    root = spantree.start_span_no_context("root")
    right = {"name": "child", "trace_id": root.trace_id, "parent_id": root.span_id}
    spantree.TraceClient().start_span(**{**right, **given}).end()
    root.end()


def tagged(**given):
    right = {"trace_id": spantree.get_active_trace_id(), "key": "k", "value": "v"}
    spantree.set_trace_tag(**{**right, **given})


def continued(headers):
    with spantree.continue_trace(headers), spantree.start_span("serve"):
        pass


def with_signature_of(call, function, *left_out):
    signature = inspect.signature(function)
    kept = [p for p in signature.parameters.values() if p.name not in left_out]
    call.__signature__ = signature.replace(parameters=kept)
    return call


client = spantree.TraceClient
CALLS = {
    "start_span": block(spantree.start_span),
    "context": block(spantree.tracing.context),
    "continue_trace": continued,
    "start_span_no_context": with_signature_of(detached, spantree.start_span_no_context),
    "trace": with_signature_of(decorated, spantree.trace, "func"),
    "update_current_trace": spantree.update_current_trace,
    "set_trace_tag": with_signature_of(tagged, spantree.set_trace_tag, "trace_id"),
    "add_trace": spantree.add_trace,
    "log_trace": spantree.log_trace,
    "set_span_chat_tools": spantree.tracing.set_span_chat_tools,
    "client.start_trace": with_signature_of(begun, client.start_trace, "self"),
    "client.start_span": with_signature_of(child, client.start_span, "self"),
    "client.end_span": with_signature_of(ended_span, client.end_span, "self"),
    "client.end_trace": with_signature_of(ended, client.end_trace, "self"),
    "event": told_event,
    "link": told_link,
    "status": told_status,
} | {
    f"span.{name}": with_signature_of(
        lambda _name=name, **given: getattr(
            spantree.get_current_active_span(), _name
        )(**given),
        getattr(type(NO_OP), name),
        "self",
    )
    for name in (
        "set_inputs set_outputs set_attribute set_attributes set_status set_span_type "
        "set_description set_log_level add_event add_link record_exception end"
    ).split()
}  # fmt: skip
RIGHT = {
    "key": "k",
    "value": "v",
    "tools": [],
    "span": None,
    "name": "n",
    "headers": {},
}


def wrong_calls(call):
    parameters = inspect.signature(call).parameters.values()
    needed = {p.name: RIGHT.get(p.name) for p in parameters if p.default is p.empty}
    for parameter in parameters:
        for what, value in wrong_values().items():
            yield f"{parameter.name}={what}", {**needed, parameter.name: value}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_comes_out(name, monkeypatch):
    monkeypatch.setenv("SPANTREE_RAISE_INTERNAL_ERRORS", "0")
    spantree.set_tracking_uri("memory:")
    wrong = {}
    for what, given in wrong_calls(CALLS[name]):
        with spantree.start_span("root") as root:
            try:
                CALLS[name](**given)
            except BaseException as error:  # noqa: BLE001 - what the test looks for
                wrong[what] = repr(error)
        failures = internal_error_tracebacks()
        if failures:
            wrong[what] = failures[0][-300:]
        reset_internal_errors()
        try:
            text = spantree.get_trace(root.trace_id).to_json()
            json.loads(text.encode().decode(), parse_constant=pytest.fail)
        except BaseException as error:  # noqa: BLE001 - the same
            wrong[f"{what}, read"] = repr(error)
    spantree.tracing.reset()

    assert wrong == {}
    assert spantree.search_traces(return_type="list")


def test_warnings_can_be_written_as_utf8(caplog):
    reset_internal_errors()  # forgets which warnings were given lately
    spantree.TraceClient().end_trace("tr-\ud800")

    (message,) = caplog.messages
    assert "tr-\\ud800" in message
    assert message.encode()
