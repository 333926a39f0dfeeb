"""``MlflowClient``: traces built by hand, deleting, tags."""

from __future__ import annotations

import warnings

from parity.lab import complaints, last, names, raised, read, scenario, tree


@scenario()
def a_trace_by_hand(m):
    client = m.MlflowClient()
    root = client.start_trace("root", inputs={"q": 1}, tags={"k": "v"})
    child = client.start_span(
        "child", root.trace_id, parent_id=root.span_id, span_type="TOOL", inputs=2
    )
    client.end_span(
        child.trace_id, child.span_id, outputs=[1], attributes={"a": 1}, status="ERROR"
    )
    client.end_trace(root.trace_id, outputs="done")
    trace = read(m, root.trace_id)
    return [tree(trace), trace.info.tags["k"], trace.info.state.value]


@scenario()
def a_trace_by_hand_is_never_active(m):
    client = m.MlflowClient()
    root = client.start_trace("root")
    active = m.get_current_active_span()
    client.end_trace(root.trace_id)
    return active


@scenario(ours=["ok", []], why="older spellings are accepted without a word")
def older_spelling_of_the_trace_id(m):
    client = m.MlflowClient()
    root = client.start_trace("root")
    with complaints() as heard:
        child = client.start_span(
            "child", request_id=root.request_id, parent_id=root.span_id
        )
        client.end_span(request_id=root.request_id, span_id=child.span_id)
        client.end_trace(request_id=root.request_id)
    found = read(m, root.trace_id)
    return ["ok" if names(found) == [["root", ["child"]]] else names(found), heard]


@scenario(
    ours=[None, None],
    why="recording never raises; the reference raises for an unknown trace",
)
def spans_of_unknown_traces(m):
    client = m.MlflowClient()
    missing = "tr-" + "0" * 31 + "1"
    return [
        raised(lambda: client.start_span("s", missing, "0" * 16)),
        raised(lambda: client.end_span(missing, "0" * 16)),
    ]


@scenario()
def an_unknown_trace_is_none(m):
    with warnings.catch_warnings():
        return m.get_trace("tr-" + "0" * 31 + "1", silent=True)


@scenario()
def an_unknown_trace_raises_with_the_client(m):
    return raised(lambda: m.MlflowClient().get_trace("tr-" + "0" * 31 + "1"))


@scenario()
def tags_of_a_stored_trace(m):
    with m.start_span("s") as span:
        pass
    m.flush_trace_async_logging()
    m.set_trace_tag(span.trace_id, "a", "1")
    m.set_trace_tag(span.trace_id, "b", "2")
    m.delete_trace_tag(span.trace_id, "a")
    tags = read(m, span.trace_id).info.tags
    return [tags.get("a"), tags.get("b")]


@scenario()
def a_tag_that_is_not_there(m):
    with m.start_span("s") as span:
        pass
    m.flush_trace_async_logging()
    client = m.MlflowClient()
    client.set_trace_tag(span.trace_id, "k", "v")
    client.delete_trace_tag(span.trace_id, "k")
    return read(m, span.trace_id).info.tags.get("k")


@scenario()
def deleting_by_id(m):
    with m.start_span("s") as span:
        pass
    trace = last(m)
    client = m.MlflowClient()
    count = client.delete_traces(trace.info.experiment_id, trace_ids=[span.trace_id])
    return [count, m.get_trace(span.trace_id, silent=True)]


@scenario()
def deleting_by_age(m):
    for i, name in enumerate(("a", "b", "c")):
        at = (1_700_000_000 + i) * 1_000_000_000
        m.start_span_no_context(name, start_time_ns=at).end(end_time_ns=at + 1)
    experiment = last(m).info.experiment_id
    client = m.MlflowClient()
    far = 2_000_000_000_000
    first = client.delete_traces(experiment, max_timestamp_millis=far, max_traces=2)
    left = client.search_traces(experiment_ids=[experiment])
    return [first, [t.data.spans[0].name for t in left]]


@scenario()
def deleting_needs_one_condition(m):
    client = m.MlflowClient()
    return [
        raised(lambda: client.delete_traces("0")),
        raised(lambda: client.delete_traces("0", 1, trace_ids=["tr-x"])),
        raised(lambda: client.delete_traces("0", max_traces=1, trace_ids=["tr-x"])),
    ]


@scenario()
def pages(m):
    for i in range(5):
        with m.start_span(f"s{i}"):
            pass
    experiment = last(m).info.experiment_id
    client = m.MlflowClient()
    sizes, token = [], None
    while True:
        page = client.search_traces([experiment], max_results=2, page_token=token)
        sizes.append(len(page))
        token = page.token
        if not token:
            return [sizes, type(page).__name__]
