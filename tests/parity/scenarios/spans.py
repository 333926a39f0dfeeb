"""``start_span``, the active span, and what can be set on spans."""

from __future__ import annotations

from parity.lab import last, names, own, raised, read, scenario, tree


@scenario()
def nested_blocks(m):
    with m.start_span("outer", span_type="CHAIN") as outer:
        outer.set_inputs({"q": 1})
        with m.start_span("inner") as inner:
            inner.set_outputs([1, 2])
        outer.set_outputs("done")
    return tree(last(m))


@scenario()
def default_name_of_a_block(m):
    with m.start_span():
        pass
    return names(last(m))


@scenario()
def blocks_and_functions_mix(m):
    @m.trace
    def work():
        with m.start_span("in work"):
            return 1

    with m.start_span("outside"):
        work()
    return names(last(m))


@scenario()
def attributes(m):
    with m.start_span("s", attributes={"a": 1}) as span:
        span.set_attribute("b", {"c": [1, None]})
        span.set_attributes({"d": "text", "e": True})
    return own(last(m).data.spans[0].attributes)


@scenario()
def outputs_set_in_the_body_win(m):
    @m.trace
    def f():
        m.get_current_active_span().set_outputs("mine")
        return "returned"

    f()
    return tree(last(m))


@scenario()
def events(m):
    with m.start_span("s") as span:
        span.add_event(m.entities.SpanEvent("seen", attributes={"x": 1}))
    return [[e.name, dict(e.attributes)] for e in last(m).data.spans[0].events]


@scenario()
def recorded_exceptions(m):
    with m.start_span("s") as span:
        span.record_exception(ValueError("x"))
    span = last(m).data.spans[0]
    return [span.status.status_code.value, [e.name for e in span.events]]


@scenario()
def status_set_by_name(m):
    with m.start_span("s") as span:
        span.set_status("ERROR")
    trace = last(m)
    return [trace.info.state.value, tree(trace)]


@scenario()
def status_with_description(m):
    status = m.entities.SpanStatus(m.entities.SpanStatusCode.ERROR, "too long")
    with m.start_span("s") as span:
        span.set_status(status)
    return last(m).data.spans[0].status.description


@scenario(
    ours=[None, "OK"],
    why="recording never raises: an impossible status is skipped with a warning",
)
def impossible_status(m):
    with m.start_span("s") as span:
        error = raised(lambda: span.set_status("GOOD"))
    return [error, last(m).data.spans[0].status.status_code.value]


@scenario()
def span_type_and_description_set_later(m):
    with m.start_span("s") as span:
        span.set_span_type("AGENT")
        span.set_description("does it")
        span.set_log_level("ERROR")
    span = last(m).data.spans[0]
    return [span.span_type, span.description, int(span.log_level)]


@scenario()
def a_span_type_of_ones_own(m):
    with m.start_span("s", span_type="ROUTER"):
        pass
    return last(m).data.spans[0].span_type


@scenario()
def links(m):
    link = m.entities.Link(trace_id="tr-" + "1" * 32, span_id="2" * 16)
    with m.start_span("s", links=[link]) as span:
        span.add_link(m.entities.Link("tr-" + "3" * 32, "4" * 16))
    return [[x.trace_id, x.span_id] for x in last(m).data.spans[0].links]


@scenario()
def the_active_span(m):
    before = m.get_current_active_span()
    with m.start_span("s") as span:
        inside = m.get_current_active_span().span_id == span.span_id
        same_trace = m.get_active_trace_id() == span.trace_id
    return [before, inside, same_trace, m.get_current_active_span()]


@scenario()
def the_last_trace(m):
    with m.start_span("s") as span:
        pass
    return [
        m.get_last_active_trace_id() == span.trace_id,
        m.get_last_active_trace_id(thread_local=True) == span.trace_id,
    ]


@scenario()
def detached_spans(m):
    root = m.start_span_no_context("root", inputs={"q": 1}, tags={"k": "v"})
    child = m.start_span_no_context("child", parent_span=root, span_type="TOOL")
    active = m.get_current_active_span()
    child.end(outputs=2)
    root.end(outputs=3, attributes={"a": 1})
    trace = read(m, root.trace_id)
    return [active, tree(trace), trace.info.tags["k"]]


@scenario(
    ours=[["outer"]],
    why="without a parent it is a root, as documented; the reference makes a child",
)
def detached_span_inside_an_active_one(m):
    with m.start_span("outer"):
        m.start_span_no_context("detached").end()
    return names(last(m))


@scenario()
def explicit_times(m):
    root = m.start_span_no_context("root", start_time_ns=1_700_000_000_000_000_000)
    root.end(end_time_ns=1_700_000_001_500_000_000)
    trace = read(m, root.trace_id)
    span = trace.data.spans[0]
    return [
        span.start_time_ns,
        span.end_time_ns,
        trace.info.request_time,
        trace.info.execution_duration,
    ]


@scenario()
def ending_twice(m):
    span = m.start_span_no_context("s")
    span.end(outputs=1, status="OK")
    span.end(outputs=2, status="ERROR")
    found = read(m, span.trace_id).data.spans[0]
    return [found.status.status_code.value, found.outputs]


@scenario(
    ours=["NoOpSpan", False],
    why="off, the active span is a false no-op, so that chained calls keep working",
)
def disabled(m):
    m.tracing.disable()
    try:
        with m.start_span("s"):
            span = m.get_current_active_span()
        return [type(span).__name__, bool(span)]
    finally:
        m.tracing.enable()


@scenario()
def the_span_of_a_block_while_disabled(m):
    m.tracing.disable()
    try:
        with m.start_span("s") as span:
            span.set_inputs(1)
            span.set_attribute("a", 1)
            return [type(span).__name__, span.trace_id]
    finally:
        m.tracing.enable()


@scenario()
def functions_follow_the_switch(m):
    @m.trace
    def f():
        return 1

    before = m.get_last_active_trace_id()
    m.tracing.disable()
    f()
    while_off = m.get_last_active_trace_id() == before
    m.tracing.enable()
    f()
    return [while_off, m.get_last_active_trace_id() == before]


@scenario()
def an_experiment_chosen_while_disabled(m):
    before = m.get_last_active_trace_id()
    m.tracing.disable()
    try:
        m.set_experiment("another")
        with m.start_span("s"):
            pass
        return [m.get_last_active_trace_id() == before]
    finally:
        m.tracing.enable()


@scenario()
def span_processors(m):
    def mask(span):
        span.set_outputs("masked")

    m.tracing.configure(span_processors=[mask])
    try:
        with m.start_span("s") as span:
            span.set_outputs("secret")
    finally:
        m.tracing.configure(span_processors=[])
    return tree(last(m))


@scenario()
def a_span_processor_that_fails(m):
    def broken(span):
        raise RuntimeError

    with m.tracing.configure(span_processors=[broken]):
        with m.start_span("s") as span:
            span.set_outputs(1)
    return tree(last(m))


@scenario()
def chat_tools(m):
    tools = [{"type": "function", "function": {"name": "f"}}]
    with m.start_span("s") as span:
        m.tracing.set_span_chat_tools(span, tools)
    found = last(m).data.spans[0].get_attribute("mlflow.chat.tools")
    return found[0]["function"]["name"]


@scenario()
def token_usage_is_summed(m):
    def call(tokens):
        with m.start_span("chat", span_type="CHAT_MODEL") as span:
            span.set_attribute("mlflow.chat.tokenUsage", tokens)

    with m.start_span("root"):
        call({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})
        call({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})
    return last(m).info.token_usage


@scenario()
def the_outermost_report_counts(m):
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    with m.start_span("framework") as outer:
        outer.set_attribute("mlflow.chat.tokenUsage", usage)
        with m.start_span("sdk") as inner:
            inner.set_attribute("mlflow.chat.tokenUsage", usage)
    return last(m).info.token_usage
