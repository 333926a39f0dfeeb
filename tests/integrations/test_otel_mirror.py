"""The user's own OpenTelemetry backend gets whole trees, and its sampler decides."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest
from support.sdk import sdk

import spantree
from spantree import otel
from spantree.integrations import _otel_context
from spantree.integrations import otel as bridge
from spantree.recording import RECORDER
from spantree.testing import outline

sdk("opentelemetry.sdk.trace")

from opentelemetry import trace as trace_api
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    InMemorySpanExporter,
)
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import SpanKind, StatusCode


@pytest.fixture(autouse=True)
def _as_it_was(caplog):
    before = trace_api._TRACER_PROVIDER, trace_api._TRACER_PROVIDER_SET_ONCE
    # A provider that was handed out serves for good: other tests of the run had one.
    _otel_context.unfollow("tracer_provider")
    bridge._bridge.provider = None
    caplog.set_level(logging.WARNING)
    yield
    otel.uninstall()
    gc.collect()
    assert RECORDER.on_span_end is None
    assert not RECORDER.is_observed
    trace_api._TRACER_PROVIDER, trace_api._TRACER_PROVIDER_SET_ONCE = before
    assert not caplog.records


def provided(*, sampler=None, processor=SimpleSpanProcessor):
    """Make the user's own provider global; give what its exporter gets."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(processor(exporter))
    trace_api._TRACER_PROVIDER = provider
    return exporter


@pytest.fixture
def users():
    exporter = provided()
    assert otel.install() == "mirror"
    return exporter


@pytest.fixture
def library():
    return trace_api.get_tracer("openinference.instrumentation.x")


def tree(exporter):
    """Name → name of the parent, or None; "lost" for one that never came."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return {s.name: s.parent and names.get(s.parent.span_id, "lost") for s in spans}


def spans_by_name(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


def test_their_backend_gets_the_tree_that_we_store(users, library, traces):
    with spantree.start_span("ours 1"):
        with library.start_as_current_span("theirs 1"):
            with spantree.start_span("ours 2"):
                with library.start_as_current_span("theirs 2"):
                    pass
            with spantree.start_span("ours 3"):
                pass

    assert tree(users) == {
        "ours 1": None,
        "theirs 1": "ours 1",
        "ours 2": "theirs 1",
        "theirs 2": "ours 2",
        "ours 3": "theirs 1",
    }
    (trace,) = traces
    assert {s.name: s.span_id for s in trace.data.spans} == {
        name: f"{span.context.span_id:016x}"
        for name, span in spans_by_name(users).items()
    }
    trace_ids = {span.context.trace_id for span in users.get_finished_spans()}
    assert trace_ids == {trace.key}
    assert [line.split(" UNK")[0] for line in outline(trace).splitlines()] == [
        "ours 1",
        "  theirs 1",
        "    ours 2",
        "      theirs 2",
        "    ours 3",
    ]


def test_what_a_span_says_is_said_there(users, traces):
    @spantree.trace(name="chat gpt", span_type="CHAT_MODEL", attributes={"n": 5})
    def chat(question):
        span = spantree.get_current_active_span()
        span.set_attribute("mlflow.llm.model", "gpt-4o-mini")
        span.set_attribute("nested", {"a": [1]})
        span.set_attribute("big", 2**70)
        span.set_attribute("list", [1, 2])
        span.set_attribute("mixed", [1, "a"])
        usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
        span.set_attribute("mlflow.chat.tokenUsage", usage)
        spantree.update_current_trace(tags={"team": "red"}, session_id="s-1", user="u")
        raise ValueError("no")

    with pytest.raises(ValueError):
        chat("why?")

    (there,) = users.get_finished_spans()
    (here,) = traces[0].data.spans
    assert there.instrumentation_scope.name == "spantree"
    assert (there.start_time, there.end_time) == (here.start_time_ns, here.end_time_ns)
    assert there.status.status_code is StatusCode.ERROR
    assert there.status.description == "ValueError: no"
    assert [event.name for event in there.events] == ["exception"]
    said = there.attributes
    assert said["spantree.inputs"] == '{"question":"why?"}'
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.usage.input_tokens"] == 3
    assert (said["n"], said["nested"], said["list"]) == (5, '{"a":[1]}', (1, 2))
    assert (said["big"], said["mixed"]) == (str(2**70), '[1,"a"]')
    assert (said["session.id"], said["user.id"]) == ("s-1", "u")
    assert said["spantree.tag.team"] == "red"


def test_no_secret_gets_there(users):
    with spantree.start_span("call password=hunter22-x") as span:
        span.set_inputs({"api_key": "sk-proj-abcdefghijklmnopqrstuvwx"})
        span.set_attribute("authorization", "Bearer abcdefghijklmnop")
        spantree.update_current_trace(tags={"token": "ghp_" + "a1B2" * 9})

    (there,) = users.get_finished_spans()

    text = there.to_json()
    for secret in ("hunter22", "abcdefghijkl", "a1B2a1B2"):
        assert secret not in text


def test_an_end_that_was_given_is_kept(users):
    span = spantree.start_span_no_context("s", start_time_ns=10**18)
    span.end(end_time_ns=10**18 + 5)

    (there,) = users.get_finished_spans()
    assert (there.start_time, there.end_time) == (10**18, 10**18 + 5)


def test_their_sampler_decides(traces, library):
    exporter = provided(sampler=ParentBased(ALWAYS_OFF))
    otel.install()
    with spantree.start_span("root"):
        with spantree.start_span("child"):
            sent = {}
            inject(sent)

    assert exporter.get_finished_spans() == ()
    assert sent["traceparent"][-2:] in ("00", "02")
    assert len(traces[0].data.spans) == 2
    assert traces[0].data.spans[0].get_attribute("spantree.mirror") == "unsampled"


def test_their_sampler_is_asked_about_the_root_as_it_begins():
    asked = []

    class Asking(Sampler):
        def should_sample(self, parent_context, trace_id, name, *args, **kwargs):
            asked.append((name, trace_id))
            return SamplingResult(Decision.RECORD_AND_SAMPLE)

        def get_description(self):
            return "asking"

    provided(sampler=Asking())
    otel.install()
    with spantree.start_span("root") as root:
        assert asked == [("root", int(root.trace_id[3:], 16))]


def test_below_a_request_ours_are_part_of_its_trace(users, traces):
    web = trace_api.get_tracer("opentelemetry.instrumentation.fastapi")
    with web.start_as_current_span("GET /", kind=SpanKind.SERVER):
        with spantree.start_span("ours"):
            with web.start_as_current_span("GET elsewhere", kind=SpanKind.CLIENT):
                pass
        with spantree.start_span("ours too"):
            pass

    assert tree(users) == {
        "GET /": None,
        "ours": "GET /",
        "GET elsewhere": "ours",
        "ours too": "GET /",
    }
    assert len({s.context.trace_id for s in users.get_finished_spans()}) == 1
    assert [outline(trace).splitlines() for trace in traces] == [
        ["ours UNKNOWN", "  GET elsewhere UNKNOWN"],
        ["ours too UNKNOWN"],
    ]


def test_a_caller_s_trace_goes_on_there_and_here(users, traces):
    with spantree.start_span("caller"):
        sent = {}
        inject(sent)
    with spantree.continue_trace(sent), spantree.start_span("called"):
        pass
    web = trace_api.get_tracer("web")
    with web.start_as_current_span("GET /", context=extract(sent)):
        pass

    assert tree(users) == {"caller": None, "called": "caller", "GET /": "caller"}
    assert len({s.context.trace_id for s in users.get_finished_spans()}) == 1


def test_a_library_s_root_has_its_id_here_too(users, library, traces):
    with library.start_as_current_span("theirs"):
        with spantree.start_span("ours"):
            pass

    there = spans_by_name(users)
    assert tree(users) == {"theirs": None, "ours": "theirs"}
    assert traces[0].key == there["theirs"].context.trace_id
    assert [span.name for span in traces[0].data.spans] == ["theirs", "ours"]
    assert traces[0].data.spans[0].parent_id is None


async def test_tasks_nest_there_as_here(users, library):
    async def work(number):
        with library.start_as_current_span(f"theirs {number}"):
            await asyncio.sleep(0)
            with spantree.start_span(f"ours {number}"):
                await asyncio.sleep(0)

    with spantree.start_span("root"):
        await asyncio.gather(*map(work, range(3)))

    found = tree(users)
    assert found.pop("root") is None
    for number in range(3):
        assert found.pop(f"theirs {number}") == "root"
        assert found.pop(f"ours {number}") == f"theirs {number}"
    assert not found


def test_threads_and_generators_nest_there_as_here(users):
    @spantree.trace
    def parts():
        with spantree.start_span("inside"):
            yield 1
        yield 2

    with spantree.start_span("root"):
        thread = threading.Thread(target=spantree.propagate(lambda: list(parts())))
        thread.start()
        thread.join()

    assert tree(users) == {"root": None, "parts": "root", "inside": "parts"}


def test_a_span_that_outlives_its_root_gets_there(users):
    with spantree.start_span("root") as root:
        late = spantree.start_span_no_context("late", parent_span=root)
    late.end()

    assert tree(users) == {"root": None, "late": "root"}


def test_a_provider_set_later_gets_ours_without_any_library(traces):
    assert otel.install() == "own"
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_api.set_tracer_provider(provider)
    with spantree.start_span("ours"):
        pass

    assert tree(exporter) == {"ours": None}


def test_installing_twice_or_listening_only(users):
    with spantree.start_span("one"):
        assert otel.install() == "mirror"
    assert otel.install("listen") == "listen"
    with spantree.start_span("two"):
        pass
    assert otel.install("mirror") == "mirror"
    with spantree.start_span("three"):
        otel.uninstall()

    assert tree(users) == {"one": None, "three": None}


def test_processors_and_a_reset_leave_it_on(users):
    with spantree.tracing.configure(
        span_processors=[lambda s: s.set_attribute("p", 1)]
    ):
        with spantree.start_span("processed"):
            pass
    spantree.tracing.reset()
    with spantree.start_span("plain"):
        pass

    there = spans_by_name(users)
    assert there["processed"].attributes["p"] == 1
    assert "p" not in there["plain"].attributes


def test_a_provider_that_is_not_the_sdk_s_is_listened_to():
    class Wrapped(trace_api.TracerProvider):
        def get_tracer(self, *args, **kwargs):
            return trace_api.NoOpTracer()

    trace_api._TRACER_PROVIDER = Wrapped()
    assert otel.install() == "listen"
    with spantree.start_span("ours"):
        pass


def test_a_batch_of_many_is_whole():
    exporter = provided(processor=BatchSpanProcessor)
    otel.install()
    with spantree.start_span("root"):
        for number in range(1000):
            with spantree.start_span(f"s{number}"):
                pass
    trace_api.get_tracer_provider().force_flush()

    found = tree(exporter)
    assert len(found) == 1001
    assert "lost" not in found.values()
