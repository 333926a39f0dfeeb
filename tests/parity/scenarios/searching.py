"""``search_traces`` and ``search_sessions``."""

from __future__ import annotations

from parity.lab import raised, scenario


def record(m):
    """Record a, b and c, a second after each other."""
    for i, (name, team) in enumerate((("a", "red"), ("b", "blue"), ("c", "red"))):
        at = (1_700_000_000 + i) * 1_000_000_000
        span = m.start_span_no_context(
            name,
            span_type="TOOL" if name == "c" else "CHAIN",
            inputs={"q": name, "n.m": {"k": 1}},
            tags={"team": team},
            metadata={"mlflow.trace.session": f"s-{team}"},
            start_time_ns=at,
        )
        status = "ERROR" if name == "b" else "OK"
        span.end(status=status, end_time_ns=at + (i + 1) * 1_000_000)
    m.flush_trace_async_logging()


def found(m, filter_string=None, **options):
    options = {"return_type": "list", **options}
    traces = m.search_traces(filter_string=filter_string, **options)
    return [t.data.spans[0].name for t in traces]


@scenario()
def everything_newest_first(m):
    record(m)
    return found(m)


@scenario()
def filters(m):
    record(m)
    return [
        found(m, text)
        for text in (
            "status = 'ERROR'",
            "attributes.status = 'OK'",
            "name = 'a'",
            "trace.name LIKE 'a%'",
            "tags.team = 'red'",
            "tag.team != 'red'",
            "metadata.`mlflow.trace.session` = 's-red'",
            "span.name = 'c'",
            "span.type = 'TOOL'",
            "span.type = 'TOOL' AND tags.team = 'red'",
            "timestamp_ms > 0",
            "execution_time_ms >= 0",
            "status IN ('ERROR')",
        )
    ]


@scenario(
    ours=["a", "c"],
    why="OR, parentheses and session = are ours",
)
def a_filter_with_or(m):
    record(m)
    return found(m, "(name = 'a' OR name = 'c') AND session = 's-red'")[::-1]


@scenario()
def orders_and_limits(m):
    record(m)
    return [
        found(m, order_by=["timestamp ASC"]),
        found(m, order_by=["timestamp_ms DESC"], max_results=2),
    ]


@scenario()
def a_filter_that_is_wrong(m):
    return [
        raised(lambda: m.search_traces(filter_string=text))
        for text in ("nonsense", "nothing.x = 'y'", "status > 'OK'")
    ]


@scenario()
def columns_with_rows(m):
    record(m)
    frame = m.search_traces()
    return [list(frame.columns), len(frame), list(frame["state"])]


@scenario()
def columns_without_rows(m):
    frame = m.search_traces(filter_string="name = 'nothing'")
    return [list(frame.columns), [str(t) for t in frame.dtypes]]


@scenario()
def values_of_a_row(m):
    record(m)
    row = m.search_traces(filter_string="name = 'a'").iloc[0]
    return [
        type(row["trace"]).__name__,
        row["request"],
        row["response"],
        row["tags"]["team"],
        sorted(row["spans"][0]),
        row["assessments"],
    ]


@scenario()
def rows_without_spans(m):
    record(m)
    frame = m.search_traces(include_spans=False)
    return [list(frame["spans"]), frame["trace_id"].str.startswith("tr-").all().item()]


@scenario()
def extracted_fields(m):
    record(m)
    fields = ["a.inputs.q", "a.inputs", "c.outputs"]
    frame = m.search_traces(filter_string="name = 'a'", extract_fields=fields)
    values = [frame[name].iloc[0] for name in fields]
    return [None if v is None or v != v else v for v in values]


@scenario()
def extracted_fields_with_dots(m):
    record(m)
    frame = m.search_traces(
        filter_string="name = 'a'", extract_fields=["`a`.inputs.`n.m`"]
    )
    return [list(frame.columns)[-1], frame.iloc[0, -1]]


@scenario(
    ours=["a.inputs.n.m.k", 1],
    why="fields reach into nested values; the reference refuses keys after a backtick",
)
def extracted_fields_below_others(m):
    record(m)
    frame = m.search_traces(
        filter_string="name = 'a'", extract_fields=["a.inputs.`n.m`.k"]
    )
    return [list(frame.columns)[-1], int(frame.iloc[0, -1])]


@scenario()
def experiments_by_id(m):
    record(m)
    here = m.search_traces(return_type="list")[0].info.experiment_id
    return [
        len(m.search_traces(experiment_ids=[here])),
        len(m.search_traces([here], "name = 'a'", 5)),
        len(m.search_traces(locations=[here])),
    ]


@scenario(
    ours=[3, 0],
    why="experiments can be named; the reference has no such parameter",
)
def experiments_by_name(m):
    record(m)
    here = m.search_traces(return_type="list")[0].info.experiment_id
    name = m.get_experiment(here).name
    return [
        len(m.search_traces(experiment_names=[name])),
        len(m.search_traces(experiment_names=["no such"])),
    ]


@scenario(ours=1, why="a text in first place is the filter")
def a_filter_in_first_place(m):
    record(m)
    return len(m.search_traces("name = 'a'"))


@scenario()
def sessions(m):
    record(m)
    return [
        [s.id, len(s), type(s[0]).__name__] for s in m.search_sessions(max_results=5)
    ]


@scenario(
    ours=[3, ["of a run"]],
    why="there are no runs here, only their ids; the reference asks its run store",
)
def traces_of_a_run(m):
    record(m)
    ids = [t.info.trace_id for t in m.search_traces(return_type="list")]
    with m.start_span("of a run"):
        m.update_current_trace(metadata={"mlflow.sourceRun": "r-1"})
    m.flush_trace_async_logging()
    return [len(ids), found(m, run_id="r-1")]


@scenario(
    ours=["OK", 1],
    why="what was just recorded is found without a flush; the reference gives None",
)
def reading_ones_own_writes(m):
    with m.start_span("s") as span:
        pass
    trace = m.get_trace(span.trace_id, silent=True)
    return [trace.info.state.value, len(m.search_traces())]


@scenario(
    ours=["IN_PROGRESS", None],
    why="a running trace can be read with its open spans; the reference shows nothing",
)
def reading_a_running_trace(m):
    with m.start_span("s") as span:
        trace = m.get_trace(span.trace_id, silent=True)
    return [trace.info.state.value, trace.data.spans[0].end_time_ns]
