"""Tags, metadata, sessions, users, previews, state: what is said of a whole trace."""

from __future__ import annotations

from parity.lab import complaints, last, raised, scenario


@scenario()
def tags_and_metadata(m):
    with m.start_span("s"):
        m.update_current_trace(tags={"t": "1"}, metadata={"k": "2"})
    info = last(m).info
    return [info.tags["t"], info.trace_metadata["k"]]


@scenario()
def a_session_and_a_user(m):
    with m.start_span("s"):
        m.update_current_trace(session_id="s-1", user="ada")
    metadata = last(m).info.trace_metadata
    return [metadata["mlflow.trace.session"], metadata["mlflow.trace.user"]]


@scenario(
    ours=[True, True],
    why="session and user are one field each, read in tags and in metadata",
)
def a_session_is_read_in_both_places(m):
    with m.start_span("s"):
        m.update_current_trace(tags={"mlflow.trace.session": "s-1"})
    info = last(m).info
    key = "mlflow.trace.session"
    return [key in info.tags, key in info.trace_metadata]


@scenario()
def previews_of_ones_own(m):
    with m.start_span("s"):
        m.update_current_trace(request_preview="asked", response_preview="answered")
    info = last(m).info
    return [info.request_preview, info.response_preview]


@scenario()
def previews_are_computed(m):
    with m.start_span("s") as span:
        span.set_inputs({"q": "x"})
        span.set_outputs("text")
    info = last(m).info
    return [info.request_preview.replace(" ", ""), info.response_preview]


@scenario()
def previews_of_chats(m):
    with m.start_span("s") as span:
        span.set_inputs(
            {
                "messages": [
                    {"role": "system", "content": "be kind"},
                    {"role": "user", "content": "hello"},
                ]
            }
        )
        span.set_outputs(
            {"choices": [{"message": {"role": "assistant", "content": "hi"}}]}
        )
    info = last(m).info
    return [info.request_preview, info.response_preview]


@scenario()
def previews_are_cut(m):
    with m.start_span("s") as span:
        span.set_inputs({"q": "x" * 5000})
    preview = last(m).info.request_preview
    return [len(preview), preview[-3:]]


@scenario()
def the_state(m):
    with m.start_span("s"):
        m.update_current_trace(state="ERROR")
    trace = last(m)
    return [trace.info.state.value, trace.data.spans[0].status.status_code.value]


@scenario(
    ours=[None, "OK"],
    why="recording never raises: an impossible state is skipped with a warning",
)
def an_impossible_state(m):
    with m.start_span("s"):
        error = raised(lambda: m.update_current_trace(state="GOOD"))
    return [error, last(m).info.state.value]


@scenario(
    ours=[None, "5"],
    why="recording never raises: a preview of another type becomes text",
)
def a_preview_that_is_no_text(m):
    with m.start_span("s"):
        error = raised(lambda: m.update_current_trace(request_preview=5))
    return [error, last(m).info.request_preview]


@scenario()
def a_client_request_id(m):
    with m.start_span("s"):
        m.update_current_trace(client_request_id="req-1")
    return last(m).info.client_request_id


@scenario()
def updating_without_a_trace(m):
    with complaints() as heard:
        m.update_current_trace(tags={"a": "1"})
    return len(heard)


@scenario(
    ours=[False],
    why="None means not given: absent headers leave no tag `None`",
)
def tags_without_a_value(m):
    with m.start_span("s"):
        m.update_current_trace(tags={"a": None})
    return ["a" in last(m).info.tags]


@scenario()
def a_scope(m):
    with m.tracing.context(
        tags={"t": "1"}, metadata={"k": "2"}, session_id="s", user="u"
    ):
        with m.start_span("a"):
            pass
    info = last(m).info
    keys = ("k", "mlflow.trace.session", "mlflow.trace.user")
    return [info.tags["t"], [info.trace_metadata[k] for k in keys]]


@scenario()
def nested_scopes(m):
    with m.tracing.context(tags={"a": "1", "b": "1"}):
        with m.tracing.context(tags={"b": "2"}):
            with m.start_span("s"):
                pass
    tags = last(m).info.tags
    return [tags["a"], tags["b"]]


@scenario()
def a_scope_that_is_off(m):
    before = m.get_last_active_trace_id()
    with m.tracing.context(enabled=False):
        with m.start_span("s"):
            pass
    return m.get_last_active_trace_id() == before


@scenario()
def the_name_tag(m):
    with m.start_span("s"):
        pass
    return last(m).info.tags["mlflow.traceName"]


@scenario()
def the_name_tag_overwritten(m):
    with m.start_span("s"):
        m.update_current_trace(tags={"mlflow.traceName": "other"})
    found = m.search_traces(
        filter_string="name = 'other'", return_type="list", flush=True
    )
    return len(found)


@scenario()
def a_model_id(m):
    with m.start_span("s"):
        m.update_current_trace(model_id="m-1")
    return last(m).info.trace_metadata["mlflow.modelId"]


@scenario()
def the_root_in_metadata(m):
    with m.start_span("s") as span:
        span.set_inputs({"q": 1})
        span.set_outputs("x")
    metadata = last(m).info.trace_metadata
    return [
        metadata["mlflow.traceInputs"].replace(" ", ""),
        metadata["mlflow.traceOutputs"],
        metadata["mlflow.trace_schema.version"],
    ]
