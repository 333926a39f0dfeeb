"""The bridge to OpenTelemetry, with its real API and SDK."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading

import pytest
from support.sdk import sdk

import spantree
from spantree import integrations, otel
from spantree.testing import outline

sdk("opentelemetry.sdk.trace")

import opentelemetry.context
from opentelemetry import trace as trace_api
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    InMemorySpanExporter,
)
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from spantree.integrations import _otel_context
from spantree.integrations import otel as bridge


@pytest.fixture(autouse=True)
def _as_it_was(caplog):
    before = (
        trace_api._TRACER_PROVIDER,
        trace_api._TRACER_PROVIDER_SET_ONCE,
        opentelemetry.context._RUNTIME_CONTEXT,
    )
    caplog.set_level(logging.WARNING)
    yield
    otel.uninstall()
    # A provider that was handed out serves for good: other tests have none.
    _otel_context.unfollow("tracer_provider")
    bridge._bridge.provider = None
    gc.collect()
    assert opentelemetry.context._RUNTIME_CONTEXT is before[2]
    assert trace_api._TRACER_PROVIDER is before[0] or isinstance(
        trace_api._TRACER_PROVIDER, TracerProvider
    )
    trace_api._TRACER_PROVIDER, trace_api._TRACER_PROVIDER_SET_ONCE = before[:2]
    assert spantree.get_current_active_span() is None
    assert not caplog.records


@pytest.fixture
def tracer():
    """A tracer of ours, without a global provider."""
    return otel.tracer_provider().get_tracer("some.library", "1.2")


@pytest.fixture
def users():
    """The user's own provider, global, and what its exporter gets."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_api._TRACER_PROVIDER = provider
    return exporter


def theirs(exporter):
    """Name → name of the parent, or None, as the user's exporter got them."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return {s.name: s.parent and names.get(s.parent.span_id, "lost") for s in spans}


def test_spans_nest_both_ways(tracer, traces):
    with spantree.start_span("ours 1"):
        with tracer.start_as_current_span("theirs 1"):
            with spantree.start_span("ours 2"):
                with tracer.start_as_current_span("theirs 2"):
                    pass
            with spantree.start_span("ours 3"):
                pass
        with spantree.start_span("ours 4"):
            pass

    assert [line.split(" UNK")[0] for line in outline(traces[0]).splitlines()] == [
        "ours 1",
        "  theirs 1",
        "    ours 2",
        "      theirs 2",
        "    ours 3",
        "  ours 4",
    ]
    assert len(traces) == 1


async def test_spans_nest_in_tasks(tracer, traces):
    async def work(number):
        with tracer.start_as_current_span(f"theirs {number}"):
            await asyncio.sleep(0)
            with spantree.start_span(f"ours {number}"):
                await asyncio.sleep(0)

    with spantree.start_span("root"):
        await asyncio.gather(*map(work, range(5)))

    (trace,) = traces
    ids = {span.name: span.span_id for span in trace.data.spans}
    for span in trace.data.spans[1:]:
        kind, number = span.name.split()
        above = "root" if kind == "theirs" else f"theirs {number}"
        assert span.parent_id == ids[above]


def test_a_context_carried_into_a_thread_brings_our_span_along(tracer, traces):
    def work(context):
        token = opentelemetry.context.attach(context)
        with spantree.start_span("in thread"):
            pass
        opentelemetry.context.detach(token)
        assert spantree.get_current_active_span() is None

    with spantree.start_span("root"):
        thread = threading.Thread(
            target=work, args=[opentelemetry.context.get_current()]
        )
        thread.start()
        thread.join()

    assert outline(traces[0]).splitlines() == ["root UNKNOWN", "  in thread UNKNOWN"]


def test_our_span_is_current_for_opentelemetry(tracer, traces):
    from opentelemetry.propagate import inject

    with spantree.start_span("ours") as span:
        sent = {}
        inject(sent)
        trace_api.get_current_span().set_attribute("said", "by them")

    assert sent["traceparent"] == f"00-{span.trace_id[3:]}-{span.span_id}-01"
    assert traces[0].data.spans[0].get_attribute("said") == "by them"
    assert trace_api.get_current_span() is trace_api.INVALID_SPAN


def test_all_of_a_span_is_kept(tracer, traces):
    other = trace_api.SpanContext(1, 2, is_remote=False)
    with tracer.start_as_current_span(
        "work",
        kind=SpanKind.CLIENT,
        attributes={"a": 1, "tuple": ("x", "y")},
        links=[Link(other, {"why": "since"})],
        start_time=1_700_000_000_000_000_000,
        end_on_exit=False,
    ) as span:
        span.add_event("happened", {"n": 1}, 1_700_000_000_000_000_005)
        span.update_name("renamed")
        span.set_attributes({"nested": {"deep": [1, None]}, "big": 2**70})
        span.set_status(Status(StatusCode.ERROR, "broken"))
        span.set_status(StatusCode.UNSET)
        span.end(1_700_000_000_000_000_010)
        span.set_attribute("late", 1)
        assert not span.is_recording()

    (found,) = traces[0].data.spans
    assert (found.name, found.kind) == ("renamed", "CLIENT")
    assert found.start_time_ns == 1_700_000_000_000_000_000
    assert found.end_time_ns == 1_700_000_000_000_000_010
    assert found.status.status_code.value == "ERROR"
    assert found.status.description == "broken"
    assert found.get_attribute("tuple") == ["x", "y"]
    assert found.get_attribute("nested") == {"deep": [1, None]}
    assert found.get_attribute("big") == 2**70
    assert found.get_attribute("late") is None
    assert found.scope == {"name": "some.library", "version": "1.2"}
    (event,) = found.events
    assert (event.name, event.timestamp) == ("happened", 1_700_000_000_000_000_005)
    (link,) = found.links
    assert (link.trace_id, link.attributes) == (f"{1:032x}", {"why": "since"})


def test_what_came_over_the_bridge_goes_out_as_it_came(tracer, traces):
    from spantree.entities.otlp import from_otlp, to_otlp

    with tracer.start_as_current_span("work", kind=SpanKind.SERVER) as span:
        span.set_attributes({"openinference.span.kind": "LLM", "input.value": "q"})
        span.add_event("happened", {"n": 1})

    trace = traces[0]
    envelope = to_otlp([trace])
    (scope,) = envelope["resourceSpans"][0]["scopeSpans"]
    assert scope["scope"] == {"name": "some.library", "version": "1.2"}
    assert scope["spans"][0]["kind"] == 2
    sent = {a["key"]: a["value"] for a in scope["spans"][0]["attributes"]}
    assert sent["input.value"] == {"stringValue": "q"}
    (back,) = from_otlp(envelope)
    assert back.to_dict() == trace.to_dict()


def test_an_exception_is_recorded_once_and_the_status_by_the_api(tracer, traces):
    with pytest.raises(ValueError), tracer.start_as_current_span("work"):
        raise ValueError("no")

    (span,) = traces[0].data.spans
    assert span.exception[:2] == ("ValueError", "no")
    assert span.status.description == "ValueError: no"
    assert len(span.events) == 1


def test_a_span_closed_in_another_context_leaves_nothing_behind(tracer, traces):
    def parts():
        with tracer.start_as_current_span("theirs"):
            yield 1
            yield 2

    def begin_here_and_close_there():
        made = parts()
        next(made)
        thread = threading.Thread(target=made.close)
        thread.start()
        thread.join()
        with spantree.start_span("next"):
            pass

    contextvars.copy_context().run(begin_here_and_close_there)

    assert [trace.data.spans[0].name for trace in traces] == ["theirs", "next"]


def test_an_untraced_context_stays_so(tracer, traces):
    with spantree.tracing.context(enabled=False):
        with tracer.start_as_current_span("theirs") as span:
            assert not span.is_recording()

    assert len(traces) == 0


def test_a_remote_parent_is_kept(tracer, traces):
    from opentelemetry.propagate import extract

    sent = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    with tracer.start_as_current_span("serve", context=extract(sent)):
        pass

    (span,) = traces[0].data.spans
    assert span.trace_id == "tr-" + "1" * 32
    assert span.parent_id == "2" * 16


def test_nothing_is_global_until_it_is_installed(traces):
    otel.tracer_provider()
    assert trace_api._TRACER_PROVIDER is None


def test_installed_it_takes_in_any_library(traces):
    early = trace_api.get_tracer("openinference.instrumentation.early")
    assert otel.install() == "own"
    assert otel.install() == "own"
    with early.start_as_current_span("early"):
        pass
    with spantree.start_span("root"):
        with trace_api.get_tracer("any.library").start_as_current_span("any"):
            pass

    assert [trace.data.spans[0].name for trace in traces] == ["early", "root"]
    assert traces[1].data.spans[1].name == "any"
    otel.uninstall()
    assert trace_api._TRACER_PROVIDER is None
    assert type(opentelemetry.context._RUNTIME_CONTEXT).__name__ in (
        "ContextVarsRuntimeContext",
        "FollowingContext",  # where `tracer_provider()` still wants it
    )


def test_roots_that_are_not_about_models_are_left_out(traces):
    otel.install()
    web = trace_api.get_tracer("opentelemetry.instrumentation.fastapi")
    with web.start_as_current_span("GET /"):
        with web.start_as_current_span("http send"):
            pass
        with spantree.start_span("ours"):
            with web.start_as_current_span("http client"):
                pass
    with trace_api.get_tracer("who").start_as_current_span("late") as span:
        span.set_attribute("gen_ai.operation.name", "chat")

    assert [outline(trace).splitlines() for trace in traces] == [
        ["ours UNKNOWN", "  http client UNKNOWN"],
        ["late CHAT_MODEL"],
    ]


def test_a_provider_that_the_user_sets_later_gets_everything(traces):
    otel.install()
    tracer = trace_api.get_tracer("openinference.instrumentation.x")
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_api.set_tracer_provider(provider)
    assert trace_api.get_tracer_provider() is provider
    with tracer.start_as_current_span("theirs 1"):
        with spantree.start_span("ours"):
            with tracer.start_as_current_span("theirs 2"):
                pass

    assert theirs(exporter) == {
        "theirs 1": None,
        "ours": "theirs 1",
        "theirs 2": "ours",
    }
    assert [line.split(" UNK")[0] for line in outline(traces[0]).splitlines()] == [
        "theirs 1",
        "  ours",
        "    theirs 2",
    ]


def test_the_users_provider_stays_whole_and_is_listened_to(users, traces):
    assert otel.install("listen") == "listen"
    tracer = trace_api.get_tracer("openinference.instrumentation.x")
    with spantree.start_span("ours 1"):
        with tracer.start_as_current_span("theirs 1"):
            with spantree.start_span("ours 2"):
                with tracer.start_as_current_span("theirs 2") as span:
                    span.set_attribute("openinference.span.kind", "TOOL")
                    span.set_attribute("input.value", "q")

    assert theirs(users) == {"theirs 1": None, "theirs 2": "theirs 1"}
    (trace,) = traces
    assert outline(trace).splitlines() == [
        "ours 1 UNKNOWN",
        "  theirs 1 UNKNOWN",
        "    ours 2 UNKNOWN",
        "      theirs 2 TOOL",
    ]
    tool = trace.data.spans[3]
    assert tool.inputs == "q"
    exported = {s.name: s for s in users.get_finished_spans()}["theirs 2"]
    assert tool.links[0].span_id == f"{exported.context.span_id:016x}"
    assert tool.end_time_ns == exported.end_time


def test_web_spans_of_the_users_provider_are_no_roots(users, traces):
    otel.install()
    with trace_api.get_tracer("web").start_as_current_span("GET /"):
        with spantree.start_span("ours"):
            pass

    assert [outline(trace) for trace in traces] == ["ours UNKNOWN"]
    assert theirs(users) == {"ours": "GET /", "GET /": None}


def test_what_is_traced_directly_is_not_recorded_twice(tracer, traces):
    from spantree.integrations import openai as direct

    direct.autolog(silent=True)
    try:
        otel.install()
        scope = "openinference.instrumentation.openai"
        with trace_api.get_tracer(scope).start_as_current_span("ChatCompletion"):
            with spantree.start_span("ours"):
                pass
    finally:
        direct.autolog(disable=True)

    assert [outline(trace) for trace in traces] == ["ours UNKNOWN"]


@pytest.mark.parametrize("way", ["create", "stream"])
def test_anthropic_s_sdk_sends_no_header_for_us(claude, provider, traces, asked, way):
    otel.install()

    with spantree.start_span("ask"):
        if way == "create":
            claude.messages.create(**asked("hello"))
        else:
            with claude.messages.stream(**asked("hello")) as stream:
                stream.until_done()

    (received,) = provider.requests
    assert [
        n for n in received.headers if n.lower() in ("traceparent", "baggage")
    ] == []
    assert outline(traces[0]).splitlines() == [
        "ask UNKNOWN",
        f"  Messages.{way} CHAT_MODEL",
    ]


def test_context_mode_shows_our_spans_and_records_nothing(traces):
    assert otel.install("context") == "context"
    assert trace_api._TRACER_PROVIDER is None
    with spantree.start_span("ours") as span:
        shown = trace_api.get_current_span().get_span_context()
        with trace_api.get_tracer("any").start_as_current_span("any"):
            pass

    assert f"{shown.span_id:016x}" == span.span_id
    assert len(traces[0].data.spans) == 1


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="Unknown mode 'mirro'. Did you mean 'mirror'"):
        otel.install("mirro")


def test_the_magic_words_work(traces):
    integrations.autolog("otel")
    row = next(r for r in integrations.status() if r.library == "otel")
    assert (row.state, row.hooks_applied) == ("on", ("own",))
    integrations.autolog("otel", disable=True)
    row = next(r for r in integrations.status() if r.library == "otel")
    assert row.state == "off"
